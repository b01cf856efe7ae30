//! Whether the endpoints of an HTTP API fit their paths, parameters and each other.

mod resources;

use std::collections::BTreeMap;

use toolgate_values::Secret;

use super::{base, expression, headers, parameter, schema};
use crate::config::check::{Checks, headers::wrong_header};
use crate::config::header::{Held, held};
use crate::config::problem::{key_path, quote};
use crate::config::servers::Anything;
use crate::config::servers::http::{Endpoint, HttpApi, Kind, PageKind, Pages, Parameter, Place};

/// The most pages that one call gathers.
const MOST_PAGES: u64 = 20;

pub(in crate::config::check) fn check(checks: &mut Checks<'_>, path: &str, api: &HttpApi) {
    base(checks, &format!("{path}.base"), &api.base);
    headers(checks, &format!("{path}.headers"), &api.headers, &["accept"]);
    if api.tools.is_empty() && api.resources.is_empty() {
        let message = "no tools (add NAME: {description: ..., get: /PATH}, or resources)";
        checks.problem(&format!("{path}.tools"), message);
    }
    for (name, endpoint) in &api.tools {
        let place = key_path(&format!("{path}.tools"), name);
        tool_is_sound(checks, &place, name, endpoint);
        names_are_taken_once(checks, &place, api, endpoint);
    }
    resources::check(checks, &format!("{path}.resources"), api);
}

fn tool_is_sound(checks: &mut Checks<'_>, place: &str, name: &str, endpoint: &Endpoint) {
    if let Some(message) = wrong_name(name) {
        checks.problem(place, message);
    }
    if endpoint.description.trim().is_empty() {
        let message = "without a description no model knows when to call it (say what it does, when to use it, what it takes, returns and changes)";
        checks.problem(&format!("{place}.description"), message);
    }
    annotations_are_sound(checks, place, endpoint);
    if let Some(output) = &endpoint.output {
        schema(checks, &format!("{place}.output"), output);
    }
    endpoint_is_sound(checks, place, endpoint);
}

fn endpoint_is_sound(checks: &mut Checks<'_>, place: &str, endpoint: &Endpoint) {
    headers(checks, &format!("{place}.headers"), &endpoint.headers, &["accept"]);
    let paths = endpoint.paths();
    let [(method, template)] = paths.as_slice() else {
        let message = match paths.is_empty() {
            true => "no path (add get: /PATH, or head, post, put, patch or delete)",
            false => "several methods (keep one, and make a tool of each other)",
        };
        checks.problem(place, message);
        return;
    };
    path_is_sound(checks, place, method, template, endpoint);
    if !has_body(method) && checks.places.has(&format!("{place}.encoding")) {
        let message = format!("a {method} request has no body (remove it)");
        checks.problem(&format!("{place}.encoding"), message);
    }
    query_is_sound(checks, place, endpoint);
    for (argument, parameter) in &endpoint.parameters {
        let at = key_path(&format!("{place}.parameters"), argument);
        parameter_is_sound(checks, &at, argument, parameter, template);
        if parameter.place == Some(Place::Body) && !has_body(method) {
            let message = format!("a {method} request has no body (write in: query or in: header)");
            checks.problem(&format!("{at}.in"), message);
        }
        if parameter.place == Some(Place::Header) {
            header_is_sound(checks, &at, parameter.name.as_deref().unwrap_or(argument));
        }
    }
    if let Some(body) = &endpoint.body {
        body_is_sound(checks, place, method, body, endpoint);
    }
    if let Some(text) = &endpoint.result {
        expression(checks, &format!("{place}.result"), text);
    }
    if let Some(pages) = &endpoint.pages {
        pages_are_sound(checks, place, pages, endpoint);
    }
    for status in endpoint.errors.keys() {
        if !status.parse::<u16>().is_ok_and(|status| (400..600).contains(&status)) {
            let at = key_path(&format!("{place}.errors"), status);
            checks.problem(&at, "not the status of a failure (write 400 to 599)");
        }
    }
}

/// Whether a request of this method has a body that servers look at (RFC 9110, 9.3).
fn has_body(method: &str) -> bool {
    !matches!(method, "get" | "head" | "delete")
}

/// Headers of a connection, and those that say who asks, are not a model's to choose.
fn header_is_sound(checks: &mut Checks<'_>, at: &str, name: &str) {
    let lower = name.to_ascii_lowercase();
    let message = match held(name) {
        Some(Held::Credential) => {
            format!("no model gives the credential {lower} (write it under headers)")
        }
        Some(Held::Trusted) => {
            format!("servers take {lower} for word of the gateway (remove it)")
        }
        Some(Held::Reserved) | None => match wrong_header(name, &Secret::new("")) {
            Some(message) => message,
            None => return,
        },
    };
    checks.problem(at, message);
}

/// MCP 2025-11-25, server/tools: tool names.
pub(super) fn wrong_name(name: &str) -> Option<String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let sound = (1..=128).contains(&name.len()) && name.chars().all(allowed);
    (!sound).then(|| {
        format!("{} cannot name a tool (use 1 to 128 letters, digits, _, - and .)", quote(name))
    })
}

