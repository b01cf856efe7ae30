//! HTTP APIs as MCP servers.
//!
//! An [`Operation`] is a tool or a resource, and the request that it stands for. Operations come from
//! a configuration ([`HttpApi`]) or from an OpenAPI document ([`OpenApi`]); from there on they are
//! the same: `catalog` and `resources` check arguments, `request` makes a request that says exactly
//! them, `engine` sends it, and `answer`, `gather`, `contents` or `failure` says what came of it.

mod answer;
mod aside;
mod body;
mod call;
mod catalog;
mod contents;
mod endpoint;
mod endpoints;
mod engine;
mod entry;
mod escape;
mod exact;
mod failure;
mod fields;
mod gather;
mod method;
mod openapi;
mod operation;
mod pages;
mod request;
mod resources;
mod segment;
mod style;
mod template;
mod transport;
mod twice;
mod wrong;

pub use catalog::Catalog;
pub use endpoints::{HttpApi, tools};
pub use engine::Engine;
pub use openapi::{
    Idle, LARGEST_DOCUMENT, LARGEST_INPUT, LARGEST_OUTPUT, LastGood, OpenApi, Reading, Skipped,
    located, read as read_document, read_yaml, tools as documented_tools,
};
pub use operation::Operation;
pub use request::Base;
pub use transport::{Lost, Transport};
