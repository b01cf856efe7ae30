//! How much is made of a document: one that is small may name the same thing again and again.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::schema::size;
use crate::operation::Operation;

/// The most operations of a document, whether they are selected or not.
const MOST_OPERATIONS: usize = 100_000;
/// The most that all tools of a document take, in bytes as they are listed.
const MOST_BYTES: usize = 64 << 20;
/// How long a document may be read. One of a thousand operations takes less than a second.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// What is left for the operations of one document.
pub(crate) struct Bounds {
    pub until: Instant,
    pub operations: usize,
    /// What the tools may still take.
    pub bytes: usize,
}

impl Bounds {
    pub fn new(patience: Duration) -> Bounds {
        let until = Instant::now() + patience;
        Bounds { until, operations: MOST_OPERATIONS, bytes: MOST_BYTES }
    }

    /// One more operation is looked at.
    ///
    /// # Errors
    /// There are too many, or it takes too long.
    pub fn looks(&mut self) -> Result<(), String> {
        self.operations = self.operations.checked_sub(1).ok_or_else(|| {
            format!("the document has more than {MOST_OPERATIONS} operations (divide it)")
        })?;
        match Instant::now() < self.until {
            true => Ok(()),
            false => Err("reading the document takes too long (include fewer operations)".into()),
        }
    }

    /// One more operation is a tool.
    ///
    /// # Errors
    /// All of them take too much.
    pub fn keeps(&mut self, operation: &Operation) -> Result<(), String> {
        self.bytes = self.bytes.checked_sub(size(&operation.tool)).ok_or_else(|| {
            let most = MOST_BYTES >> 20;
            format!(
                "the tools of the document take more than {most} MiB (include fewer operations)"
            )
        })?;
        Ok(())
    }
}

/// A value as JSON, if that is no longer than so many bytes. A longer one is not read to its end.
pub(crate) fn within(value: &Value, most: usize) -> Option<String> {
    let mut left = most;
    let text = takes(value, &mut left).then(|| value.to_string())?;
    (text.len() <= most).then_some(text)
}

/// Whether a value may fit into what is left: it takes no less than what is counted here.
fn takes(value: &Value, left: &mut usize) -> bool {
    let own = match value {
        Value::String(text) => text.len(),
        Value::Array(items) => items.len(),
        Value::Object(members) => members.len(),
        _ => 1,
    };
    let Some(rest) = left.checked_sub(own) else { return false };
    *left = rest;
    match value {
        Value::Array(items) => items.iter().all(|item| takes(item, left)),
        Value::Object(members) => {
            members.iter().all(|(name, member)| name.len() <= *left && takes(member, left))
        }
        _ => true,
    }
}
