//! A JSON text as a tree that forgets nothing: the order of members, and how numbers are written.

use std::fmt::Write;

use bytes::Bytes;
use toolgate_protocol::json::{Document, Limits, Mode, Value};

use crate::visible;

/// Deeper than any definition a person would write. The text is read once a level.
pub(crate) const DEEPEST: u16 = 64;

/// One JSON value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Tree {
    Null,
    Bool(bool),
    /// As it is written.
    Number(Box<str>),
    Text(Box<str>),
    List(Vec<Tree>),
    Object(Vec<(Box<str>, Tree)>),
}

impl Tree {
    /// Reads a text that every parser reads alike: no repeated keys, no lone surrogates (I-JSON,
    /// RFC 7493).
    pub(crate) fn parse(text: Bytes) -> Result<Tree, String> {
        let limits = Limits { depth: DEEPEST, ..Limits::default() };
        let document =
            Document::parse(text, &limits, Mode::Strict).map_err(|error| error.to_string())?;
        Tree::of(&document.root())
    }

    fn of(value: &Value<'_>) -> Result<Tree, String> {
        if value.is_null() {
            return Ok(Tree::Null);
        }
        if let Some(bool) = value.as_bool() {
            return Ok(Tree::Bool(bool));
        }
        if value.is_string() {
            let text = value.string().ok_or("a string is no text: it has a lone surrogate")?;
            return Ok(Tree::Text(text.into()));
        }
        if let Some(items) = value.items() {
            return Ok(Tree::List(items.map(|item| Tree::of(&item)).collect::<Result<_, _>>()?));
        }
        if !value.is_object() {
            return Ok(Tree::Number(value.raw().into()));
        }
        let object = value.object().ok_or("an object repeats a key")?;
        let member = |(key, value): (std::borrow::Cow<'_, str>, Value<'_>)| {
            // The scanner shows a lone surrogate so. Two such keys would look the same.
            if key.contains('\u{fffd}') {
                return Err("a key is no text: it has a lone surrogate".to_owned());
            }
            Ok((key.into(), Tree::of(&value)?))
        };
        Ok(Tree::Object(object.iter().map(member).collect::<Result<_, _>>()?))
    }

    /// The member of an object.
    pub(crate) fn get(&self, key: &str) -> Option<&Tree> {
        self.members().iter().find(|(name, _)| **name == *key).map(|(_, value)| value)
    }

    /// The same, to be changed.
    pub(crate) fn get_mut(&mut self, key: &str) -> Option<&mut Tree> {
        let Tree::Object(members) = self else { return None };
        members.iter_mut().find(|(name, _)| **name == *key).map(|(_, value)| value)
    }

    /// What a string says.
    pub(crate) fn text(&self) -> Option<&str> {
        if let Tree::Text(text) = self { Some(text) } else { None }
    }

    /// `true` or `false`.
    pub(crate) fn bool(&self) -> Option<bool> {
        if let Tree::Bool(bool) = self { Some(*bool) } else { None }
    }

    /// The members of an object; none of anything else.
    pub(crate) fn members(&self) -> &[(Box<str>, Tree)] {
        if let Tree::Object(members) = self { members } else { &[] }
    }

    /// The elements of an array; none of anything else.
    pub(crate) fn items(&self) -> &[Tree] {
        if let Tree::List(items) = self { items } else { &[] }
    }

    /// One line, members in their order.
    pub(crate) fn compact(&self) -> String {
        let mut out = String::new();
        self.write(&mut out, None);
        out
    }

    /// One member a line, for people. What they could not see is escaped.
    pub(crate) fn pretty(&self) -> String {
        let mut out = String::new();
        self.write(&mut out, Some(0));
        out
    }

    fn write(&self, out: &mut String, indent: Option<usize>) {
        match self {
            Tree::Null => out.push_str("null"),
            Tree::Bool(bool) => out.push_str(if *bool { "true" } else { "false" }),
            Tree::Number(number) => out.push_str(number),
            Tree::Text(text) => string(out, text),
            Tree::List(items) => {
                let open = indent.filter(|_| !items.is_empty());
                out.push('[');
                for (at, item) in items.iter().enumerate() {
                    separate(out, at, open.map(|level| level + 1));
                    item.write(out, open.map(|level| level + 1));
                }
                end(out, open, ']');
            }
            Tree::Object(members) => {
                let open = indent.filter(|_| !members.is_empty());
                out.push('{');
                for (at, (key, value)) in members.iter().enumerate() {
                    separate(out, at, open.map(|level| level + 1));
                    string(out, key);
                    out.push_str(if open.is_some() { ": " } else { ":" });
                    value.write(out, open.map(|level| level + 1));
                }
                end(out, open, '}');
            }
        }
    }

    /// Calls `seen` with every value, its JSON pointer (RFC 6901) and its key, parents first.
    pub(crate) fn walk<'a>(
        &'a self,
        pointer: &mut String,
        seen: &mut impl FnMut(&str, &'a Tree, Option<&'a str>),
    ) {
        self.step(pointer, None, seen);
    }

    fn step<'a>(
        &'a self,
        pointer: &mut String,
        key: Option<&'a str>,
        seen: &mut impl FnMut(&str, &'a Tree, Option<&'a str>),
    ) {
        seen(pointer, self, key);
        let length = pointer.len();
        for (at, item) in self.items().iter().enumerate() {
            let _ = write!(pointer, "/{at}");
            item.step(pointer, None, seen);
            pointer.truncate(length);
        }
        for (key, value) in self.members() {
            pointer.push('/');
            pointer.push_str(&key.replace('~', "~0").replace('/', "~1"));
            value.step(pointer, Some(key), seen);
            pointer.truncate(length);
        }
    }
}

fn separate(out: &mut String, at: usize, indent: Option<usize>) {
    if at > 0 {
        out.push(',');
    }
    line(out, indent);
}

fn end(out: &mut String, indent: Option<usize>, bracket: char) {
    line(out, indent);
    out.push(bracket);
}

fn line(out: &mut String, indent: Option<usize>) {
    if let Some(level) = indent {
        out.push('\n');
        out.extend(std::iter::repeat_n("  ", level));
    }
}

fn string(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if visible::is_hidden(c) => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
            c => out.push(c),
        }
    }
    out.push('"');
}
