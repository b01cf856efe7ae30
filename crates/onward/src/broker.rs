//! What a server is told of a request and its caller: in `_meta`, and over HTTP signed.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use serde_json::{Map, Value, json};
use toolgate_gateway::call::{Caller, Request};
use toolgate_gateway::clock::Timestamp;
use toolgate_gateway::onward::{Broker, Context};

use crate::keys::Keys;
use crate::{now, unique};

/// How long the signature is good at least, whatever the deadline of the call.
const SHORTEST: Duration = Duration::from_secs(60);

/// Tells one server.
pub(crate) struct Told {
    keys: Keys,
    /// Whom the signature is for; `None` where there is no place for one.
    audience: Option<Box<str>>,
    /// How long a call may take.
    total: Duration,
}

impl Told {
    pub(crate) fn new(keys: Keys, audience: Option<Box<str>>, total: Duration) -> Told {
        Told { keys, audience, total }
    }

    fn sign(&self, context: &Map<String, Value>, audience: &str) -> String {
        let now = now();
        let mut claims = context.clone();
        let ends = now + self.total.max(SHORTEST).as_secs();
        for (name, value) in [
            ("iss", json!(self.keys.issuer())),
            ("aud", json!(audience)),
            ("iat", json!(now)),
            ("exp", json!(ends)),
            ("jti", json!(unique())),
        ] {
            claims.insert(name.to_owned(), value);
        }
        self.keys.newest().sign("toolgate-context+jwt", &Value::Object(claims))
    }
}

impl Broker for Told {
    fn context(&self, request: &Request) -> Context {
        let until = Timestamp::now().millis() + self.total.as_millis() as u64;
        let mut context = Map::new();
        context.insert("caller".to_owned(), caller(&request.who.caller));
        if let Some(session) = &request.who.session {
            context.insert("session".to_owned(), json!(&**session));
        }
        if let Some(trace) = &request.trace.parent {
            context.insert("traceparent".to_owned(), json!(&**trace));
        }
        context.insert("deadline".to_owned(), json!(until));
        if let Some(ruling) = &request.ruling {
            let decision = json!({ "id": ruling.name(), "policy": &**ruling.version() });
            context.insert("decision".to_owned(), decision);
        }
        let header = self
            .audience
            .as_deref()
            .and_then(|audience| HeaderValue::from_str(&self.sign(&context, audience)).ok());
        Context { json: Value::Object(context).to_string(), header }
    }
}

fn caller(caller: &Caller) -> Value {
    let texts = |list: &[Arc<str>]| list.iter().map(|text| json!(&**text)).collect::<Vec<_>>();
    let mut told = json!({
        "id": &*caller.principal,
        "subject": &*caller.subject,
        "proof": caller.proof.as_str(),
        "roles": texts(&caller.roles),
        "scopes": texts(&caller.scopes),
        "groups": texts(&caller.groups),
    });
    for (name, value) in [("tenant", &caller.tenant), ("actor", &caller.actor)] {
        if let Some(value) = value {
            told[name] = json!(&**value);
        }
    }
    told
}
