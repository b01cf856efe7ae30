//! Whether the resources of an HTTP API fit their URIs, and their URIs each other.

use std::collections::BTreeMap;

use toolgate_values::Size;

use super::super::content::named;
use super::{endpoint_is_sound, names_are_taken_once};
use crate::config::check::Checks;
use crate::config::problem::{key_path, quote};
use crate::config::servers::content::uri::UriTemplate;
use crate::config::servers::http::{HttpApi, Kind, Place, Resource};

/// The most that a resource may hold: with base64 around it, still an ordinary message.
const LARGEST: Size = Size::mib(16);

pub(super) fn check(checks: &mut Checks<'_>, path: &str, api: &HttpApi) {
    let mut places = BTreeMap::new();
    for (name, resource) in &api.resources {
        let place = key_path(path, name);
        named(checks, &place, name);
        if let Some(first) = places.insert(&resource.uri, name) {
            let message =
                format!("the resource {} is there already (choose another)", quote(first));
            checks.problem(&format!("{place}.uri"), message);
        }
        contents_are_sound(checks, &place, resource);
        match (UriTemplate::new(&resource.uri), resource.endpoint()) {
            (Ok(template), Ok(endpoint)) => {
                parameters_are_sound(checks, &place, resource, &template);
                for name in template.variables() {
                    let is_said = resource.parameters.contains_key(name);
                    if !is_said && endpoint.place(name) == Some(Place::Query) {
                        let message = format!(
                            "nothing takes {{{name}}} (write it into get or query, or add it under parameters)"
                        );
                        checks.problem(&format!("{place}.uri"), message);
                    }
                }
                endpoint_is_sound(checks, &place, &endpoint);
                names_are_taken_once(checks, &place, api, &endpoint);
            }
            (Err(error), _) | (_, Err(error)) => {
                checks.problem(&format!("{place}.uri"), error.to_string());
            }
        }
    }
}

fn contents_are_sound(checks: &mut Checks<'_>, place: &str, resource: &Resource) {
    if resource.max_size.bytes() == 0 || resource.max_size > LARGEST {
        let message = format!("a resource holds 1B to {LARGEST} (write such a size)");
        checks.problem(&format!("{place}.max_size"), message);
    }
    if let Some(kind) = &resource.mime_type {
        let parts = kind.split_once('/');
        let is_sound = parts.is_some_and(|(kind, sub)| !kind.is_empty() && !sub.is_empty())
            && kind.chars().all(|c| c.is_ascii_graphic() || c == ' ');
        if !is_sound {
            let message = "not a media type (write one such as text/markdown)";
            checks.problem(&format!("{place}.mime_type"), message);
        }
    }
}

fn parameters_are_sound(
    checks: &mut Checks<'_>,
    place: &str,
    resource: &Resource,
    template: &UriTemplate,
) {
    for (name, parameter) in &resource.parameters {
        let at = key_path(&format!("{place}.parameters"), name);
        if !template.variables().contains(name) {
            let message = format!("the URI has no {{{name}}} (add it there, or remove this)");
            checks.problem(&at, message);
        }
        for (key, is_said) in
            [("default", parameter.default.is_some()), ("required", parameter.required.is_some())]
        {
            if is_said {
                checks.problem(&format!("{at}.{key}"), "the URI always gives it (remove this)");
            }
        }
        if matches!(parameter.kind, Some(Kind::Array | Kind::Object)) {
            let message = "a variable of a URI is one value (write type: string)";
            checks.problem(&format!("{at}.type"), message);
        }
    }
}
