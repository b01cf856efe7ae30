//! What the file says of who may use what. Doc comments are what editors show.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;
use toolgate_policy::{Disclose, Flow, Otherwise, ToolRules, ValueType};
use toolgate_values::Span;

/// Who may use what, beyond `roles` and the scopes that servers ask for.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PolicyRules {
    /// Policies in the Cedar language, one or more a text.
    #[schemars(example = [
        r#"forbid (principal, action, resource == Tool::"github/push") when { context.arguments.branch == "main" };"#
    ])]
    pub policies: Vec<String>,
    /// Files of policies in the Cedar language. Relative to this file.
    #[schemars(example = ["policies.cedar"])]
    pub files: Vec<PathBuf>,
    /// What holds for what nothing permits. Without it: `allow` as long as there are neither
    /// policies nor roles, `deny` as soon as there are.
    pub default: Option<Otherwise>,
    /// What may not follow upon what in one session.
    pub flows: Vec<Flow>,
    /// How long a caller counts as touched by what it has used, in whatever session; a session does
    /// to its end.
    pub window: Span,
    /// What single things ask for and are, by `server/name` in the server's own names; `*` stands
    /// for any text.
    pub tools: BTreeMap<String, ToolRules>,
    /// Claims of tokens that policies read as `principal.claims.NAME`, and their types.
    pub claims: BTreeMap<String, ValueType>,
    /// What the refusal of something that is not in the caller's lists may say.
    pub disclose: Disclose,
}

impl Default for PolicyRules {
    fn default() -> Self {
        Self {
            policies: Vec::new(),
            files: Vec::new(),
            default: None,
            flows: Vec::new(),
            window: Span::seconds(3600),
            tools: BTreeMap::new(),
            claims: BTreeMap::new(),
            disclose: Disclose::default(),
        }
    }
}
