//! Servers that are made from configuration alone: one file a kind.

mod anything;
pub mod content;
pub mod files;
pub mod http;
pub mod knowledge;
pub mod openapi;
mod parameter;
mod placed;
pub mod sql;
pub mod state;
pub mod transform;
pub mod workflow;

pub use anything::Anything;
pub(crate) use parameter::{Bounds, Said};
pub use placed::placed;
