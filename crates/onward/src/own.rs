//! A token for the gateway itself, the same for every caller (RFC 6749, section 4.4; MCP, OAuth
//! client credentials).

use std::sync::Arc;
use std::time::Duration;

use toolgate_gateway::call::{Boxed, Who};
use toolgate_gateway::config;
use toolgate_gateway::fault::{Fault, Reason};
use toolgate_gateway::onward::{Attach, Credential};
use toolgate_identity::fetch::Fetch;

use crate::exchange::denied_fault;
use crate::kept::{Got, Kept, Name, UNKNOWN};
use crate::keys::Keys;
use crate::oauth::authority::Authority;

/// There is one token.
const ONLY: Name = [0; 32];

/// Gets the gateway its own token for one server.
pub(crate) struct Own(Arc<Rule>, Kept);

struct Rule {
    server: Arc<str>,
    at: Authority,
    wanted: config::Wanted,
}

impl Own {
    /// # Errors
    /// One sentence, when there is nothing to prove ourselves with.
    pub(crate) fn of(
        server: &str,
        wanted: &config::Wanted,
        fetch: &Arc<dyn Fetch>,
        keys: Option<&Keys>,
    ) -> Result<Own, String> {
        let at = Authority::of(&wanted.at, fetch.clone(), keys)?;
        let rule = Rule { server: server.into(), at, wanted: wanted.clone() };
        Ok(Own(Arc::new(rule), Kept::default()))
    }
}

impl Rule {
    async fn get(self: Arc<Self>) -> Got {
        let scope = self.wanted.scopes.join(" ");
        let mut fields =
            vec![("grant_type", "client_credentials"), ("resource", self.wanted.resource.as_str())];
        if let Some(audience) = &self.wanted.audience {
            fields.push(("audience", audience));
        }
        if !scope.is_empty() {
            fields.push(("scope", &scope));
        }
        let granted = self.at.ask(&fields).await.map_err(|denied| {
            denied_fault(&self.server, &denied, "the operator has to look at client_id")
        })?;
        let life = granted.expires_in.map_or(UNKNOWN, Duration::from_secs);
        Ok((self.at.credential(&granted)?, life))
    }
}

impl Attach for Own {
    fn credential<'a>(&'a self, _who: &'a Who) -> Boxed<'a, Result<Option<Credential>, Fault>> {
        Box::pin(async move {
            let rule = self.0.clone();
            self.1.get(ONLY, || rule.get()).await.map(Some)
        })
    }

    fn refused<'a>(
        &'a self,
        _who: &'a Who,
        refused: Option<&'a Credential>,
        _challenge: Option<&'a str>,
    ) -> Boxed<'a, Result<(), Fault>> {
        let text = format!("server \"{}\" refuses the gateway's token", self.0.server);
        let tried = self.1.refused(ONLY, refused);
        let outcome = if tried { Ok(()) } else { Err(Fault::new(Reason::Refused, text)) };
        Box::pin(std::future::ready(outcome))
    }

    fn is_personal(&self) -> bool {
        false
    }
}
