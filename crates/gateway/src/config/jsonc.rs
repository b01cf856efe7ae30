//! JSON with comments and trailing commas to nodes: what editors keep their MCP servers in.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use jsonc_parser::ast;
use jsonc_parser::common::Ranged as _;
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};

use super::node::{DEEPEST, Member, Node, Value};
use super::problem::{Place, Report};

/// Whether a file is JSON: it begins, after comments, with a brace.
pub(super) fn recognises(text: &str) -> bool {
    let mut rest = text.trim_start_matches('\u{feff}').trim_start();
    loop {
        let tail = match rest.as_bytes() {
            [b'/', b'/', ..] => rest.split_once('\n'),
            [b'/', b'*', ..] => rest.split_once("*/"),
            [first, ..] => return *first == b'{',
            [] => return false,
        };
        match tail {
            Some((_, tail)) => rest = tail.trim_start(),
            None => return false,
        }
    }
}

/// Reads the file. `None` if it cannot be read at all, which is then reported.
pub(super) fn read(text: &str, file: &Arc<Path>, report: &mut Report) -> Option<Node> {
    let options = ParseOptions {
        allow_comments: true,
        allow_trailing_commas: true,
        allow_loose_object_property_names: false,
        allow_missing_commas: false,
        allow_single_quoted_strings: false,
        allow_hexadecimal_numbers: false,
        allow_unary_plus_numbers: false,
        allow_bare_decimal_point_numbers: false,
        allow_non_finite_numbers: false,
        allow_extended_string_escapes: false,
    };
    match parse_to_ast(text, &CollectOptions::default(), &options) {
        Ok(parsed) => {
            let mut reader = Reader { lines: Lines::of(text), report };
            let Some(value) = parsed.value else {
                reader.report.problem(
                    &Place::whole(file),
                    "the file is empty (expected mcpServers or servers)",
                );
                return None;
            };
            let line = reader.lines.of_byte(value.start());
            Some(reader.node(value, Place { line, ..Place::whole(file) }, 0))
        }
        Err(error) => {
            let place = Place { line: error.line_display(), ..Place::whole(file) };
            report.problem(
                &place,
                format!("not valid JSON: {}", error.kind().to_string().to_lowercase()),
            );
            None
        }
    }
}

/// Where each line of a text begins.
struct Lines(Vec<usize>);

impl Lines {
    fn of(text: &str) -> Self {
        Self(
            text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at).collect(),
        )
    }

    fn of_byte(&self, byte: usize) -> usize {
        self.0.partition_point(|newline| *newline < byte) + 1
    }
}

struct Reader<'a> {
    lines: Lines,
    report: &'a mut Report,
}

impl Reader<'_> {
    fn node(&mut self, value: ast::Value<'_>, place: Place, depth: usize) -> Node {
        if depth > DEEPEST {
            self.report.problem(
                &place,
                format!("nested deeper than {DEEPEST} levels (no key needs that)"),
            );
            return Node::new(place, Value::Broken);
        }
        let value = match value {
            ast::Value::NullKeyword(_) => Value::Null,
            ast::Value::BooleanLit(literal) => Value::Bool(literal.value),
            ast::Value::NumberLit(literal) => literal
                .value
                .parse()
                .map_or_else(|_| Value::Text(literal.value.to_owned()), Value::Number),
            ast::Value::StringLit(literal) => Value::Text(literal.value.into_owned()),
            ast::Value::Array(array) => {
                let items = array.elements.into_iter().enumerate();
                Value::List(
                    items.map(|(index, item)| self.item(item, index, &place, depth)).collect(),
                )
            }
            ast::Value::Object(object) => self.map(object, &place, depth),
        };
        Node::new(place, value)
    }

    fn item(&mut self, item: ast::Value<'_>, index: usize, list: &Place, depth: usize) -> Node {
        let place = list.index(index, self.lines.of_byte(item.start()));
        self.node(item, place, depth + 1)
    }

    fn map(&mut self, object: ast::Object<'_>, place: &Place, depth: usize) -> Value {
        let mut members = Vec::with_capacity(object.properties.len());
        let mut lines = HashMap::new();
        for property in object.properties {
            let line = self.lines.of_byte(property.range.start);
            let key = property.name.into_string();
            let place = place.key(&key, line);
            if let Some(first) = lines.insert(key.clone(), line) {
                let message = format!("the key is already on line {first} (keep one)");
                self.report.problem(&place, message);
                continue;
            }
            members.push(Member { node: self.node(property.value, place, depth + 1), key });
        }
        Value::Map(members)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_trailing_commas_are_read_and_lines_kept() {
        let text = "// mine\n{\n  /* two\n  lines */ \"a\": [1,\n\t\"\\ud83d\\ude00\",],\n}";
        let mut report = Report::default();

        let node = read(text, &Arc::from(Path::new("m.json")), &mut report).unwrap();

        assert!(recognises(text));
        assert_eq!(node.to_json().to_string(), r#"{"a":[1,"😀"]}"#);
        assert_eq!(node.member("a").unwrap().place.line, 4);
    }

    #[test]
    fn broken_json_and_repeated_keys_are_reported_with_their_line() {
        for (text, expected) in [
            ("{\n\"a\": }", "m.json:2: not valid JSON: "),
            ("{\"a\": 1,\n\"a\": 2}", "m.json:2: a: the key is already on line 1 (keep one)"),
            ("{\n'a': 1}", "m.json:2: not valid JSON: "),
        ] {
            let mut report = Report::default();
            read(text, &Arc::from(Path::new("m.json")), &mut report);
            let problems = report.end::<()>(None).unwrap_err().to_string();
            assert!(problems.starts_with(expected), "{problems}");
        }
    }

    #[test]
    fn only_what_begins_with_a_brace_is_json() {
        assert!(!recognises("servers: {}"));
        assert!(!recognises("# {\nservers: []"));
        assert!(!recognises("// {"));
        assert!(recognises("\u{feff} /* a */ // b\n {"));
    }
}
