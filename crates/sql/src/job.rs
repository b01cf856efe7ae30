//! One job for a database, and what comes of it.

use std::sync::Arc;
use std::time::Duration;

use crate::collect::{Collected, Collector};

/// A value for a placeholder.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub(crate) enum Argument {
    Null,
    Boolean(bool),
    Integer(i64),
    Number(f64),
    Text(String),
}

/// One statement to run.
#[derive(Clone)]
pub(crate) struct Job {
    pub sql: Arc<str>,
    pub arguments: Vec<Argument>,
    /// Settings of the session for this call alone.
    pub settings: Vec<(String, String)>,
    pub writes: bool,
    /// It comes again, so that the connection remembers how it is prepared.
    pub recurs: bool,
    pub time: Duration,
    pub collector: Collector,
}

/// What came of it.
pub(crate) struct Outcome {
    pub collected: Collected,
    /// Rows that were changed.
    pub affected: u64,
}
