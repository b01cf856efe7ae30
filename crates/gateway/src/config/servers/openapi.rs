//! `openapi`: the operations of an OpenAPI document, each a tool.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use toolgate_values::{Secret, Span, Url};

/// An HTTP API as its OpenAPI document (3.0 or 3.1) describes it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OpenApi {
    /// The document, JSON or YAML: a file, relative to this one, or a URL.
    #[schemars(example = &"petstore.yaml")]
    pub document: String,
    /// How often the document is looked at again; 0s for never.
    #[serde(default = "OpenApi::default_refresh")]
    pub refresh: Span,
    /// Where the API is. Without it: the first of `servers` in the document.
    pub base: Option<Url>,
    /// Credentials by the name of their security scheme in the document. Basic credentials are
    /// written `USER:PASSWORD`.
    #[serde(default)]
    pub auth: BTreeMap<String, Secret>,
    /// Headers sent with every request. Nothing that a model gives takes their place.
    #[serde(default)]
    pub headers: BTreeMap<String, Secret>,
    /// The only operations to offer: those that any of its lists names. Without it: all.
    pub include: Option<Selection>,
    /// Operations not to offer: those that any of its lists names.
    #[serde(default)]
    pub exclude: Selection,
    /// Offer only operations that change nothing (GET and HEAD).
    #[serde(default)]
    pub read_only: bool,
    /// Begin the name of each tool with its first tag, as in `pets_list`, so that a pattern such as
    /// `petstore_pets_*` names all tools of a tag.
    #[serde(default)]
    pub tag_prefix: bool,
    /// How parameters and body become arguments.
    #[serde(default)]
    pub arguments: Arguments,
    /// What of the results is kept, by the name of the operation: members with dots between them,
    /// such as `owner.login`; in lists they are those of each entry.
    #[serde(default)]
    pub fields: BTreeMap<String, Vec<String>>,
}

impl OpenApi {
    const fn default_refresh() -> Span {
        Span::seconds(300)
    }

    /// The document's URL, if it is one.
    pub fn url(&self) -> Option<Result<Url, toolgate_values::Misfit>> {
        self.document.contains("://").then(|| self.document.parse())
    }

    /// The document's file, if it is one; absolute once it has been checked.
    pub fn file(&self) -> Option<PathBuf> {
        (!self.document.contains("://")).then(|| PathBuf::from(&self.document))
    }
}

/// Some operations of a document.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Selection {
    /// By tag.
    pub tags: Vec<String>,
    /// By `operationId`; `*` stands for any text.
    pub operations: Vec<String>,
    /// By path as the document writes it; `*` stands for any text.
    #[schemars(example = ["/store/*"])]
    pub paths: Vec<String>,
}

/// How parameters and body become arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Arguments {
    /// All side by side; of two with one name, the later ones get their place before it, such as
    /// `body_id`.
    #[default]
    Flat,
    /// As members of `path`, `query`, `header`, `cookie` and `body`.
    Nested,
}
