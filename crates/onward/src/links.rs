//! Links to pages on which callers allow something, and what comes back from where they are sent.

use std::sync::{Arc, Mutex, PoisonError};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::json;
use subtle::ConstantTimeEq;
use toolgate_gateway::call::Caller;
use toolgate_gateway::seal::{Keyring, Purpose};
use toolgate_protocol::caller::Proof;

use crate::oauth::authorize::{self, Pending};
use crate::{now, unique};

/// Where the metadata document of the client is that we are (CIMD).
pub const DOCUMENT: &str = "/.well-known/toolgate-client.json";
/// Where services send callers back to, below the gateway's address.
pub const ALLOWED: &str = "/connect/callback";
/// Where issuers send callers back to who have signed in.
pub const SIGNED_IN: &str = "/connect/signed-in";

/// How long a link is good: a person may have to look for a key first. In seconds.
const LINK: u64 = 15 * 60;
/// How long somebody may take at an issuer or a service, in seconds.
const CONSENT: u64 = 10 * 60;
/// Answers remembered as used, at most.
const MOST_USED: usize = 10_000;

/// What all vaults share.
pub struct Links {
    /// Where browsers reach the gateway, without a slash at the end.
    pub base: String,
    keys: Arc<Keyring>,
    /// States that were answered, until when they would have been good.
    used: Mutex<Vec<(String, u64)>>,
}

/// Who is to allow what: in a link, sealed.
#[derive(Clone, Serialize, Deserialize)]
pub struct Ticket {
    /// The server.
    pub server: String,
    /// How whoever opens the link can prove to be the caller that it was made for.
    pub way: Way,
    pub(crate) principal: String,
    pub(crate) wanted: Wanted,
    until: u64,
}

/// How a caller can prove in a browser who it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// By the key of ours that its client has.
    Key,
    /// By signing in at its issuer.
    SignIn(String),
    /// Not at all: a certificate stays with the client.
    Nothing,
}

/// What a server called for that refused a request, and what was allowed there before.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(crate) struct Wanted {
    pub scope: Option<String>,
    pub resource_metadata: Option<String>,
    pub dpop: bool,
    pub bearer: bool,
    pub before: String,
}

/// Where a browser goes on, and what it has to bring back.
pub struct Sent {
    /// The address at the issuer or the service.
    pub url: String,
    /// The value of the cookie.
    pub cookie: String,
}

/// What comes back with an answer: the question that it is to, sealed.
#[derive(Serialize, Deserialize)]
struct Question<T> {
    about: T,
    pending: Pending,
    /// Known to the browser that began alone.
    cookie: String,
    until: u64,
}

/// An answer that is to a question of ours, in the browser that was asked, for the first time.
pub(crate) struct Answered<T> {
    pub about: T,
    pub pending: Pending,
    pub code: String,
}

impl Links {
    /// Links to pages below `base`.
    pub fn new(base: String, keys: Arc<Keyring>) -> Links {
        Links { base, keys, used: Mutex::default() }
    }

    /// A link on which `caller` allows `server` what it wants.
    pub(crate) fn to(&self, server: &str, caller: &Caller, wanted: Wanted) -> String {
        let way = match (caller.proof, &caller.issuer) {
            (Proof::ApiKey, _) => Way::Key,
            (Proof::Jwt | Proof::Introspection, Some(issuer)) => Way::SignIn(issuer.to_string()),
            _ => Way::Nothing,
        };
        let principal = caller.principal.to_string();
        let ticket =
            Ticket { server: server.to_owned(), way, principal, wanted, until: now() + LINK };
        format!("{}/connect/{}", self.base, self.keys.seal(Purpose::Connect, &ticket))
    }

    /// What a link says, unless it is too old or not ours.
    pub fn ticket(&self, token: &str) -> Option<Ticket> {
        let ticket: Ticket = self.keys.open(Purpose::Connect, token)?;
        (now() < ticket.until).then_some(ticket)
    }

    /// The metadata document of the client that we are to authorization servers.
    pub fn document(&self) -> serde_json::Value {
        json!({
            "client_id": self.client(),
            "client_name": "Toolgate",
            "redirect_uris": [self.place(ALLOWED), self.place(SIGNED_IN)],
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
            "token_endpoint_auth_method": "none",
            "application_type": "web",
        })
    }

    /// The client that we are by that document; others have to be able to read it.
    pub(crate) fn known(&self) -> Option<String> {
        self.base.starts_with("https://").then(|| self.client())
    }

    fn client(&self) -> String {
        self.place(DOCUMENT)
    }

    /// The address of one of our pages.
    pub(crate) fn place(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// Asks in a browser, which has to bring the cookie back. `begun` has no state yet.
    pub(crate) fn ask<T: Serialize>(
        &self,
        purpose: Purpose,
        about: T,
        (url, pending): (String, Pending),
    ) -> Sent {
        let cookie = unique();
        let question = Question { about, pending, cookie: cookie.clone(), until: now() + CONSENT };
        let state = self.keys.seal(purpose, &question);
        Sent { url: url.replacen("&state=&", &format!("&state={state}&"), 1), cookie }
    }

    /// Takes an answer, which is the query of the address that the browser was sent back to.
    ///
    /// # Errors
    /// One sentence, when it is none to be believed.
    pub(crate) fn answered<T: DeserializeOwned>(
        &self,
        purpose: Purpose,
        query: &str,
        cookie: Option<&str>,
    ) -> Result<Answered<T>, String> {
        let fields = authorize::fields(query);
        let state = fields.iter().find(|(name, _)| name == "state").map(|(_, state)| state);
        let state = state.ok_or_else(foreign)?;
        let question: Question<T> = self.keys.open(purpose, state).ok_or_else(foreign)?;
        // Another browser may hold the answer of somebody who was sent a link.
        let same = cookie
            .is_some_and(|cookie| bool::from(cookie.as_bytes().ct_eq(question.cookie.as_bytes())));
        if !same || now() >= question.until || !self.first(state, question.until) {
            return Err(foreign());
        }
        let mut pending = question.pending;
        pending.state.clone_from(state);
        let code = pending.code(query).map_err(|rejected| rejected.to_string())?;
        Ok(Answered { about: question.about, pending, code })
    }

    /// Whether an answer comes for the first time.
    fn first(&self, state: &str, until: u64) -> bool {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let now = now();
        used.retain(|(_, until)| now < *until);
        // Fail closed: what cannot be remembered is not taken.
        if used.len() >= MOST_USED || used.iter().any(|(known, _)| known == state) {
            return false;
        }
        used.push((state.to_owned(), until));
        true
    }
}

/// The answer to whatever is no answer.
pub(crate) fn foreign() -> String {
    "this is no answer to a question of ours (open the link again)".to_owned()
}

impl Ticket {
    /// Whether it is this caller's to use.
    pub fn is_of(&self, caller: &Caller) -> bool {
        !caller.is_anonymous() && *self.principal == *caller.principal
    }
}
