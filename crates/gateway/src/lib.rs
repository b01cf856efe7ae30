//! The decisions of the gateway. It meets the world only through its traits.

pub mod approval;
pub mod authorize;
mod bind;
pub mod call;
pub mod clock;
pub mod config;
mod context;
pub mod deadline;
mod discover;
mod entries;
mod fanout;
pub mod fault;
pub mod gateway;
pub mod metrics;
pub mod mirrors;
pub mod names;
mod offered;
pub mod onward;
pub mod parking;
pub mod pinned;
pub mod pipeline;
pub mod quota;
mod recall;
pub mod record;
mod rewrite;
mod routing;
pub mod screening;
pub mod seal;
pub mod session;
mod state;
pub mod subscription;
pub mod tasks;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod touched;
pub mod upstream;
pub mod usage;
