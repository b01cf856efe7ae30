//! What carries requests to an API.

use bytes::Bytes;
use http::{Request, Response};
use toolgate_gateway::call::Boxed;

/// The way to APIs: connections, TLS, proxies and the bounds on answers are its own.
pub trait Transport: Send + Sync + 'static {
    /// Sends a request, whose URI is absolute, and reads the whole answer. Redirects are answers
    /// like any other. Dropped, the request is given up.
    fn send(&self, request: Request<Bytes>) -> Boxed<'_, Result<Response<Bytes>, Lost>>;
}

/// Why there is no answer. The texts are for the log.
#[derive(Debug, thiserror::Error)]
pub enum Lost {
    /// There is no connection, so the API has seen nothing.
    #[error("{0}")]
    Unreachable(String),
    /// The connection broke before the answer was whole.
    #[error("{0}")]
    Broken(String),
    /// The answer is larger than so many bytes.
    #[error("the answer is larger than {0} bytes")]
    TooLarge(usize),
}