/// The names in braces of a path.
fn names(template: &str) -> Result<Vec<&str>, &'static str> {
    let (mut names, mut rest) = (Vec::new(), template);
    while let Some(at) = rest.find(['{', '}']) {
        let inner = rest[at..].strip_prefix('{').ok_or("a } without {")?;
        let (name, after) = inner.split_once('}').ok_or("a { without }")?;
        if name.is_empty() || name.contains('{') {
            return Err("{} holds the name of one parameter");
        }
        names.push(name);
        rest = after;
    }
    Ok(names)
}

fn path_is_sound(
    checks: &mut Checks<'_>,
    place: &str,
    method: &str,
    template: &str,
    endpoint: &Endpoint,
) {
    let at = format!("{place}.{method}");
    if !template.starts_with('/') {
        checks.problem(&at, "a path begins with / (write /PATH; the host belongs to base)");
    }
    if template.contains(['?', '#']) {
        let message =
            "a path has no query (write query: {NAME: VALUE}, or a parameter with in: query)";
        checks.problem(&at, message);
    }
    if template.chars().any(|c| c.is_control() || c == ' ') {
        checks.problem(&at, "a path has no spaces (write %20)");
    }
    if template.split('/').any(|segment| matches!(segment, "." | "..")) {
        checks.problem(&at, "a path has no segments . and .. (write it without)");
    }
    for segment in template.split('/').filter_map(|segment| segment.strip_prefix(':')) {
        if endpoint.parameters.contains_key(segment) {
            let message = format!(":{segment} is text here (write {{{segment}}})");
            checks.problem(&at, message);
        }
    }
    match names(template) {
        Err(message) => checks.problem(&at, format!("{message} (write {{NAME}})")),
        Ok(names) => {
            for name in names.iter().filter(|name| !endpoint.parameters.contains_key(**name)) {
                let message = format!("no parameter {name} (add it under parameters)");
                checks.problem(&at, message);
            }
        }
    }
}

/// Names in braces of the query are parameters, and each value goes into it once.
fn query_is_sound(checks: &mut Checks<'_>, place: &str, endpoint: &Endpoint) {
    for (name, value) in &endpoint.query {
        let at = key_path(&format!("{place}.query"), name);
        // Of what stands elsewhere, nothing is shown.
        let text = if checks.places.is_literal(&at) { value.reveal() } else { "" };
        let words = |name: &&str| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        let unknown = |name: &&str| !name.is_empty() && !endpoint.parameters.contains_key(*name);
        let begun = text.split('{').skip(1);
        let named = begun.filter_map(|rest| rest.split_once('}').map(|(name, _)| name));
        for name in named.filter(words).filter(unknown) {
            let message = format!("no parameter {name} (add it under parameters)");
            checks.problem(&at, message);
        }
        if endpoint.pages.as_ref().is_some_and(|pages| pages.parameter() == name) {
            checks.problem(&at, "pages give this parameter (remove it)");
        }
    }
    for (argument, parameter) in &endpoint.parameters {
        let named = format!("{{{argument}}}");
        let in_query = endpoint.query.values().any(|value| value.reveal().contains(&named));
        if parameter.place == Some(Place::Query) && in_query {
            let at = key_path(&format!("{place}.parameters"), argument);
            let message = "a value of query names it, and it would go there twice (remove in)";
            checks.problem(&format!("{at}.in"), message);
        }
    }
}

fn parameter_is_sound(
    checks: &mut Checks<'_>,
    at: &str,
    argument: &str,
    parameter: &Parameter,
    template: &str,
) {
    let in_path = template.contains(&format!("{{{argument}}}"));
    match parameter.place {
        Some(Place::Path) if !in_path => {
            let message = format!("the path has no {{{argument}}} (add it there)");
            checks.problem(&format!("{at}.in"), message);
        }
        Some(place) if place != Place::Path && in_path => {
            checks.problem(&format!("{at}.in"), "the path names it (write in: path)");
        }
        _ => {}
    }
    if parameter.segments && !in_path {
        checks.problem(&format!("{at}.segments"), "only a path has segments (remove it)");
    }
    if in_path && parameter.required == Some(false) {
        let message = "a path needs all of its parameters (remove required)";
        checks.problem(&format!("{at}.required"), message);
    }
    if in_path && matches!(parameter.kind, Some(Kind::Object | Kind::Array)) {
        let message = "a segment of a path is one value (write type: string)";
        checks.problem(&format!("{at}.type"), message);
    }
    parameter::check(checks, at, &parameter.said());
}

/// What changes nothing loses nothing, and may always be repeated.
fn annotations_are_sound(checks: &mut Checks<'_>, place: &str, endpoint: &Endpoint) {
    if endpoint.read_only != Some(true) {
        return;
    }
    for (key, contradicts) in [
        ("destructive", endpoint.destructive == Some(true)),
        ("idempotent", endpoint.idempotent == Some(false)),
    ] {
        if contradicts {
            checks.problem(
                &format!("{place}.{key}"),
                "read_only says otherwise (remove one of them)",
            );
        }
    }
}

