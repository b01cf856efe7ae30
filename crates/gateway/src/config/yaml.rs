//! YAML text to nodes, with the limits and the lines that a stock loader does not give.

mod plain;

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Tag};

use super::node::{DEEPEST, Member, Node, Value};
use super::problem::{Place, Report, quote};
use plain::plain;

/// Aliases can make a small file stand for an endless one, so values are counted after expansion.
const MOST_VALUES: usize = 20_000;

/// Reads one document. `None` if it cannot be read at all, which is then reported.
pub(super) fn read(text: &str, file: &Arc<Path>, report: &mut Report) -> Option<Node> {
    let mut loader =
        Loader { file, report, open: Vec::new(), anchors: HashMap::new(), values: 0, root: None };
    for event in Parser::new_from_str(text) {
        let step = match event {
            Ok((event, span)) => loader.step(event, span.start.line()),
            Err(error) => Err(explain(text, &error)),
        };
        if let Err((line, message)) = step {
            report.problem(&Place { line, ..Place::whole(file) }, message);
            return None;
        }
    }
    if loader.root.is_none() {
        let message = "the file is empty (start with servers:, or see the documented example)";
        report.problem(&Place::whole(file), message);
        return None;
    }
    loader.root
}

/// The scanner's own words fit most mistakes; a tab, which it notices on the line before, is worth
/// a better sentence.
fn explain(text: &str, error: &ScanError) -> Stop {
    let line = error.marker().line();
    let near = text.lines().enumerate().skip(line.saturating_sub(1)).take(2);
    let tabbed = near.map(|(index, line)| (index + 1, line)).find(|(_, line)| {
        let indent = &line[..line.len() - line.trim_start().len()];
        indent.contains('\t')
    });
    match tabbed {
        Some((line, _)) => {
            (line, "the line is indented with a tab, which YAML forbids (use spaces)".to_owned())
        }
        None => (line, format!("not valid YAML: {} (mind indentation and quotes)", error.info())),
    }
}

/// Why reading stops, and on which line.
type Stop = (usize, String);

struct Loader<'a> {
    file: &'a Arc<Path>,
    report: &'a mut Report,
    open: Vec<Open>,
    anchors: HashMap<usize, Node>,
    values: usize,
    root: Option<Node>,
}

/// A list or map that has begun and not ended.
struct Open {
    place: Place,
    anchor: usize,
    filling: Filling,
}

enum Filling {
    List(Vec<Node>),
    Map { members: Vec<Member>, key: Option<(String, usize)> },
}

