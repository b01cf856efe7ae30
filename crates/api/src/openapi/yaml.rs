//! YAML text as JSON: the core schema of YAML 1.2, aliases bounded.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle, Tag};
use serde_json::map::Entry;
use serde_json::{Map, Number, Value};

/// How deep a document nests at most; as deep as JSON is read.
const DEEPEST: usize = 128;
/// Bytes in memory that a value takes besides its text, about.
const VALUE: usize = 64;
/// Bytes in memory that a document takes at most, aliases written out: two million values and
/// as much text.
const MOST: usize = 256 << 20;

/// What JSON has no form for.
const STRUCTURED: &str = "a key is a list or map";

/// Reads one document.
///
/// # Errors
/// One sentence with a line.
pub fn read(text: &str) -> Result<Value, String> {
    let mut loader = Loader::default();
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| {
            format!("not YAML, line {}: {}", error.marker().line(), error.info())
        })?;
        let line = span.start.line();
        loader.step(event).map_err(|message| format!("line {line}: {message}"))?;
    }
    loader.root.ok_or_else(|| "the document is empty".to_owned())
}

/// Whether so many values with so many bytes of text may be held in memory.
///
/// # Errors
/// They are too many.
pub(crate) fn is_bearable(values: usize, text: usize) -> Result<(), String> {
    match values.saturating_mul(VALUE).saturating_add(text) > MOST {
        true => Err(format!("{values} values, which take more than {} MiB", MOST >> 20)),
        false => Ok(()),
    }
}

#[derive(Default)]
struct Loader {
    open: Vec<Open>,
    /// Values with a name, and what each takes.
    anchors: HashMap<usize, (Value, usize)>,
    /// Bytes, of all values so far.
    size: usize,
    /// Bytes, of the values with a name, which are held once more.
    held: usize,
    root: Option<Value>,
}

/// A list or map that has begun.
struct Open {
    anchor: usize,
    /// What had come before it, in bytes.
    before: usize,
    filling: Filling,
}

enum Filling {
    List(Vec<Value>),
    Map {
        members: Map<String, Value>,
        key: Option<String>,
        /// What `<<` brings in where nothing else is said.
        merged: Vec<Map<String, Value>>,
    },
}

impl Loader {
    fn step(&mut self, event: Event<'_>) -> Result<(), String> {
        match event {
            Event::DocumentStart(_) if self.root.is_some() => {
                Err("a second document begins here".to_owned())
            }
            Event::Scalar(text, style, anchor, tag) => {
                let before = self.size;
                self.spend(text.len())?;
                if let Some(Open { filling: Filling::Map { key: key @ None, .. }, .. }) =
                    self.open.last_mut()
                {
                    *key = Some(text.into_owned());
                    return Ok(());
                }
                self.value(scalar(&text, style, tag.as_deref()), anchor, before)
            }
            Event::SequenceStart(anchor, _) => self.begin(Filling::List(Vec::new()), anchor),
            Event::MappingStart(anchor, _) => {
                let members = Map::new();
                self.begin(Filling::Map { members, key: None, merged: Vec::new() }, anchor)
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(Open { anchor, before, filling }) = self.open.pop() else {
                    return Ok(());
                };
                let value = match filling {
                    Filling::List(items) => Value::Array(items),
                    Filling::Map { mut members, merged, .. } => {
                        for (key, value) in merged.into_iter().flatten() {
                            members.entry(key).or_insert(value);
                        }
                        Value::Object(members)
                    }
                };
                self.value(value, anchor, before)
            }
            Event::Alias(anchor) => {
                let size = self.anchors.get(&anchor).ok_or("an alias within itself")?.1;
                self.spend(size)?;
                let value = self.anchors.get(&anchor).map(|(value, _)| value.clone());
                let value = value.unwrap_or_default();
                if let Some(Open { filling: Filling::Map { key: key @ None, .. }, .. }) =
                    self.open.last_mut()
                {
                    *key = Some(match value {
                        Value::String(text) => text,
                        Value::Array(_) | Value::Object(_) => return Err(STRUCTURED.to_owned()),
                        scalar => scalar.to_string(),
                    });
                    return Ok(());
                }
                self.value(value, 0, self.size)
            }
            _ => Ok(()),
        }
    }

    fn begin(&mut self, filling: Filling, anchor: usize) -> Result<(), String> {
        if let Some(Open { filling: Filling::Map { key: None, .. }, .. }) = self.open.last() {
            return Err(STRUCTURED.to_owned());
        }
        if self.open.len() >= DEEPEST {
            return Err(format!("nested deeper than {DEEPEST} levels"));
        }
        self.open.push(Open { anchor, before: self.size, filling });
        Ok(())
    }

    /// Takes so many bytes more, before they are there.
    fn spend(&mut self, bytes: usize) -> Result<(), String> {
        self.size = self.size.saturating_add(bytes);
        match self.size.saturating_add(self.held) > MOST {
            true => Err(format!("more than {} MiB, its aliases written out", MOST >> 20)),
            false => Ok(()),
        }
    }

