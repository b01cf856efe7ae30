//! Does a key pass for another one with a reader that does not tell cases apart?
//!
//! Parsers that bind keys to fields without regard to case, as Go's does by default, take `Method`
//! for `method`, and letters that fold to ours besides. What is decided on one member, a server that
//! reads like this would do by the other.

/// Whether two keys differ, but not under the simple case folding of Unicode, as far as it concerns
/// ASCII letters.
#[must_use]
pub fn is_alike(key: &str, other: &str) -> bool {
    key != other && key.chars().map(folded).eq(other.chars().map(folded))
}

/// All that folds to an ASCII letter (Unicode, CaseFolding.txt, status C and S).
fn folded(c: char) -> char {
    match c {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        c => c.to_ascii_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_careless_reader_takes_for_it_is_alike() {
        for key in ["METHOD", "Method", "methoD"] {
            assert!(is_alike(key, "method"), "{key}");
        }
        assert!(is_alike("param\u{17f}", "params") && is_alike("tas\u{212a}Id", "taskId"));
        for key in ["method", "methods", "metho", "m\u{e9}thod", "method ", "", "\u{17f}"] {
            assert!(!is_alike(key, "method"), "{key}");
        }
    }
}
