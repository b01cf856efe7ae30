//! Workflows: tools that are calls of other tools, one after the other.
//!
//! Each call goes through the whole gateway as whoever called the workflow: its identity, policy,
//! limits, checks and records are those of any other call. When a step fails, or the caller leaves,
//! what was done is undone in reverse order by the calls that the configuration names for that.

mod attempt;
mod budget;
mod definition;
mod failure;
pub mod graph;
mod held;
mod loops;
mod plan;
mod report;
mod run;
mod scope;
mod server;
mod template;
mod undo;

pub use definition::tools;
pub use server::{Engine, Workflow};
