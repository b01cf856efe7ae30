//! A short-lived token of ours that names the caller, for one server alone.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::json;
use toolgate_gateway::call::{Boxed, Caller, Who};
use toolgate_gateway::fault::Fault;
use toolgate_gateway::onward::{Attach, Credential};

use crate::keys::Keys;
use crate::{bearer, now, unique};

/// Tokens held at most; more callers than that sign more often.
const MOST: usize = 10_000;

/// Signs who calls.
pub(crate) struct Signed {
    keys: Keys,
    audience: Box<str>,
    lifetime: u64,
    held: Mutex<HashMap<Name, Held>>,
}

/// Whose a token is: no two callers share it, nor two that act for the same one.
type Name = (Arc<str>, Option<Arc<str>>);

struct Held {
    credential: Credential,
    /// Until when it goes out, in seconds since the epoch.
    fresh: u64,
}

impl Signed {
    pub(crate) fn new(keys: Keys, audience: &str, lifetime: Duration) -> Signed {
        Signed {
            keys,
            audience: audience.into(),
            lifetime: lifetime.as_secs(),
            held: Mutex::default(),
        }
    }

    fn token(&self, caller: &Caller) -> Result<Credential, Fault> {
        let now = now();
        let name = (caller.principal.clone(), caller.actor.clone());
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = held.get(&name)
            && now < known.fresh
        {
            return Ok(known.credential.clone());
        }
        // No longer than what proved the caller to us.
        let ends = caller.expires.unwrap_or(u64::MAX).min(now.saturating_add(self.lifetime));
        let credential = bearer(&self.sign(caller, now, ends))?;
        if held.len() >= MOST {
            held.retain(|_, known| now < known.fresh);
            if held.len() >= MOST {
                held.clear();
            }
        }
        // It goes out for the first half of its life: the server has the other half.
        let fresh = now.saturating_add(ends.saturating_sub(now) / 2);
        held.insert(name, Held { credential: credential.clone(), fresh });
        Ok(credential)
    }

    /// `sub` is the name that is unique among the callers of all issuers (RFC 7519, section 4.1.2);
    /// what its own issuer calls it stands in `subject`.
    fn sign(&self, caller: &Caller, now: u64, ends: u64) -> String {
        let mut claims = json!({
            "iss": self.keys.issuer(),
            "sub": &*caller.principal,
            "aud": self.audience,
            "iat": now,
            "exp": ends,
            "jti": unique(),
            "subject": &*caller.subject,
        });
        if let Some(tenant) = &caller.tenant {
            claims["tenant"] = json!(&**tenant);
        }
        if let Some(actor) = &caller.actor {
            // RFC 8693, section 4.1.
            claims["act"] = json!({ "sub": &**actor });
        }
        self.keys.newest().sign("JWT", &claims)
    }
}

impl Attach for Signed {
    fn credential<'a>(&'a self, who: &'a Who) -> Boxed<'a, Result<Option<Credential>, Fault>> {
        Box::pin(std::future::ready(self.token(&who.caller).map(Some)))
    }

    fn refused<'a>(
        &'a self,
        who: &'a Who,
        refused: Option<&'a Credential>,
        _challenge: Option<&'a str>,
    ) -> Boxed<'a, Result<(), Fault>> {
        let name = (who.caller.principal.clone(), who.caller.actor.clone());
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        // One signed a while ago may have been too old for its clock; a new one is tried once.
        if held.get(&name).is_some_and(|known| Some(&known.credential) == refused) {
            held.remove(&name);
        }
        drop(held);
        Box::pin(std::future::ready(Ok(())))
    }

    fn is_personal(&self) -> bool {
        true
    }
}
