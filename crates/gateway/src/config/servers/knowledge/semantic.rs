//! Ranking by meaning, as it is written.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use toolgate_values::{Secret, Span, Url};

/// Ranking by meaning beside words, by vectors that an endpoint makes. The text of every document,
/// and every query, is sent there.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Semantic {
    /// The whole URL of the endpoint, which takes POST of `{model, input: [TEXT, ...]}` and answers
    /// `{data: [{index, embedding}, ...]}`, as most servers of embedding models do.
    #[schemars(example = &"https://embeddings.example.com/v1/embeddings")]
    pub url: Url,
    /// The model that makes the vectors. With another name all of them are made anew.
    #[schemars(length(min = 1, max = 200))]
    pub model: String,
    /// Headers sent with every request, such as the key.
    #[serde(default)]
    pub headers: BTreeMap<String, Secret>,
    /// How many numbers to ask for in a vector, where the model can make fewer. Without it: nothing
    /// is asked, and vectors are as long as the model makes them.
    #[schemars(range(min = 1, max = 8192))]
    pub dimensions: Option<usize>,
    /// What the model wants written before its texts.
    #[serde(default)]
    pub prefixes: Prefixes,
    /// Characters of the passages that documents are cut into, a vector each.
    #[serde(default = "Semantic::passage")]
    #[schemars(range(min = 200, max = 20_000))]
    pub passage: usize,
    /// Passages in one request.
    #[serde(default = "Semantic::batch")]
    #[schemars(range(min = 1, max = 256))]
    pub batch: usize,
    /// How long a request with passages may take.
    #[serde(default = "Semantic::timeout")]
    pub timeout: Span,
    /// How long a search waits for the vector of its query, and then ranks by words alone. Half of
    /// the time that is left for the search is the most.
    #[serde(default = "Semantic::patience")]
    pub patience: Span,
    /// The nearest documents that take part in one ranking.
    #[serde(default = "Semantic::candidates")]
    #[schemars(range(min = 1, max = 1000))]
    pub candidates: usize,
    /// How much each ranking counts in the one that is made of both.
    #[serde(default)]
    pub weights: Weights,
}

impl Semantic {
    fn passage() -> usize {
        1500
    }

    fn batch() -> usize {
        32
    }

    fn timeout() -> Span {
        Span::seconds(30)
    }

    fn patience() -> Span {
        Span::seconds(1)
    }

    fn candidates() -> usize {
        100
    }
}

/// What a model wants written before its texts, such as `query: ` and `passage: `.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Prefixes {
    /// Before a query.
    #[schemars(length(max = 500))]
    pub query: String,
    /// Before each passage. With another one all vectors are made anew.
    #[schemars(length(max = 500))]
    pub passage: String,
}

/// How much each ranking counts.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Weights {
    /// The one by words.
    #[schemars(range(max = 100))]
    pub words: u8,
    /// The one by meaning.
    #[schemars(range(min = 1, max = 100))]
    pub meaning: u8,
}

impl Default for Weights {
    fn default() -> Self {
        Self { words: 1, meaning: 1 }
    }
}
