//! Which arguments of a tool are mirrored: the `x-mcp-header` annotations of its input schema.

use std::borrow::Cow;
use std::collections::HashSet;

use crate::headers::{PARAM_PREFIX, encode};
use crate::json::{Object, Value};

const ANNOTATION: &str = "x-mcp-header";

/// The largest integer that every JSON parser keeps exact, and its negative: 2^53 - 1.
const SAFE: i64 = (1 << 53) - 1;

/// One argument that travels as a header, too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mirror {
    /// The whole name of the header: `Mcp-Param-Region`.
    pub header: Box<str>,
    /// The keys that lead from the arguments to the value.
    pub path: Vec<Box<str>>,
    integer: bool,
}

/// Why a tool has to be left out by clients that speak HTTP.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("x-mcp-header {problem} at {place}")]
pub struct InvalidAnnotation {
    problem: &'static str,
    /// Keys from the root of the schema.
    place: String,
}

/// An argument that no header can carry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the argument mirrored as {header} {problem}")]
pub struct Unmirrorable {
    header: Box<str>,
    problem: &'static str,
}

/// The mirrored arguments of a tool, from its `inputSchema`.
///
/// # Errors
/// When any annotation breaks the rules. Clients that speak HTTP must then leave the tool out, and
/// only that tool.
pub fn mirrors(schema: &Object<'_>) -> Result<Vec<Mirror>, InvalidAnnotation> {
    let mut walk = Walk::default();
    // Nearly every schema has none. Other than as itself the word can only be written with `\u`.
    let mentions = |word| memchr::memmem::find(schema.value().bytes(), word).is_some();
    if mentions(ANNOTATION.as_bytes()) || mentions(br"\u") {
        walk.schema(schema, Chain::Root)?;
    }
    Ok(walk.found)
}

/// How a schema is reached from the root.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Chain {
    Root,
    /// Through `properties` alone.
    Properties,
    /// Through anything else: it may not apply, or apply to many values.
    Broken,
}

#[derive(Default)]
struct Walk {
    found: Vec<Mirror>,
    /// The names found, in lower case: headers do not tell cases apart.
    names: HashSet<String>,
    /// All keys from the root.
    place: Vec<Box<str>>,
    /// The names of the properties alone.
    path: Vec<Box<str>>,
}

impl Walk {
    fn schema(&mut self, schema: &Object<'_>, chain: Chain) -> Result<(), InvalidAnnotation> {
        for (key, value) in schema.iter() {
            self.place.push(key.clone().into());
            match &*key {
                ANNOTATION => self.annotation(schema, &value, chain)?,
                "properties" => self.named(&value, chain)?,
                "$defs" | "definitions" | "dependentSchemas" | "patternProperties" => {
                    self.named(&value, Chain::Broken)?;
                }
                // Values, not schemas.
                "default" | "const" | "enum" | "examples" => {}
                _ => self.other(&value)?,
            }
            self.place.pop();
        }
        Ok(())
    }

    /// Schemas by name: a name is no keyword, even if it looks like one.
    fn named(&mut self, schemas: &Value<'_>, chain: Chain) -> Result<(), InvalidAnnotation> {
        let Some(schemas) = schemas.object() else { return Ok(()) };
        let chain = if chain == Chain::Broken { chain } else { Chain::Properties };
        for (name, value) in schemas.iter() {
            let Some(schema) = value.object() else { continue };
            self.place.push(name.clone().into());
            self.path.push(name.into());
            self.schema(&schema, chain)?;
            self.path.pop();
            self.place.pop();
        }
        Ok(())
    }

    /// A keyword that may hold schemas, known to us or not.
    fn other(&mut self, value: &Value<'_>) -> Result<(), InvalidAnnotation> {
        if let Some(schema) = value.object() {
            return self.schema(&schema, Chain::Broken);
        }
        for item in value.items().into_iter().flatten() {
            self.other(&item)?;
        }
        Ok(())
    }

    fn annotation(
        &mut self,
        schema: &Object<'_>,
        value: &Value<'_>,
        chain: Chain,
    ) -> Result<(), InvalidAnnotation> {
        match chain {
            Chain::Root => return self.invalid("is not on a property"),
            Chain::Broken => return self.invalid("is not reached through properties alone"),
            Chain::Properties => {}
        }
        let Some(name) = value.string() else {
            return self.invalid("is not a string");
        };
        if name.is_empty() || !name.bytes().all(is_tchar) {
            return self.invalid("is not a header name");
        }
        if is_credential(&name) {
            return self.invalid("names a header for credentials");
        }
        let header: Box<str> = format!("{PARAM_PREFIX}{name}").into();
        if !self.names.insert(name.to_ascii_lowercase()) {
            return self.invalid("repeats a header name");
        }
        let kind = schema.get("type");
        let integer = match kind.as_ref().and_then(Value::string).as_deref() {
            Some("integer") => true,
            Some("string" | "boolean") => false,
            _ => return self.invalid("is not on an integer, a string or a boolean"),
        };
        self.found.push(Mirror { header, path: self.path.clone(), integer });
        Ok(())
    }

