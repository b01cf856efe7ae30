//! JSON (RFC 8259).

use std::cell::Cell;
use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use crate::done::{Done, Wrong};

pub(super) fn read(text: &str) -> Result<Done<Value>, Wrong> {
    let value = serde_json::from_str(text).map_err(|error| {
        let why = error.to_string();
        let why = why.split(" at line ").next().unwrap_or_default();
        Wrong(format!("line {}, column {}: {why}", error.line(), error.column()))
    })?;
    let done = Done::whole(value);
    Ok(if repeats(text) {
        done.losing("of members with the same name the last is kept")
    } else {
        done
    })
}

/// Whether an object has two members of one name, of which only one can be kept (RFC 8259, section 4).
fn repeats(text: &str) -> bool {
    let repeats = Cell::new(false);
    let mut reader = serde_json::Deserializer::from_str(text);
    // That it can be read is known.
    let _ = Names(&repeats).deserialize(&mut reader);
    repeats.get()
}

/// Looks at the names of members alone.
#[derive(Clone, Copy)]
struct Names<'a>(&'a Cell<bool>);

impl<'de> DeserializeSeed<'de> for Names<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Names<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let mut names = HashSet::new();
        while let Some(name) = members.next_key::<String>()? {
            if !names.insert(name) {
                self.0.set(true);
            }
            members.next_value_seed(self)?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while items.next_element_seed(self)?.is_some() {}
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn of_two_members_with_one_name_the_loss_is_told() {
        let text = r#"{"a": [null, true, -1, 2, 1.5, "x", {"b": 1, "\u0062": 2}]}"#;

        let done = read(text).unwrap();

        assert_eq!(done.output, json!({ "a": [null, true, -1, 2, 1.5, "x", { "b": 2 }] }));
        assert_eq!(done.losses, ["of members with the same name the last is kept"]);
        assert!(read(r#"[{"a": 1}, {"a": 2}]"#).unwrap().losses.is_empty());
    }
}
