//! Definitions of tools: pinned, compared with what was approved, scanned for what deceives.
//!
//! A model believes what a server says of its tools, so that is where an attack begins: a text that
//! gives orders, a definition that changes after a person approved it, a name that looks like
//! another. [`lock`] keeps what was approved, [`compare`] tells what differs, [`scan`] judges.
//! Nothing here asks a network; files are touched by [`lock::Lock::load`] and
//! [`lock::Lock::save`] alone.

pub mod canonical;
pub mod compare;
pub mod confusable;
pub mod definition;
pub mod finding;
mod findings;
mod flow;
pub mod lock;
pub mod manifest;
pub mod report;
pub mod rules;
pub mod scan;
pub mod sight;
mod tree;
pub mod visible;
