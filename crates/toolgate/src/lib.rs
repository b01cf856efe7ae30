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
//! [`NativeTool`] is for tools that are called often, and [`Server`] for all else that is to do
//! without the SDK. Whichever it is, callers are verified,
//! rules and limits hold, arguments are checked and calls recorded before it hears of them, and a
//! [`Context`] tells it on whose behalf it works.

mod app;
mod build;
mod cli;
mod client;
mod collector;
mod fetch;
mod front;
mod init;
mod offers;
mod program;
mod reload;
mod sample;
mod stop;
mod stores;
mod telemetry;
mod terminal;
mod watch;

pub use init::init;
pub use program::{Builder, Error, Gateway, Running};
#[cfg(feature = "rmcp")]
pub use rmcp;
pub use toolgate_gateway::call::{Boxed, Caller, Trace, Who};
pub use toolgate_gateway::fault::{Fault, Reason, SideEffect};
pub use toolgate_gateway::upstream::Vitals;
pub use toolgate_hosted::{
    About, Annotations, Answer, Asked, Called, Change, Changes, Content, Context, Failed,
    NativeTool, Output, Paged, Refusal, Server, Structured, TaskSupport, Tool, ToolResult, Toolbox,
    Tools, UnusableSchema,
};

/// What the documentation shows is compiled.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/library.md")]
struct Documentation;
