//! The walk through a schema: references written out or made definitions, as deep as an attempt goes.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::null::{nullable, or_null};
use super::{Translated, Wanted, Way};
use crate::fields::Fields;
use crate::openapi::document::Document;
use crate::openapi::naming::hash;

/// How many references are written out within each other at most.
const CHAIN: usize = 64;
/// How much of a reference stands in the name of a definition, in characters.
const SHOWN: usize = 40;

/// How many values of the document one attempt looks at, for each byte that it may write. What is
/// written is less: members are left out, and names of members are looked for in lists.
const STEPS: usize = 8;

/// Why an attempt ends early.
pub(super) enum Stop {
    /// More is written, or looked at, than the bound allows.
    Full,
    /// A reference leads nowhere.
    Lost(String),
}

impl From<String> for Stop {
    fn from(error: String) -> Stop {
        Stop::Lost(error)
    }
}

/// One attempt.
pub(super) struct Translator<'a> {
    pub(super) document: &'a Document,
    pub(super) way: Way,
    levels: usize,
    /// Whether descriptions and examples are kept.
    pub(super) texts: bool,
    /// How much may still be written, plus one. Never more is counted than is written, so that an
    /// attempt with nothing left is too large, and ends.
    left: usize,
    /// How many values may still be looked at.
    steps: usize,
    /// What is said of the schema that comes next, instead of its own words.
    pub(super) instead: Option<&'a str>,
    /// The references that are being written out.
    open: Vec<&'a str>,
    /// Those that lead back into themselves.
    wanted: BTreeSet<&'a str>,
}

impl<'a> Translator<'a> {
    pub(super) fn new(
        document: &'a Document,
        wanted: &Wanted<'a>,
        levels: usize,
        texts: bool,
    ) -> Translator<'a> {
        Translator {
            document,
            way: wanted.way,
            levels,
            texts,
            left: wanted.bound.bytes.saturating_add(1),
            steps: wanted.bound.bytes.saturating_mul(STEPS),
            instead: wanted.description,
            open: Vec::new(),
            wanted: BTreeSet::new(),
        }
    }

    pub(super) fn translated(
        mut self,
        schema: &'a Value,
        fields: Option<&Fields>,
    ) -> Result<Translated, Stop> {
        let schema = self.schema(schema, 0, fields)?;
        let definitions = self.definitions()?;
        Ok(Translated { schema, definitions })
    }

    /// The definitions of what leads back into itself.
    fn definitions(&mut self) -> Result<Map<String, Value>, Stop> {
        let mut done: BTreeMap<&'a str, Value> = BTreeMap::new();
        while let Some(reference) =
            self.wanted.iter().copied().find(|reference| !done.contains_key(reference))
        {
            let target = self.document.find(reference)?;
            self.open = vec![reference];
            let schema = self.schema(target, 1, None)?;
            done.insert(reference, schema);
        }
        Ok(done.into_iter().map(|(reference, schema)| (name(reference), schema)).collect())
    }

    pub(super) fn schema(
        &mut self,
        schema: &'a Value,
        level: usize,
        fields: Option<&Fields>,
    ) -> Result<Value, Stop> {
        self.look(1)?;
        let members = match schema {
            Value::Object(members) => members,
            Value::Bool(_) => {
                self.instead = None;
                return Ok(schema.clone());
            }
            _ => {
                let mut out = Map::new();
                self.described(&Map::new(), &mut out, level);
                return Ok(out.into());
            }
        };
        if let Some(reference) = members.get("$ref").and_then(Value::as_str) {
            return self.referred(reference, members, level, fields);
        }
        self.spend("{}".len());
        if self.left == 0 {
            return Err(Stop::Full);
        }
        if level > self.levels {
            return Ok(self.cut(members));
        }
        let mut out = Map::new();
        self.described(members, &mut out, level);
        self.keywords(members, &mut out, level);
        self.types(members, &mut out);
        self.object(members, &mut out, level, fields)?;
        self.list(members, &mut out, level, fields)?;
        self.combined(members, &mut out, level, fields)?;
        match self.is_nullable(members) {
            true => Ok(nullable(out)),
            false => Ok(Value::Object(out)),
        }
    }

    fn referred(
        &mut self,
        reference: &'a str,
        members: &'a Map<String, Value>,
        level: usize,
        fields: Option<&Fields>,
    ) -> Result<Value, Stop> {
        // What stands beside a reference counts since 3.1; descriptions are meant in 3.0 too.
        let beside = members.get("description").and_then(Value::as_str);
        self.instead = self.instead.or(beside.filter(|text| !text.trim().is_empty()));
        if self.open.contains(&reference) {
            self.instead = None;
            // Results that are cut to fields end where they lead back.
            if fields.is_some() {
                return Ok(json!({}));
            }
            self.wanted.insert(reference);
            self.spend(r##"{"$ref":"#/$defs/"}"##.len());
            return Ok(json!({ "$ref": format!("#/$defs/{}", name(reference)) }));
        }
        let target = self.document.find(reference)?;
        if self.open.len() >= CHAIN {
            self.instead = None;
            return Ok(json!({}));
        }
        self.open.push(reference);
        let written = self.schema(target, level, fields);
        self.open.pop();
        written
    }

    /// What is said of something that is not described further.
    pub(super) fn cut(&mut self, members: &Map<String, Value>) -> Value {
        let mut out = Map::new();
        self.types(members, &mut out);
        self.described(members, &mut out, usize::MAX);
        if self.is_nullable(members) {
            return or_null(Value::Object(out));
        }
        Value::Object(out)
    }

    /// `nullable: true` of 3.0, which goes with `type`.
    pub(super) fn is_nullable(&self, members: &Map<String, Value>) -> bool {
        self.document.is_3_0 && members.get("nullable") == Some(&json!(true))
    }

    /// So many values are looked at.
    pub(super) fn look(&mut self, values: usize) -> Result<(), Stop> {
        self.steps = self.steps.checked_sub(values).ok_or(Stop::Full)?;
        Ok(())
    }

    pub(super) fn spend(&mut self, bytes: usize) {
        self.left = self.left.saturating_sub(bytes);
    }
}

/// The name of a definition: that of a schema as the document has it (OpenAPI 3.1, 4.8.7.1), or for a
/// reference to something else what it looks like with its hash, so that each place has another.
fn name(reference: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let named = reference.strip_prefix("#/components/schemas/");
    match named.filter(|name| !name.is_empty() && name.chars().all(is_plain)) {
        Some(name) => name.to_owned(),
        None => {
            let place = named.unwrap_or(reference.trim_start_matches("#/"));
            let place = place.chars().take(SHOWN).map(|c| if is_plain(c) { c } else { '_' });
            format!("{}_{:016x}", place.collect::<String>(), hash(reference))
        }
    }
}
