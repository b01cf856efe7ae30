//! The kinds of servers that are made from configuration alone.

pub(super) mod content;
pub(super) mod files;
pub(super) mod http;
pub(super) mod knowledge;
pub(super) mod openapi;
pub(super) mod sql;
pub(super) mod state;
pub(super) mod transform;
pub(super) mod workflow;

use std::collections::BTreeMap;

use toolgate_values::{Secret, Url};

use super::{Checks, kind::wrong_header};
use crate::config::problem::key_path;

/// Headers of the operator: sound, and each once.
fn headers(checks: &mut Checks<'_>, path: &str, headers: &BTreeMap<String, Secret>) {
    for (name, value) in headers {
        let place = key_path(path, name);
        // What a person wants to accept is theirs to say; nobody else sets it.
        if !name.eq_ignore_ascii_case("accept")
            && let Some(message) = wrong_header(name, value)
        {
            checks.problem(&place, message);
        }
        if name.eq_ignore_ascii_case("authorization") && checks.places.is_literal(&place) {
            let message =
                "the credential stands in the file itself (write ${env:NAME} or ${file:PATH})";
            checks.warning(&place, message);
        }
    }
}

/// The address of an API.
fn base(checks: &mut Checks<'_>, path: &str, base: &Url) {
    if !base.is_https() && !base.is_loopback() {
        let message =
            "plain http to another machine can be read and changed on the way (write https)";
        checks.warning(path, message);
    }
    if base.uri().query().is_some() {
        checks.problem(path, "a base has no query (write query: {NAME: VALUE})");
    }
}
