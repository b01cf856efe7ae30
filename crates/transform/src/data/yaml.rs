//! YAML 1.2, the core schema.

use serde_json::Value;

use crate::done::{Done, Losses, Wrong};

pub(super) fn read(text: &str) -> Result<Done<Value>, Wrong> {
    let value = toolgate_api::read_yaml(text).map_err(Wrong)?;
    let mut losses = Losses::default();
    if text.contains('#') {
        losses.add("comments, if there are any, are left out");
    }
    if text.contains(['&', '*', '!']) {
        losses.add("aliases, if there are any, are written out, and tags left out");
    }
    Ok(losses.with(value))
}

/// Lists and maps in blocks, texts in quotes as JSON has them: nothing is read as something else.
pub(super) fn write(value: &Value) -> String {
    let mut out = String::new();
    block(value, 0, &mut out);
    if !out.ends_with('\n') {
        out.push('\n');
    }
    out
}

/// A value where a line begins, at this depth.
fn block(value: &Value, depth: usize, out: &mut String) {
    match value {
        Value::Array(items) if !items.is_empty() => {
            for item in items {
                begin(depth, out);
                out.push('-');
                nested(item, depth, out);
            }
        }
        Value::Object(members) if !members.is_empty() => {
            for (name, value) in members {
                begin(depth, out);
                out.push_str(&text(name));
                out.push(':');
                nested(value, depth, out);
            }
        }
        scalar => out.push_str(&flow(scalar)),
    }
}

fn begin(depth: usize, out: &mut String) {
    out.push_str(&"  ".repeat(depth));
}

/// A value after `-` or `name:`.
fn nested(value: &Value, depth: usize, out: &mut String) {
    let is_block = match value {
        Value::Array(items) => !items.is_empty(),
        Value::Object(members) => !members.is_empty(),
        _ => false,
    };
    out.push(if is_block { '\n' } else { ' ' });
    block(value, depth + 1, out);
    if !is_block {
        out.push('\n');
    }
}

/// A value on one line.
fn flow(value: &Value) -> String {
    match value {
        Value::String(it) => text(it),
        other => other.to_string(),
    }
}

/// A text: plain where it can be nothing else, in double quotes otherwise.
fn text(it: &str) -> String {
    let plain = it.starts_with(|c: char| c.is_ascii_alphabetic())
        && it
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | ' ' | '/'))
        && !it.ends_with(' ')
        && !is_word(it);
    if plain {
        return it.to_owned();
    }
    let quoted = Value::from(it).to_string();
    // What is no printable character of YAML (5.1) is escaped, as JSON also allows.
    quoted.chars().fold(String::with_capacity(quoted.len()), |mut out, c| {
        match c {
            '\u{7f}'..='\u{9f}'
            | '\u{2028}'
            | '\u{2029}'
            | '\u{feff}'
            | '\u{fffe}'
            | '\u{ffff}' => {
                out.push_str(&format!("\\u{:04x}", u32::from(c)));
            }
            c => out.push(c),
        }
        out
    })
}

/// What some reader takes for something else than a text (YAML 1.1, types).
fn is_word(text: &str) -> bool {
    let words = ["null", "true", "false", "yes", "no", "on", "off", "y", "n", "nan", "inf"];
    words.iter().any(|word| text.eq_ignore_ascii_case(word))
}
