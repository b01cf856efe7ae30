//! Whether an OpenAPI document can be found. What is in it is read when it is loaded.

use std::path::Path;

use super::{base, headers, not_in_the_file};
use crate::config::check::Checks;
use crate::config::problem::key_path;
use crate::config::servers::openapi::OpenApi;
use toolgate_values::Span;

/// Whoever has the document is not asked for it more often.
const OFTEN: Span = Span::seconds(1);

pub(in crate::config::check) fn check(checks: &mut Checks<'_>, path: &str, api: &mut OpenApi) {
    let at = format!("{path}.document");
    match api.url() {
        Some(Ok(url)) => {
            if !url.is_https() && !url.is_loopback() {
                let message =
                    "a document that comes over plain http can be changed on the way (write https)";
                checks.warning(&at, message);
            }
        }
        Some(Err(misfit)) => checks.problem(&at, misfit.to_string()),
        None => {
            let file = checks.resolve(&at, Path::new(&api.document));
            if !checks.sources.is_file(&file) {
                let shown = checks.shown(&at, &api.document);
                let message = format!("{shown} is not a file (paths are relative to this file)");
                checks.problem(&at, message);
            }
            api.document = file.to_string_lossy().into_owned();
        }
    }
    if let Some(url) = &api.base {
        base(checks, &format!("{path}.base"), url);
    }
    headers(checks, &format!("{path}.headers"), &api.headers, &["accept"]);
    for name in api.auth.keys() {
        not_in_the_file(checks, &key_path(&format!("{path}.auth"), name));
    }
    if !api.refresh.is_zero() && api.refresh < OFTEN {
        let message =
            format!("too often for any document (write {OFTEN} or more, or 0s for never)");
        checks.problem(&format!("{path}.refresh"), message);
    }
}
