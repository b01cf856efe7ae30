//! A text in pieces that a model can take in one by one: most read a few hundred words at most.

/// Passages of one document at most; what is beyond is found by its words alone.
pub(crate) const PASSAGES: usize = 64;

/// The passages of a text, each of at most `length` characters: cut between lines where one ends in
/// its second half, or else between words. A text of nothing is one passage.
pub(crate) fn passages(text: &str, length: usize) -> Vec<&str> {
    let mut passages = Vec::new();
    let mut rest = text.trim();
    while passages.len() < PASSAGES && (!rest.is_empty() || passages.is_empty()) {
        let (passage, after) = rest.split_at(end(rest, length));
        passages.push(passage.trim_end());
        rest = after.trim_start();
    }
    passages
}

/// Where the first passage of a text ends, in bytes.
fn end(text: &str, length: usize) -> usize {
    let Some((most, _)) = text.char_indices().nth(length) else { return text.len() };
    let within = &text[..most];
    let line = within.rfind('\n').filter(|at| *at >= most / 2);
    let word = || within.rfind(char::is_whitespace).filter(|at| *at > 0);
    line.or_else(word).unwrap_or(most)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn passages_end_with_lines_or_else_with_words() {
        assert_eq!(
            passages("one two\nthree\n\nfour five six", 16),
            ["one two\nthree", "four five six"]
        );
        assert_eq!(passages("one two three", 8), ["one two", "three"]);
        assert_eq!(passages("onetwothree", 4), ["onet", "woth", "ree"]);
        assert_eq!(passages(" \n", 4), [""]);
    }

    proptest! {
        #[test]
        fn nothing_but_space_is_lost(text in "[a-zé\u{1F600} \n]{0,300}", length in 10_usize..50) {
            let passages = passages(&text, length);

            let letters = |text: &str| text.split_whitespace().collect::<String>();
            prop_assert_eq!(letters(&passages.concat()), letters(&text));
            prop_assert!(passages.iter().all(|it| it.chars().count() <= length));
        }
    }
}
