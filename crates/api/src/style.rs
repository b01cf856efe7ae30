//! Values as text in paths, queries, headers and cookies (OpenAPI 3.1, 4.8.12: style values).

use serde_json::Value;

use crate::escape::{encode, encode_reserved};
use crate::operation::Style;
use crate::wrong::Wrong;

/// The most bytes of pairs of one request: a name on the way to many values stands before each of them.
pub(crate) const MOST: usize = 8 << 20;

/// How text is encoded.
pub(crate) type Encode = fn(&str) -> String;

/// As it is: for headers, which have an alphabet of their own.
pub(crate) fn plain(text: &str) -> String {
    text.to_owned()
}

/// The encoding of a parameter in a query.
pub(crate) fn of_query(reserved: bool) -> Encode {
    if reserved { encode_reserved } else { encode }
}

/// A scalar as text; anything else as JSON.
pub(crate) fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// The text of a parameter that stands alone, in a path or header.
pub(crate) fn text(
    name: &str,
    value: &Value,
    style: Style,
    explode: bool,
    encode: Encode,
) -> String {
    let name = encode(name);
    let (prefix, between) = match style {
        Style::Label => (".", "."),
        Style::Matrix => (";", ";"),
        _ => ("", ","),
    };
    let joined = |parts: Vec<String>| match style {
        Style::Matrix if !explode => format!(";{name}={}", parts.join(",")),
        _ if !explode => format!("{prefix}{}", parts.join(",")),
        _ => format!("{prefix}{}", parts.join(between)),
    };
    match value {
        _ if style == Style::Json => encode(&value.to_string()),
        Value::Array(items) => {
            let parts = items.iter().map(|item| match style {
                Style::Matrix if explode => format!("{name}={}", encode(&scalar(item))),
                _ => encode(&scalar(item)),
            });
            joined(parts.collect())
        }
        Value::Object(members) => {
            let sign = if explode { "=" } else { "," };
            let parts = members
                .iter()
                .map(|(key, value)| format!("{}{sign}{}", encode(key), encode(&scalar(value))));
            joined(parts.collect())
        }
        _ => match style {
            Style::Matrix if scalar(value).is_empty() => format!(";{name}"),
            Style::Matrix => format!(";{name}={}", encode(&scalar(value))),
            _ => format!("{prefix}{}", encode(&scalar(value))),
        },
    }
}

/// The pairs of a parameter in a query, form or cookie, encoded. `left` is what they may still take, in
/// bytes.
///
/// # Errors
/// They take more.
pub(crate) fn pairs(
    name: &str,
    value: &Value,
    style: Style,
    explode: bool,
    encode: Encode,
    left: &mut usize,
) -> Result<Vec<(String, String)>, Wrong> {
    let mut pairs = Pairs { all: Vec::new(), left };
    pairs.add(name, value, style, explode, encode)?;
    Ok(pairs.all)
}

/// Pairs within a bound.
struct Pairs<'a> {
    all: Vec<(String, String)>,
    left: &'a mut usize,
}

impl Pairs<'_> {
    /// So many bytes more are written, or read to be written.
    fn take(&mut self, bytes: usize) -> Result<(), Wrong> {
        *self.left = self.left.checked_sub(bytes).ok_or_else(|| {
            Wrong("the arguments are too long for a request: give less at once".into())
        })?;
        Ok(())
    }

    fn push(&mut self, name: &str, text: String) -> Result<(), Wrong> {
        self.take(name.len() + text.len())?;
        self.all.push((encode(name), text));
        Ok(())
    }

    fn add(
        &mut self,
        name: &str,
        value: &Value,
        style: Style,
        explode: bool,
        encode: Encode,
    ) -> Result<(), Wrong> {
        let between = match style {
            Style::SpaceDelimited => "%20",
            Style::PipeDelimited => "%7C",
            _ => ",",
        };
        match (value, style) {
            (_, Style::Json) => self.push(name, encode(&value.to_string())),
            (Value::Array(_) | Value::Object(_), Style::DeepObject) => {
                self.deep(name, value, encode)
            }
            (Value::Array(items), _) if explode => {
                items.iter().try_for_each(|item| self.push(name, encode(&scalar(item))))
            }
            // A parameter without a value is not there: nothing stands for an empty list.
            (Value::Array(items), _) if items.is_empty() => Ok(()),
            (Value::Array(items), _) => {
                let items: Vec<_> = items.iter().map(|item| encode(&scalar(item))).collect();
                self.push(name, items.join(between))
            }
            (Value::Object(members), _) if explode => {
                let mut members = members.iter();
                members.try_for_each(|(key, value)| self.push(key, encode(&scalar(value))))
            }
            (Value::Object(members), _) => {
                let flat = members.iter();
                let flat = flat
                    .flat_map(|(key, value)| [self::encode(key), encode(&scalar(value))])
                    .collect::<Vec<_>>();
                self.push(name, flat.join(between))
            }
            _ => self.push(name, encode(&scalar(value))),
        }
    }

    /// `name[key]=value`, as deep as it goes. The specification stops after one level; APIs that nest
    /// deeper go on like this, with numbers for the entries of lists.
    fn deep(&mut self, name: &str, value: &Value, encode: Encode) -> Result<(), Wrong> {
        // Also where nothing is within.
        self.take(name.len())?;
        match value {
            Value::Array(items) => {
                let mut items = items.iter().enumerate();
                items.try_for_each(|(at, item)| self.deep(&format!("{name}[{at}]"), item, encode))
            }
            Value::Object(members) => {
                let mut members = members.iter();
                members.try_for_each(|(key, it)| self.deep(&format!("{name}[{key}]"), it, encode))
            }
            _ => self.push(name, encode(&scalar(value))),
        }
    }
}