    fn invalid(&self, problem: &'static str) -> Result<(), InvalidAnnotation> {
        Err(InvalidAnnotation { problem, place: self.place.join(".") })
    }
}

/// RFC 9110, section 5.6.2.
fn is_tchar(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Stricter than the specification: an argument that wants to look like a credential is either a
/// secret, which does not belong into a header that proxies log, or bait.
fn is_credential(name: &str) -> bool {
    ["authorization", "proxy-authorization", "cookie", "set-cookie"]
        .iter()
        .any(|credential| name.eq_ignore_ascii_case(credential))
}

impl Mirror {
    /// The encoded header value for these arguments; none when the argument is absent or `null`,
    /// or is an object or an array, which the schema of the tool will refuse.
    ///
    /// # Errors
    /// When the argument is an integer beyond 2^53 - 1, or a string that is no text.
    pub fn value(&self, arguments: Option<&Object<'_>>) -> Result<Option<String>, Unmirrorable> {
        Ok(self.text(arguments)?.map(|text| encode(&text).into_owned()))
    }

    /// The text that the header stands for.
    pub(super) fn text<'a>(
        &self,
        arguments: Option<&Object<'a>>,
    ) -> Result<Option<Cow<'a, str>>, Unmirrorable> {
        let Some(value) = arguments.and_then(|arguments| self.find(arguments)) else {
            return Ok(None);
        };
        match value.bytes().first() {
            Some(b'"') => match value.string() {
                Some(text) => Ok(Some(text)),
                None => self.unmirrorable("is not text"),
            },
            Some(b't' | b'f') => Ok(Some(Cow::Borrowed(value.raw()))),
            Some(b'-' | b'0'..=b'9') => match integer(value.raw()) {
                Some(integer) if integer.unsigned_abs() <= SAFE as u64 => {
                    Ok(Some(integer.to_string().into()))
                }
                None if !self.integer => Ok(Some(Cow::Borrowed(value.raw()))),
                _ => self.unmirrorable("is not an integer within 2^53 - 1"),
            },
            _ => Ok(None),
        }
    }

    /// Whether a decoded header says the same as the text of the argument.
    pub(super) fn agrees(&self, received: &str, text: &str) -> bool {
        received == text
            || self.integer && integer(received).is_some_and(|it| Some(it) == integer(text))
    }

    fn find<'a>(&self, arguments: &Object<'a>) -> Option<Value<'a>> {
        let (first, rest) = self.path.split_first()?;
        let start = arguments.get(first)?;
        rest.iter().try_fold(start, |value, key| value.object()?.get(key))
    }

    fn unmirrorable<T>(&self, problem: &'static str) -> Result<T, Unmirrorable> {
        Err(Unmirrorable { header: self.header.clone(), problem })
    }
}

