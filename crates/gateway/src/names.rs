//! What is a thing of an upstream called by clients, and what did the upstream call it?
//!
//! One server alone keeps its names. Several get a prefix each: `{server}_{name}` for tools and
//! prompts, `{server}+{uri}` for resources, so that every name leads back to its server.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use sha2::{Digest, Sha256};

use crate::config::server::{Server, Tools};

/// Several model interfaces accept no longer names than this.
const LONGEST: usize = 64;
/// Characters of the digest that stands for what a long name lost.
const DIGEST: usize = 8;
/// Long names remembered for one server at most.
const MOST_LONG: usize = 20_000;

/// The names of one server, both ways.
pub struct Names {
    prefix: String,
    /// What stands before the `+` of its URIs; `None` when it is alone and URIs stay as they are.
    scheme: Option<String>,
    tools: Tools,
    /// Published names that were cut, or look as if they had been, to the originals.
    long: Mutex<HashMap<String, Arc<str>>>,
}

impl Names {
    /// The names of a configured server.
    pub fn of(server: &Server, several: bool) -> Names {
        Names {
            prefix: server.published_prefix().to_owned(),
            // Underscores are no part of a scheme (RFC 3986, section 3.1).
            scheme: several.then(|| server.name.as_str().replace('_', "-").to_ascii_lowercase()),
            tools: server.tools.clone(),
            long: Mutex::default(),
        }
    }

    /// The same URIs, for a reply that outlives the borrow of its route.
    pub(crate) fn for_uris(&self) -> Names {
        Names {
            prefix: self.prefix.clone(),
            scheme: self.scheme.clone(),
            tools: Tools::default(),
            long: Mutex::default(),
        }
    }

    /// Whether lists of tools reach the client as they are.
    pub fn leaves_tools_alone(&self) -> bool {
        self.prefix.is_empty() && self.tools == Tools::default()
    }

    /// Whether names other than those of tools stay as they are.
    pub fn leaves_names_alone(&self) -> bool {
        self.prefix.is_empty()
    }

    /// Whether URIs stay as they are.
    pub fn leaves_uris_alone(&self) -> bool {
        self.scheme.is_none()
    }

    /// The published name of a tool; `None` for one that is not offered.
    pub fn publish_tool<'a>(&'a self, original: &'a str) -> Option<Cow<'a, str>> {
        self.tools.offers(original).then(|| {
            let named = self.tools.published(original);
            self.publish(named, original)
        })
    }

    /// The description to publish instead of a tool's own.
    pub fn description(&self, original: &str) -> Option<&str> {
        self.tools.description(original)
    }

    /// The published name of a prompt.
    pub fn publish_prompt<'a>(&'a self, original: &'a str) -> Cow<'a, str> {
        self.publish(original, original)
    }

    fn publish<'a>(&'a self, named: &'a str, original: &str) -> Cow<'a, str> {
        if self.prefix.is_empty() {
            return Cow::Borrowed(named);
        }
        let full = format!("{}{named}", self.prefix);
        if full.len() <= LONGEST && !looks_cut(&full) {
            return Cow::Owned(full);
        }
        let short = if full.len() <= LONGEST { full } else { shorten(&full) };
        let mut long = self.long.lock().unwrap_or_else(PoisonError::into_inner);
        if long.len() < MOST_LONG {
            long.insert(short.clone(), original.into());
        }
        Cow::Owned(short)
    }

    /// What the published names of this server begin with.
    pub(crate) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// What its published URIs begin with, before a plus sign; `None` when it is alone.
    pub(crate) fn scheme(&self) -> Option<&str> {
        self.scheme.as_deref()
    }

    /// What the server calls the tool with this published name; `None` when it is not offered
    /// under it.
    pub fn original_tool(&self, published: &str) -> Option<Arc<str>> {
        let named = self.unpublish(published)?;
        let original = self.tools.original(&named)?;
        self.tools.offers(original).then(|| original.into())
    }

    /// What the server calls the prompt with this published name.
    pub fn original_prompt(&self, published: &str) -> Option<Arc<str>> {
        self.unpublish(published)
    }

    fn unpublish(&self, published: &str) -> Option<Arc<str>> {
        let rest = published.strip_prefix(&*self.prefix)?;
        if looks_cut(published) && !self.prefix.is_empty() {
            let long = self.long.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(original) = long.get(published) {
                return Some(self.tools.published(original).into());
            }
        }
        Some(rest.into())
    }

