//! An OAuth 2.1 authorization server for trying and testing. **Not for production**: whoever can
//! reach it may sign in as anybody, its keys end with the process, and it keeps nothing.
//!
//! It says so on its pages, in its metadata and in its log, and listens on loopback alone.

mod answer;
mod ask;
mod authorize;
mod cimd;
mod client;
mod clients;
mod given;
mod grant;
mod issuer;
mod key;
mod metadata;
mod page;
mod proved;
mod redirect;
mod register;
mod routes;
mod scope;
mod server;
pub mod settings;
mod shelf;
mod token;

pub use ask::Ask;
pub use issuer::Issuer;
pub use server::Server;
pub use settings::Settings;