/// `a=1&b=2`.
pub(crate) fn joined(pairs: &[(String, String)]) -> String {
    pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The table of OpenAPI 3.1.1, 4.8.12.4: style examples, and RFC 6570 where they differ.
    #[test]
    fn every_style_writes_what_the_specification_shows() {
        let (empty, string) = (json!(""), json!("blue"));
        let array = json!(["blue", "black", "brown"]);
        let object = json!({ "R": 100, "G": 200, "B": 150 });
        for (style, explode, value, expected) in [
            (Style::Matrix, false, &empty, ";color"),
            (Style::Matrix, false, &string, ";color=blue"),
            (Style::Matrix, false, &array, ";color=blue,black,brown"),
            (Style::Matrix, false, &object, ";color=R,100,G,200,B,150"),
            (Style::Matrix, true, &array, ";color=blue;color=black;color=brown"),
            (Style::Matrix, true, &object, ";R=100;G=200;B=150"),
            (Style::Label, false, &empty, "."),
            (Style::Label, false, &string, ".blue"),
            (Style::Label, false, &array, ".blue,black,brown"),
            (Style::Label, false, &object, ".R,100,G,200,B,150"),
            (Style::Label, true, &array, ".blue.black.brown"),
            (Style::Label, true, &object, ".R=100.G=200.B=150"),
            (Style::Simple, false, &string, "blue"),
            (Style::Simple, false, &array, "blue,black,brown"),
            (Style::Simple, false, &object, "R,100,G,200,B,150"),
            (Style::Simple, true, &array, "blue,black,brown"),
            (Style::Simple, true, &object, "R=100,G=200,B=150"),
        ] {
            assert_eq!(text("color", value, style, explode, encode), expected, "{style:?}");
        }
        for (style, explode, value, expected) in [
            (Style::Form, false, &empty, "color="),
            (Style::Form, false, &string, "color=blue"),
            (Style::Form, false, &array, "color=blue,black,brown"),
            (Style::Form, false, &object, "color=R,100,G,200,B,150"),
            (Style::Form, true, &array, "color=blue&color=black&color=brown"),
            (Style::Form, true, &object, "R=100&G=200&B=150"),
            (Style::SpaceDelimited, false, &array, "color=blue%20black%20brown"),
            (Style::PipeDelimited, false, &array, "color=blue%7Cblack%7Cbrown"),
            (
                Style::DeepObject,
                true,
                &object,
                "color%5BR%5D=100&color%5BG%5D=200&color%5BB%5D=150",
            ),
            (Style::Json, false, &array, "color=%5B%22blue%22%2C%22black%22%2C%22brown%22%5D"),
        ] {
            let pairs = pairs("color", value, style, explode, encode, &mut 1000).unwrap();
            let pairs: Vec<_> = pairs.iter().map(|(key, value)| format!("{key}={value}")).collect();
            assert_eq!(pairs.join("&"), expected, "{style:?}");
        }
    }

    #[test]
    fn delimiters_within_values_are_encoded() {
        let list = json!(["a,b", "c&d=e", "f g"]);

        assert_eq!(text("n", &list, Style::Simple, false, encode), "a%2Cb,c%26d%3De,f%20g");
        let pairs = pairs("n", &list, Style::Form, false, encode, &mut 1000).unwrap();
        assert_eq!(pairs, [("n".to_owned(), "a%2Cb,c%26d%3De,f%20g".to_owned())]);
    }

    #[test]
    fn objects_nest_in_brackets() {
        let value = json!({ "a": { "b": [1, { "c": "d e" }] } });

        let pairs = pairs("f", &value, Style::DeepObject, true, encode, &mut 1000).unwrap();

        let expected =
            [("f%5Ba%5D%5Bb%5D%5B0%5D", "1"), ("f%5Ba%5D%5Bb%5D%5B1%5D%5Bc%5D", "d%20e")];
        let expected = expected.map(|(key, value)| (key.to_owned(), value.to_owned()));
        assert_eq!(pairs, expected);
    }
}
