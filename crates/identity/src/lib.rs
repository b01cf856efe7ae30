//! Who calls, proved by a key, a token or a certificate; and who we are to the servers.
//!
//! [`rules::Authentication`] is what the configuration says. Compiled, and opened with a way to
//! [`fetch`](fetch::Fetch), it is a [`Verifier`], which turns the [`Credentials`] of a request into
//! a `Caller`, or says why not: [`Refused`], and [`challenge`] is how a client is told.

mod algorithm;
pub mod api_key;
mod cache;
pub mod certificate;
pub mod challenge;
pub mod credentials;
pub mod discovery;
pub mod dpop;
pub mod fetch;
mod id_token;
mod introspection;
mod jwks;
pub mod jws;
mod jwt;
pub mod key_store;
pub mod mapping;
pub mod metadata;
pub mod possession;
pub mod refused;
pub mod resource;
pub mod rules;
mod signature;
pub mod signing;
pub mod verify;

pub use certificate::Certificate;
pub use credentials::Credentials;
pub use possession::Request;
pub use refused::Refused;
pub use resource::Resource;
pub use verify::{SignedIn, Verifier};
