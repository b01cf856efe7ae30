//! Futures as traits hand them out.

use std::future::Future;
use std::pin::Pin;

/// A future that can cross threads.
pub type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
