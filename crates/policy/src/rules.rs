//! What people write: Cedar policies, and the short forms that compile to them.
//!
//! Doc comments here are the descriptions that editors show.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Who may use what.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Rules {
    /// Policies in the Cedar language, one or more a text.
    #[schemars(example = [
        r#"forbid (principal, action, resource == Tool::"github/push") when { context.arguments.branch == "main" };"#
    ])]
    pub policies: Vec<String>,
    /// Roles, and what each may use.
    pub roles: BTreeMap<String, Role>,
    /// What holds for what nothing permits. Without it: `allow` as long as there are neither
    /// policies nor roles, `deny` as soon as there are.
    pub default: Option<Otherwise>,
    /// What a whole server asks for, by its name.
    pub servers: BTreeMap<String, ServerRules>,
    /// What single things ask for and are, by `server/name`; `*` stands for any text.
    pub tools: BTreeMap<String, ToolRules>,
    /// What may not follow upon what.
    pub flows: Vec<Flow>,
    /// Claims of tokens that policies read as `principal.claims.NAME`, and their types.
    pub claims: BTreeMap<String, ValueType>,
    /// What the refusal of something that is not in the caller's lists may say.
    pub disclose: Disclose,
}

/// What holds for what nothing permits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Otherwise {
    /// Whoever a listener lets in may use everything that nothing forbids.
    Allow,
    /// Only what a role or a policy permits.
    Deny,
}

/// What the callers of a role may use.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Role {
    /// What it may use: `server/name`, where name is that of a tool or prompt or the URI of a
    /// resource, and `*` stands for any text.
    #[schemars(example = ["github/get_*", "wiki/*"])]
    pub allow: Vec<String>,
    /// What it may not use, whatever permits it. The same form as `allow`.
    pub deny: Vec<String>,
    /// Roles whose `allow` and `deny` hold for this one too.
    pub inherits: Vec<String>,
}

/// What a whole server asks for.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ServerRules {
    /// Scopes without which nothing of this server can be used (RFC 6749, section 3.3).
    pub required_scopes: Vec<String>,
}

/// What a single thing asks for and is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ToolRules {
    /// Scopes without which it cannot be used, beside those of its server.
    pub required_scopes: Vec<String>,
    /// What it lets in or out, in words of your own such as `untrusted`, `private` and `sink`. A
    /// caller that has used it counts as touched by them: policies read `context.touched`.
    #[schemars(example = ["untrusted"])]
    pub labels: Vec<String>,
    /// Words that policies read as `resource.tags`.
    pub tags: Vec<String>,
    /// Types of arguments that policies read. Only needed for what the tool's own schema does not
    /// tell, or as long as it is not known.
    pub arguments: BTreeMap<String, ValueType>,
}

/// What may not follow upon what: data that came in by some tools must not go out by
/// others.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Flow {
    /// The labels that the caller has touched, all of them.
    #[schemars(example = ["untrusted", "private"])]
    pub after: Vec<String>,
    /// The labels of what may not be used then, any of them.
    #[schemars(example = ["sink"])]
    pub to: Vec<String>,
    /// Ask a person this instead of refusing.
    #[serde(default)]
    pub approve: Option<String>,
}

/// The type of a claim or an argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum ValueType {
    /// A string.
    Text,
    /// A whole number.
    Whole,
    /// A boolean.
    Flag,
    /// An array of strings.
    Texts,
}

impl ValueType {
    pub(crate) fn schema(self) -> Value {
        match self {
            ValueType::Text => json!({ "type": "string" }),
            ValueType::Whole => json!({ "type": "integer" }),
            ValueType::Flag => json!({ "type": "boolean" }),
            ValueType::Texts => json!({ "type": "array", "items": { "type": "string" } }),
        }
    }
}

/// What the refusal of something that is not in the caller's lists may say.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Deserialize, Serialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Disclose {
    /// Nothing: it does not exist.
    Nothing,
    /// The scopes that are missing, if nothing else is: a client can ask for them (RFC 6750,
    /// section 3.1).
    #[default]
    Scopes,
    /// Also the roles that would permit it.
    Roles,
}
