//! What is different, as a unified diff.

use std::time::Duration;

use similar::TextDiff;

/// How much of it is shown.
const LONGEST: usize = 32 << 10;
/// After this long a coarser difference is told.
const TIME: Duration = Duration::from_millis(500);

/// The difference with three lines around each change; empty if there is none.
pub(crate) fn unified(path: &str, before: &str, after: &str) -> String {
    let diff = TextDiff::configure().timeout(TIME).diff_lines(before, after);
    let mut text = diff.unified_diff().context_radius(3).header(path, path).to_string();
    if text.len() > LONGEST {
        let end = text.floor_char_boundary(LONGEST);
        let end = text[..end].rfind('\n').map_or(end, |line| line + 1);
        let left = text[end..].lines().count();
        text.truncate(end);
        text.push_str(&format!("… {left} more lines\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_difference_is_shown_with_what_is_around() {
        let before = "1\n2\n3\n4\n5\n6\n7\n8\n9\n";

        let diff = unified("a.md", before, &before.replace("5", "five"));

        assert_eq!(
            diff,
            "--- a.md\n+++ a.md\n@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n"
        );
        assert_eq!(unified("a.md", before, before), "");
    }

    #[test]
    fn a_large_difference_is_cut() {
        let before: String = (0..20_000).map(|n| format!("é{n}\n")).collect();

        let diff = unified("a.md", &before, "");

        assert!(diff.len() < LONGEST + 100, "{}", diff.len());
        assert!(diff.ends_with(" more lines\n"));
    }

    /// Applies a unified diff as `patch` would, without any fuzz.
    fn patched(before: &str, diff: &str) -> String {
        let lines: Vec<&str> = before.split_inclusive('\n').collect();
        let (mut out, mut at) = (String::new(), 0);
        let mut rows = diff.split_inclusive('\n').skip(2).peekable();
        while let Some(row) = rows.next() {
            if let Some(range) = row.strip_prefix("@@ -") {
                let (start, rest) = range.split_once([',', ' ']).unwrap();
                let start: usize = start.parse().unwrap();
                let is_empty = rest.starts_with("0 ");
                let first = if is_empty { start } else { start - 1 };
                out.extend(lines[at..first].iter().copied());
                at = first;
                continue;
            }
            let is_last = rows.peek().is_some_and(|next| next.starts_with("\\ No newline"));
            let text = if is_last { &row[1..row.len() - 1] } else { &row[1..] };
            match row.as_bytes()[0] {
                b' ' => {
                    assert_eq!(lines[at], text);
                    out.push_str(text);
                    at += 1;
                }
                b'-' => {
                    assert_eq!(lines[at], text);
                    at += 1;
                }
                b'+' => out.push_str(text),
                b'\\' => {}
                _ => panic!("{row}"),
            }
        }
        out.extend(lines[at..].iter().copied());
        out
    }

    proptest! {
        #[test]
        fn a_diff_leads_from_one_text_to_the_other(before in "([a-d]{0,2}\n){0,30}[a-d]?", after in "([a-d]{0,2}\n){0,30}[a-d]?") {
            prop_assert_eq!(patched(&before, &unified("x", &before, &after)), after);
        }
    }
}
