//! What `env:NAME` and `file:PATH` stand for.

use std::path::Path;

use super::problem::quote;
use super::sources::Sources;

/// The value of a reference in a file of this folder.
///
/// # Errors
/// What is wrong with it, and the way out.
pub(super) fn value(
    reference: &str,
    folder: &Path,
    sources: &dyn Sources,
) -> Result<String, String> {
    match reference.split_once(':') {
        Some(("env", name)) => env(name, sources),
        Some(("file", path)) => file(path, folder, sources),
        _ => Err(unknown(reference)),
    }
}

fn unknown(reference: &str) -> String {
    let shown = quote(&format!("${{{reference}}}"));
    if reference.starts_with("caller.") {
        return format!(
            "unknown reference {shown} here (bind, from, session and paths of roots take \
             ${{caller.subject}}, principal, tenant, actor and claims.NAME)"
        );
    }
    format!(
        "unknown reference {shown} (write ${{env:NAME}} or ${{file:PATH}}, or $${{ for the text itself)"
    )
}

/// The value of a variable of the environment.
///
/// # Errors
/// It is not set.
pub(super) fn env(name: &str, sources: &dyn Sources) -> Result<String, String> {
    sources.env(name).ok_or_else(|| {
        format!("the environment variable {} is not set (set it before the start)", quote(name))
    })
}

fn file(path: &str, folder: &Path, sources: &dyn Sources) -> Result<String, String> {
    match sources.read(&folder.join(path)) {
        // Editors and `echo` end a file with a newline that is not part of the secret.
        Ok(text) => Ok(text
            .strip_suffix("\r\n")
            .or_else(|| text.strip_suffix('\n'))
            .unwrap_or(&text)
            .to_owned()),
        Err(error) => {
            Err(format!("cannot read {}: {error} (paths are relative to this file)", quote(path)))
        }
    }
}
