//! What a call that waits for its client hands to that client: `requestState`, sealed, and bound
//! to the caller and to the very request (2026-07-28, MRTR: security).

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use toolgate_catalog::canonical::canonical;
use toolgate_protocol::jsonrpc::Message;

use crate::approval::consent::Consent;
use crate::call::Request;
use crate::clock::Timestamp;
use crate::fault::{Fault, Reason};
use crate::seal::{Keyring, Purpose};

/// What stands in a sealed `requestState`.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct State {
    /// The upstream's own state, to be returned byte for byte.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inner: Option<String>,
    /// The parked call that waits for the answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parked: Option<u64>,
    /// A person's consent, asked for or given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consent: Option<Consent>,
    /// The replica that holds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replica: Option<String>,
    principal: String,
    digest: String,
    expires: u64,
}

/// How long a client may take to come back with upstream state, where no call waits for it.
const LIFETIME: Duration = Duration::from_secs(3600);

impl State {
    /// The state of an upstream that keeps it with the client.
    pub(crate) fn relayed(request: &Request, inner: String, now: Timestamp) -> State {
        State::bound(request, now, LIFETIME, Some(inner), None, None)
    }

    /// The state of a call that needs consent.
    pub(crate) fn consent(
        request: &Request,
        consent: Consent,
        inner: Option<String>,
        replica: Option<&Arc<str>>,
        now: Timestamp,
        ttl: Duration,
    ) -> State {
        let replica = replica.map(|url| url.to_string());
        let state = State::bound(request, now, ttl, inner, None, replica);
        State { consent: Some(consent), ..state }
    }

    /// The state of a call that waits here.
    pub(crate) fn parked(
        request: &Request,
        parked: u64,
        replica: Option<&Arc<str>>,
        now: Timestamp,
        ttl: Duration,
    ) -> State {
        State::bound(request, now, ttl, None, Some(parked), replica.map(|url| url.to_string()))
    }

    fn bound(
        request: &Request,
        now: Timestamp,
        ttl: Duration,
        inner: Option<String>,
        parked: Option<u64>,
        replica: Option<String>,
    ) -> State {
        State {
            inner,
            parked,
            consent: None,
            replica,
            principal: request.who.caller.principal.to_string(),
            digest: digest(&request.message),
            expires: now.seconds() + ttl.as_secs(),
        }
    }

    /// Seals it for the client.
    pub(crate) fn seal(&self, keys: &Keyring) -> String {
        keys.seal(Purpose::RequestState, self)
    }

    /// Opens what a client sent along with `request`.
    ///
    /// # Errors
    /// When it was not sealed by us for this caller and this request, or is too old.
    pub(crate) fn open(
        token: &str,
        request: &Request,
        keys: &Keyring,
        now: Timestamp,
    ) -> Result<State, Fault> {
        let forged = || Fault::new(Reason::Forged, "requestState is not valid for this request");
        let state: State = keys.open(Purpose::RequestState, token).ok_or_else(forged)?;
        if *state.principal != *request.who.caller.principal
            || state.digest != digest(&request.message)
        {
            return Err(forged());
        }
        if now.seconds() > state.expires {
            return Err(Fault::new(Reason::Forged, "requestState has expired"));
        }
        Ok(state)
    }
}

/// What makes a retry the same request: method and parameters, without the metadata and the
/// answers, whatever the order of keys and the white space.
pub(crate) fn digest(message: &Message) -> String {
    let mut hash = Sha256::new();
    hash.update(message.method().unwrap_or_default());
    hash.update([0]);
    if let Some(params) = message.params()
        && let Ok(serde_json::Value::Object(mut params)) =
            serde_json::from_str(params.value().raw())
    {
        for name in ["_meta", "inputResponses", "requestState"] {
            params.remove(name);
        }
        // Exactly: numbers that a double does not keep apart are different arguments.
        params.remove("arguments");
        if let Some(arguments) = message.params().and_then(|params| params.get("arguments")) {
            match canonical(arguments.raw().as_bytes()) {
                Ok(text) => hash.update(text),
                Err(_) => hash.update(arguments.raw()),
            }
        }
        hash.update([0]);
        update(&mut hash, &serde_json::Value::Object(params));
    }
    let bytes = hash.finalize();
    bytes.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

fn update(hash: &mut Sha256, value: &serde_json::Value) {
    match value {
        serde_json::Value::Object(members) => {
            let mut sorted: Vec<_> = members.iter().collect();
            sorted.sort_by_key(|(key, _)| key.as_str());
            hash.update(b"{");
            for (key, value) in sorted {
                hash.update((key.len() as u64).to_be_bytes());
                hash.update(key);
                update(hash, value);
            }
            hash.update(b"}");
        }
        serde_json::Value::Array(items) => {
            hash.update(b"[");
            for item in items {
                update(hash, item);
            }
            hash.update(b"]");
        }
        other => {
            let text = other.to_string();
            hash.update((text.len() as u64).to_be_bytes());
            hash.update(text);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use toolgate_protocol::version::Version;

    use super::*;
    use crate::testing::{caller, client, request};

    /// Case J21: what one caller was given is of no use to another, to another request, or later.
    #[test]
    fn a_state_opens_for_its_caller_and_its_request_in_time() {
        let keys = Keyring::new([&b"a secret"[..]]).unwrap();
        let call = |who: &str, tool: &str| {
            let client = client(Version::V2026_07_28, &json!({}));
            let mut request = request(&client, "tools/call", json!({ "name": tool }));
            request.who.caller = caller(who);
            request
        };
        let begun = Timestamp::from_seconds(100);
        let token = State::relayed(&call("ada", "find"), "inner".to_owned(), begun).seal(&keys);
        let open = |request: &Request, seconds: u64| {
            State::open(&token, request, &keys, Timestamp::from_seconds(seconds))
        };

        assert_eq!(open(&call("ada", "find"), 100).unwrap().inner.as_deref(), Some("inner"));
        for (request, seconds) in [
            (call("eve", "find"), 100),
            (call("ada", "drop"), 100),
            (call("ada", "find"), 101 + LIFETIME.as_secs()),
        ] {
            assert_eq!(open(&request, seconds).unwrap_err().reason, Reason::Forged);
        }
    }
}
