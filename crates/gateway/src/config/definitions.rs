//! What is done about a definition that nobody approved.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is done about definitions of tools, prompts and templates that are not as in the lock file,
/// and about those that no honest server needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Definitions {
    /// A changed one is served as it was approved; a new or hostile one is hidden.
    #[default]
    Quarantine,
    /// They are served as they are, with a line in the log.
    Warn,
    /// They are not looked at.
    Allow,
}
