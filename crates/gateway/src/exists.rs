//! Is there such a thing at all? Where rules or toolsets hide things, what is hidden and what does
//! not exist must look alike, so the gateway answers for both, and its servers for neither.

use std::sync::Arc;

use toolgate_policy::Kind;
use toolgate_protocol::method::Method;

use crate::call::Request;
use crate::fault::Fault;
use crate::gateway::{Gateway, Route};
use crate::routing::unknown;

impl Gateway {
    /// Refuses what its server does not offer, in the very words for what is hidden. Where nothing
    /// is, the server itself answers.
    ///
    /// # Errors
    /// When there is no such tool or prompt.
    pub(crate) async fn exists(
        self: &Arc<Self>,
        route: &Route,
        request: &Request,
    ) -> Result<(), Fault> {
        let kind = match request.method {
            Method::ToolsCall => Kind::Tool,
            Method::PromptsGet => Kind::Prompt,
            _ => return Ok(()),
        };
        let Some(names) = route.offered.of(kind).filter(|_| self.hides()) else {
            return Ok(());
        };
        let name = request.named().unwrap_or_default();
        let mut has = names.has(&name);
        if has.is_none() && names.is_due(self.now().seconds()) {
            // Once for each server, so all other calls need no room for it.
            Box::pin(self.read_list(&route.name, kind, request)).await;
            has = names.has(&name);
        }
        match has {
            // A server that does not tell what it offers answers for itself.
            Some(true) | None => Ok(()),
            Some(false) => {
                // It may be new. Nobody waits for that: what is hidden takes no time either.
                if names.is_due(self.now().seconds()) {
                    let (gateway, server) = (self.clone(), route.name.clone());
                    let request = request.for_record();
                    tokio::spawn(async move { gateway.read_list(&server, kind, &request).await });
                }
                let published = request.message.params().and_then(|it| it.get("name")?.string());
                Err(unknown(&request.method, &published.unwrap_or_default()))
            }
        }
    }

    /// Reads a list for what reading leaves behind.
    async fn read_list(&self, server: &str, kind: Kind, request: &Request) {
        let Some(route) = self.route_named(server) else { return };
        let mut list = request.for_record();
        (list.method, list.target) = match kind {
            Kind::Prompt => (Method::PromptsList, None),
            _ => (Method::ToolsList, None),
        };
        self.read_whole(route, &list).await;
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use toolgate_protocol::version::Version;

    use super::*;
    use crate::testing::{Fake, Said, client, gateway, request, told};

    fn fake() -> Arc<Fake> {
        let fake = Fake::new(Version::V2026_07_28, &json!({ "tools": {} }))
            .on("tools/list", |params| match params["cursor"].as_str() {
                None => Said::Result(json!({ "tools": [{ "name": "find" }], "nextCursor": "2" })),
                Some(_) => Said::Result(json!({ "tools": [{ "name": "drop" }] })),
            })
            .on("tools/call", |_| Said::Error(-32602, "its own words for an unknown tool"));
        Arc::new(fake)
    }

    async fn refusal(gateway: &Arc<Gateway>, tool: &str) -> Option<(i64, String)> {
        let client = client(Version::V2026_07_28, &json!({}));
        let reply = gateway.call(request(&client, "tools/call", json!({ "name": tool }))).await;
        told(reply).await.err().map(|fault| (fault.reason.code(), fault.message))
    }

    /// Case Z1: also where all but a few things are permitted, what is hidden looks like what is
    /// not there.
    #[tokio::test]
    async fn what_is_not_there_looks_like_what_is_hidden() {
        let rules = "policy: { default: allow, policies: ['forbid (principal, action, resource == Tool::\"crm/drop\");'] }";
        let fake = fake();
        let gateway = gateway(&[("crm", fake.clone())], rules);

        let hidden = refusal(&gateway, "drop").await.unwrap();
        assert_eq!(fake.methods(), [""; 0], "a refused call sent something");
        let unknown = refusal(&gateway, "nothing").await.unwrap();
        let again = refusal(&gateway, "nothing").await.unwrap();

        assert_eq!(hidden, (-32602, "unknown tool: drop".to_owned()));
        assert_eq!(unknown, (-32602, "unknown tool: nothing".to_owned()));
        assert_eq!(unknown, again);
        assert_eq!(fake.methods(), ["tools/list", "tools/list"], "one look, two pages");
        assert_eq!(refusal(&gateway, "find").await, None, "its server answers");
    }

    #[tokio::test]
    async fn without_rules_its_server_answers_for_itself() {
        let fake = fake();
        let gateway = gateway(&[("crm", fake.clone())], "");

        assert_eq!(refusal(&gateway, "nothing").await, None);

        assert!(fake.methods().contains(&"tools/call".to_owned()));
    }
}
