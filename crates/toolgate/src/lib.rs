//! Toolgate: a production gateway and server runtime for the Model Context Protocol.
//!
//! As a library it puts the whole of it around servers of your own:
//!
//! ```no_run
//! # struct SupportServer;
//! # impl rmcp::ServerHandler for SupportServer {}
//! # #[tokio::main]
//! # async fn main() -> Result<(), toolgate::Error> {
//! toolgate::Gateway::builder()
//!     .host("support", SupportServer)
//!     .serve()
//!     .await
//! # }
//! ```
//!
//! [`Builder::host`] takes any server handler of `rmcp`, the official SDK (feature `rmcp`);
//! [`NativeTool`] is for tools that are called often. Whichever it is, callers are verified,
//! rules and limits hold, arguments are checked and calls recorded before it hears of them, and a
//! [`Context`] tells it on whose behalf it works.

pub mod app;
pub mod build;
pub mod cli;
mod client;
mod collector;
mod fetch;
pub mod front;
mod init;
mod offers;
mod program;
pub mod reload;
pub mod sample;
mod stop;
mod stores;
pub mod telemetry;
mod watch;

pub use init::init;
pub use program::{Builder, Error, Gateway, Running};
#[cfg(feature = "rmcp")]
pub use rmcp;
pub use toolgate_gateway::fault::{Fault, Reason};
pub use toolgate_hosted::{
    Annotations, Content, Context, Failed, NativeTool, Output, Refusal, Server, Structured,
    ToolResult, Toolbox, UnusableSchema,
};

/// What the documentation shows is compiled.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/library.md")]
struct Documentation;
