//! XML 1.0 as data: an element is an object of its attributes (`@name`), its text (`#text`) and its
//! children, several of one name as a list; an element with text alone is that text.

use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;
use serde_json::{Map, Value, json};

use crate::done::{DEEPEST, Done, Losses, Wrong};

/// An element that is open.
struct Open {
    name: String,
    members: Map<String, Value>,
    text: String,
    /// Whether a child came already, so that text after it stands elsewhere than it is told.
    has_children: bool,
}

pub(super) fn read(text: &str) -> Result<Done<Value>, Wrong> {
    let mut reader = Reader::from_str(text);
    let (mut open, mut losses, mut root) = (Vec::<Open>::new(), Losses::default(), None);
    loop {
        let at = usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX);
        let wrong = |why: &str| Wrong::at(text, at, why);
        let event = reader.read_event().map_err(|error| {
            let at = usize::try_from(reader.error_position()).unwrap_or(usize::MAX);
            Wrong::at(text, at, &error.to_string())
        })?;
        match event {
            Event::Start(tag) | Event::Empty(tag) if root.is_some() && open.is_empty() => {
                return Err(wrong(&format!("a second root, <{}>", tag.name().0)));
            }
            Event::Start(tag) => {
                if open.len() >= DEEPEST {
                    return Err(wrong(&format!("it nests deeper than {DEEPEST} levels")));
                }
                open.push(begun(&tag).map_err(|why| wrong(&why))?);
            }
            Event::Empty(tag) => {
                let element = begun(&tag).map_err(|why| wrong(&why))?;
                close(element, &mut open, &mut root, &mut losses);
            }
            Event::End(_) => {
                if let Some(element) = open.pop() {
                    close(element, &mut open, &mut root, &mut losses);
                }
            }
            Event::Text(said) => {
                say(&said.xml10_content(), &mut open, &mut losses).map_err(|why| wrong(&why))?;
            }
            Event::CData(said) => {
                say(&said.xml10_content(), &mut open, &mut losses).map_err(|why| wrong(&why))?;
            }
            Event::GeneralRef(reference) => {
                let said = match reference.resolve_char_ref() {
                    Ok(Some(character)) => character.to_string(),
                    Ok(None) => match &*reference {
                        "amp" => "&".to_owned(),
                        "lt" => "<".to_owned(),
                        "gt" => ">".to_owned(),
                        "quot" => "\"".to_owned(),
                        "apos" => "'".to_owned(),
                        other => {
                            let other: String = other.chars().take(40).collect();
                            return Err(wrong(&format!("there is no entity &{other};")));
                        }
                    },
                    Err(error) => return Err(wrong(&error.to_string())),
                };
                if let Some(element) = open.last_mut() {
                    element.text.push_str(&said);
                }
            }
            Event::DocType(_) => {
                return Err(wrong(
                    "a DOCTYPE is not read, as entities are not expanded; remove it",
                ));
            }
            Event::Comment(_) => losses.add("comments are left out"),
            Event::PI(_) => losses.add("processing instructions are left out"),
            Event::Decl(_) => {}
            Event::Eof if !open.is_empty() => {
                let names: Vec<_> = open.iter().map(|element| &*element.name).collect();
                return Err(wrong(&format!("<{}> is not closed", names.join("> <"))));
            }
            Event::Eof => break,
        }
    }
    let root = root.ok_or_else(|| Wrong::new("line 1, column 1: there is no element"))?;
    Ok(losses.with(root))
}

fn begun(tag: &BytesStart<'_>) -> Result<Open, String> {
    let mut members = Map::new();
    for attribute in tag.attributes() {
        let attribute = attribute.map_err(|error| error.to_string())?;
        let value = attribute
            .normalized_value(XmlVersion::Implicit1_0)
            .map_err(|error| error.to_string())?;
        members.insert(format!("@{}", attribute.key.0), value.into_owned().into());
    }
    let name = tag.name().0.to_owned();
    Ok(Open { name, members, text: String::new(), has_children: false })
}

fn say(text: &str, open: &mut [Open], losses: &mut Losses) -> Result<(), String> {
    match open.last_mut() {
        Some(element) => {
            if element.has_children && !text.trim().is_empty() {
                losses.add("where text stands between elements is not kept");
            }
            element.text.push_str(text);
            Ok(())
        }
        None if text.trim_matches(['\u{feff}', ' ', '\t', '\r', '\n']).is_empty() => Ok(()),
        None => Err("text outside of the root".to_owned()),
    }
}

