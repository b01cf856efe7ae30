//! Does a schema bound what a model may write, and refer to nothing outside itself?

use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex::bytes::{Regex, RegexBuilder};
use toolgate_protocol::headers::mirrors;
use toolgate_protocol::json::{Document, Limits, Mode};

use crate::finding::Severity;
use crate::findings::{Findings, Subject};
use crate::rules;
use crate::tree::Tree;
use crate::visible::shown;

/// Arguments whose text is run.
static RUN: LazyLock<Option<Regex>> = LazyLock::new(|| {
    RegexBuilder::new(r"^(cmd|command|commands|command_?line|shell|script|code|sql|sql_?query|bash|python|javascript|expression|eval|exec|function)$")
        .unicode(false)
        .case_insensitive(true)
        .build()
        .ok()
});

/// Arguments whose text is run if it is in a query language.
static QUERY: LazyLock<Option<Regex>> = LazyLock::new(|| {
    RegexBuilder::new(r"\b(sql|select|cypher|database query)\b")
        .unicode(false)
        .case_insensitive(true)
        .build()
        .ok()
});

/// A repeated group that begins with a repetition, so that nothing marks where one round ends; or
/// repeated alternatives that begin alike.
static NESTED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    RegexBuilder::new(r"\((\?:)?(\[[^\]]*\]|\\.|[^\\\[()])([+*]|\{\d+,\})[^()]*\)([+*]|\{\d*,\d*\})|\((\?:)?(\w)\|\w{1,2}\)[+*]")
        .unicode(false)
        .build()
        .ok()
});

pub(crate) fn look(subject: &Subject<'_>, found: &mut Findings) {
    header(subject, found);
    match subject.tree.get("inputSchema") {
        Some(Tree::Object(members)) if members.is_empty() => {
            let place = subject.place("/inputSchema");
            found.add(&rules::NO_SCHEMA, place, "an empty schema".to_owned(), None);
        }
        Some(Tree::Object(_)) => {}
        other => {
            let what = if other.is_none() { "no inputSchema" } else { "inputSchema is no object" };
            found.add(&rules::NO_SCHEMA, subject.place(""), what.to_owned(), None);
        }
    }
    for member in ["inputSchema", "outputSchema"] {
        let Some(schema) = subject.tree.get(member) else { continue };
        let ids = ids(schema);
        let mut pointer = format!("/{member}");
        schema.walk(&mut pointer, &mut |pointer, value, key| {
            references(subject, pointer, value, &ids, found);
            if member == "inputSchema" {
                bounds(subject, pointer, value, key, found);
            }
        });
    }
}

/// 2026-07-28, tools: x-mcp-header.
fn header(subject: &Subject<'_>, found: &mut Findings) {
    if let Some(invalid) = invalid_header(subject.definition.raw()) {
        let message = shown(&invalid).into_owned();
        found.add(&rules::HEADER, subject.place("/inputSchema"), message, None);
    }
}

/// What is wrong with the header annotations of a tool.
pub(crate) fn invalid_header(raw: &bytes::Bytes) -> Option<String> {
    // Nearly every tool has none, and other than as itself the word can only be written with \u.
    let mentions = |word: &[u8]| memchr::memmem::find(raw, word).is_some();
    if !mentions(b"x-mcp-header") && !mentions(br"\u") {
        return None;
    }
    let document = Document::parse(raw.clone(), &Limits::default(), Mode::Trusted).ok()?;
    let schema = document.root().object().and_then(|tool| tool.get("inputSchema")?.object())?;
    mirrors(&schema).err().map(|invalid| invalid.to_string())
}

const REFERENCES: [&str; 3] = ["$ref", "$dynamicRef", "$recursiveRef"];

/// Whether any schema of a tool refers to another machine.
pub(crate) fn has_remote_reference(tool: &Tree) -> bool {
    let mut remote = false;
    for schema in ["inputSchema", "outputSchema"].iter().filter_map(|member| tool.get(member)) {
        let ids = ids(schema);
        schema.walk(&mut String::new(), &mut |_, value, _| {
            let targets = REFERENCES.iter().filter_map(|keyword| value.get(keyword)?.text());
            remote |= targets.into_iter().any(|target| is_remote(target, &ids) == Some(true));
        });
    }
    remote
}

