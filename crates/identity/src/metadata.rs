//! What a client reads to find out where tokens for a resource come from (RFC 9728).

use std::sync::Arc;

use serde::Serialize;

use crate::jws;
use crate::resource::Resource;
use crate::rules::Dpop;

/// The document of one protected resource.
#[derive(Clone, Debug, Serialize)]
pub struct Metadata {
    resource: String,
    authorization_servers: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    scopes_supported: Vec<String>,
    bearer_methods_supported: [&'static str; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dpop_signing_alg_values_supported: Option<[&'static str; 5]>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    dpop_bound_access_tokens_required: bool,
}

impl Metadata {
    /// The document of `resource`, whose tokens come from `issuers`.
    ///
    /// `None` without an issuer: MCP asks for at least one, and there would be nothing to find.
    pub fn new(
        resource: &Resource,
        issuers: &[Arc<str>],
        scopes: &[Arc<str>],
        name: Option<&str>,
    ) -> Option<Metadata> {
        if issuers.is_empty() {
            return None;
        }
        let offered = scopes.iter().filter(|scope| ***scope != *"offline_access");
        Some(Metadata {
            resource: resource.as_str().to_owned(),
            authorization_servers: issuers.iter().map(|issuer| issuer.to_string()).collect(),
            scopes_supported: offered.map(|scope| scope.to_string()).collect(),
            bearer_methods_supported: ["header"],
            resource_name: name.map(str::to_owned),
            dpop_signing_alg_values_supported: None,
            dpop_bound_access_tokens_required: false,
        })
    }

    /// The document of a resource that takes tokens bound to keys, or no others (RFC 9728,
    /// section 2).
    pub fn with_dpop(mut self, mode: Dpop) -> Metadata {
        let offered = mode != Dpop::Off;
        self.dpop_signing_alg_values_supported = offered.then_some(jws::ALGORITHMS);
        self.dpop_bound_access_tokens_required = mode == Dpop::Require;
        self
    }

    /// The document as JSON.
    pub fn to_json(&self) -> String {
        // Strings and lists of strings only: nothing here can fail.
        serde_json::to_string(self).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_names_the_resource_and_where_its_tokens_come_from() {
        let resource = Resource::new(&"https://gw/mcp/crm".parse().unwrap());
        let scopes = ["tools:read".into(), "offline_access".into()];

        let document =
            Metadata::new(&resource, &["https://as/t1".into()], &scopes, Some("CRM")).unwrap();

        assert_eq!(
            document.to_json(),
            concat!(
                r#"{"resource":"https://gw/mcp/crm","authorization_servers":["https://as/t1"],"#,
                r#""scopes_supported":["tools:read"],"bearer_methods_supported":["header"],"#,
                r#""resource_name":"CRM"}"#
            )
        );
    }

    #[test]
    fn without_an_issuer_there_is_no_document() {
        let resource = Resource::new(&"https://gw/mcp".parse().unwrap());

        assert!(Metadata::new(&resource, &[], &[], None).is_none());
    }
}
