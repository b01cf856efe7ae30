//! Schemas of a document as schemas of tools: JSON Schema 2020-12 that stands alone.
//!
//! References are written out where they are used. One that leads back into itself becomes a
//! definition of its own (`$defs`). What nests deeper than fits into the bound of a tool is left
//! open: described, and not checked here. The bound is exact: what is returned is no larger, to the
//! byte.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::document::Document;
use crate::fields::Fields;

/// The levels that are tried with texts or without, what says most first.
const ATTEMPTS: [(usize, bool); 10] = [
    (24, true),
    (10, true),
    (7, true),
    (5, true),
    (4, true),
    (3, true),
    (2, true),
    (1, true),
    (0, true),
    (0, false),
];
/// How much of a description is kept, in characters; deep down and in results less.
const TEXT: usize = 400;
const TEXT_BELOW: usize = 120;
/// How many references are written out within each other at most.
const CHAIN: usize = 64;

/// Which way values go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// Into the API: what is only read is left out.
    In,
    /// Out of it: what is only written is left out, and nothing is promised that APIs are known
    /// not to keep.
    Out,
}

/// A schema of the document as it stands in a tool, with the definitions that it refers to.
#[derive(Clone, Debug)]
pub(crate) struct Translated {
    pub schema: Value,
    pub definitions: Map<String, Value>,
}

/// What is wanted of a schema.
pub(crate) struct Wanted<'a> {
    pub way: Way,
    /// The members of a result that are kept.
    pub fields: Option<&'a Fields>,
    /// What is said of it elsewhere in the document.
    pub description: Option<&'a str>,
    pub bound: Bound,
}

/// How large a schema may be.
#[derive(Clone, Copy)]
pub(crate) struct Bound {
    /// As it is serialised, with its definitions.
    pub bytes: usize,
    /// Whether one that cannot be brought under it is left open as a whole.
    pub opens: bool,
}

/// The size of a value as it is serialised, in bytes.
pub(crate) fn size(value: &impl Serialize) -> usize {
    // What cannot be serialised fits nowhere.
    serde_json::to_vec(value).map_or(usize::MAX, |text| text.len())
}

impl Translated {
    /// The size of the whole, in bytes.
    fn size(&self) -> usize {
        match self.definitions.is_empty() {
            true => size(&self.schema),
            false => size(&self.schema) + ",\"$defs\":".len() + size(&self.definitions),
        }
    }

    /// As one schema.
    pub fn whole(self) -> Value {
        let mut schema = self.schema;
        if let (Some(members), false) = (schema.as_object_mut(), self.definitions.is_empty()) {
            members.insert("$defs".into(), self.definitions.into());
        }
        schema
    }
}

/// Translates a schema, as deep as its bound allows.
///
/// # Errors
/// A reference leads nowhere, or nothing of use fits into the bound.
pub(crate) fn translate(
    document: &Document,
    schema: &Value,
    wanted: &Wanted<'_>,
) -> Result<Translated, String> {
    let largest = wanted.bound.bytes;
    for (levels, texts) in ATTEMPTS {
        let translator = Translator::new(document, wanted, levels, texts);
        match translator.translated(schema, wanted.fields) {
            Ok(translated) if translated.size() <= largest => return Ok(translated),
            Ok(_) | Err(Stop::Full) => {}
            Err(Stop::Lost(error)) => return Err(error),
        }
    }
    let open = document.resolve(schema)?.as_object().filter(|_| wanted.bound.opens);
    for texts in [true, false] {
        let mut translator = Translator::new(document, wanted, 0, texts);
        let Some(schema) = open.map(|members| translator.cut(members)) else { continue };
        let translated = Translated { schema, definitions: Map::new() };
        if translated.size() <= largest {
            return Ok(translated);
        }
    }
    Err(format!("its schema cannot be brought under {largest} bytes"))
}

/// Why an attempt ends early.
enum Stop {
    /// More is written than the bound allows.
    Full,
    /// A reference leads nowhere.
    Lost(String),
}

impl From<String> for Stop {
    fn from(error: String) -> Stop {
        Stop::Lost(error)
    }
}

struct Translator<'a> {
    document: &'a Document,
    way: Way,
    levels: usize,
    /// Whether descriptions and examples are kept.
    texts: bool,
    /// How much may still be written, plus one. Never more is counted than is written, so that an
    /// attempt with nothing left is too large, and ends.
    left: usize,
    /// What is said of the schema that comes next, instead of its own words.
    instead: Option<&'a str>,
    /// The references that are being written out.
    open: Vec<&'a str>,
    /// Those that lead back into themselves.
    wanted: BTreeSet<&'a str>,
}

