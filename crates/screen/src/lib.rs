//! What goes in and out: arguments validated, results redacted, made harmless and bounded.
//!
//! Everything here is pure: bytes and rules in, bytes and findings out. Who the caller is, which
//! tool is meant and which key hashes values are told by whoever calls.

pub mod bounds;
pub mod clean;
pub mod detect;
pub mod imitation;
pub mod markup;
pub mod neutral;
pub mod redact;
pub mod schema;
pub mod size;

mod glob;
mod problem;
mod strings;
mod view;

pub use problem::Problem;
