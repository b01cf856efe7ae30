//! Calls that a server makes itself, through the gateway that runs it and on behalf of whoever
//! called it: nothing that holds for a call of a client is spared to them.

use std::sync::{Arc, PoisonError, RwLock, Weak};

use toolgate_protocol::client::{Abilities, Client};
use toolgate_protocol::json::quote;
use toolgate_protocol::jsonrpc::{self, Message};
use toolgate_protocol::method::Method;
use toolgate_protocol::version::Version;

use crate::call::{Reply, Request, Trace, Who};
use crate::fault::{Fault, Reason};
use crate::gateway::Gateway;

/// How deep calls may stand within calls of this gateway. Circles that a configuration shows are
/// refused before it serves; this bounds what is left. A call that comes back by way of another
/// process begins anew, and is bounded by time and by the limits on calls at work.
pub const DEEPEST: u8 = 8;

/// Where a server finds the gateway that serves now. All clones lead to the same one.
///
/// The reference is weak: the gateway owns its servers, not they the gateway.
#[derive(Clone, Default)]
pub struct Home(Arc<RwLock<Weak<Gateway>>>);

impl Home {
    /// From now on this gateway serves.
    pub fn lead_to(&self, gateway: &Arc<Gateway>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::downgrade(gateway);
    }

    /// The gateway that serves now. Whoever keeps it for a call goes on under the rules that the
    /// call began with.
    ///
    /// # Errors
    /// None serves yet, or none any more.
    pub fn gateway(&self) -> Result<Arc<Gateway>, Fault> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner).upgrade();
        known.ok_or_else(|| Fault::new(Reason::Draining, "the gateway does not serve now").unsent())
    }
}

/// A call of a tool within another call.
pub struct Inner<'a> {
    /// The server, by its name in the configuration.
    pub server: &'a str,
    /// The tool, by the server's own name.
    pub tool: &'a str,
    /// The arguments, as JSON.
    pub arguments: &'a str,
    /// What was asked for when the same call was made before.
    pub input: Option<Input>,
    /// Its id in records, which names the call that it is within.
    pub id: &'a str,
    /// On whose behalf: the caller of the outer call.
    pub who: &'a Who,
    /// What the outer call's client can be asked.
    pub abilities: Abilities,
    /// The trace of the outer call.
    pub trace: &'a Trace,
    /// How many calls it stands within.
    pub depth: u8,
}

/// Answers to what a call asked for, and its state, both as raw JSON (2026-07-28, MRTR).
#[derive(Clone, Debug)]
pub struct Input {
    /// An object of answers.
    pub responses: String,
    /// The state, where there was one.
    pub state: Option<String>,
}

impl Gateway {
    /// Makes a call within a call: with a record of its own, and all that every call goes through.
    ///
    /// # Errors
    /// As [`Gateway::call`]; there is no such server; the calls stand too deep within each other.
    pub async fn call_within(self: &Arc<Self>, inner: Inner<'_>) -> Result<Reply, Fault> {
        let mut request = self.request_of(&inner)?;
        let record = self.record_of(&mut request);
        if inner.depth > DEEPEST {
            let text = format!("calls within calls stand more than {DEEPEST} deep");
            let fault = Fault::new(Reason::Overloaded, text);
            record.failed(&fault);
            return Err(fault);
        }
        record.closing(self.call(request).await)
    }

    fn request_of(&self, inner: &Inner<'_>) -> Result<Box<Request>, Fault> {
        let published = self
            .route_named(inner.server)
            .and_then(|route| route.names.publish_tool(inner.tool))
            .ok_or_else(|| {
                let text = format!("unknown tool: {}.{}", inner.server, inner.tool);
                Fault::new(Reason::Unknown, text)
            })?;
        let mut params =
            format!(r#"{{"name":{},"arguments":{}"#, quote(&published), inner.arguments);
        if let Some(Input { responses, state }) = &inner.input {
            params.push_str(&format!(r#","inputResponses":{responses}"#));
            if let Some(state) = state {
                params.push_str(&format!(r#","requestState":{state}"#));
            }
        }
        params.push('}');
        let body = jsonrpc::request(&quote(inner.id), Method::ToolsCall.as_str(), &params);
        let message = Message::scan(body, &Default::default()).map_err(|error| {
            Fault::new(Reason::Internal, "a call within a call is malformed").because(error)
        })?;
        let version = Version::NEWEST_LEGACY;
        let capabilities = inner.abilities.declare(version).into();
        let client = Client { version, capabilities, info: None, log_level: None };
        Ok(Box::new(Request {
            trace: inner.trace.clone(),
            depth: inner.depth,
            ..Request::new(message, Method::ToolsCall, client, inner.who.clone())
        }))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::{Fake, Said, caller, gateway, told};

    fn inner<'a>(who: &'a Who, trace: &'a Trace) -> Inner<'a> {
        Inner {
            server: "crm",
            tool: "find",
            arguments: r#"{"id":1}"#,
            input: None,
            id: "7/find",
            who,
            abilities: Abilities::default(),
            trace,
            depth: 1,
        }
    }

    fn who() -> Who {
        Who::of(caller("ada"))
    }

    fn finds() -> Arc<Fake> {
        Arc::new(
            Fake::new(Version::NEWEST_LEGACY, &json!({ "tools": {} }))
                .on("tools/call", |_| Said::Result(json!({ "content": [] }))),
        )
    }

    #[tokio::test]
    async fn a_call_within_a_call_reaches_its_server_by_that_servers_own_name() {
        let (crm, other) = (finds(), finds());
        let gateway = gateway(&[("crm", crm.clone()), ("other", other.clone())], "");
        let home = Home::default();
        home.lead_to(&gateway);

        let gateway = home.gateway().unwrap();
        told(gateway.call_within(inner(&who(), &Trace::default())).await).await.unwrap();

        let heard = crm.heard();
        let call = heard.iter().find(|it| it["method"] == "tools/call").unwrap();
        assert_eq!(call["params"]["name"], "find");
        assert_eq!(call["params"]["arguments"], json!({ "id": 1 }));
        assert!(other.heard().is_empty());
    }

    #[tokio::test]
    async fn calls_do_not_stand_within_each_other_without_end() {
        let crm = finds();
        let gateway = gateway(&[("crm", crm.clone())], "");
        let (who, trace) = (who(), Trace::default());

        let deep = Inner { depth: DEEPEST + 1, ..inner(&who, &trace) };
        let fault = gateway.call_within(deep).await.err().unwrap();
        let strange = Inner { server: "nobody", ..inner(&who, &trace) };
        let unknown = gateway.call_within(strange).await.err().unwrap();

        assert_eq!((fault.reason, unknown.reason), (Reason::Overloaded, Reason::Unknown));
        assert!(crm.heard().is_empty());
    }

    #[test]
    fn a_gateway_that_is_gone_is_not_called() {
        assert_eq!(Home::default().gateway().err().unwrap().reason, Reason::Draining);
    }
}
