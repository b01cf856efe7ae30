//! Which answers of tools are kept, as it is written.

use std::num::NonZeroUsize;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use toolgate_values::{Size, Span, covers};

/// Answers of tools that are kept, so that the same question is not put to the server again.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cache {
    /// Tools whose answers are kept, by the server's own names. `*` stands for any text, and covers
    /// only tools that say that they read (`readOnlyHint`); for a tool whose name is written out
    /// you vouch.
    #[schemars(length(min = 1), example = ["get_*", "search_contacts"])]
    pub tools: Vec<String>,
    /// How long an answer is kept: at most a day.
    #[serde(default = "Cache::ttl")]
    pub ttl: Span,
    /// Who is given a kept answer.
    #[serde(default)]
    pub scope: KeptFor,
    /// How many answers are kept. One that is seldom asked for gives way.
    #[serde(default = "Cache::max_entries")]
    pub max_entries: NonZeroUsize,
    /// How much all of them take. One that is over a sixteenth of it is not kept.
    #[serde(default = "Cache::max_size")]
    pub max_size: Size,
}

impl Cache {
    /// The longest that an answer may be kept.
    pub(super) const LONGEST: Span = Span::seconds(24 * 3600);

    const fn ttl() -> Span {
        Span::seconds(300)
    }

    const fn max_entries() -> NonZeroUsize {
        NonZeroUsize::new(10_000).expect("ten thousand is not none")
    }

    const fn max_size() -> Size {
        Size::mib(64)
    }

    /// Whether answers of this tool are kept; `reads` if it says of itself that it only reads.
    pub fn has(&self, tool: &str, reads: bool) -> bool {
        self.tools.iter().any(|pattern| match pattern.contains('*') {
            true => reads && covers(pattern, tool),
            false => pattern == tool,
        })
    }
}

/// Who is given a kept answer.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Deserialize, Serialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum KeptFor {
    /// The caller who asked.
    #[default]
    Caller,
    /// All callers of a tenant.
    Tenant,
    /// Everyone who may call the tool.
    Everyone,
}

impl KeptFor {
    /// How it is written.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            KeptFor::Caller => "caller",
            KeptFor::Tenant => "tenant",
            KeptFor::Everyone => "everyone",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_covers_what_reads_and_a_name_what_it_names() {
        let cache: Cache = serde_json::from_str(r#"{"tools":["get_*","find"]}"#).unwrap();

        assert!(cache.has("get_issue", true));
        assert!(!cache.has("get_issue", false), "it may write for all that is known");
        assert!(cache.has("find", false));
        assert!(!cache.has("finder", true));
    }
}
