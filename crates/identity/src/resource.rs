//! What a token is for: one endpoint, by its URL.

use std::sync::Arc;

use toolgate_values::Url;

/// The canonical URI of a protected resource: no fragment, no trailing slash
/// (RFC 8707, section 2; MCP 2026-07-28, authorization, canonical server URI).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Resource {
    uri: Arc<str>,
    /// Where the path begins; the end of `uri` if there is none.
    path: usize,
}

impl Resource {
    /// The resource at `url`. A query is not part of it.
    pub fn new(url: &Url) -> Resource {
        let uri = url.uri();
        let scheme = uri.scheme_str().unwrap_or("https");
        let authority = uri.authority().map_or("", |authority| authority.as_str());
        let authority = authority.to_ascii_lowercase();
        let origin = format!("{scheme}://{authority}");
        let path = uri.path().trim_end_matches('/');
        Resource { path: origin.len(), uri: format!("{origin}{path}").into() }
    }

    /// The resource at `path` below this one's origin, such as `/mcp/billing`.
    pub fn at(&self, path: &str) -> Resource {
        let path = path.trim_end_matches('/');
        let slash = if path.is_empty() || path.starts_with('/') { "" } else { "/" };
        Resource { uri: format!("{}{slash}{path}", self.origin()).into(), path: self.path }
    }

    /// The resource that clients find at `there` where they find this one at `here`: a proxy may
    /// have put both below a path of its own. `None` where it calls this one something else.
    pub fn beside(&self, here: &str, there: &str) -> Option<Resource> {
        let above = self.path().strip_suffix(here)?;
        Some(self.at(&format!("{above}{there}")))
    }

    /// The URI, as it stands in `aud` and in metadata.
    pub fn as_str(&self) -> &str {
        &self.uri
    }

    /// Scheme and authority.
    pub fn origin(&self) -> &str {
        self.uri.get(..self.path).unwrap_or_default()
    }

    /// The path, without a slash at its end.
    pub fn path(&self) -> &str {
        self.uri.get(self.path..).unwrap_or_default()
    }

    /// The path of its metadata: the well-known part goes between host and path
    /// (RFC 9728, section 3.1).
    pub fn metadata_path(&self) -> String {
        format!("/.well-known/oauth-protected-resource{}", self.path())
    }

    /// The URL of its metadata.
    pub fn metadata_url(&self) -> String {
        format!("{}{}", self.origin(), self.metadata_path())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_canonical_uri_has_no_slash_at_its_end_and_its_metadata_stands_before_the_path() {
        for (url, uri, metadata) in [
            ("https://GW.example/mcp/", "https://gw.example/mcp", "/mcp"),
            ("https://gw.example", "https://gw.example", ""),
            ("https://gw.example:8443/a/b?x=1", "https://gw.example:8443/a/b", "/a/b"),
        ] {
            let resource = Resource::new(&url.parse().unwrap());

            assert_eq!(resource.as_str(), uri);
            let expected = format!("/.well-known/oauth-protected-resource{metadata}");
            assert_eq!(resource.metadata_path(), expected);
            assert_eq!(resource.metadata_url(), format!("{}{expected}", resource.origin()));
        }
    }

    #[test]
    fn what_stands_beside_a_resource_is_found_below_the_same_path() {
        let beside = |url: &str| {
            let resource = Resource::new(&url.parse().unwrap());
            resource.beside("/mcp", "/sse").map(|beside| beside.as_str().to_owned())
        };

        assert_eq!(beside("https://gw/mcp").as_deref(), Some("https://gw/sse"));
        assert_eq!(beside("https://gw/tools/mcp").as_deref(), Some("https://gw/tools/sse"));
        assert_eq!(beside("https://gw"), None);
        assert_eq!(beside("https://gw/tools"), None);
    }

    #[test]
    fn a_toolset_is_a_resource_of_its_own() {
        let resource = Resource::new(&"https://gw.example/mcp".parse().unwrap());

        assert_eq!(resource.at("/mcp/billing").as_str(), "https://gw.example/mcp/billing");
        assert_eq!(resource.at("crm/").as_str(), "https://gw.example/crm");
    }
}
