//! The caller's own access to a service, which the caller allowed there and we keep.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;
use toolgate_gateway::call::{Boxed, Caller, Who};
use toolgate_gateway::config;
use toolgate_gateway::fault::{Fault, Reason};
use toolgate_gateway::onward::{Attach, Credential};
use toolgate_gateway::seal::{Keyring, Purpose};
use toolgate_identity::fetch::Fetch;
use toolgate_values::Url;

use crate::kept::{Got, Kept, UNKNOWN};
use crate::oauth::authorize::{self, Grant, Pending};
use crate::oauth::challenge::Challenge;
use crate::oauth::find::find;
use crate::oauth::register::{Known, register};
use crate::safe::{Owner, Safe};
use crate::{now, unique};

/// How long a link is good, in seconds: a person may have to look for a key first.
const LINK: u64 = 15 * 60;
/// How long somebody may take at the service, in seconds.
const CONSENT: u64 = 10 * 60;
/// A token that is refreshed this long before its end, in seconds.
const MARGIN: u64 = 30;
/// Answers remembered as used, at most.
const MOST_USED: usize = 10_000;

/// What all vaults share.
pub struct Links {
    /// Where browsers reach the gateway, without a slash at the end.
    pub base: String,
    /// Seals what goes through their hands.
    pub keys: Arc<Keyring>,
    /// States that were answered, until when they would have been good.
    used: Mutex<Vec<(String, u64)>>,
}

/// Who is to allow what: in a link, sealed.
#[derive(Clone, Serialize, Deserialize)]
pub struct Ticket {
    /// The server.
    pub server: String,
    principal: String,
    /// What the server called for.
    scope: Option<String>,
    resource_metadata: Option<String>,
    /// Which kinds of token it takes, as far as it said so.
    #[serde(default)]
    dpop: bool,
    #[serde(default)]
    bearer: bool,
    until: u64,
}

/// What comes back from the service with its answer, sealed.
#[derive(Serialize, Deserialize)]
struct Consent {
    ticket: Ticket,
    pending: Pending,
    /// Known to the browser that began alone.
    cookie: String,
    until: u64,
}

/// Where a browser goes on, and what it has to bring back.
pub struct Sent {
    /// The address at the service.
    pub url: String,
    /// The value of the cookie.
    pub cookie: String,
}

impl Links {
    /// Links to pages below `base`.
    pub fn new(base: String, keys: Arc<Keyring>) -> Links {
        Links { base, keys, used: Mutex::default() }
    }

    /// What a link says, unless it is too old or not ours.
    pub fn ticket(&self, token: &str) -> Option<Ticket> {
        let ticket: Ticket = self.keys.open(Purpose::Connect, token)?;
        (now() < ticket.until).then_some(ticket)
    }

