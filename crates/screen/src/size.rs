//! How much of a large text goes into a reader's context, and how the rest can be had.

use std::borrow::Cow;
use std::ops::Range;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Problem;

/// What happens to text that is larger than a reader should be given at once.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Policy {
    /// The most text that goes out at once, in bytes of UTF-8. At least 256.
    pub max_bytes: usize,
    /// What happens to more.
    pub over: Over,
}

/// What happens to text beyond the bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Over {
    /// It is cut, and a notice says how much is missing.
    #[default]
    Truncate,
    /// The first page goes out, with a token for the next.
    Page,
    /// The beginning goes out, with a link to a resource that holds all of it.
    Link,
}

impl Default for Policy {
    /// 64 KiB, then cut.
    fn default() -> Self {
        Self { max_bytes: 64 << 10, over: Over::default() }
    }
}

/// The least that a policy may let through: a notice has to fit.
pub const LEAST: usize = 256;
/// How far back from the bound a better place to cut is looked for.
const BACK: usize = 256;

/// What to do with one text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// All of it goes out.
    Fits,
    /// This part of it goes out, followed by a [`notice`]; `over` says how the rest is to be had.
    Cut {
        /// The part, in bytes of the text, on character boundaries.
        part: Range<usize>,
        /// How the rest is to be had.
        over: Over,
    },
}

impl Policy {
    /// Checks the policy.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn compile(&self) -> Result<Policy, Vec<Problem>> {
        if self.max_bytes < LEAST {
            let text = "is too little for a text and its notice: allow at least 256 bytes";
            return Err(vec![Problem::new("/max_bytes", text)]);
        }
        Ok(self.clone())
    }

    /// What to do with `text`.
    #[must_use]
    pub fn judge(&self, text: &str) -> Verdict {
        match self.page(text, 0) {
            Some(part) if part.end < text.len() => Verdict::Cut { part, over: self.over },
            _ => Verdict::Fits,
        }
    }

    /// The page of `text` that begins at byte `from`, which may come from a token; `None` when
    /// nothing begins there. Pages follow one another without gap or overlap.
    #[must_use]
    pub fn page(&self, text: &str, from: usize) -> Option<Range<usize>> {
        let rest = text.get(from..).filter(|rest| !rest.is_empty())?;
        Some(from..from + cut(rest, self.max_bytes.max(LEAST)))
    }
}

/// What a reader is told at the end of a text that was cut. `way` says how to get the rest, such
/// as `read resource toolgate://results/1`; without it, the reader is told to ask for less.
#[must_use]
pub fn notice(shown: &Range<usize>, total: usize, way: Option<&str>) -> String {
    let missing = total.saturating_sub(shown.end);
    let way: Cow<'_, str> = match way {
        Some(way) => format!("To get the rest, {way}.").into(),
        None => "To get the rest, ask for less at once: narrow the query or use its paging.".into(),
    };
    format!(
        "\n[Cut: bytes {}-{} of {total} are shown, {missing} are missing. {way}]",
        shown.start, shown.end
    )
}

/// How many bytes of `text`, at most `most`, make a good part: up to the end of a line or a word if
/// one is near, always whole characters, and never half of an emoji or of a letter and its marks.
fn cut(text: &str, most: usize) -> usize {
    if text.len() <= most {
        return text.len();
    }
    let bound = floor(text, most);
    let near = floor(text, bound.saturating_sub(BACK));
    let tail = text.get(near..bound).unwrap_or_default();
    if let Some(at) = tail.rfind('\n').or_else(|| tail.rfind([' ', ',', '\t'])) {
        return near + at + 1;
    }
    let mut end = bound;
    while let Some(next) = text.get(end..).and_then(|rest| rest.chars().next())
        && clings(next)
        && end > near
    {
        end = floor(text, end - 1);
    }
    if end > near { end } else { bound }
}

/// The last place at or before `at` that does not cut a character in two.
fn floor(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

/// Whether a character belongs to the one before it.
fn clings(character: char) -> bool {
    matches!(u32::from(character), 0x0300..=0x036f | 0x200d | 0x20d0..=0x20ff | 0xfe00..=0xfe0f
        | 0x1f3fb..=0x1f3ff | 0xe0020..=0xe007f)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn policy(max_bytes: usize) -> Policy {
        Policy { max_bytes, ..Policy::default() }
    }

    #[test]
    fn what_fits_goes_out_whole() {
        assert_eq!(policy(300).judge(&"a".repeat(300)), Verdict::Fits);
        assert_eq!(policy(300).judge(""), Verdict::Fits);
    }

    #[test]
    fn a_cut_falls_between_lines_or_words() {
        let text = format!("{}\n{}", "a".repeat(280), "b".repeat(100));

        let verdict = policy(300).judge(&text);

        assert_eq!(verdict, Verdict::Cut { part: 0..281, over: Over::Truncate });
    }

    #[test]
    fn a_notice_says_how_much_is_missing_and_how_to_get_it() {
        let text = notice(&(0..100), 250, Some("read resource toolgate://results/1"));

        assert!(text.contains("bytes 0-100 of 250 are shown, 150 are missing"), "{text}");
        assert!(text.contains("read resource toolgate://results/1"), "{text}");
    }

    #[test]
    fn a_place_inside_a_character_begins_no_page() {
        assert_eq!(policy(300).page("é", 1), None);
        assert_eq!(policy(300).page("é", 2), None);
        assert_eq!(policy(300).page("é", 99), None);
    }

    #[test]
    fn a_bound_too_small_for_a_notice_is_a_problem() {
        assert_eq!(policy(10).compile().unwrap_err()[0].path, "/max_bytes");
        assert!(policy(256).compile().is_ok());
    }

    proptest! {
        #[test]
        fn pages_are_the_text_again(text in "(\\PC|\\n|👩‍👩‍👧){0,400}") {
            let policy = policy(256);
            let (mut all, mut at) = (String::new(), 0);
            while let Some(part) = policy.page(&text, at) {
                prop_assert!(part.len() <= 256 && !part.is_empty());
                at = part.end;
                all.push_str(&text[part]);
            }
            prop_assert_eq!(all, text);
        }
    }
}
