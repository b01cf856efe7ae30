//! Published names and URIs, and patterns of them, compiled once: asking costs one look-up and at
//! most one pass over the name, however many there are.

use std::collections::HashSet;

use regex::Regex;

/// What may be named.
pub(super) struct Patterns {
    exact: HashSet<Box<str>>,
    /// All patterns with a `*`, as one; `None` where there is none.
    wild: Option<Regex>,
}

impl Patterns {
    /// # Errors
    /// When they are too large together to be compiled.
    pub(super) fn of(patterns: &[&str]) -> Result<Patterns, regex::Error> {
        let (wild, exact): (Vec<&str>, Vec<&str>) =
            patterns.iter().partition(|pattern| pattern.contains('*'));
        let each: Vec<String> = wild
            .iter()
            .map(|pattern| pattern.split('*').map(regex::escape).collect::<Vec<_>>().join(".*"))
            .collect();
        let all = (!each.is_empty()).then(|| format!("(?s)^(?:{})$", each.join("|")));
        let wild = all.map(|all| Regex::new(&all)).transpose()?;
        Ok(Patterns { exact: exact.into_iter().map(Into::into).collect(), wild })
    }

    /// Whether this name is among them.
    pub(super) fn name(&self, name: &str) -> bool {
        self.exact.contains(name) || self.wild.as_ref().is_some_and(|wild| wild.is_match(name))
    }

    /// Whether this URI is among them. One that climbs is not what it begins like, once its server
    /// has made a path of it, so no pattern covers it.
    pub(super) fn uri(&self, uri: &str) -> bool {
        self.exact.contains(uri)
            || (!climbs(uri) && self.wild.as_ref().is_some_and(|wild| wild.is_match(uri)))
    }
}

/// Whether a URI may lead to something else than what its text begins with: it has segments of
/// dots, in whatever spelling (RFC 3986, section 5.2.4), or a separator that is none in a URI.
fn climbs(uri: &str) -> bool {
    let mut text = uri.to_owned();
    for _ in 0..ENCODED {
        let plain = decoded(&text);
        if plain == text {
            return has_dots(&plain);
        }
        text = plain;
    }
    // Fail closed: nobody who means well encodes so often.
    true
}

/// How often signs may be encoded, one time over the other.
const ENCODED: usize = 4;

/// The text with dots, separators and percent signs decoded once.
fn decoded(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('%') {
        let (before, code) = rest.split_at(at);
        plain.push_str(before);
        let sign = match code.get(..3).map(str::to_ascii_lowercase).as_deref() {
            Some("%2e") => '.',
            Some("%2f") => '/',
            Some("%5c") => '\\',
            Some("%25") => '%',
            _ => {
                plain.push('%');
                rest = code.strip_prefix('%').unwrap_or_default();
                continue;
            }
        };
        plain.push(sign);
        rest = code.get(3..).unwrap_or_default();
    }
    plain.push_str(rest);
    plain
}

fn has_dots(uri: &str) -> bool {
    uri.contains('\\')
        || uri.split('/').any(|segment| {
            let segment = segment.split(['?', '#', ';']).next().unwrap_or_default();
            matches!(segment, "." | "..")
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_patterns_stand_side_by_side() {
        let patterns = Patterns::of(&["crm_find", "billing_*", "*_status", "a.b*"]).unwrap();

        for (name, expected) in [
            ("crm_find", true),
            ("crm_find2", false),
            ("billing_", true),
            ("billing_refund\nnow", true),
            ("xbilling_refund", false),
            ("crm_status", true),
            ("crm_status2", false),
            ("a.bc", true),
            ("axbc", false),
        ] {
            assert_eq!(patterns.name(name), expected, "{name}");
        }
    }

    /// They mean what they mean everywhere else.
    #[test]
    fn a_pattern_covers_what_patterns_of_rules_cover() {
        let texts = ["", "a", "ab", "aba", "abba", "b", "a*b", "a.b", "a\nb"];
        for pattern in ["*", "a*", "*a", "a*b", "ab*ba", "a**b", "*b*", "a.*"] {
            let patterns = Patterns::of(&[pattern]).unwrap();
            for text in texts {
                let expected = toolgate_values::covers(pattern, text);
                assert_eq!(patterns.name(text), expected, "{pattern} {text:?}");
            }
        }
    }

    #[test]
    fn a_uri_that_climbs_is_not_what_it_begins_like() {
        let patterns = Patterns::of(&["crm+file:///docs/*", "crm+file:///x/../named"]).unwrap();
        let deep = format!("crm+file:///docs/%{}2e", "25".repeat(1000));

        for (uri, expected) in [
            ("crm+file:///docs/a", true),
            ("crm+file:///docs/a..b/.c", true),
            ("crm+file:///docs/{path}", true),
            ("crm+file:///docs/../secret", false),
            ("crm+file:///docs/./a", false),
            ("crm+file:///docs/..", false),
            ("crm+file:///docs/..?x", false),
            ("crm+file:///docs/..;x/secret", false),
            ("crm+file:///docs/%2e%2E/secret", false),
            ("crm+file:///docs/.%2e%2Fsecret", false),
            ("crm+file:///docs/%252e%252e/secret", false),
            ("crm+file:///docs/..\\secret", false),
            ("crm+file:///docs/..%5csecret", false),
            (&*deep, false),
            ("crm+file:///docs/100%25/a%20b%2", true),
            ("crm+file:///x/../named", true),
        ] {
            assert_eq!(patterns.uri(uri), expected, "{uri}");
        }
    }
}