    fn redirect(&self) -> String {
        format!("{}/connect/callback", self.base)
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

impl Ticket {
    /// Whether it is this caller's to use.
    pub fn is_of(&self, caller: &Caller) -> bool {
        !caller.is_anonymous() && *self.principal == *caller.principal
    }
}

/// Callers' own access to one server.
#[derive(Clone)]
pub struct Vault(Arc<Inner>);

struct Inner {
    server: Arc<str>,
    url: Url,
    known: Known,
    scopes: Vec<String>,
    fetch: Arc<dyn Fetch>,
    safe: Safe,
    links: Arc<Links>,
    kept: Kept,
}

impl Vault {
    pub(crate) fn new(
        server: &str,
        url: &Url,
        rule: &config::Vaulted,
        fetch: &Arc<dyn Fetch>,
        safe: &Safe,
        links: &Arc<Links>,
    ) -> Vault {
        let registered = rule.client_id.clone();
        let document = links.base.starts_with("https://");
        let known = Known {
            registered: registered.map(|id| (id, rule.client_secret.clone())),
            document: document.then(|| format!("{}{DOCUMENT}", links.base)),
        };
        Vault(Arc::new(Inner {
            server: server.into(),
            url: url.clone(),
            known,
            scopes: rule.scopes.clone(),
            fetch: fetch.clone(),
            safe: safe.clone(),
            links: links.clone(),
            kept: Kept::default(),
        }))
    }

    /// Sends a caller, whose ticket it is, to the service.
    ///
    /// # Errors
    /// One sentence, when that cannot be done.
    pub async fn begin(&self, ticket: Ticket) -> Result<Sent, String> {
        let Inner { fetch, url, known, links, scopes, .. } = &*self.0;
        let scope = if scopes.is_empty() { ticket.scope.clone() } else { Some(scopes.join(" ")) };
        let resource_metadata = ticket.resource_metadata.clone();
        let (dpop, bearer) = (ticket.dpop, ticket.bearer);
        let challenge = Challenge { resource_metadata, scope, error: None, dpop, bearer };
        let found = find(&**fetch, url, &challenge).await.map_err(|error| error.0)?;
        let redirect = links.redirect();
        let client = register(&**fetch, &found, known, &redirect, false).await;
        let client = client.map_err(|error| error.0)?;
        let before = ticket.scope.clone().unwrap_or_default();
        let scope = authorize::scopes(&found, &challenge, &before);
        // What stands for the state in the question is drawn first, and sealed after.
        let begun = authorize::begin(&found, client, &redirect, scope, String::new());
        let (url, pending) = begun.map_err(|error| error.0)?;
        let cookie = unique();
        let until = now() + CONSENT;
        let consent = Consent { ticket, pending, cookie: cookie.clone(), until };
        let state = links.keys.seal(Purpose::Consent, &consent);
        let url = url.replacen("&state=&", &format!("&state={state}&"), 1);
        Ok(Sent { url, cookie })
    }

    async fn keep(&self, principal: &str, grant: &Grant) -> io::Result<()> {
        let owner = self.0.owner(principal);
        let _held = self.0.safe.hold(&owner).await?;
        self.0.safe.put(&owner, grant).await?;
        self.0.kept.forget(owner.name());
        Ok(())
    }
}

/// Where the metadata document of the client is that we are (CIMD).
pub const DOCUMENT: &str = "/.well-known/toolgate-client.json";

impl Links {
    /// The metadata document of the client that we are to authorization servers.
    pub fn document(&self) -> serde_json::Value {
        json!({
            "client_id": format!("{}{DOCUMENT}", self.base),
            "client_name": "Toolgate",
            "redirect_uris": [self.redirect()],
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
            "token_endpoint_auth_method": "none",
            "application_type": "web",
        })
    }

    /// Takes the answer of a service: the vault that it is for is found by `vault`.
    ///
    /// # Errors
    /// One sentence, when nothing comes of it.
    pub async fn finish(
        &self,
        query: &str,
        cookie: Option<&str>,
        vault: impl Fn(&str) -> Option<Vault>,
    ) -> Result<String, String> {
        let foreign = || "this is no answer to a question of ours (open the link again)".to_owned();
        let fields = authorize::fields(query);
        let state = fields.iter().find(|(name, _)| name == "state").map(|(_, state)| state);
        let state = state.ok_or_else(foreign)?;
        let consent: Consent = self.keys.open(Purpose::Consent, state).ok_or_else(foreign)?;
        // Another browser may hold the answer of somebody who was sent a link.
        let same = cookie.is_some_and(|cookie| {
            bool::from(subtle::ConstantTimeEq::ct_eq(cookie.as_bytes(), consent.cookie.as_bytes()))
        });
        if !same || now() >= consent.until || !self.first(state, consent.until) {
            return Err(foreign());
        }
        let mut pending = consent.pending;
        pending.state.clone_from(state);
        let code = pending.code(query).map_err(|rejected| rejected.to_string())?;
        let ticket = consent.ticket;
        let vault = vault(&ticket.server).ok_or_else(foreign)?;
        let grant = pending.redeem(&*vault.0.fetch, &code).await;
        let grant = grant.map_err(|denied| denied.to_string())?;
        vault.keep(&ticket.principal, &grant).await.map_err(|error| {
            tracing::error!(%error, server = ticket.server, "a grant was not kept");
            "what you allowed cannot be kept (tell the operator)".to_owned()
        })?;
        tracing::info!(server = ticket.server, caller = ticket.principal, "access was allowed");
        Ok(ticket.server)
    }
}

impl Inner {
    fn owner(&self, principal: &str) -> Owner {
        Owner { server: self.server.clone(), principal: principal.into() }
    }

    /// The token of a caller, refreshed if need be, by one at a time.
    async fn get(self: Arc<Self>, caller: Caller) -> Got {
        let owner = self.owner(&caller.principal);
        let unread = |error: io::Error| {
            let text = format!("what you allowed at server \"{}\" cannot be read", self.server);
            Fault::new(Reason::Internal, text).because(error)
        };
        let grant = self.safe.get(&owner).await.map_err(unread)?;
        let Some(grant) = grant else { return Err(self.unconnected(&caller, None)) };
        if grant.is_fresh(MARGIN) {
            return got(&grant);
        }
        let _held = self.safe.hold(&owner).await.map_err(unread)?;
        let grant = self.safe.get(&owner).await.map_err(unread)?;
        let Some(grant) = grant else { return Err(self.unconnected(&caller, None)) };
        if grant.is_fresh(MARGIN) {
            // Another replica was here meanwhile.
            return got(&grant);
        }
        match grant.refresh(&*self.fetch).await {
            Ok(next) => {
                self.safe.put(&owner, &next).await.map_err(unread)?;
                got(&next)
            }
            Err(crate::oauth::grant::Denied::Refused(code)) => {
                tracing::info!(server = %self.server, code, "what a caller allowed is over");
                Err(self.unconnected(&caller, None))
            }
            Err(denied) => {
                Err(crate::exchange::denied_fault(&self.server, &denied, "try again later"))
            }
        }
    }

    /// What a caller is told who has not allowed this yet: where to do so.
    fn unconnected(&self, caller: &Caller, challenge: Option<&Challenge>) -> Fault {
        let ticket = Ticket {
            server: self.server.to_string(),
            principal: caller.principal.to_string(),
            scope: challenge.and_then(|challenge| challenge.scope.clone()),
            resource_metadata: challenge.and_then(|it| it.resource_metadata.clone()),
            dpop: challenge.is_some_and(|challenge| challenge.dpop),
            bearer: challenge.is_some_and(|challenge| challenge.bearer),
            until: now() + LINK,
        };
        let token = self.links.keys.seal(Purpose::Connect, &ticket);
        let url = format!("{}/connect/{token}", self.links.base);
        let message = format!("server \"{}\" acts for you once you have allowed it", self.server);
        let data = json!({ "elicitations": [{
            "mode": "url",
            "elicitationId": unique(),
            "url": url,
            "message": format!("{message} at this page."),
        }] });
        Fault::new(Reason::Unconnected, format!("{message}: open {url}"))
            .with_data(data.to_string())
            .of_this_caller()
    }
}

fn got(grant: &Grant) -> Got {
    let life = grant.expires.map(|expires| Duration::from_secs(expires.saturating_sub(now())));
    Ok((grant.credential()?, life.unwrap_or(UNKNOWN)))
}

impl Attach for Vault {
    fn credential<'a>(&'a self, who: &'a Who) -> Boxed<'a, Result<Option<Credential>, Fault>> {
        Box::pin(async move {
            let (inner, caller) = (self.0.clone(), who.caller.clone());
            let name = inner.owner(&caller.principal).name();
            self.0.kept.get(name, || inner.get(caller)).await.map(Some)
        })
    }

    fn refused<'a>(
        &'a self,
        who: &'a Who,
        refused: Option<&'a Credential>,
        challenge: Option<&'a str>,
    ) -> Boxed<'a, Result<(), Fault>> {
        Box::pin(async move {
            let owner = self.0.owner(&who.caller.principal);
            let challenge = challenge.map(Challenge::parse).unwrap_or_default();
            if challenge.wants_scope() || !self.0.kept.refused(owner.name(), refused) {
                return Err(self.0.unconnected(&who.caller, Some(&challenge)));
            }
            let again = || self.0.unconnected(&who.caller, Some(&challenge));
            let _held = self.0.safe.hold(&owner).await.map_err(|_| again())?;
            let grant = self.0.safe.get(&owner).await.ok().flatten();
            let mut grant = grant.filter(Grant::can_refresh).ok_or_else(again)?;
            // Whatever its time, it is over; the next one is got by what gets it.
            if refused.is_some_and(|it| grant.credential().is_ok_and(|own| own == *it)) {
                grant.expires = Some(0);
                self.0.safe.put(&owner, &grant).await.map_err(|_| again())?;
            }
            Ok(())
        })
    }

    fn is_personal(&self) -> bool {
        true
    }
}