impl<'a> Translator<'a> {
    fn new(
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
            instead: wanted.description,
            open: Vec::new(),
            wanted: BTreeSet::new(),
        }
    }

    fn translated(
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

    fn schema(
        &mut self,
        schema: &'a Value,
        level: usize,
        fields: Option<&Fields>,
    ) -> Result<Value, Stop> {
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
    fn cut(&mut self, members: &Map<String, Value>) -> Value {
        let mut out = Map::new();
        self.types(members, &mut out);
        self.described(members, &mut out, usize::MAX);
        if self.is_nullable(members) {
            return or_null(Value::Object(out));
        }
        Value::Object(out)
    }

    /// `nullable: true` of 3.0, which goes with `type`.
    fn is_nullable(&self, members: &Map<String, Value>) -> bool {
        self.document.is_3_0 && members.get("nullable") == Some(&json!(true))
    }

    /// What a schema is said to be, and which pattern its texts have that is not checked here.
    fn described(
        &mut self,
        members: &Map<String, Value>,
        out: &mut Map<String, Value>,
        level: usize,
    ) {
        let own = members.get("description").and_then(Value::as_str);
        let said = self.instead.take().or(own).unwrap_or_default();
        if !self.texts {
            return;
        }
        let most = if level > 2 || self.way == Way::Out { TEXT_BELOW } else { TEXT };
        let mut text = super::prose::short(said, most);
        let pattern = members.get("pattern").and_then(Value::as_str);
        if let Some(pattern) = pattern.filter(|_| self.way == Way::In)
            && let Some(remark) = super::pattern::remark(pattern)
        {
            text = format!("{} {remark}", super::prose::sentence(&text)).trim_start().to_owned();
        }
        if !text.is_empty() {
            self.spend("\"description\":\"\"".len() + text.len());
            out.insert("description".into(), text.into());
        }
    }

    fn spend(&mut self, bytes: usize) {
        self.left = self.left.saturating_sub(bytes);
    }

    fn types(&mut self, members: &Map<String, Value>, out: &mut Map<String, Value>) {
        const KNOWN: [&str; 7] =
            ["array", "boolean", "integer", "null", "number", "object", "string"];
        let is_known = |value: &Value| value.as_str().is_some_and(|name| KNOWN.contains(&name));
        match members.get("type") {
            // A file of Swagger 2.0, which converters leave behind.
            Some(Value::String(name)) if name == "file" => {
                out.insert("type".into(), "string".into());
            }
            Some(name @ Value::String(_)) if is_known(name) => {
                out.insert("type".into(), name.clone());
            }
            Some(Value::Array(names)) => {
                let names: Vec<_> = names.iter().filter(|it| is_known(it)).cloned().collect();
                if !names.is_empty() {
                    out.insert("type".into(), names.into());
                }
            }
            _ if members.contains_key("properties") => {
                out.insert("type".into(), "object".into());
            }
            _ => return,
        }
        self.spend("\"type\":\"null\"".len());
    }

    fn keywords(
        &mut self,
        members: &Map<String, Value>,
        out: &mut Map<String, Value>,
        level: usize,
    ) {
        if self.way == Way::Out {
            // APIs add values and loosen bounds without a new document.
            return;
        }
        const SAME: [&str; 12] = [
            "default",
            "enum",
            "const",
            "format",
            "minLength",
            "maxLength",
            "minItems",
            "maxItems",
            "uniqueItems",
            "minProperties",
            "maxProperties",
            "multipleOf",
        ];
        for word in SAME {
            let Some(value) = members.get(word) else { continue };
            // `default: null` is what generators write for none; it fits few types.
            if fits(word, value) && !(word == "default" && value.is_null()) {
                self.spend("\"\":".len() + word.len() + size(value));
                out.insert(word.into(), value.clone());
            }
        }
        if let Some(Value::String(pattern)) = members.get("pattern")
            && super::pattern::is_usable(pattern)
        {
            self.spend("\"pattern\":\"\"".len() + pattern.len());
            out.insert("pattern".into(), pattern.clone().into());
        }
        self.bound(members, out, "minimum", "exclusiveMinimum");
        self.bound(members, out, "maximum", "exclusiveMaximum");
        if members.get("deprecated") == Some(&json!(true)) {
            out.insert("deprecated".into(), true.into());
        }
        let example = members.get("example").or_else(|| members.get("examples")?.get(0));
        if let Some(example) = example {
            let size = size(example);
            if self.texts && size <= TEXT_BELOW && level < 3 {
                self.spend("\"examples\":[]".len() + size);
                out.insert("examples".into(), json!([example]));
            }
        }
    }

    /// In 3.0 `exclusiveMinimum` says whether `minimum` itself is allowed; in 3.1 it is a bound.
    fn bound(
        &mut self,
        members: &Map<String, Value>,
        out: &mut Map<String, Value>,
        bound: &str,
        exclusive: &str,
    ) {
        let number = |word: &str| members.get(word).filter(|value| value.is_number()).cloned();
        let is_exclusive = members.get(exclusive) == Some(&json!(true));
        if let Some(value) = number(bound) {
            self.spend("\"\":".len() + bound.len() + size(&value));
            out.insert(if is_exclusive { exclusive } else { bound }.into(), value);
        }
        if let Some(value) = number(exclusive) {
            self.spend("\"\":".len() + exclusive.len() + size(&value));
            out.insert(exclusive.into(), value);
        }
    }

    fn object(
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
        let required: Vec<&str> = members
            .get("required")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let mut left_out = Vec::new();
        if let Some(Value::Object(properties)) = members.get("properties") {
            let mut kept = Map::new();
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
                    left_out.push(name.as_str());
                    continue;
                }
                self.spend("\"\":".len() + name.len());
                let mut schema = self.schema(property, level + 1, within)?;
                if self.way == Way::Out && !required.contains(&name.as_str()) {
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
            required.into_iter().filter(|name| !left_out.contains(name)).collect();
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

    fn list(
        &mut self,
        members: &'a Map<String, Value>,
        out: &mut Map<String, Value>,
        level: usize,
        fields: Option<&Fields>,
    ) -> Result<(), Stop> {
        if let Some(Value::Array(prefix)) = members.get("prefixItems") {
            let schemas = prefix
                .iter()
                .map(|item| self.schema(item, level + 1, fields))
                .collect::<Result<Vec<_>, _>>()?;
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

    fn combined(
        &mut self,
        members: &'a Map<String, Value>,
        out: &mut Map<String, Value>,
        level: usize,
        fields: Option<&Fields>,
    ) -> Result<(), Stop> {
        for word in ["allOf", "anyOf", "oneOf"] {
            let Some(Value::Array(schemas)) = members.get(word) else { continue };
            let translated = schemas
                .iter()
                .map(|schema| self.schema(schema, level + 1, fields))
                .collect::<Result<Vec<_>, _>>()?;
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
}

/// Whether a keyword has a value that JSON Schema allows.
fn fits(word: &str, value: &Value) -> bool {
    match word {
        "default" | "const" => true,
        "enum" => value.as_array().is_some_and(|values| !values.is_empty()),
        "format" => value.is_string(),
        "uniqueItems" => value.is_boolean(),
        "multipleOf" => value.as_f64().is_some_and(|number| number > 0.0),
        _ => value.is_u64(),
    }
}

/// The same or null, also where values are listed.
fn nullable(mut out: Map<String, Value>) -> Value {
    if let Some(values) = out.get_mut("enum").and_then(Value::as_array_mut)
        && !values.contains(&Value::Null)
    {
        values.push(Value::Null);
    }
    or_null(Value::Object(out))
}

/// The same or null.
fn or_null(mut schema: Value) -> Value {
    let Some(members) = schema.as_object_mut() else { return schema };
    let says_nothing = members.is_empty();
    match members.get_mut("type") {
        Some(Value::String(name)) if name != "null" => {
            let both = json!([name, "null"]);
            members.insert("type".into(), both);
            // A combination would have to allow it too.
            if members.contains_key("allOf") || members.contains_key("anyOf") {
                return json!({ "anyOf": [schema, { "type": "null" }] });
            }
            schema
        }
        Some(Value::Array(names)) => {
            if !names.iter().any(|name| name == "null") {
                names.push("null".into());
            }
            schema
        }
        None if says_nothing => schema,
        _ => json!({ "anyOf": [schema, { "type": "null" }] }),
    }
}

/// The name of a definition: another for each place in the document.
fn name(reference: &str) -> String {
    let place = reference.trim_start_matches("#/");
    let place = place.strip_prefix("components/schemas/").unwrap_or(place);
    place
        .chars()
        .map(|c| match c {
            '/' => '.',
            c if c.is_ascii_alphanumeric() || "._-".contains(c) => c,
            _ => '_',
        })
        .collect()
}

#[cfg(test)]
mod tests;
