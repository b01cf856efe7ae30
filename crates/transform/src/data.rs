//! Data in its formats: each is read into a value and written from one.

mod csv;
mod json;
mod toml;
mod xml;
mod yaml;

use serde::Deserialize;
use serde_json::Value;

use crate::done::{DEEPEST, Done, Losses, Wrong, nests};
use crate::markdown;

/// A format of data.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Format {
    Csv,
    #[default]
    Json,
    Toml,
    Xml,
    Yaml,
    /// Written only: a table.
    Markdown,
}

/// How CSV is read and written (RFC 4180).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Sheet {
    /// Between fields.
    pub(crate) delimiter: char,
    /// Whether the first line names the columns.
    pub(crate) header: bool,
    /// Whether numbers, true, false and empty fields are read as such.
    pub(crate) types: bool,
}

impl Default for Sheet {
    fn default() -> Sheet {
        Sheet { delimiter: ',', header: true, types: false }
    }
}

impl Format {
    /// Reads a text.
    pub(crate) fn read(self, text: &str, sheet: Sheet) -> Result<Done<Value>, Wrong> {
        let done = match self {
            Format::Csv => csv::read(text, sheet),
            Format::Json => json::read(text),
            Format::Toml => toml::read(text),
            Format::Xml => xml::read(text),
            Format::Yaml => yaml::read(text),
            Format::Markdown => Err(Wrong::new(
                "data is not read from Markdown; convert_text converts Markdown to HTML or text",
            )),
        }?;
        if !nests(&done.output, DEEPEST) {
            return Err(too_deep());
        }
        Ok(if self.has_numbers() && has_long_number(text) { done.losing(DIGITS) } else { done })
    }

    /// Whether what looks like a number is read as one.
    fn has_numbers(self) -> bool {
        matches!(self, Format::Json | Format::Toml | Format::Yaml)
    }

    /// Writes a value.
    pub(crate) fn write(self, value: &Value, sheet: Sheet) -> Result<Done<String>, Wrong> {
        match self {
            Format::Csv => csv::write(value, sheet),
            Format::Json => {
                let text = serde_json::to_string_pretty(value);
                text.map(Done::whole).map_err(|error| Wrong::new(error.to_string()))
            }
            Format::Toml => toml::write(value),
            Format::Xml => xml::write(value),
            Format::Yaml => Ok(Done::whole(yaml::write(value))),
            Format::Markdown => {
                let rows = csv::rows(value)?;
                let mut losses = Losses::default();
                rows.losses.iter().for_each(|loss| losses.add(loss));
                Ok(losses.with(markdown::table(&rows.output)))
            }
        }
    }
}

/// What is lost where numbers have more digits than 64 bits hold.
const DIGITS: &str = "numbers beyond 64 bits, if there are any, lose their last digits";

/// Whether there are digits that may be a number of more than are kept: 64 bits hold whole numbers
/// of 18 and fractions of 15 digits.
fn has_long_number(text: &str) -> bool {
    let numbers = text.as_bytes().split(|byte| !byte.is_ascii_digit() && *byte != b'.');
    let is_long = |number: &[u8]| {
        let points = number.iter().filter(|byte| **byte == b'.').count();
        number.len() - points > if points > 0 { 15 } else { 18 }
    };
    numbers.into_iter().any(is_long)
}