/// Where a parameter goes. Nothing for one without a path or method to tell.
fn place_of(endpoint: &Endpoint, argument: &str, parameter: &Parameter) -> Option<Place> {
    match endpoint.paths()[..] {
        [_] => endpoint.place(argument),
        _ => parameter.place,
    }
}

/// Two values for one name: the API would get one of them, or both.
fn names_are_taken_once(checks: &mut Checks<'_>, place: &str, api: &HttpApi, endpoint: &Endpoint) {
    for name in endpoint.query.keys().filter(|name| api.query.contains_key(*name)) {
        let at = key_path(&format!("{place}.query"), name);
        checks.problem(&at, "it is in the query of every request already (remove one of them)");
    }
    let is_fixed = |name: &str, maps: [&BTreeMap<String, Secret>; 2], any_case: bool| {
        let is = |it: &String| it == name || any_case && it.eq_ignore_ascii_case(name);
        maps.iter().any(|map| map.keys().any(is))
    };
    let mut taken = Vec::new();
    for (argument, parameter) in &endpoint.parameters {
        let at = key_path(&format!("{place}.parameters"), argument);
        let name = parameter.name.as_deref().unwrap_or(argument);
        let Some(goes_to) = place_of(endpoint, argument, parameter) else { continue };
        let fixed = match goes_to {
            Place::Query => is_fixed(name, [&api.query, &endpoint.query], false),
            Place::Header => is_fixed(name, [&api.headers, &endpoint.headers], true),
            Place::Path | Place::Body => false,
        };
        if fixed {
            let message = "the operator gives it, so that nobody else can (remove one of them)";
            checks.problem(&at, message);
        }
        let asks_for_pages = |pages: &Pages| goes_to == Place::Query && pages.parameter() == name;
        if endpoint.pages.as_ref().is_some_and(asks_for_pages) {
            checks.problem(&at, "pages give it (remove it; the tool takes cursor)");
        }
        // A body of its own says itself where arguments go.
        let is_own = goes_to == Place::Body && endpoint.body.is_some();
        if !is_own && taken.contains(&(goes_to, name)) {
            let message = format!("another parameter is called {} there (keep one)", quote(name));
            checks.problem(&at, message);
        }
        taken.push((goes_to, name));
    }
}

fn body_is_sound(
    checks: &mut Checks<'_>,
    place: &str,
    method: &str,
    body: &Anything,
    endpoint: &Endpoint,
) {
    let at = format!("{place}.body");
    if !has_body(method) {
        let message = format!("a {method} request has no body (remove it)");
        checks.problem(&at, message);
    }
    if let Some(text) = body.as_str().map(str::trim)
        && text.starts_with(['{', '['])
        && text.ends_with(['}', ']'])
        && text.contains('"')
    {
        let message = "a text in quotes is sent as a text (write the JSON itself, without quotes)";
        checks.problem(&at, message);
    }
    let text = body.to_string();
    for argument in endpoint.parameters.keys() {
        let in_body = endpoint.place(argument) == Some(Place::Body);
        if in_body && !text.contains(&format!("{{{argument}}}")) {
            let message =
                format!("the parameter {argument} is nowhere in it (write {{{argument}}})");
            checks.problem(&at, message);
        }
    }
}

fn pages_are_sound(checks: &mut Checks<'_>, place: &str, pages: &Pages, endpoint: &Endpoint) {
    let at = format!("{place}.pages");
    match (&pages.next, pages.kind) {
        (Some(next), PageKind::Cursor) => {
            expression(checks, &format!("{at}.next"), next);
        }
        (None, PageKind::Cursor) => {
            checks.problem(&at, "nothing says where the cursor is (add next: EXPRESSION)");
        }
        (Some(_), _) => {
            checks.problem(&format!("{at}.next"), "only for kind: cursor (remove it)");
        }
        (None, _) => {}
    }
    for key in ["first", "size"] {
        let key = format!("{at}.{key}");
        if pages.kind != PageKind::Page && checks.places.has(&key) {
            checks.problem(&key, "only for kind: page (remove it)");
        }
    }
    if pages.size == Some(0) {
        checks.problem(&format!("{at}.size"), "a page has entries (write 1 or more)");
    }
    if !(1..=MOST_PAGES).contains(&pages.limit) {
        let message = format!("one call gathers 1 to {MOST_PAGES} pages (write such a number)");
        checks.problem(&format!("{at}.limit"), message);
    }
    let taken = |name: &str| endpoint.parameters.contains_key(name);
    if taken("cursor") {
        let message = "pages give the tool an argument cursor (rename the parameter)";
        checks.problem(&key_path(&format!("{place}.parameters"), "cursor"), message);
    }
    if !endpoint.paths().iter().any(|(method, _)| *method == "get") {
        checks.problem(&at, "only the results of a get come in pages (remove it)");
    }
}
