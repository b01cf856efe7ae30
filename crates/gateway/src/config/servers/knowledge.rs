//! A folder of documents, as it is written.

mod semantic;

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use toolgate_values::Size;

pub use semantic::{Prefixes, Semantic, Weights};

/// A folder of documents, to search and to read: Markdown, HTML, text, PDF and CSV.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Knowledge {
    /// The directory of the documents, relative to this file. Nothing outside it is ever served.
    #[schemars(example = &"articles")]
    pub root: PathBuf,
    /// The directory of the search index, relative to this file. It may be deleted: it is made anew.
    /// Without it: one in the state directory of the user, `$XDG_STATE_HOME/toolgate`.
    #[schemars(example = &".index")]
    pub index: Option<PathBuf>,
    /// The language of the documents that do not name their own.
    #[serde(default)]
    pub language: Language,
    /// What says which category a document belongs to: `folder`, or a key of its front matter.
    #[serde(default = "Knowledge::folder")]
    #[schemars(length(min = 1, max = 64))]
    pub categories: String,
    /// How much more a word counts by where it stands.
    #[serde(default)]
    pub boosts: Boosts,
    /// Bounds of answers and documents.
    #[serde(default)]
    #[schemars(rename = "limits")]
    pub limits: KnowledgeLimits,
    /// Ranking by meaning beside words. Without it: by words alone, and nothing leaves this machine.
    pub semantic: Option<Semantic>,
    /// Who may change documents, by role. Without it: nobody.
    pub write: Option<Writers>,
}

impl Knowledge {
    /// The word for folders as categories.
    pub const FOLDER: &str = "folder";

    /// The tools that read.
    pub const READING: [&str; 4] =
        ["search_articles", "get_article", "list_categories", "related_articles"];

    fn folder() -> String {
        Self::FOLDER.to_owned()
    }

    /// What its tools are called, for a caller who has every role.
    pub fn tools(&self) -> impl Iterator<Item = &'static str> {
        let writing = self.write.iter().flat_map(Writers::tools);
        Self::READING.into_iter().chain(writing)
    }
}

/// How much a word counts by where it stands. In a short text it counts for more by itself.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Boosts {
    /// In the title of a document.
    #[schemars(range(max = 100))]
    pub title: u8,
    /// In its headings.
    #[schemars(range(max = 100))]
    pub headings: u8,
    /// In its text.
    #[schemars(range(max = 100))]
    pub body: u8,
}

impl Default for Boosts {
    fn default() -> Self {
        Self { title: 1, headings: 1, body: 1 }
    }
}

/// Bounds of answers and documents.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct KnowledgeLimits {
    /// Documents found on one page, unless the caller says otherwise.
    #[schemars(range(min = 1, max = 100))]
    pub results: usize,
    /// Characters of the passage shown of each.
    #[schemars(range(min = 40, max = 4000))]
    pub snippet: usize,
    /// Characters of a document in one answer.
    #[schemars(range(min = 500, max = 1_000_000))]
    pub article: usize,
    /// The largest file that is read.
    pub file: Size,
}

impl Default for KnowledgeLimits {
    fn default() -> Self {
        Self { results: 10, snippet: 300, article: 20_000, file: Size::mib(16) }
    }
}

/// Who may change documents, by role.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Writers {
    /// Roles that may add documents.
    pub create: Vec<String>,
    /// Roles that may write documents anew.
    pub update: Vec<String>,
    /// Roles that may delete documents.
    pub delete: Vec<String>,
}

impl Writers {
    /// The tools that some role may call.
    pub fn tools(&self) -> impl Iterator<Item = &'static str> {
        let Self { create, update, delete } = self;
        [("create_article", create), ("update_article", update), ("delete_article", delete)]
            .into_iter()
            .filter(|(_, roles)| !roles.is_empty())
            .map(|(name, _)| name)
    }
}

/// A language, by its code (ISO 639-1): whose forms of a word count as one word, and whose commonest
/// words do not count.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Default,
    Deserialize,
    Serialize,
    JsonSchema,
)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
#[expect(missing_docs, reason = "the codes of the standard")]
pub enum Language {
    Ar,
    Da,
    De,
    El,
    #[default]
    En,
    Es,
    Fi,
    Fr,
    Hu,
    It,
    Nl,
    No,
    Pt,
    Ro,
    Ru,
    Sv,
    Ta,
    Tr,
    /// None of them: words are what they are.
    None,
}
