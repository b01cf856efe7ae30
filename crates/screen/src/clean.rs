//! Every string of a JSON text made harmless for its readers: see [`crate::neutral`] for characters
//! and [`crate::markup`] for markup.

use bytes::Bytes;
use toolgate_protocol::json::{Span, quote};
use toolgate_protocol::splice::Edits;

use crate::markup;
use crate::neutral::{self, Deceptions, Treatment};
use crate::strings::strings;
use crate::view::{Undo, View};

/// What is made harmless.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Policy {
    /// What happens to characters that deceive; `None` lets them stand.
    pub characters: Option<Treatment>,
    /// Whether markup that hides something or loads something is defused.
    pub markup: bool,
}

/// A text after that.
#[derive(Debug, Clone)]
pub struct Cleaned {
    /// The text; the same buffer when nothing had to change.
    pub bytes: Bytes,
    /// Which characters were found.
    pub found: Deceptions,
    /// How many pieces of markup were defused.
    pub markup: u32,
}

/// Makes all strings of `text` harmless, which should be valid JSON. Keys lose no characters, lest
/// two become one: there they are always shown.
#[must_use]
pub fn json(text: &Bytes, policy: Policy) -> Cleaned {
    let mut cleaned = Cleaned { bytes: text.clone(), found: Deceptions::default(), markup: 0 };
    let may_deceive = policy.characters.is_some() && may_deceive(text);
    let may_mark = policy.markup && markup::may_matter(text);
    if !may_deceive && !may_mark {
        return cleaned;
    }
    let mut edits = Edits::default();
    let mut view = View::default();
    for found in strings(text) {
        let raw = text.get(found.inside.clone()).unwrap_or_default();
        let deceives = may_deceive && self::may_deceive(raw);
        let marks = may_mark && !found.is_key && markup::may_matter(raw);
        if !deceives && !marks {
            continue;
        }
        view.fill(raw, Undo::Escapes);
        let plain = String::from_utf8_lossy(&view.bytes);
        let treatment = match found.is_key {
            true => policy.characters.map(|_| Treatment::Show),
            false => policy.characters,
        };
        let (harmless, deceptions) = match treatment {
            Some(treatment) => neutral::neutralise(&plain, treatment),
            None => (std::borrow::Cow::Borrowed(&*plain), Deceptions::default()),
        };
        let (tame, count) = match marks {
            true => markup::tame(&harmless),
            false => (std::borrow::Cow::Borrowed(&*harmless), 0),
        };
        if !deceptions.any() && count == 0 {
            continue;
        }
        cleaned.found = cleaned.found.and(deceptions);
        cleaned.markup += count;
        let span = Span { start: found.inside.start as u32 - 1, end: found.inside.end as u32 + 1 };
        edits.replace(span, quote(&tame));
    }
    if !edits.is_empty() {
        cleaned.bytes = edits.apply(text);
    }
    cleaned
}

/// Whether a JSON text, or a part of one, may hold a character to look at: one beyond ASCII, a
/// control character, or an escape that may stand for either.
fn may_deceive(raw: &[u8]) -> bool {
    if !raw.is_ascii() || memchr::memchr(0x7f, raw).is_some() {
        return true;
    }
    memchr::memchr_iter(b'\\', raw).any(|at| matches!(raw.get(at + 1), Some(b'u' | b'b' | b'f')))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const REMOVE: Policy = Policy { characters: Some(Treatment::Remove), markup: false };

    fn clean(text: &str, policy: Policy) -> String {
        let cleaned = json(&Bytes::copy_from_slice(text.as_bytes()), policy);
        let text = String::from_utf8(cleaned.bytes.to_vec()).unwrap();
        serde_json::from_str::<serde::de::IgnoredAny>(&text).unwrap();
        text
    }

    #[test]
    fn escapes_of_terminals_go_however_they_are_spelled() {
        for text in [
            r#"["a\u001b]52;c;ZXZpbA==\u0007b"]"#,
            r#"["a\u001b[31mb"]"#,
            r#"["a\u009b31mb"]"#,
            "[\"a\u{9b}31mb\"]",
            r#"["a\u200b\u2060b"]"#,
            "[\"a\u{202e}b\"]",
            r#"["a\udb40\udc41b"]"#,
            r#"["a\bb"]"#,
        ] {
            assert_eq!(clean(text, REMOVE), r#"["ab"]"#, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_made_harmless_is_json_and_stays_as_it_is(
            texts in prop::collection::vec(
                "(\\PC|[\u{1b}\u{200b}\u{202e}\u{9b}<>\\[\\]()!a-z\\\\\"-]){0,20}",
                0..6,
            ),
        ) {
            let policy = Policy { markup: true, ..REMOVE };
            let once = clean(&serde_json::json!({ "t": texts }).to_string(), policy);
            let twice = clean(&once, REMOVE);

            prop_assert_eq!(&twice, &once);
        }
    }

    #[test]
    fn keys_show_what_values_lose() {
        assert_eq!(clean(r#"{"a\u200b":"a\u200b"}"#, REMOVE), r#"{"a<U+200B>":"a"}"#);
    }

    #[test]
    fn honest_text_is_the_same_buffer() {
        let text = Bytes::from(
            r#"{"ar":"مرحبا بالعالم، كيف الحال؟","hi":"नमस्ते क्‍ष","fa":"می‌خواهم","emoji":"👩‍👩‍👧‍👦 ❤️ 1️⃣","flag":"🏴󠁧󠁢󠁥󠁮󠁧󠁿 🇨🇭","he":"שלום \u200fabc","plain":"a\n\tb\u00e9\\u001b"}"#,
        );

        let cleaned = json(&text, REMOVE);

        assert_eq!(cleaned.bytes.as_ptr(), text.as_ptr(), "{:?}", cleaned.found);
        assert!(!cleaned.found.any());
    }
}