impl Loader<'_> {
    fn step(&mut self, event: Event<'_>, line: usize) -> Result<(), Stop> {
        match event {
            Event::DocumentStart(_) if self.root.is_some() => {
                Err((line, "a second document begins here (keep one, without ---)".to_owned()))
            }
            Event::Scalar(text, style, anchor, tag) => {
                if self.expects_key() {
                    return self.key(text.into_owned(), line);
                }
                let place = self.next_place(line);
                let value = self.scalar(&text, style, tag.as_deref(), &place);
                self.value(Node::new(place, value), anchor)
            }
            Event::SequenceStart(anchor, tag) => {
                self.begin(Filling::List(Vec::new()), anchor, tag.as_deref(), line)
            }
            Event::MappingStart(anchor, tag) => self.begin(
                Filling::Map { members: Vec::new(), key: None },
                anchor,
                tag.as_deref(),
                line,
            ),
            Event::SequenceEnd | Event::MappingEnd => self.end(),
            Event::Alias(anchor) => self.alias(anchor, line),
            _ => Ok(()),
        }
    }

    fn expects_key(&self) -> bool {
        matches!(self.open.last(), Some(Open { filling: Filling::Map { key: None, .. }, .. }))
    }

    /// The place of the value that comes next. That of a map's value is the line of its key, which
    /// is where a person looks.
    fn next_place(&self, line: usize) -> Place {
        match self.open.last() {
            None => Place { line, ..Place::whole(self.file) },
            Some(Open { place, filling: Filling::List(items), .. }) => {
                place.index(items.len(), line)
            }
            Some(Open { place, filling: Filling::Map { key, .. }, .. }) => match key {
                Some((key, line)) => place.key(key, *line),
                None => place.clone(),
            },
        }
    }

    fn key(&mut self, text: String, line: usize) -> Result<(), Stop> {
        let Some(Open { filling: Filling::Map { key, .. }, .. }) = self.open.last_mut() else {
            return Ok(());
        };
        *key = Some((text, line));
        Ok(())
    }

    fn begin(
        &mut self,
        filling: Filling,
        anchor: usize,
        tag: Option<&Tag>,
        line: usize,
    ) -> Result<(), Stop> {
        if self.expects_key() {
            return Err((
                line,
                "a key must be a word, not a list or map (quote it if it is text)".to_owned(),
            ));
        }
        if self.open.len() >= DEEPEST {
            return Err((line, format!("nested deeper than {DEEPEST} levels (no key needs that)")));
        }
        let place = self.next_place(line);
        if let Some(tag) = tag.filter(|tag| !tag.is_yaml_core_schema()) {
            self.refuse(tag, &place);
        }
        self.open.push(Open { place, anchor, filling });
        Ok(())
    }

    fn end(&mut self) -> Result<(), Stop> {
        let Some(Open { place, anchor, filling }) = self.open.pop() else { return Ok(()) };
        let value = match filling {
            Filling::List(items) => Value::List(items),
            Filling::Map { members, .. } => Value::Map(members),
        };
        self.value(Node::new(place, value), anchor)
    }

    fn alias(&mut self, anchor: usize, line: usize) -> Result<(), Stop> {
        let place = self.next_place(line);
        let Some(node) = self.anchors.get(&anchor).filter(|_| !self.expects_key()) else {
            return Err((line, "an alias cannot stand here (write the value out)".to_owned()));
        };
        // Counted before it is copied, or the copy itself would be the attack.
        self.values += node.count() - 1;
        self.bound(line)?;
        let node = node.clone().moved(place);
        self.value(node, 0)
    }

    fn bound(&self, line: usize) -> Result<(), Stop> {
        if self.values > MOST_VALUES {
            return Err((
                line,
                format!("more than {MOST_VALUES} values (aliases count each time they are used)"),
            ));
        }
        Ok(())
    }

    /// Puts a finished value where it belongs.
    fn value(&mut self, node: Node, anchor: usize) -> Result<(), Stop> {
        self.values += 1;
        self.bound(node.place.line)?;
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        match self.open.last_mut() {
            None => self.root = Some(node),
            Some(Open { filling: Filling::List(items), .. }) => items.push(node),
            Some(Open { filling: Filling::Map { members, key }, .. }) => {
                let (key, _) = key.take().unwrap_or_default();
                let first = members
                    .iter()
                    .find(|member| member.key == key)
                    .map(|member| member.node.place.line);
                match first {
                    Some(first) => self.report.problem(
                        &node.place,
                        format!("the key is already on line {first} (keep one)"),
                    ),
                    None if key == "<<" => self
                        .report
                        .problem(&node.place, "merge keys are not supported (write the keys out)"),
                    None => members.push(Member { key, node }),
                }
            }
        }
        Ok(())
    }

    fn scalar(
        &mut self,
        text: &str,
        style: ScalarStyle,
        tag: Option<&Tag>,
        place: &Place,
    ) -> Value {
        match tag {
            Some(tag) if tag.is_yaml_core_schema() && tag.suffix == "str" => {
                Value::Text(text.to_owned())
            }
            Some(tag) => {
                self.refuse(tag, place);
                Value::Broken
            }
            None if style == ScalarStyle::Plain => plain(text),
            None => Value::Text(text.to_owned()),
        }
    }

    fn refuse(&mut self, tag: &Tag, place: &Place) {
        let shown = quote(&tag.to_string());
        self.report.problem(place, format!("the tag {shown} means nothing here (remove it)"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(text: &str) -> (Option<Node>, String) {
        let mut report = Report::default();
        let node = read(text, &Arc::from(Path::new("c.yaml")), &mut report);
        (node, report.end::<()>(None).unwrap_err().to_string())
    }

    #[test]
    fn words_are_what_yaml_1_2_says_they_are() {
        let (node, problems) =
            reading("a: [yes, 'true', true, 012, 0x10, 1.5, -3, ~, .inf, 10s, !!str 5]");

        assert_eq!(problems, "");
        let json = node.unwrap().to_json().to_string();
        assert_eq!(json, r#"{"a":["yes","true",true,12,16,1.5,-3,null,".inf","10s","5"]}"#);
    }

    #[test]
    fn an_alias_repeats_the_value_at_its_own_path() {
        let (node, problems) = reading("a: &x\n  k: v\nb: *x\n");

        assert_eq!(problems, "");
        let place = &node.unwrap().member("b").unwrap().member("k").unwrap().place.clone();
        assert_eq!((place.path.as_str(), place.line), ("b.k", 2));
    }

    #[test]
    fn what_cannot_be_read_is_one_clear_problem() {
        let bomb = (1..12).fold("a0: &a0 [x]\n".to_owned(), |text, n| {
            let uses = vec![format!("*a{}", n - 1); 10].join(", ");
            format!("{text}a{n}: &a{n} [{uses}]\n")
        });
        let deep = "[".repeat(100);
        let cases = [
            ("", "c.yaml: the file is empty"),
            ("a: 1\n\tb: 2\n", "c.yaml:2: the line is indented with a tab"),
            ("a: 1\n---\nb: 2\n", "c.yaml:2: a second document begins here"),
            ("a: 1\nb: 2\na: 3\n", "c.yaml:3: a: the key is already on line 1"),
            ("a:\n  <<: {b: 1}\n", "c.yaml:2: a[\"<<\"]: merge keys are not supported"),
            ("? [a]\n: b\n", "c.yaml:1: a key must be a word"),
            ("a: !secret x\n", "c.yaml:1: a: the tag \"!secret\" means nothing here"),
            ("a: &a [*a]\n", "c.yaml:1: an alias cannot stand here"),
            ("a: *b\n", "c.yaml:1: not valid YAML"),
            ("a: 'x\n", "c.yaml:1: not valid YAML"),
            (bomb.as_str(), "c.yaml:5: more than 20000 values"),
            (deep.as_str(), "c.yaml:1: nested deeper than 32 levels"),
        ];

        for (text, expected) in cases {
            let (_, problems) = reading(text);
            assert!(
                problems.starts_with(expected),
                "{expected:?} for {text:?}, found {problems:?}"
            );
        }
    }
}
