//! Where below the root? Paths and URIs as clients write them, made into one form.

use std::{cmp::Ordering, fmt};

/// Longer paths are refused, in bytes (PATH_MAX on Linux).
pub const LONGEST: usize = 4096;

/// A path below the root: names joined by `/`, the root itself being empty.
///
/// Sorted as a walk meets them: a folder, then what it contains.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Place(String);

impl Place {
    /// From a path without hidden names. Empty components and `.` mean nothing and are dropped.
    ///
    /// # Errors
    /// A sentence for the model if the path is of a kind that is not served.
    pub fn parse(path: &str) -> Result<Self, String> {
        let place = Self::with_hidden(path)?;
        if place.is_hidden() {
            let shown = path.escape_debug();
            return Err(format!("{shown}: hidden files are not served"));
        }
        Ok(place)
    }

    /// The same from a path in which names may begin with a dot.
    ///
    /// # Errors
    /// A sentence for the model if the path is of a kind that is never served.
    pub fn with_hidden(path: &str) -> Result<Self, String> {
        if path.len() > LONGEST {
            return Err(format!("the path is longer than {LONGEST} bytes"));
        }
        let shown = path.escape_debug();
        if path.contains('\\') {
            return Err(format!("{shown}: write paths with / instead of \\"));
        }
        if path.starts_with('/') {
            return Err(format!(
                "{shown}: paths are relative to the served folder, as in docs/a.txt"
            ));
        }
        let mut place = Self::default();
        for name in path.split('/').filter(|name| !matches!(*name, "" | ".")) {
            if name == ".." {
                return Err(format!("{shown}: paths cannot lead upwards; leave out .."));
            }
            if !is_sound(name) {
                return Err(format!("{shown}: names with control characters are not served"));
            }
            place = place.join(name);
        }
        Ok(place)
    }

    /// From the URI of a resource, which is `base` and the path, percent-encoded. Hidden names are
    /// the source's to refuse.
    pub fn from_uri(uri: &str, base: &str) -> Option<Self> {
        let path = uri.strip_prefix(base)?;
        // A query or fragment would make two names for one resource; ours are percent-encoded.
        if path.contains(['?', '#']) {
            return None;
        }
        Self::with_hidden(&decode(path)?).ok()
    }

    /// `base` and the path, of which every byte but the unreserved of RFC 3986 and `/` is
    /// percent-encoded.
    pub fn uri(&self, base: &str) -> String {
        let mut uri = base.to_owned();
        for byte in self.0.bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                    uri.push(char::from(byte));
                }
                _ => uri.push_str(&format!("%{byte:02X}")),
            }
        }
        uri
    }

    /// What is called `name` in this folder.
    pub fn join(&self, name: &str) -> Self {
        if self.0.is_empty() { Self(name.to_owned()) } else { Self(format!("{}/{name}", self.0)) }
    }

    /// The folder that it is in; the root is in itself.
    pub fn parent(&self) -> Self {
        Self(self.0.rsplit_once('/').map(|(parent, _)| parent.to_owned()).unwrap_or_default())
    }

    /// The last name; empty for the root.
    pub fn name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or_default()
    }

    /// Whether it is the root.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// How many names lead to it.
    pub fn depth(&self) -> usize {
        self.names().count()
    }

    /// The names that lead to it, the root having none.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.split('/').filter(|name| !name.is_empty())
    }

    /// Whether it is, or is in, what programs keep to themselves: names that begin with a dot.
    pub fn is_hidden(&self) -> bool {
        self.names().any(|name| name.starts_with('.'))
    }

    /// `other`, as it is called from this folder.
    pub fn place(&self, other: &Self) -> Self {
        match (self.is_root(), other.is_root()) {
            (true, _) => other.clone(),
            (_, true) => self.clone(),
            _ => self.join(&other.0),
        }
    }

    /// The path, with `/`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What the system calls it.
    pub fn on_disk(&self) -> &str {
        if self.0.is_empty() { "." } else { &self.0 }
    }

    /// The path from `folder`, which contains it.
    pub fn within<'a>(&'a self, folder: &Self) -> &'a str {
        self.0.strip_prefix(&folder.0).unwrap_or(&self.0).trim_start_matches('/')
    }

    /// Whether `other` is below this folder.
    pub fn contains(&self, other: &Self) -> bool {
        self.0.is_empty() || other.0.strip_prefix(&self.0).is_some_and(|rest| rest.starts_with('/'))
    }
}

/// Whether a file or folder of this name can be told of at all.
pub(crate) fn is_sound(name: &str) -> bool {
    !name.contains('\\') && !name.chars().any(char::is_control)
}

fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut parts = text.split('%');
    bytes.extend_from_slice(parts.next()?.as_bytes());
    for part in parts {
        let (hex, rest) = part.split_at_checked(2)?;
        let is_hex = hex.bytes().all(|byte| byte.is_ascii_hexdigit());
        bytes.push(u8::from_str_radix(hex, 16).ok().filter(|_| is_hex)?);
        bytes.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8(bytes).ok()
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "the root" } else { &self.0 })
    }
}

impl Ord for Place {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.split('/').cmp(other.0.split('/'))
    }
}

impl PartialOrd for Place {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn paths_that_lead_elsewhere_are_refused_with_a_reason() {
        let cases = [
            ("../a", "cannot lead upwards"),
            ("a/../../b", "cannot lead upwards"),
            ("/etc/passwd", "relative to the served folder"),
            ("..\\a", "with / instead of"),
            ("C:\\Windows", "with / instead of"),
            (".env", "hidden files"),
            ("a/.git/config", "hidden files"),
            ("a\0b", "control characters"),
            ("a\nb", "control characters"),
        ];
        for (path, reason) in cases {
            let error = Place::parse(path).unwrap_err();
            assert!(error.contains(reason), "{path:?}: {error}");
            assert!(!error.contains(char::is_control), "{error:?}");
        }
        assert!(Place::parse(&"a/".repeat(LONGEST)).is_err());
    }

    #[test]
    fn uris_are_decoded_once_and_judged_afterwards() {
        let place = |uri| Place::from_uri(uri, "files:///").map(|place| place.as_str().to_owned());

        assert_eq!(place("files:///a%20b/%C3%A9.md").as_deref(), Some("a b/é.md"));
        assert_eq!(place("files:///%252e%252e/a").as_deref(), Some("%2e%2e/a"));
        for uri in [
            "files:///%2e%2e/a",
            "files:///a/%2E%2E%2F%2e%2e/b",
            "files:////etc/passwd",
            "files:///%2Fetc",
            "files:///%5C..%5Ca",
            "files:///a%00b",
            "files:///%ff",
            "files:///%+1",
            "files:///%2",
            "files:///a?b",
            "file:///a",
            "FILES:///a",
        ] {
            assert_eq!(place(uri), None, "{uri}");
        }
    }

    proptest! {
        #[test]
        fn every_served_path_survives_its_uri(path in "[^\\x00-\\x1f/\\\\]{1,20}(/[^/\\\\]{1,20}){0,3}") {
            if let Ok(place) = Place::parse(&path) {
                prop_assert_eq!(Place::from_uri(&place.uri("x://"), "x://"), Some(place));
            }
        }

        #[test]
        fn no_parsed_path_leads_upwards(path in "[./a\\\\]{0,20}") {
            if let Ok(place) = Place::parse(&path) {
                prop_assert!(place.as_str().split('/').all(|name| name != ".." && name != "."));
                prop_assert!(!place.as_str().starts_with('/'));
            }
        }
    }
}