/// An integer however it is written: `42`, `42.0` and `4.2e1` are the same number, to the
/// precision that the range of safe integers promises.
fn integer(text: &str) -> Option<i64> {
    if !text.starts_with(|first: char| first == '-' || first.is_ascii_digit()) {
        return None;
    }
    if let Ok(integer) = text.parse() {
        return Some(integer);
    }
    let number: f64 = text.parse().ok()?;
    let exact = number.fract() == 0.0 && number.abs() <= SAFE as f64;
    exact.then_some(number as i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::{Document, Limits, Mode};

    fn document(text: &str) -> Document {
        Document::parse(text.to_owned().into(), &Limits::default(), Mode::Trusted).unwrap()
    }

    fn of(schema: &str) -> Result<Vec<Mirror>, String> {
        let document = document(schema);
        let schema = document.root().object().unwrap();
        mirrors(&schema).map_err(|invalid| invalid.to_string())
    }

    fn properties(properties: &str) -> Result<Vec<Mirror>, String> {
        of(&format!(r#"{{"type":"object","properties":{{{properties}}}}}"#))
    }

    #[test]
    fn annotations_are_found_along_properties() {
        let found = properties(
            r#""region":{"type":"string","x-mcp-header":"Region"},
               "q":{"type":"object","properties":{"n":{"type":"integer","x-mcp-h\u0065ader":"N"}}},
               "x-mcp-header":{"type":"number"}"#,
        )
        .unwrap();

        let found: Vec<_> = found.iter().map(|it| (&*it.header, it.path.join("/"))).collect();
        assert_eq!(
            found,
            [("Mcp-Param-Region", "region".to_owned()), ("Mcp-Param-N", "q/n".to_owned())]
        );
    }

    #[test]
    fn a_tool_without_annotations_mirrors_nothing() {
        let data =
            r#""a":{"type":"string","default":{"x-mcp-header":"A"},"enum":[{"x-mcp-header":1}]}"#;

        assert_eq!(properties(data), Ok(vec![]));
        assert_eq!(properties(r#""a":{"type":"string","pattern":"\u0041"}"#), Ok(vec![]));
        assert_eq!(of(r#"{"properties":7}"#), Ok(vec![]));
    }

    #[test]
    fn an_annotation_that_breaks_a_rule_spoils_the_tool() {
        let on = |kind: &str, name: &str| {
            properties(&format!(r#""a":{{"type":{kind},"x-mcp-header":{name}}}"#)).unwrap_err()
        };
        for name in [
            r#""""#,
            r#""My Region""#,
            r#""Region:Primary""#,
            r#""Région""#,
            r#""Region\t1""#,
            r#""A\r\nB""#,
        ] {
            let problem = on(r#""string""#, name);
            assert_eq!(problem, "x-mcp-header is not a header name at properties.a.x-mcp-header");
        }
        for name in ["1", "null", r#"{"a":1}"#, r#""\ud800""#] {
            assert!(on(r#""string""#, name).starts_with("x-mcp-header is not a string"), "{name}");
        }
        for kind in
            [r#""number""#, r#""array""#, r#""object""#, r#""null""#, r#"["string","null"]"#]
        {
            let problem = on(kind, r#""A""#);
            assert!(problem.contains("not on an integer, a string or a boolean"), "{kind}");
        }
        for name in ["Authorization", "cookie"] {
            let problem = on(r#""string""#, &format!("\"{name}\""));
            assert!(problem.contains("credentials"), "{name}");
        }
        let twice = r#""a":{"type":"string","x-mcp-header":"Region"},
            "b":{"type":"string","x-mcp-header":"REGION"}"#;
        assert_eq!(
            properties(twice).unwrap_err(),
            "x-mcp-header repeats a header name at properties.b.x-mcp-header"
        );
    }

    #[test]
    fn an_annotation_in_the_wrong_place_spoils_the_tool() {
        let schema = r#"{"type":"string","x-mcp-header":"A"}"#;
        for place in [
            r#""x-mcp-header":"A","type":"string""#.to_owned(),
            format!(r#""anyOf":[{schema}]"#),
            format!(r#""not":{{"properties":{{"a":{schema}}}}}"#),
            format!(r#""properties":{{"a":{{"items":{schema}}}}}"#),
            format!(r#""properties":{{"a":{{"prefixItems":[{schema}]}}}}"#),
            format!(r#""$defs":{{"default":{schema}}}"#),
            format!(r#""patternProperties":{{"a":{schema}}}"#),
            format!(r#""unknown":[[{schema}]]"#),
            r#""if":{"\u0078-mcp-header":"A"}"#.to_owned(),
        ] {
            let problem = of(&format!("{{{place}}}")).unwrap_err();
            assert!(
                problem.contains("is not on a property") || problem.contains("is not reached"),
                "{place}: {problem}"
            );
        }
    }

    #[test]
    fn arguments_become_header_values() {
        let mirrors = properties(
            r#""s":{"type":"string","x-mcp-header":"S"},"i":{"type":"integer","x-mcp-header":"I"},
               "b":{"type":"boolean","x-mcp-header":"B"},
               "o":{"type":"object","properties":{"s":{"type":"string","x-mcp-header":"O"}}}"#,
        )
        .unwrap();
        let values = |arguments: &str| -> Vec<Option<String>> {
            let document = document(arguments);
            let object = document.root().object().unwrap();
            mirrors.iter().map(|mirror| mirror.value(Some(&object)).unwrap()).collect()
        };
        let some = |text: &str| Some(text.to_owned());

        assert_eq!(
            values(r#"{"s":"a\u0062","i":-7,"b":false,"o":{"s":" "}}"#),
            [some("ab"), some("-7"), some("false"), some("=?base64?IA==?=")]
        );
        assert_eq!(
            values(r#"{"s":"","i":42.0,"b":null,"o":7}"#),
            [some(""), some("42"), None, None]
        );
        assert_eq!(
            values(r#"{"i":9007199254740991,"s":[1]}"#)[..2],
            [None, some("9007199254740991")]
        );
        assert_eq!(values("{}"), [None, None, None, None]);
        assert_eq!(mirrors[0].value(None), Ok(None));
    }

    #[test]
    fn an_argument_that_no_header_can_carry_is_an_error() {
        let mirrors = properties(r#""a":{"type":"integer","x-mcp-header":"A"}"#).unwrap();
        for value in [
            "9007199254740992",
            "-9007199254740992",
            "-9223372036854775808",
            "1e300",
            "1e999",
            "0.5",
            r#""\ud800""#,
        ] {
            let document = document(&format!(r#"{{"a":{value}}}"#));
            let arguments = document.root().object().unwrap();
            assert!(mirrors[0].value(Some(&arguments)).is_err(), "{value}");
        }
    }
}
