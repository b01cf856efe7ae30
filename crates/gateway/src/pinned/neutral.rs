//! What in a definition could deceive whoever reads it, made visible.

use std::borrow::Cow;

use bytes::Bytes;
use toolgate_protocol::json::{Document, Limits, Mode, Value, quote};
use toolgate_protocol::splice::Edits;
use toolgate_screen::neutral::{Treatment, neutralise};

/// The definition with escape sequences and invisible text shown; `None` when there are none.
/// Keys stay as they are: arguments are called by them.
pub(super) fn neutral(definition: &Bytes) -> Option<Bytes> {
    let plain = definition.is_ascii()
        && [br"\u", br"\b", br"\f"]
            .iter()
            .all(|escape| memchr::memmem::find(definition, &escape[..]).is_none());
    if plain {
        return None;
    }
    let limits = Limits { depth: Limits::DEPTH, ..Limits::default() };
    let document = Document::parse(definition.clone(), &limits, Mode::Trusted).ok()?;
    let mut edits = Edits::default();
    walk(&document.root(), &mut edits);
    (!edits.is_empty()).then(|| edits.apply(definition))
}

fn walk(value: &Value<'_>, edits: &mut Edits) {
    if let Some(text) = value.string()
        && let (Cow::Owned(harmless), _) = neutralise(&text, Treatment::Show)
    {
        edits.replace(value.span(), quote(&harmless));
    }
    value.items().into_iter().flatten().for_each(|item| walk(&item, edits));
    for (_, member) in value.object().iter().flat_map(|object| object.iter()) {
        walk(&member, edits);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_deceives_is_shown() {
        for (text, expected) in [
            (r#"{"description":"plain"}"#, None),
            (r#"{ "description" : "größe → 日本 🎉 \u00e9 \\u001b" }"#, None),
            (
                r#"{ "description" : "a\u001b[2Jb", "n": 1.0 }"#,
                Some(r#"{ "description" : "a<U+001B>[2Jb", "n": 1.0 }"#),
            ),
            (r#"{"a":[{"b":"x\u200by"}]}"#, Some(r#"{"a":[{"b":"x<U+200B>y"}]}"#)),
        ] {
            let shown = neutral(&Bytes::from(text));
            assert_eq!(shown.as_deref(), expected.map(str::as_bytes), "{text}");
        }
    }
}
