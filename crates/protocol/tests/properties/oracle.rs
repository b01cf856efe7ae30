//! Reads a text with serde_json, and insists that our scanner reads it in the same way.
//!
//! The only differences allowed are those we chose: repeated keys, deep nesting and members that
//! pass for those of MCP in another case are refused.

use std::collections::BTreeMap;
use std::fmt;

use bytes::Bytes;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use toolgate_protocol::json::{Document, Error, Limits, Mode, Value, is_alike};
use toolgate_protocol::jsonrpc::{Kind, Message, codes};

/// Compares everything we can say about `text` with what serde_json says.
pub(crate) fn compare(text: &[u8]) {
    for mode in [Mode::Strict, Mode::Trusted] {
        let ours = Document::parse(Bytes::copy_from_slice(text), &Limits::default(), mode);
        match (serde_json::from_slice::<&RawValue>(text), ours) {
            (Ok(theirs), Ok(ours)) => {
                assert!(depth(theirs) <= 128);
                assert!(mode == Mode::Trusted || unique(theirs) != Some(false));
                same(theirs, ours.root());
            }
            (Ok(theirs), Err(Error::Depth { limit: 128 })) => assert!(depth(theirs) > 128),
            (Ok(theirs), Err(Error::DuplicateKey { .. })) => {
                assert!(mode == Mode::Strict && unique(theirs) != Some(true));
            }
            (Err(_), Err(error)) => {
                assert!(error.is_syntax() || matches!(error, Error::Depth { .. }), "{error}");
            }
            (theirs, ours) => panic!("serde_json: {theirs:?}, we: {ours:?}"),
        }
    }
    compare_message(text);
}

/// Compares the envelope of a message with the rules, read by serde_json.
fn compare_message(text: &[u8]) {
    let limits = Limits::default();
    let ours = Message::scan(Bytes::copy_from_slice(text), &limits);
    let document = Document::parse(Bytes::copy_from_slice(text), &limits, Mode::Strict);
    let theirs = serde_json::from_slice::<Members<'_>>(text);
    match (ours, document) {
        (Ok(message), Ok(_)) => {
            let Ok(theirs) = theirs else { return };
            let theirs: BTreeMap<_, _> = theirs.0.into_iter().collect();
            assert_eq!(Ok(message.kind()), expected(&theirs));
            assert_ne!(passes_for_another(&theirs), Some(true));
            let raw = |name: &str| theirs.get(name).map(|raw| raw.get());
            let id = raw("id").filter(|id| *id != "null");
            assert_eq!(message.id(), id);
            assert_eq!(message.method().map(String::from), raw("method").map(text_of));
            let answer = matches!(message.kind(), Kind::Result | Kind::Error);
            let params = raw("params").filter(|_| !answer);
            assert_eq!(message.params().map(|params| params.raw()), params);
            let payload = [params, raw("result"), raw("error")].into_iter().flatten().next();
            if let Some(Ok(Members(members))) = payload.map(serde_json::from_str) {
                let meta = members.iter().find(|(name, _)| name == "_meta");
                let meta = meta.map(|(_, meta)| meta.get()).filter(|meta| meta.starts_with('{'));
                assert_eq!(message.meta().map(|meta| meta.raw()), meta);
            }
            assert_eq!(message.result().map(|result| result.raw()), raw("result"));
            assert_eq!(message.error().map(|error| error.raw()), raw("error"));
            assert_eq!(message.bytes(), text);
            assert!(serde_json::from_slice::<&RawValue>(&message.line()).is_ok());
        }
        (Err(malformed), Ok(_)) => {
            // What serde_json cannot read as text, such as a lone surrogate, has no expectation.
            if let Ok(theirs) = theirs {
                let theirs = theirs.0.into_iter().collect();
                let refused = expected(&theirs).is_err();
                assert!(refused || passes_for_another(&theirs) != Some(false), "{malformed}");
            }
        }
        (Err(malformed), Err(error)) => {
            let batch = text.trim_ascii_start().starts_with(b"[");
            assert_eq!(malformed.code() == codes::PARSE_ERROR, error.is_syntax() && !batch);
        }
        (Ok(message), Err(error)) => panic!("{message:?} has {error}"),
    }
}

/// What a message with these members is, by the rules of JSON-RPC and MCP.
fn expected(members: &BTreeMap<String, &RawValue>) -> Result<Kind, ()> {
    let raw = |name: &str| members.get(name).map(|raw| raw.get());
    let version = raw("jsonrpc").and_then(|raw| serde_json::from_str::<String>(raw).ok());
    let id = raw("id")
        .map(|id| id.starts_with('"') || !id.contains(['.', 'e', 'E', 'n', 't', '[', '{']));
    let is_object = |name| raw(name).is_none_or(|raw| raw.starts_with('{'));
    if version.as_deref() != Some("2.0") {
        return Err(());
    }
    match (raw("method"), raw("result"), raw("error"), id) {
        (Some(method), None, None, None | Some(true)) => {
            let _: String = serde_json::from_str(method).map_err(drop)?;
            let kind = if id.is_some() { Kind::Request } else { Kind::Notification };
            is_object("params").then_some(kind).ok_or(())
        }
        (None, Some(_), None, Some(true)) => Ok(Kind::Result),
        (None, None, Some(_), id) => {
            let nobody = id.is_none() || raw("id") == Some("null");
            (is_object("error") && (nobody || id == Some(true))).then_some(Kind::Error).ok_or(())
        }
        _ => Err(()),
    }
}