fn close(element: Open, open: &mut [Open], root: &mut Option<Value>, losses: &mut Losses) {
    let Open { name, mut members, text, has_children } = element;
    let text = if has_children || !members.is_empty() { text.trim() } else { &text };
    let value = if members.is_empty() {
        text.into()
    } else {
        if !text.is_empty() {
            members.insert("#text".to_owned(), text.into());
        }
        Value::Object(members)
    };
    let Some(parent) = open.last_mut() else {
        *root = Some(json!({ name: value }));
        return;
    };
    parent.has_children = true;
    match parent.members.get_mut(&name) {
        None => _ = parent.members.insert(name, value),
        // A list here was made of several elements: one element is never a list.
        Some(Value::Array(several)) => several.push(value),
        Some(one) => {
            losses.add("the order of elements of different names is not kept");
            *one = json!([one.take(), value]);
        }
    }
}

pub(super) fn write(value: &Value) -> Result<Done<String>, Wrong> {
    let mut losses = Losses::default();
    let mut out = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_owned();
    match value.as_object().map(|members| members.iter().collect::<Vec<_>>()).as_deref() {
        Some([(name, value)]) if !value.is_array() && !name.starts_with(['@', '#']) => {
            element(name, value, 0, &mut out, &mut losses)?;
        }
        _ => {
            losses.add("a root was added around it, as XML has exactly one");
            let value = match value {
                Value::Array(_) => json!({ "item": value }),
                other => other.clone(),
            };
            element("root", &value, 0, &mut out, &mut losses)?;
        }
    }
    Ok(losses.with(out))
}

fn element(
    name: &str,
    value: &Value,
    depth: usize,
    out: &mut String,
    losses: &mut Losses,
) -> Result<(), Wrong> {
    legal(name)?;
    let indent = "  ".repeat(depth);
    match value {
        Value::Array(items) => {
            if items.is_empty() {
                losses.add("empty lists are left out");
            }
            for item in items {
                let list = json!({ "item": item });
                element(name, if item.is_array() { &list } else { item }, depth, out, losses)?;
            }
        }
        Value::Object(members) => {
            out.push_str(&format!("{indent}<{name}"));
            let (attributes, children): (Vec<_>, Vec<_>) =
                members.iter().partition(|(name, value)| {
                    name.starts_with('@') && !value.is_object() && !value.is_array()
                });
            for (attribute, value) in attributes {
                legal(&attribute[1..])?;
                out.push_str(&format!(
                    " {}=\"{}\"",
                    &attribute[1..],
                    escaped(&scalar(value, losses))?
                ));
            }
            out.push('>');
            let is_block = children.iter().any(|(name, _)| *name != "#text");
            for (name, value) in children {
                if name == "#text" {
                    out.push_str(&escaped(&scalar(value, losses))?);
                    continue;
                }
                if !out.ends_with('\n') {
                    out.push('\n');
                }
                element(name, value, depth + 1, out, losses)?;
            }
            out.push_str(&format!("{}</{name}>\n", if is_block { &*indent } else { "" }));
        }
        leaf => {
            let text = escaped(&scalar(leaf, losses))?;
            out.push_str(&format!("{indent}<{name}>{text}</{name}>\n"));
        }
    }
    Ok(())
}

fn scalar(value: &Value, losses: &mut Losses) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => {
            losses.add("null is written as an empty element");
            String::new()
        }
        other => {
            losses.add("numbers and booleans are written as texts");
            other.to_string()
        }
    }
}

/// Whether something can be called this (XML 1.0, production 5, of ASCII and letters beyond).
fn legal(name: &str) -> Result<(), Wrong> {
    let first = |c: char| c.is_alphabetic() || c == '_';
    let rest = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | ':');
    if name.starts_with(first) && name.chars().all(rest) {
        return Ok(());
    }
    let name: String = name.chars().take(40).collect();
    Err(Wrong(format!("{name:?} is no name of XML; rename the member")))
}

fn escaped(text: &str) -> Result<String, Wrong> {
    let illegal = |c: char| matches!(c, '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}');
    if text.contains(illegal) {
        return Err(Wrong::new("a text holds a control character, which XML cannot say"));
    }
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\r' => out.push_str("&#13;"),
            c => out.push(c),
        }
    }
    Ok(out)
}