/// The names that schemas inside this one give themselves.
fn ids(schema: &Tree) -> BTreeSet<&str> {
    let mut ids = BTreeSet::new();
    schema.walk(&mut String::new(), &mut |_, value, _| {
        ids.extend(value.get("$id").and_then(Tree::text));
    });
    ids
}

/// Whether a reference leads to another machine; `None` when it leads nowhere outside.
fn is_remote(target: &str, ids: &BTreeSet<&str>) -> Option<bool> {
    let document = target.split('#').next().unwrap_or_default();
    if document.is_empty() || ids.contains(document) || is_draft(document) {
        return None;
    }
    // A relative reference is completed by the $id, or by wherever the schema was read from.
    Some(document.contains(':') || document.starts_with("//") || !ids.is_empty())
}

fn references(
    subject: &Subject<'_>,
    pointer: &str,
    value: &Tree,
    ids: &BTreeSet<&str>,
    found: &mut Findings,
) {
    for keyword in REFERENCES {
        let Some(target) = value.get(keyword).and_then(Tree::text) else { continue };
        let Some(remote) = is_remote(target, ids) else { continue };
        let severity = if remote { Severity::High } else { Severity::Medium };
        let place = subject.place(&format!("{pointer}/{keyword}"));
        found.quote(&rules::REMOTE_REF, severity, place, target, 0..target.len());
    }
}

/// The schemas of JSON Schema itself, which every validator has.
fn is_draft(document: &str) -> bool {
    let rest = document.strip_prefix("https://").or_else(|| document.strip_prefix("http://"));
    rest.is_some_and(|rest| rest.starts_with("json-schema.org/draft"))
}

fn bounds(
    subject: &Subject<'_>,
    pointer: &str,
    value: &Tree,
    key: Option<&str>,
    found: &mut Findings,
) {
    if let Some(pattern) = value.get("pattern").and_then(Tree::text)
        && NESTED.as_ref().is_some_and(|nested| nested.is_match(pattern.as_bytes()))
    {
        let place = subject.place(&format!("{pointer}/pattern"));
        found.quote(&rules::SLOW_PATTERN, Severity::Medium, place, pattern, 0..pattern.len());
    }
    // Only what stands under `properties` is an argument.
    let (Some(key), Some((before, _))) = (key, pointer.rsplit_once('/')) else { return };
    if !before.ends_with("/properties") {
        return;
    }
    let is = |kind| value.get("type").and_then(Tree::text) == Some(kind);
    let closed =
        ["enum", "const", "pattern", "format"].iter().any(|word| value.get(word).is_some());
    if is("string") && !closed && is_run(subject, key, value) {
        let message = format!("{} is run as it is written", shown(key));
        found.add(&rules::EXECUTES, subject.place(pointer), message, None);
    }
    let shaped =
        ["properties", "$ref", "allOf", "anyOf", "oneOf", "patternProperties", "enum", "const"];
    let typed = matches!(value.get("additionalProperties"), Some(Tree::Object(members)) if !members.is_empty());
    if is("object") && !typed && !shaped.iter().any(|word| value.get(word).is_some()) {
        let message = format!("{} takes any object", shown(key));
        found.add(&rules::OPEN_SCHEMA, subject.place(pointer), message, None);
    }
}

fn is_run(subject: &Subject<'_>, key: &str, schema: &Tree) -> bool {
    let matches = |regex: &LazyLock<Option<Regex>>, text: &str| {
        regex.as_ref().is_some_and(|regex| regex.is_match(text.as_bytes()))
    };
    let described = schema.get("description").and_then(Tree::text).unwrap_or_default();
    matches(&RUN, key)
        || key.eq_ignore_ascii_case("query")
            && (matches(&QUERY, described) || matches(&QUERY, subject.text("description")))
}
