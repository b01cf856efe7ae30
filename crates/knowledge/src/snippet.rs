//! The passage of a text that says most of what was looked for, with the matches marked.

use std::collections::HashSet;

use toolgate_gateway::config::Language;

use crate::analysis::words;

/// How much of a text is looked at, in bytes, so that the time for one is bounded.
const LOOKED_AT: usize = 64 << 10;
/// Passages that are compared.
const PASSAGES: usize = 200;
/// What stands around a match.
const MARK: &str = "**";

/// A passage of about `length` characters.
pub(crate) fn snippet(
    text: &str,
    language: Language,
    stems: &HashSet<String>,
    length: usize,
) -> String {
    let text = &text[..boundary(text, LOOKED_AT)];
    let matches: Vec<(usize, usize, String)> = words(language, text)
        .into_iter()
        .filter(|word| stems.contains(&word.text))
        .map(|word| (word.offset_from, word.offset_to, word.text))
        .collect();
    // In bytes, which is near enough for choosing.
    let best = (0..matches.len().min(PASSAGES)).max_by_key(|first| {
        let end = matches[*first].0 + length;
        let within = matches[*first..].iter().take_while(|(_, to, _)| *to <= end);
        let (mut count, mut different) = (0, HashSet::new());
        for (.., stem) in within {
            count += 1;
            different.insert(stem);
        }
        (different.len(), count, std::cmp::Reverse(*first))
    });
    let from = best.map_or(0, |first| matches[first].0.saturating_sub(length / 6));
    let from = word_start(text, from);
    let to = text[from..].char_indices().nth(length).map_or(text.len(), |(at, _)| from + at);
    let to = if to == text.len() { to } else { word_end(text, from, to) };
    let mut passage = String::new();
    let mut at = from;
    for (begin, end, _) in matches.iter().filter(|(begin, end, _)| *begin >= from && *end <= to) {
        passage.push_str(&text[at..*begin]);
        passage.push_str(MARK);
        passage.push_str(&text[*begin..*end]);
        passage.push_str(MARK);
        at = *end;
    }
    passage.push_str(&text[at..to]);
    let words = passage.split_whitespace().collect::<Vec<_>>().join(" ");
    let before = if from > 0 { "… " } else { "" };
    let after = if to < text.len() { " …" } else { "" };
    format!("{before}{words}{after}")
}

/// The last place of a character's begin up to `at`.
fn boundary(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

fn word_start(text: &str, at: usize) -> usize {
    let at = boundary(text, at);
    text[..at].rfind(char::is_whitespace).map_or(0, |space| boundary(text, space + 1).max(space))
}

fn word_end(text: &str, from: usize, at: usize) -> usize {
    let space = text[from..at].rfind(char::is_whitespace);
    space.map_or(at, |space| from + space)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str, stems: &[&str], length: usize) -> String {
        let stems = stems.iter().map(|stem| (*stem).to_owned()).collect();
        snippet(text, Language::En, &stems, length)
    }

    #[test]
    fn the_passage_with_most_of_the_words_is_shown_and_marked() {
        let text = format!(
            "password. {} reset the\n passwords here {}",
            "x ".repeat(200),
            "y ".repeat(200)
        );

        let shown = shown(&text, &["reset", "password"], 60);

        assert!(shown.contains("**reset** the **passwords** here"), "{shown}");
        assert!(shown.starts_with("… x") && shown.ends_with(" …"), "{shown}");
        assert!(shown.chars().count() < 60 + 20, "{shown}");
    }

    #[test]
    fn without_a_match_the_beginning_is_shown() {
        assert_eq!(shown("one two three", &[], 100), "one two three");
        assert_eq!(shown("one two three", &["absent"], 8), "one two …");
    }

    #[test]
    fn characters_stay_whole() {
        for length in 0..40 {
            shown("äöü ßß 😀😀 äöü größe größe 😀", &["gross", "grosse"], length);
        }
        assert!(shown(&"é".repeat(70_000), &[], 300).ends_with('…'));
    }
}
