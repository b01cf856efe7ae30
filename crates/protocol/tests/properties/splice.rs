//! Edits change what they name and nothing else.

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Map, Value};
use toolgate_protocol::json::{self, Document, Limits, Mode, Object, Span};
use toolgate_protocol::splice::Edits;

use crate::generate;

/// Objects in objects, with members of few names.
fn nested() -> impl Strategy<Value = String> {
    let scalar = "[0-9]|true|\"[ -!#-Z]{0,5}\"|\\[1, 2\\]";
    let inner = generate::object(members(scalar.boxed()));
    let middle = generate::object(members(prop_oneof![scalar, inner].boxed()));
    generate::object(members(prop_oneof![scalar.boxed(), middle.boxed()].boxed()))
}

fn members(value: BoxedStrategy<String>) -> impl Strategy<Value = Vec<(String, String)>> {
    vec(("\"[a-f]\"", value), 0..7).prop_map(|mut members| {
        let mut seen = Vec::new();
        members.retain(|(key, _)| {
            let new = !seen.contains(key);
            seen.push(key.clone());
            new
        });
        members
    })
}

/// A change of one member of one of the objects; `None` removes it.
type Change = (prop::sample::Index, String, Option<u8>);

fn parse(bytes: Bytes) -> Document {
    Document::parse(bytes, &Limits::default(), Mode::Strict).unwrap()
}

/// The keys that lead to each object inside `value`, itself included.
fn objects(value: &Value, path: &[String], out: &mut Vec<Vec<String>>) {
    let Some(object) = value.as_object() else { return };
    out.push(path.to_vec());
    for (key, value) in object {
        objects(value, &[path, std::slice::from_ref(key)].concat(), out);
    }
}

fn ours<'a>(document: &'a Document, path: &[String]) -> Object<'a> {
    let root = document.root();
    path.iter().fold(root, |value, key| value.object().unwrap().get(key).unwrap()).object().unwrap()
}

fn theirs<'a>(root: &'a mut Value, path: &[String]) -> &'a mut Map<String, Value> {
    path.iter().fold(root, |value, key| &mut value[key]).as_object_mut().unwrap()
}

/// Makes the changes on both sides, and returns our bytes and their value.
fn edited(document: &Document, changes: &[Change]) -> (Bytes, Value) {
    let original: Value = serde_json::from_slice(document.bytes()).unwrap();
    let mut model = original.clone();
    let mut paths = Vec::new();
    objects(&original, &[], &mut paths);
    let mut removed = Vec::new();
    let mut edits = Edits::default();
    for (index, key, value) in changes {
        let path = index.get(&paths);
        let place = (path.clone(), key.clone());
        let object = ours(document, path);
        let holds_an_object = object.get(key).is_some_and(|value| value.is_object());
        // Such edits could overlap, and what comes back after all comes back at its old place,
        // not at the end as in the model: both have tests of their own.
        if holds_an_object || (removed.contains(&place) && value.is_some()) {
            continue;
        }
        let model = theirs(&mut model, path);
        if let Some(value) = value {
            edits.set(&object, key, value.to_string());
            model.insert(key.clone(), (*value).into());
        } else {
            edits.remove(&object, key);
            model.shift_remove(key);
            removed.push(place);
        }
    }
    (edits.apply(document.bytes()), model)
}

/// Members of the same name and value look the same, byte for byte.
fn untouched(before: json::Value<'_>, after: json::Value<'_>) {
    let (Some(before), Some(after)) = (before.object(), after.object()) else { return };
    for (key, value) in before.iter() {
        let Some(now) = after.get(&key) else { continue };
        let same = serde_json::from_str::<Value>(now.raw()).unwrap()
            == serde_json::from_str::<Value>(value.raw()).unwrap();
        if same {
            assert_eq!(now.raw(), value.raw());
        } else {
            untouched(value, now);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1024) })]

    #[test]
    fn an_edited_text_equals_an_edited_tree(
        text in nested(),
        changes in vec((any::<prop::sample::Index>(), "[a-h]", any::<Option<u8>>()), 0..10),
    ) {
        let document = parse(text.into());

        let (bytes, model) = edited(&document, &changes);

        let after = parse(bytes.clone());
        let compact = serde_json::from_slice::<Value>(&bytes).unwrap().to_string();
        prop_assert_eq!(compact, model.to_string(), "the order counts, too");
        untouched(document.root(), after.root());
    }

    #[test]
    fn plain_edits_replace_exactly_their_spans(
        buffer in vec(any::<u8>(), 0..60),
        mut cuts in vec(any::<prop::sample::Index>(), 0..12),
        with in vec(vec(any::<u8>(), 0..4), 6),
        order in any::<u64>(),
    ) {
        cuts.sort_by_key(|cut| cut.index(buffer.len() + 1));
        let mut spans: Vec<_> = cuts.chunks_exact(2).zip(&with).map(|(pair, with)| {
            let [start, end] = [0, 1].map(|side: usize| pair[side].index(buffer.len() + 1) as u32);
            (Span { start, end }, with)
        }).collect();
        let mut expected = buffer.clone();
        for (span, with) in spans.iter().rev() {
            expected.splice(span.range(), with.iter().copied());
        }
        // Any order will do, except among insertions at one place.
        spans.sort_by_key(|(span, _)| u64::from(span.start).wrapping_mul(order));

        let mut edits = Edits::default();
        for (span, with) in spans {
            edits.replace(span, with.clone());
        }

        prop_assert_eq!(edits.apply(&buffer.into()), expected);
    }
}
