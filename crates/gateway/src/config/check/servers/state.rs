//! Values that agents keep: can they be named, checked and kept?

use serde_json::Value;
use toolgate_values::Size;

use crate::config::check::Checks;
use crate::config::problem::quote;
use crate::config::servers::state::{Scope, State};

/// Larger than any value of one tool should be.
const LARGEST: Size = Size::mib(4);
/// More than one owner should keep.
const MOST: Size = Size::mib(64);

/// `known`: whether callers are told apart.
pub(in crate::config::check) fn check(
    checks: &mut Checks<'_>,
    path: &str,
    state: &State,
    known: bool,
) {
    word(checks, &format!("{path}.noun"), &state.noun);
    if let Some(plural) = &state.plural {
        word(checks, &format!("{path}.plural"), plural);
    }
    scope(checks, &format!("{path}.scope"), state.scope, known);
    let ttl = format!("{path}.ttl");
    if state.ttl.is_zero() {
        checks.problem(&ttl, "nothing would ever be kept (write 1m or more)");
    } else if state.ttl > State::LONGEST {
        checks.problem(&ttl, "longer than a year is no state of an agent (write 8784h or less)");
    }
    let limits = &state.limits;
    let value = format!("{path}.limits.value");
    if limits.value < Size::kib(1) {
        checks.problem(&value, "too small for most values (write 1KiB or more)");
    } else if limits.value > LARGEST {
        checks.problem(&value, format!("larger than {LARGEST} (write less)"));
    }
    // Sealed and in base64, a value takes a third more.
    if limits.bytes.bytes() / 3 * 2 < limits.value.bytes() {
        let message = "the largest value would not fit (write twice limits.value or more)";
        checks.problem(&format!("{path}.limits.bytes"), message);
    } else if limits.bytes > MOST {
        checks.problem(&format!("{path}.limits.bytes"), format!("larger than {MOST} (write less)"));
    }
    if let Some(declared) = &state.schema {
        schema(checks, &format!("{path}.schema"), declared);
    }
}

fn word(checks: &mut Checks<'_>, path: &str, word: &str) {
    let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if !word.starts_with(|c: char| c.is_ascii_lowercase()) || !word.chars().all(legal) {
        let message = format!(
            "{} cannot stand in the names of tools (use a-z, 0-9 and _, a letter first)",
            quote(word)
        );
        checks.problem(path, message);
    }
}

fn scope(checks: &mut Checks<'_>, path: &str, scope: Scope, known: bool) {
    if known {
        return;
    }
    match scope {
        Scope::Caller if checks.places.has(path) => {
            let message = "nothing tells callers apart without authentication, so this is the same as shared (add authentication, or write shared)";
            checks.warning(path, message);
        }
        Scope::Tenant => {
            let message =
                "nobody has a tenant while nothing authenticates callers (add authentication)";
            checks.problem(path, message);
        }
        _ => {}
    }
}

fn schema(checks: &mut Checks<'_>, path: &str, schema: &Value) {
    if let Some(reference) = foreign(schema) {
        let message = format!(
            "the reference {} leads somewhere else than to #/$defs/NAME (move what it names there)",
            quote(reference)
        );
        checks.problem(path, message);
        return;
    }
    super::schema(checks, path, schema);
}

/// A reference that would mean something else where the schema is part of that of a tool.
fn foreign(schema: &Value) -> Option<&str> {
    match schema {
        Value::Object(members) => members.iter().find_map(|(name, value)| match value {
            Value::String(to) if matches!(name.as_str(), "$ref" | "$dynamicRef") => {
                (!to.starts_with("#/$defs/")).then_some(to.as_str())
            }
            // Data, not schemas.
            _ if matches!(name.as_str(), "const" | "enum" | "default" | "examples") => None,
            value => foreign(value),
        }),
        Value::Array(elements) => elements.iter().find_map(foreign),
        _ => None,
    }
}
