//! The members of a result that are kept; every byte of what stays is as the API wrote it.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// How deep a result is looked through; what nests deeper stays whole.
const DEEPEST: usize = 64;

/// Names of members, with what is kept within them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fields(BTreeMap<String, Fields>);

impl Fields {
    /// From names with dots between them.
    pub(crate) fn new<'a>(paths: impl IntoIterator<Item = &'a str>) -> Fields {
        let mut fields = Fields::default();
        for path in paths {
            let mut at = &mut fields;
            for name in path.split('.') {
                at = at.0.entry(name.to_owned()).or_default();
            }
        }
        fields
    }

    /// What is kept of a member; `None` if it goes. Whoever names a member keeps all of it, unless
    /// they name some of its own.
    pub(crate) fn within(&self, name: &str) -> Option<&Fields> {
        self.0.get(name)
    }

    /// Whether everything is kept.
    pub(crate) fn is_all(&self) -> bool {
        self.0.is_empty()
    }

    /// The JSON with only these members; in lists, those of each entry.
    ///
    /// # Errors
    /// It is not JSON.
    pub(crate) fn of(&self, json: &str) -> Result<String, serde_json::Error> {
        let mut out = String::with_capacity(json.len() / 2);
        self.write(json, DEEPEST, &mut out)?;
        Ok(out)
    }

    fn write(&self, json: &str, levels: usize, out: &mut String) -> Result<(), serde_json::Error> {
        let json = json.trim_start();
        match json.as_bytes().first() {
            _ if self.is_all() || levels == 0 => out.push_str(json.trim_end()),
            Some(b'{') => {
                out.push('{');
                let Members(members) = serde_json::from_str(json)?;
                let mut first = true;
                for (name, value) in members {
                    let Some(fields) = self.within(&name) else { continue };
                    if !std::mem::take(&mut first) {
                        out.push(',');
                    }
                    out.push_str(&serde_json::to_string(&name)?);
                    out.push(':');
                    fields.write(value.get(), levels - 1, out)?;
                }
                out.push('}');
            }
            Some(b'[') => {
                out.push('[');
                let items: Items<'_> = serde_json::from_str(json)?;
                for (index, item) in items.into_iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    self.write(item.get(), levels - 1, out)?;
                }
                out.push(']');
            }
            _ => out.push_str(json.trim_end()),
        }
        Ok(())
    }
}

/// The members of an object in their order, unread.
struct Members<'a>(Vec<(String, &'a RawValue)>);

/// The entries of a list, unread.
pub(crate) type Items<'a> = Vec<&'a RawValue>;

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Of;
        impl<'de> Visitor<'de> for Of {
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
        deserializer.deserialize_map(Of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_named_is_kept_byte_for_byte() {
        let json = r#" [{"id": 123456789012345678901234567890, "x": 1, "owner": {"login": "a", "id": 1.10}, "tags": [{"n": 1, "m": 2}]}, 5, null] "#;
        for (fields, expected) in [
            (
                &["id", "owner.login"][..],
                r#"[{"id":123456789012345678901234567890,"owner":{"login":"a"}},5,null]"#,
            ),
            (
                &["owner", "tags.n"],
                r#"[{"owner":{"login": "a", "id": 1.10},"tags":[{"n":1}]},5,null]"#,
            ),
            (&["nothing"], "[{},5,null]"),
            (&["owner.id.deeper"], r#"[{"owner":{"id":1.10}},5,null]"#),
        ] {
            assert_eq!(Fields::new(fields.iter().copied()).of(json).unwrap(), expected);
        }
    }
}
