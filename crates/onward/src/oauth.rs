//! What a client of OAuth 2.1 says and hears, step by step. Connections belong to somebody else.

pub mod authority;
pub mod authorize;
pub mod binding;
pub mod challenge;
pub mod client;
pub mod find;
pub mod grant;
pub mod register;
