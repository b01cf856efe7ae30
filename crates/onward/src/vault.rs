//! The caller's own access to a service, which the caller allowed there and we keep.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use toolgate_gateway::call::{Boxed, Caller, Who};
use toolgate_gateway::config;
use toolgate_gateway::fault::{Fault, Reason};
use toolgate_gateway::onward::{Attach, Credential};
use toolgate_gateway::seal::Purpose;
use toolgate_identity::fetch::Fetch;
use toolgate_values::Url;

use crate::kept::{Got, Kept, UNKNOWN};
use crate::links::{ALLOWED, Links, Sent, Ticket, Wanted, foreign};
use crate::oauth::authorize::{self, Grant};
use crate::oauth::challenge::Challenge;
use crate::oauth::find::find;
use crate::oauth::register::{Known, register};
use crate::safe::{Owner, Safe};
use crate::{now, unique};

/// A token that is refreshed this long before its end, in seconds.
const MARGIN: u64 = 30;

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
        let known = Known {
            registered: registered.map(|id| (id, rule.client_secret.clone())),
            document: links.known(),
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
        let wanted = ticket.wanted.clone();
        let scope = if scopes.is_empty() { wanted.scope.clone() } else { Some(scopes.join(" ")) };
        let Wanted { resource_metadata, dpop, bearer, .. } = wanted;
        let challenge = Challenge { resource_metadata, scope, error: None, dpop, bearer };
        let found = find(&**fetch, url, &challenge).await.map_err(|error| error.0)?;
        let redirect = links.place(ALLOWED);
        let client = register(&**fetch, &found, known, &redirect, false).await;
        let client = client.map_err(|error| error.0)?;
        // All that the server named, and all that was allowed before: a step up takes nothing away.
        let before = format!("{} {}", wanted.before, wanted.scope.unwrap_or_default());
        let scope = authorize::scopes(&found, &challenge, &before);
        // What stands for the state in the question is drawn first, and sealed after.
        let begun = authorize::begin(&found, client, &redirect, scope, String::new());
        Ok(links.ask(Purpose::Consent, ticket, begun.map_err(|error| error.0)?))
    }

    async fn keep(&self, principal: &str, grant: &Grant) -> io::Result<()> {
        let owner = self.0.owner(principal);
        let _held = self.0.safe.hold(&owner).await?;
        self.0.safe.put(&owner, grant).await?;
        self.0.kept.forget(owner.name());
        Ok(())
    }
}

impl Links {
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
        let answered = self.answered::<Ticket>(Purpose::Consent, query, cookie)?;
        let ticket = answered.about;
        let vault = vault(&ticket.server).ok_or_else(foreign)?;
        let grant = answered.pending.redeem(&*vault.0.fetch, &answered.code).await;
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
        let Some(grant) = grant else { return Err(self.unconnected(&caller, Wanted::default())) };
        if grant.is_fresh(MARGIN) {
            return got(&grant);
        }
        let _held = self.safe.hold(&owner).await.map_err(unread)?;
        let grant = self.safe.get(&owner).await.map_err(unread)?;
        let Some(grant) = grant else { return Err(self.unconnected(&caller, Wanted::default())) };
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
                Err(self.unconnected(&caller, Wanted::default()))
            }
            Err(denied) => {
                Err(crate::exchange::denied_fault(&self.server, &denied, "try again later"))
            }
        }
    }

    /// What a caller is told who has not allowed this yet: where to do so.
    fn unconnected(&self, caller: &Caller, wanted: Wanted) -> Fault {
        let url = self.links.to(&self.server, caller, wanted);
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
            let grant = self.0.safe.get(&owner).await.ok().flatten();
            let before = grant.map(|grant| grant.scope).unwrap_or_default();
            let more = challenge.wants_scope();
            let wanted = Wanted {
                scope: challenge.scope,
                resource_metadata: challenge.resource_metadata,
                dpop: challenge.dpop,
                bearer: challenge.bearer,
                before,
            };
            let again = || self.0.unconnected(&who.caller, wanted.clone());
            if more || !self.0.kept.refused(owner.name(), refused) {
                return Err(again());
            }
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
