//! Notifications of clients that MCP does not define, on their way to the server.
//!
//! What MCP defines never gets here: `initialized` and `cancelled` are about the client's own
//! session and its own calls, and `roots/list_changed` and `progress` end at the gateway, which
//! tells no server that it would pass them on.

use toolgate_protocol::client::Abilities;
use toolgate_protocol::jsonrpc::Message;
use toolgate_protocol::method::Method;
use toolgate_protocol::splice::Edits;

use crate::call::{Trace, Who};
use crate::context;
use crate::fault::{Fault, Reason};
use crate::gateway::{Gateway, Route};

impl Gateway {
    /// Passes a notification on to the only server, if the rules permit it. With several servers
    /// nothing tells whom it is for. It has an audit record, as bytes of it leave.
    pub async fn notify(&self, who: &Who, abilities: Abilities, message: &Message) {
        let Some(route) = self.only() else { return };
        let method = Method::parse(message.method().unwrap_or_default());
        let record = self.record(who, message, &method, &Trace::default());
        let sent = async {
            let permit = self.authorize_notification(route, who, &method)?;
            record.recording().permitted(&permit);
            record.recording().reserve_for(route, &method).await?;
            self.touch(&permit, who);
            notify(route, who, abilities, message).await
        };
        match sent.await {
            Ok(()) => record.done(),
            Err(fault) => {
                tracing::debug!(server = %route.name, %fault, "a notification is not passed on");
                record.failed(&fault);
            }
        }
    }
}

async fn notify(
    route: &Route,
    who: &Who,
    abilities: Abilities,
    message: &Message,
) -> Result<(), Fault> {
    let mut edits = Edits::default();
    context::strip(message, &mut edits);
    if edits.is_empty() {
        return route.upstream.notify(who, abilities, message).await;
    }
    let bytes = edits.apply(message.bytes());
    let message = Message::scan_reply(bytes, &Default::default()).map_err(|error| {
        Fault::new(Reason::Internal, "an edited notification is malformed").because(error)
    })?;
    route.upstream.notify(who, abilities, &message).await
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::{Value, json};
    use toolgate_protocol::jsonrpc;
    use toolgate_protocol::version::Version;

    use super::*;
    use crate::testing::{Fake, caller, client, gateway, request};

    const RULES: &str = r#"policy:
  default: allow
  policies:
    - |
      permit (principal == Caller::"ada", action == Action::"send", resource == Method::"crm/notifications/acme/woke");"#;

    async fn heard(rules: &str, who: &str, method: &str, params: &str) -> Vec<Value> {
        let fake = Arc::new(Fake::new(Version::V2025_11_25, &json!({})));
        let gateway = gateway(&[("crm", fake.clone())], rules);
        let client = client(Version::V2025_11_25, &json!({}));
        let who = Who { caller: caller(who), ..request(&client, "ping", json!({})).who };
        let bytes = jsonrpc::notification(method, params);
        let message = Message::scan(bytes, &Default::default()).unwrap();
        gateway.notify(&who, client.abilities(), &message).await;
        fake.heard()
    }

    #[tokio::test]
    async fn a_notification_that_mcp_does_not_define_needs_a_permit_that_names_it() {
        let woke = "notifications/acme/woke";
        for (rules, who, method, passed) in [
            ("", "bob", "notifications/acme/slept", true),
            (RULES, "ada", woke, true),
            (RULES, "bob", woke, false),
            (RULES, "ada", "notifications/acme/slept", false),
        ] {
            let heard = heard(rules, who, method, "{}").await;
            assert_eq!(heard.len(), usize::from(passed), "{who} {method} {heard:?}");
        }
    }

    #[tokio::test]
    async fn what_a_notification_says_in_our_name_goes_no_further() {
        let params = r#"{"a":1,"_meta":{"dev.toolgate/context":{"caller":"admin"},"b":2}}"#;

        let heard = heard("", "ada", "notifications/acme/woke", params).await;

        assert_eq!(heard[0]["params"], json!({ "a": 1, "_meta": { "b": 2 } }));
    }
}
