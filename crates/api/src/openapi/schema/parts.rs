//! What a schema is made of: members of objects, entries of lists, combinations.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use super::Way;
use super::null::or_null;
use super::translator::{Stop, Translator};
use crate::fields::Fields;

impl<'a> Translator<'a> {
    pub(super) fn object(
        &mut self,
        members: &'a Map<String, Value>,
        out: &mut Map<String, Value>,
        level: usize,
        fields: Option<&Fields>,
    ) -> Result<(), Stop> {
        let hidden = match self.way {
            Way::In => "readOnly",
            Way::Out => "writeOnly",
        };
        let required = members.get("required").and_then(Value::as_array);
        let required = required.map_or(&[][..], Vec::as_slice);
        self.look(required.len())?;
        let required: Vec<&str> = required.iter().filter_map(Value::as_str).collect();
        let needed: HashSet<&str> = required.iter().copied().collect();
        let mut left_out = HashSet::new();
        if let Some(Value::Object(properties)) = members.get("properties") {
            let mut kept = Map::new();
            self.look(properties.len())?;
            for (name, property) in properties {
                let within = match fields.filter(|fields| !fields.is_all()) {
                    Some(fields) => match fields.within(name) {
                        Some(within) => Some(within),
                        None => continue,
                    },
                    None => None,
                };
                let resolved = self.document.resolve(property).unwrap_or(property);
                if resolved.get(hidden) == Some(&json!(true)) {
                    left_out.insert(name.as_str());
                    continue;
                }
                self.spend("\"\":".len() + name.len());
                let mut schema = self.schema(property, level + 1, within)?;
                if self.way == Way::Out && !needed.contains(name.as_str()) {
                    // What need not be there is often null instead.
                    schema = or_null(schema);
                }
                kept.insert(name.clone(), schema);
            }
            out.insert("properties".into(), kept.into());
        }
        if self.way == Way::Out {
            return Ok(());
        }
        let required: Vec<_> =
            required.into_iter().filter(|name| !left_out.contains(*name)).collect();
        if !required.is_empty() {
            self.spend(required.iter().map(|name| name.len() + 3).sum::<usize>() + 12);
            out.insert("required".into(), json!(required));
        }
        match members.get("additionalProperties") {
            Some(Value::Bool(allowed)) => {
                out.insert("additionalProperties".into(), (*allowed).into());
            }
            Some(schema @ Value::Object(_)) => {
                let schema = self.schema(schema, level + 1, None)?;
                out.insert("additionalProperties".into(), schema);
            }
            _ => {}
        }
        Ok(())
    }

    pub(super) fn list(
        &mut self,
        members: &'a Map<String, Value>,
        out: &mut Map<String, Value>,
        level: usize,
        fields: Option<&Fields>,
    ) -> Result<(), Stop> {
        if let Some(Value::Array(prefix)) = members.get("prefixItems") {
            let schemas = self.each(prefix, level + 1, fields)?;
            out.insert("prefixItems".into(), schemas.into());
        }
        match members.get("items") {
            Some(items @ (Value::Object(_) | Value::Bool(_))) => {
                // Lists of lists and their like do not make a schema deeper to read.
                let schema = self.schema(items, level + 1, fields)?;
                out.insert("items".into(), schema);
            }
            _ if out.get("type") == Some(&json!("array")) => {
                out.insert("items".into(), json!({}));
            }
            _ => {}
        }
        Ok(())
    }

    pub(super) fn combined(
        &mut self,
        members: &'a Map<String, Value>,
        out: &mut Map<String, Value>,
        level: usize,
        fields: Option<&Fields>,
    ) -> Result<(), Stop> {
        for word in ["allOf", "anyOf", "oneOf"] {
            let Some(Value::Array(schemas)) = members.get(word) else { continue };
            let translated = self.each(schemas, level + 1, fields)?;
            if translated.is_empty() {
                continue;
            }
            // Documents say "one of" of alternatives that overlap, which would fit none.
            let word = if word == "oneOf" { "anyOf" } else { word };
            match out.get_mut(word).and_then(Value::as_array_mut) {
                Some(others) => others.extend(translated),
                None => drop(out.insert(word.into(), translated.into())),
            }
        }
        if self.way == Way::In
            && let Some(not) = members.get("not").filter(|not| not.is_object())
        {
            let not = self.schema(not, level + 1, None)?;
            out.insert("not".into(), not);
        }
        Ok(())
    }

    fn each(
        &mut self,
        schemas: &'a [Value],
        level: usize,
        fields: Option<&Fields>,
    ) -> Result<Vec<Value>, Stop> {
        schemas.iter().map(|schema| self.schema(schema, level, fields)).collect()
    }
}
