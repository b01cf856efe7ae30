//! What is known of one thing.

use std::sync::Arc;

use serde_json::Value;

/// What the catalog and the rules know of a thing.
#[derive(Debug, Default)]
pub(crate) struct Known {
    pub(crate) tags: Vec<String>,
    pub(crate) toolsets: Vec<String>,
    pub(crate) labels: Vec<Arc<str>>,
    pub(crate) declared: Value,
}
