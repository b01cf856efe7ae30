//! A text with references, read: some are resolved now, the others by each call.

use std::path::Path;

use toolgate_values::Secret;

use super::bind::{Bound, Part};
use super::reference;
use super::sources::Sources;

/// Reads a value as it was written in a file of this folder.
///
/// # Errors
/// What is wrong with a reference.
pub(super) fn read(text: &str, folder: &Path, sources: &dyn Sources) -> Result<Bound, String> {
    let (mut parts, mut plain, mut rest) = (Vec::new(), String::new(), text);
    while let Some(at) = rest.find("${") {
        let (before, reference) = rest.split_at(at);
        if let Some(before) = before.strip_suffix('$') {
            plain.push_str(before);
            plain.push_str("${");
            rest = reference.get(2..).unwrap_or_default();
            continue;
        }
        plain.push_str(before);
        let Some((inner, after)) = reference.get(2..).and_then(|inner| inner.split_once('}'))
        else {
            return Err("a reference is not closed (add })".to_owned());
        };
        match Part::of(inner) {
            Some(part) => {
                if !plain.is_empty() {
                    parts.push(Part::Text(Secret::new(std::mem::take(&mut plain))));
                }
                parts.push(part);
            }
            // What comes from elsewhere is not looked at again.
            None => plain.push_str(&reference::value(inner, folder, sources)?),
        }
        rest = after;
    }
    plain.push_str(rest);
    if !plain.is_empty() || parts.is_empty() {
        parts.push(Part::Text(Secret::new(plain)));
    }
    Ok(Bound(parts))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Fixed;

    fn parts(text: &str) -> Result<Vec<String>, String> {
        let env = [("KEY".to_owned(), "${caller.tenant}".to_owned())].into();
        let sources = Fixed { env, ..Fixed::default() };
        let show = |part: Part| match part {
            Part::Text(text) => format!("text {}", text.reveal()),
            other => format!("{other:?}"),
        };
        Ok(read(text, Path::new("/"), &sources)?.0.into_iter().map(show).collect())
    }

    #[test]
    fn references_to_the_call_stand_among_text_and_secrets() {
        for (text, expected) in [
            ("", &["text "][..]),
            ("a", &["text a"]),
            ("${caller.subject}", &["Subject"]),
            ("u:${caller.subject}@${caller.tenant}", &["text u:", "Subject", "text @", "Tenant"]),
            ("${caller.claims.org_id}", &["Claim(\"org_id\")"]),
            ("$${caller.subject}", &["text ${caller.subject}"]),
            ("${env:KEY}", &["text ${caller.tenant}"]),
            ("k-${env:KEY}-${session.id}", &["text k-${caller.tenant}-", "Session"]),
        ] {
            assert_eq!(parts(text).unwrap(), expected, "{text}");
        }
        for text in ["${caller.name}", "${caller.claims.}", "${env:NONE}", "${caller.subject"] {
            assert!(parts(text).is_err(), "{text}");
        }
    }
}