/// Whether a member of a message, or of the params of a request, has the name of one of MCP but for
/// the case of its letters; `None` when serde_json cannot read the params.
fn passes_for_another(members: &BTreeMap<String, &RawValue>) -> Option<bool> {
    let any = |names: Vec<&str>, known: &[&str]| {
        names.iter().any(|name| known.iter().any(|known| is_alike(name, known)))
    };
    let envelope = ["jsonrpc", "id", "method", "params", "result", "error"];
    if any(members.keys().map(String::as_str).collect(), &envelope) {
        return Some(true);
    }
    let Some(params) = members.get("params").filter(|_| members.contains_key("method")) else {
        return Some(false);
    };
    let Members(params) = serde_json::from_str(params.get()).ok()?;
    let known = [
        "name",
        "uri",
        "arguments",
        "_meta",
        "ref",
        "argument",
        "taskId",
        "task",
        "inputResponses",
        "requestState",
    ];
    Some(any(params.iter().map(|(name, _)| name.as_str()).collect(), &known))
}

/// Insists on the same text, members, items and scalars, all the way down.
fn same(theirs: &RawValue, ours: Value<'_>) {
    let raw = theirs.get();
    assert_eq!(ours.raw(), raw);
    assert_eq!(ours.string().map(String::from), serde_json::from_str(raw).ok());
    assert_eq!(ours.as_bool(), serde_json::from_str(raw).ok());
    assert_eq!(ours.as_u64(), serde_json::from_str(raw).ok());
    if raw != "-0" {
        assert_eq!(ours.as_i64(), serde_json::from_str(raw).ok());
    }
    assert_eq!(ours.is_null(), raw == "null");
    match raw.as_bytes()[0] {
        b'{' => {
            let Ok(Members(theirs)) = serde_json::from_str(raw) else { return };
            let Some(object) = ours.object() else {
                return assert!(repeats(&theirs));
            };
            assert_eq!(object.members().len(), theirs.len());
            for ((our_name, ours), (name, theirs)) in object.iter().zip(&theirs) {
                assert_eq!(our_name, *name);
                assert_eq!(object.get(name).unwrap().span(), ours.span());
                same(theirs, ours);
            }
        }
        b'[' => {
            let theirs: Vec<&RawValue> = serde_json::from_str(raw).unwrap();
            let items = ours.items().unwrap();
            assert_eq!(items.len(), theirs.len());
            items.zip(theirs).for_each(|(ours, theirs)| same(theirs, ours));
        }
        _ => assert!(ours.object().is_none() && ours.items().is_none()),
    }
}

/// Whether no object repeats a key; `None` when serde_json cannot read some key as text.
fn unique(value: &RawValue) -> Option<bool> {
    match value.get().as_bytes()[0] {
        b'{' => {
            let Members(members) = serde_json::from_str(value.get()).ok()?;
            if repeats(&members) {
                return Some(false);
            }
            all(members.into_iter().map(|(_, value)| unique(value)))
        }
        b'[' => {
            let items: Vec<&RawValue> = serde_json::from_str(value.get()).ok()?;
            all(items.into_iter().map(unique))
        }
        _ => Some(true),
    }
}

fn all(parts: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    let parts: Vec<_> = parts.collect();
    match parts.contains(&Some(false)) {
        true => Some(false),
        false => parts.into_iter().collect::<Option<Vec<_>>>().map(|_| true),
    }
}

fn repeats(members: &[(String, &RawValue)]) -> bool {
    let mut names: Vec<_> = members.iter().map(|(name, _)| name).collect();
    names.sort();
    names.windows(2).any(|pair| pair[0] == pair[1])
}

/// How many brackets are open at once, counted outside of strings.
fn depth(value: &RawValue) -> usize {
    let (mut open, mut deepest, mut in_string, mut escaped) = (0_usize, 0, false, false);
    for byte in value.get().bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => open += 1,
            b']' | b'}' if !in_string => open -= 1,
            _ => {}
        }
        deepest = deepest.max(open);
    }
    deepest
}

fn text_of(raw: &str) -> String {
    serde_json::from_str(raw).unwrap()
}

/// All members of an object in order, also those that come twice.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct All;
        impl<'de> Visitor<'de> for All {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(All)
    }
}
