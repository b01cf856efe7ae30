//! Where words begin and end, and what they are however their letters are written.
//!
//! An accent may be a character of its own, as what comes from some systems and out of PDFs has it (Unicode,
//! UAX 15), and in some scripts vowels are marks on the letter before. They are parts of the word. What
//! nobody sees, such as a soft hyphen or the mark of a direction, is none and ends none.

use std::str::CharIndices;

use tantivy::tokenizer::{Token, TokenStream, Tokenizer};
use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

#[derive(Clone, Default)]
pub(crate) struct Letters(Token);

pub(crate) struct Words<'a> {
    chars: CharIndices<'a>,
    token: &'a mut Token,
}

impl Tokenizer for Letters {
    type TokenStream<'a> = Words<'a>;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> Words<'a> {
        self.0.reset();
        Words { chars: text.char_indices(), token: &mut self.0 }
    }
}

impl TokenStream for Words<'_> {
    fn advance(&mut self) -> bool {
        let token = &mut *self.token;
        token.text.clear();
        token.position = token.position.wrapping_add(1);
        let Some((from, first)) = self.chars.by_ref().find(|(_, c)| c.is_alphanumeric()) else {
            return false;
        };
        (token.offset_from, token.offset_to) = (from, from + first.len_utf8());
        token.text.push(first);
        let mut has_marks = false;
        for (at, c) in self.chars.by_ref() {
            let is_mark = is_combining_mark(c);
            if c.is_alphanumeric() || is_mark {
                token.text.push(c);
                token.offset_to = at + c.len_utf8();
                has_marks |= is_mark;
            } else if !is_unseen(c) {
                break;
            }
        }
        if has_marks {
            token.text = token.text.nfc().collect();
        }
        true
    }

    fn token(&self) -> &Token {
        self.token
    }

    fn token_mut(&mut self) -> &mut Token {
        self.token
    }
}

/// What may stand within a word without being seen; a space of no width is not among it.
fn is_unseen(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200c}'..='\u{200f}' | '\u{2060}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        let mut letters = Letters::default();
        let mut stream = letters.token_stream(text);
        let mut words = Vec::new();
        while stream.advance() {
            words.push(stream.token().text.clone());
        }
        words
    }

    #[test]
    fn a_word_is_the_same_however_it_is_written() {
        for (text, expected) in [
            ("re\u{301}sume\u{301}s, o\u{308}l", &["résumés", "öl"][..]),
            ("pass\u{ad}word pass\u{200f}word\u{200f}", &["password", "password"]),
            ("\u{200f}\u{301}a\u{301} \u{301}", &["á"]),
            ("one\u{200b}two three-four", &["one", "two", "three", "four"]),
            ("தமிழ்நாடு", &["தமிழ்நாடு"]),
            ("", &[]),
        ] {
            assert_eq!(words(text), expected, "{text:?}");
        }
    }

    #[test]
    fn places_are_those_of_the_text_as_it_is_written() {
        let mut letters = Letters::default();
        let mut stream = letters.token_stream("a e\u{301}t\u{ad}\u{301}\u{ad} b");

        stream.advance();
        stream.advance();

        let token = stream.token();
        assert_eq!((token.offset_from, token.offset_to, token.position), (2, 10, 1));
    }
}