fn too_deep() -> Wrong {
    Wrong(format!("it nests deeper than {DEEPEST} levels"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn leaf() -> impl Strategy<Value = Value> {
        prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            // What is longer may be read as its neighbour (serde_json, `float_roundtrip`).
            any::<i32>().prop_map(|number| (f64::from(number) / 1000.0).into()),
            "\\PC{0,12}".prop_map(Value::from),
            "[ \\n\\t:#'\"a~-]{0,6}".prop_map(Value::from),
        ]
    }

    fn value(leaf: impl Strategy<Value = Value> + 'static) -> impl Strategy<Value = Value> {
        leaf.prop_recursive(5, 48, 5, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                proptest::collection::btree_map("\\PC{0,8}", inner, 0..5)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    #[test]
    fn digits_that_are_lost_are_told() {
        for (format, text) in [
            (Format::Json, r#"{"a": 12345678901234567890123}"#),
            (Format::Yaml, "a: 12345678901234567890123"),
            (Format::Yaml, "a: 0.1234567890123456789012345"),
            (Format::Json, "[1234567890.1234567890]"),
        ] {
            let done = format.read(text, Sheet::default()).unwrap();
            assert!(done.losses.contains(&DIGITS.to_owned()), "{text}: {:?}", done.losses);
        }
        let done = Format::Json.read(r#"{"a": 123456789012345678}"#, Sheet::default()).unwrap();
        assert_eq!(done.losses, [""; 0]);
    }

    fn same(format: Format, value: &Value) -> Result<(), TestCaseError> {
        let written = format.write(value, Sheet::default()).unwrap();
        let read = format.read(&written.output, Sheet::default());
        let read =
            read.map_err(|Wrong(why)| TestCaseError::fail(format!("{why}\n{}", written.output)))?;
        prop_assert_eq!(&read.output, value, "{}", written.output);
        Ok(())
    }

    proptest! {
        #[test]
        fn what_is_written_as_json_or_yaml_is_read_as_it_was(value in value(leaf())) {
            same(Format::Json, &value)?;
            same(Format::Yaml, &value)?;
        }

        #[test]
        fn what_toml_can_say_is_read_as_it_was(
            members in proptest::collection::btree_map(
                "\\PC{0,8}", value(leaf().prop_filter("TOML has no null", |it| !it.is_null())), 0..5
            )
        ) {
            same(Format::Toml, &Value::Object(members.into_iter().collect()))?;
        }

        #[test]
        fn a_sheet_of_texts_is_read_as_it_was(
            cells in proptest::collection::vec(("\\PC{0,8}", "[,;\"\\n\\r a]{0,6}"), 1..8)
        ) {
            let rows = cells.iter().map(|(a, b)| json!({ "a": a, "b, c": b })).collect::<Vec<_>>();
            same(Format::Csv, &rows.into())?;
        }

        #[test]
        fn texts_and_names_survive_xml(
            texts in proptest::collection::btree_map("[a-z][a-z0-9._-]{0,6}", "[ -~]{1,12}", 1..5)
        ) {
            let texts = texts.into_iter().map(|(name, text)| (name, text.trim().to_owned()));
            let inner: serde_json::Map<_, _> =
                texts.map(|(name, text)| (name, if text.is_empty() { json!("x") } else { text.into() })).collect();
            same(Format::Xml, &json!({ "root": inner }))?;
        }

        #[test]
        fn nothing_that_is_read_panics(text in "[\\PC\\n]{0,60}") {
            for format in [Format::Csv, Format::Json, Format::Toml, Format::Xml, Format::Yaml] {
                let _ = format.read(&text, Sheet::default());
            }
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        for (format, text, expected) in [
            (Format::Json, "{\n \"a\": }", "line 2, column 7"),
            (Format::Toml, "a = 1\nb = = 2", "line 2, column 5"),
            (Format::Xml, "<a>\n<b></a>", "line 2"),
            (Format::Yaml, "a: [1\nb: 2", "line 2"),
            (Format::Csv, "a,b\n1,2,3\n", "line 2: 3 fields"),
            (
                Format::Csv,
                "a\nb\n\"c\nd\n",
                "line 3: the quote that begins a field is never closed",
            ),
            (
                Format::Csv,
                "a,b\n1,\"2\n3,4\n",
                "line 2: the quote that begins a field is never closed",
            ),
            (Format::Csv, "\"a", "line 1: the quote that begins a field is never closed"),
        ] {
            let Wrong(why) = format.read(text, Sheet::default()).unwrap_err();
            assert!(why.contains(expected), "{format:?}: {why}");
        }
    }

    #[test]
    fn entities_are_not_expanded_and_nothing_is_fetched() {
        let bomb = "<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><a>&b;</a>";

        let Wrong(why) = Format::Xml.read(bomb, Sheet::default()).unwrap_err();

        assert!(why.contains("DOCTYPE"), "{why}");
        assert!(Format::Xml.read("<a>&b;</a>", Sheet::default()).is_err());
    }

    #[test]
    fn what_does_not_fit_is_said() {
        let nested = json!([{ "a": [1, 2], "b": null }]);
        let csv = Format::Csv.write(&nested, Sheet::default()).unwrap();
        assert_eq!(csv.output, "a,b\n\"[1,2]\",\n");
        assert_eq!(csv.losses.len(), 2, "{:?}", csv.losses);
        let toml = Format::Toml.write(&json!({ "a": null, "b": 1 }), Sheet::default()).unwrap();
        assert_eq!((toml.output.trim(), toml.losses.len()), ("b = 1", 1));
        let table = Format::Markdown.write(&json!([{ "a": "x|y" }]), Sheet::default()).unwrap();
        assert_eq!(table.output, "| a |\n| --- |\n| x\\|y |\n");
    }
}
