//! The kinds of servers that are made from configuration alone.

pub(super) mod content;
pub(super) mod files;
pub(super) mod http;
pub(super) mod knowledge;
pub(super) mod openapi;
mod parameter;
pub(super) mod sql;
pub(super) mod state;
pub(super) mod transform;
pub(super) mod workflow;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use toolgate_screen::schema::Compiled;
use toolgate_values::{Secret, Url};

use super::{Checks, headers::wrong_header};
use crate::config::problem::key_path;

/// Headers of the operator: sound, and each once. Those that are `free` nobody else sets.
pub(super) fn headers(
    checks: &mut Checks<'_>,
    path: &str,
    headers: &BTreeMap<String, Secret>,
    free: &[&str],
) {
    let mut seen = BTreeSet::new();
    for (name, value) in headers {
        let (place, lower) = (key_path(path, name), name.to_ascii_lowercase());
        if !free.contains(&lower.as_str())
            && let Some(message) = wrong_header(name, value)
        {
            checks.problem(&place, message);
        }
        if lower == "authorization" {
            not_in_the_file(checks, &place);
        }
        if !seen.insert(lower) {
            let message = "the same header twice, as case does not tell them apart (keep one)";
            checks.problem(&place, message);
        }
    }
}

/// Why a text is no expression, without the words of its parser.
fn no_expression(error: &jmespath::JmespathError) -> String {
    let reason = error.reason.to_string();
    let reason = reason.trim_start_matches("Parse error: ");
    let reason = match reason.split_once(" -- found ") {
        Some((_, "Eof")) => "something is missing at its end",
        Some((unexpected, _)) if unexpected.contains("nud") || unexpected.contains("led") => {
            "that cannot stand here"
        }
        _ => reason,
    };
    format!(
        "not a JMESPath expression, at character {}: {reason} (see jmespath.org)",
        error.offset + 1
    )
}

/// A credential is elsewhere.
fn not_in_the_file(checks: &mut Checks<'_>, place: &str) {
    if checks.places.is_literal(place) {
        let message =
            "the credential stands in the file itself (write ${env:NAME} or ${file:PATH})";
        checks.warning(place, message);
    }
}

/// A JMESPath expression.
fn expression(
    checks: &mut Checks<'_>,
    at: &str,
    text: &str,
) -> Option<jmespath::Expression<'static>> {
    jmespath::compile(text)
        .map_err(|error| {
            checks.problem(at, no_expression(&error));
        })
        .ok()
}

/// A JSON Schema that can be used.
fn schema(checks: &mut Checks<'_>, at: &str, schema: &Value) -> Option<Compiled> {
    if !schema.is_object() {
        checks.problem(at, "not a JSON Schema (write a map)");
        return None;
    }
    let compiled = Compiled::new(schema.to_string().as_bytes());
    compiled.map_err(|error| checks.problem(at, format!("{error} (correct it)"))).ok()
}

/// The address of an API.
fn base(checks: &mut Checks<'_>, path: &str, base: &Url) {
    unencrypted(checks, path, base);
    if base.uri().query().is_some() {
        checks.problem(path, "a base has no query (write query: {NAME: VALUE})");
    }
}

/// Whether others on the way could read what goes there.
fn unencrypted(checks: &mut Checks<'_>, path: &str, url: &Url) {
    if !url.is_https() && !url.is_loopback() {
        let message =
            "plain http to another machine can be read and changed on the way (write https)";
        checks.warning(path, message);
    }
}
