//! Where clients come in: bytes to requests, replies to bytes, for every transport and era.

mod address;
mod admin;
mod answer;
mod body;
mod calls;
mod connect;
mod connection;
mod door;
mod endpoint;
mod exchange;
mod forward;
mod guard;
mod head;
pub mod http;
mod incoming;
mod legacy;
mod limits;
mod live;
mod modern;
mod outlet;
mod peer;
mod route;
mod spread;
mod sse;
pub mod stdio;
mod tls;

pub use admin::PATH as ADMIN;
pub use door::Door;
pub use forward::Forwarder;
pub use guard::Guard;
pub use live::Sessions;