    fn value(&mut self, value: Value, anchor: usize, before: usize) -> Result<(), String> {
        self.spend(VALUE)?;
        if anchor > 0 {
            let size = self.size - before;
            self.held = self.held.saturating_add(size);
            self.spend(0)?;
            self.anchors.insert(anchor, (value.clone(), size));
        }
        match self.open.last_mut().map(|open| &mut open.filling) {
            None => self.root = Some(value),
            Some(Filling::List(items)) => items.push(value),
            Some(Filling::Map { members, key, merged }) => {
                let key = key.take().unwrap_or_default();
                // `<<` is YAML 1.1; documents with it are about.
                match (key.as_str(), value) {
                    ("<<", Value::Object(more)) => merged.push(more),
                    (_, value) => match members.entry(key) {
                        Entry::Vacant(place) => drop(place.insert(value)),
                        Entry::Occupied(place) => {
                            let key: String = place.key().chars().take(40).collect();
                            return Err(format!("the key {key:?} is there twice"));
                        }
                    },
                }
            }
        }
        Ok(())
    }
}

/// YAML 1.2, 10.3.2: the core schema.
fn scalar(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Value {
    let is_text = style != ScalarStyle::Plain
        || tag.is_some_and(|tag| tag.is_yaml_core_schema() && tag.suffix == "str");
    if is_text {
        return text.into();
    }
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => return true.into(),
        "false" | "False" | "FALSE" => return false.into(),
        _ => {}
    }
    number(text).map_or_else(|| text.into(), Value::Number)
}

fn number(text: &str) -> Option<Number> {
    let first = *text.strip_prefix(['-', '+']).unwrap_or(text).as_bytes().first()?;
    if !first.is_ascii_digit() && first != b'.' {
        return None;
    }
    let plain = text.strip_prefix('+').unwrap_or(text);
    if let Some(hex) = plain.strip_prefix("0x") {
        return u64::from_str_radix(hex, 16).ok().map(Number::from);
    }
    if let Some(octal) = plain.strip_prefix("0o") {
        return u64::from_str_radix(octal, 8).ok().map(Number::from);
    }
    if let Ok(whole) = plain.parse::<i64>() {
        return Some(whole.into());
    }
    if let Ok(whole) = plain.parse::<u64>() {
        return Some(whole.into());
    }
    let is_float = plain.bytes().all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b));
    is_float.then(|| plain.parse::<f64>().ok().and_then(Number::from_f64))?
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn documents_are_what_yaml_1_2_says() {
        let text = "a: &x {b: [1, -2.5, 0x10, 1.0.0, '3', yes, true, ~, 2020-01-01]}\n'200': *x\nc: {<<: *x, d: \"t\"}\n";
        let list = json!([1, -2.5, 16, "1.0.0", "3", "yes", true, null, "2020-01-01"]);

        let expected =
            json!({ "a": { "b": list }, "200": { "b": list }, "c": { "b": list, "d": "t" } });
        assert_eq!(read(text).unwrap(), expected);
    }

    #[test]
    fn an_alias_may_be_a_key_and_no_key_comes_twice() {
        let text = "a: &x k\nb: &y 7\n*x : 2\n*y : 3\nc: {<<: {d: 1, e: 2}, d: 3}\n";
        let expected = json!({ "a": "k", "b": 7, "k": 2, "7": 3, "c": { "d": 3, "e": 2 } });

        assert_eq!(read(text).unwrap(), expected);
        assert_eq!(
            read("a: 1\nb: {c: 1, c: 2}").unwrap_err(),
            "line 2: the key \"c\" is there twice"
        );
        assert!(read("a: &x [1]\n*x : 2\n").unwrap_err().contains("a key is a list or map"));
    }

    #[test]
    fn what_would_cost_too_much_is_refused() {
        let bomb = (1..12).fold("a0: &a0 [x]\n".to_owned(), |text, n| {
            let uses = vec![format!("*a{}", n - 1); 10].join(", ");
            format!("{text}a{n}: &a{n} [{uses}]\n")
        });
        let stairs = (0..200).fold(String::new(), |text, n| text + &" ".repeat(n) + "a:\n");
        let long = format!("a: &a {}\nb: [{}]", "x".repeat(1 << 20), ["*a"; 300].join(", "));
        let nested = (0..100).fold(String::new(), |text, n| format!("{text}[&a{n} "))
            + &"x".repeat(3 << 20)
            + &"]".repeat(100);
        for (text, expected) in [
            (bomb.as_str(), "more than"),
            (&long, "more than"),
            (&nested, "more than"),
            (&stairs, "nested deeper"),
            (&"[".repeat(1000), "recursion limit"),
            ("a: &a [*a]", "an alias within itself"),
            ("", "empty"),
            ("a: 'x", "not YAML"),
        ] {
            let told = read(text).unwrap_err();
            assert!(told.contains(expected), "{expected}: {told}");
        }
    }
}