    /// Whether a name looks as if it had been cut, so that only a fresh list can tell what of.
    pub fn is_unknown_cut(&self, published: &str) -> bool {
        looks_cut(published)
            && !self.prefix.is_empty()
            && published.starts_with(&self.prefix)
            && !self.long.lock().unwrap_or_else(PoisonError::into_inner).contains_key(published)
    }

    /// The published form of a URI or URI template.
    pub fn publish_uri<'a>(&self, uri: &'a str) -> Cow<'a, str> {
        let Some(scheme) = &self.scheme else { return Cow::Borrowed(uri) };
        match uri.strip_prefix("ui://") {
            // Hosts dispatch on this scheme (MCP Apps, 2026-01-26), so it has to stay in front.
            Some(rest) => Cow::Owned(format!("ui://{scheme}+{rest}")),
            None => Cow::Owned(format!("{scheme}+{uri}")),
        }
    }

    /// What the server calls the resource with this published URI; `None` when it is not one of
    /// this server's.
    pub fn original_uri<'a>(&self, published: &'a str) -> Option<Cow<'a, str>> {
        let Some(scheme) = &self.scheme else { return Some(Cow::Borrowed(published)) };
        if let Some(rest) = published.strip_prefix("ui://") {
            let rest = rest.strip_prefix(&**scheme)?.strip_prefix('+')?;
            return Some(Cow::Owned(format!("ui://{rest}")));
        }
        published.strip_prefix(&**scheme)?.strip_prefix('+').map(Cow::Borrowed)
    }
}

/// Cuts a name to the length that models accept; a digest keeps it unique.
fn shorten(full: &str) -> String {
    let mut keep = LONGEST - DIGEST - 1;
    while !full.is_char_boundary(keep) {
        keep -= 1;
    }
    let digest = Sha256::digest(full.as_bytes());
    let hex: String = digest.iter().take(DIGEST / 2).map(|byte| format!("{byte:02x}")).collect();
    // Padding keeps every cut name at the same length, by which it is recognised.
    format!("{:_<width$}_{hex}", &full[..keep], width = LONGEST - DIGEST - 1)
}

/// Whether a name has the form that [`shorten`] gives.
fn looks_cut(name: &str) -> bool {
    let Some((rest, digest)) = name.as_bytes().split_last_chunk::<DIGEST>() else { return false };
    name.len() == LONGEST
        && rest.last() == Some(&b'_')
        && digest.iter().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(prefix: &str) -> Names {
        Names {
            prefix: prefix.to_owned(),
            scheme: (!prefix.is_empty()).then(|| "crm-eu".to_owned()),
            tools: Tools::default(),
            long: Mutex::default(),
        }
    }

    #[test]
    fn one_server_alone_keeps_every_name() {
        let names = names("");
        let long = "x".repeat(100);

        assert_eq!(names.publish_tool(&long).unwrap(), long);
        assert_eq!(names.publish_uri("file:///a"), "file:///a");
    }

    #[test]
    fn a_long_name_is_cut_and_leads_back() {
        let names = names("crm_eu_");
        let original = "find_".repeat(20);

        let published = names.publish_tool(&original).unwrap().into_owned();
        assert_eq!(published.len(), 64);
        assert_eq!(&*names.original_tool(&published).unwrap(), original);
        assert!(!names.is_unknown_cut(&published));
    }

    #[test]
    fn a_name_that_only_just_fits_is_no_riddle() {
        let names = names("crm_");
        let plain = "find_".repeat(12);
        let digested = format!("{}_0123abcd", "x".repeat(51));

        assert!(!names.is_unknown_cut(&format!("crm_{plain}")));
        let published = names.publish_tool(&digested).unwrap().into_owned();
        assert_eq!(published, format!("crm_{digested}"));
        assert!(!names.is_unknown_cut(&published));
        assert_eq!(&*names.original_tool(&published).unwrap(), digested);
    }

    #[test]
    fn two_long_names_that_begin_alike_stay_apart() {
        let names = names("crm_");
        let (a, b) = ("x".repeat(90) + "a", "x".repeat(90) + "b");

        assert_ne!(names.publish_tool(&a), names.publish_tool(&b));
    }

    #[test]
    fn uris_lead_back_and_apps_keep_their_scheme() {
        let names = names("crm_");
        for uri in ["file:///a b", "https://x/y?z=1", "ui://app/view", "crm-eu+x:y", "a+b:c"] {
            let published = names.publish_uri(uri).into_owned();
            assert_eq!(names.original_uri(&published).unwrap(), uri);
        }
        assert_eq!(names.publish_uri("ui://app/view"), "ui://crm-eu+app/view");
        assert_eq!(names.original_uri("other+file:///a"), None);
    }
}
