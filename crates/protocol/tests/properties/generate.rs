//! Texts to try: JSON of all spellings, messages, and both with damage.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

/// A JSON text: odd spacing, escapes, repeated keys and all.
pub(crate) fn text() -> impl Strategy<Value = String> {
    leaf().prop_recursive(6, 60, 8, |value| {
        prop_oneof![
            vec((space(), value.clone()), 0..8).prop_map(|items| {
                let items: Vec<_> =
                    items.into_iter().map(|(s, item)| format!("{s}{item}")).collect();
                format!("[{}]", items.join(","))
            }),
            object(vec((key(), value), 0..20)),
        ]
    })
}

/// An object of the given members.
pub(crate) fn object(
    members: impl Strategy<Value = Vec<(String, String)>>,
) -> impl Strategy<Value = String> {
    (members, space(), space()).prop_map(|(members, a, b)| {
        let members: Vec<_> =
            members.into_iter().map(|(key, value)| format!("{a}{key}{b}:{a}{value}{b}")).collect();
        format!("{{{}{b}}}", members.join(","))
    })
}

/// A text that is nearly, and often truly, a message.
pub(crate) fn message() -> impl Strategy<Value = String> {
    let member = prop_oneof![
        4 => (Just(r#""jsonrpc""#), select(vec![r#""2.0""#, r#""2\u002e0""#, "2.0"]).prop_map(String::from)),
        4 => (select(vec![r#""id""#, r#""i\u0064""#]), leaf()),
        4 => (select(vec![r#""method""#, r#""result""#, r#""error""#]), leaf()),
        4 => (select(vec![r#""params""#, r#""result""#, r#""error""#]), payload()),
        1 => (select(vec![r#""extra""#, r#""ID""#]), text()),
    ]
    .prop_map(|(key, value)| (key.to_owned(), value));
    let version = (r#""jsonrpc""#.to_owned(), r#""2.0""#.to_owned());
    prop_oneof![
        object(vec(member.clone(), 0..6)),
        object(vec(member, 0..4).prop_map(move |mut members| {
            members.retain(|(key, _)| *key != version.0);
            members.push(version.clone());
            members
        })),
    ]
}

fn payload() -> impl Strategy<Value = String> {
    let meta = object(vec((key(), leaf()), 0..4));
    let member = prop_oneof![(Just(r#""_meta""#.to_owned()), meta), (key(), text()),];
    object(vec(member, 0..4))
}

/// `original` with some bytes changed, dropped, doubled or put in.
pub(crate) fn damaged(original: impl Strategy<Value = String>) -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![any::<u8>(), select(b"\"\\{}[]:,0123456789eE+-.u \n\x00\xff".to_vec())];
    let change = (any::<prop::sample::Index>(), byte, 0..4_u8);
    (original, vec(change, 1..4)).prop_map(|(original, changes)| {
        let mut bytes = original.into_bytes();
        for (index, byte, kind) in changes.into_iter() {
            if bytes.is_empty() {
                break;
            }
            let at = index.index(bytes.len());
            match kind {
                0 => bytes[at] = byte,
                1 => _ = bytes.remove(at),
                2 => bytes.insert(at, bytes[at]),
                _ => bytes.insert(at, byte),
            }
        }
        bytes
    })
}

/// A key, from few enough to repeat often.
fn key() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => "[a-e]{0,2}".prop_map(|key| format!("\"{key}\"")),
        1 => string(),
    ]
}

/// A value without parts.
pub(crate) fn leaf() -> impl Strategy<Value = String> {
    let words =
        vec!["null", "true", "false", "{}", "[]", r#""a""#, "0", "-0", "1E400", "9007199254740993"];
    prop_oneof![
        select(words).prop_map(String::from),
        "-?(0|[1-9][0-9]{0,25})(\\.[0-9]{1,4})?([eE][+-]?[0-9]{1,3})?",
        any::<i64>().prop_map(|number| number.to_string()),
        string(),
    ]
}

fn string() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => "[ -!#-\\[\\]-~]{0,12}",
        1 => "[^\"\\\\\\x00-\\x1f]{1,3}",
        1 => select(vec![r#"\""#, r"\\", r"\/", r"\b", r"\f", r"\n", r"\r", r"\t"]).prop_map(String::from),
        1 => "\\\\u[0-9a-fA-F]{4}",
        1 => Just(r"\ud83d\uDE00".to_owned()),
    ];
    vec(piece, 0..4).prop_map(|pieces| format!("\"{}\"", pieces.concat()))
}

fn space() -> impl Strategy<Value = String> {
    prop_oneof![3 => Just(String::new()), 1 => "[ \t\r\n]{1,3}"]
}
