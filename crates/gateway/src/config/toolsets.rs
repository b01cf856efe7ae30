//! Parts of what there is, each an endpoint of its own, as they are written.

use schemars::JsonSchema;
use serde::Deserialize;

/// A part of what there is, as an endpoint of its own: `/mcp/NAME`, and `/sse/NAME` for clients of
/// 2024-11-05. What is outside does not exist there. Each of `tools`, `resources` and `prompts` that is written holds what it names, of `servers` or,
/// without these, of all; one that is left out holds everything of `servers`, and nothing without
/// these.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Toolset {
    /// A name for people, shown by clients. Without it: that of the gateway.
    pub title: Option<String>,
    /// What it is for, in a sentence. Clients of 2025-11-25 and later are told.
    pub description: Option<String>,
    /// What clients tell their model about it. Without it: the instructions of the servers that are
    /// in it with all their tools.
    pub instructions: Option<String>,
    /// The servers that it is about, by name.
    #[schemars(example = ["crm"])]
    pub servers: Option<Vec<String>>,
    /// Tools by their published names; `*` stands for any text.
    #[schemars(example = ["crm_find_*", "billing_refund"])]
    pub tools: Option<Vec<String>>,
    /// Resources and templates by their published URIs; `*` stands for any text.
    #[schemars(example = ["crm+file:///handbook/*"])]
    pub resources: Option<Vec<String>>,
    /// Prompts by their published names; `*` stands for any text.
    pub prompts: Option<Vec<String>>,
    /// Scopes without which nothing of it can be used, beside those of `authentication`.
    #[schemars(example = ["crm:read"])]
    pub required_scopes: Vec<String>,
}
