//! A token for the caller's own: exchanged, or taken as an assertion.

use std::sync::Arc;
use std::time::Duration;

use ring::digest;
use toolgate_gateway::call::{Boxed, Who};
use toolgate_gateway::config::{self, ExchangeGrant, TokenType};
use toolgate_gateway::fault::{Fault, Reason};
use toolgate_gateway::onward::{Attach, Credential};
use toolgate_identity::fetch::Fetch;
use toolgate_values::Secret;

use crate::kept::{Got, Kept, Name, UNKNOWN};
use crate::keys::Keys;
use crate::oauth::authority::Authority;
use crate::oauth::grant::{Denied, Granted};

const TOKEN_EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const ID_JAG: &str = "urn:ietf:params:oauth:token-type:id-jag";

/// Exchanges the callers' tokens for those of one server.
pub(crate) struct Exchange(Arc<Rule>, Kept);

struct Rule {
    server: Arc<str>,
    at: Authority,
    identity_provider: Option<Authority>,
    grant: ExchangeGrant,
    subject: TokenType,
    resource: String,
    audience: Option<String>,
    scope: String,
}

impl Exchange {
    /// # Errors
    /// One sentence, when there is nothing to prove ourselves with.
    pub(crate) fn of(
        server: &str,
        rule: &config::Exchange,
        fetch: &Arc<dyn Fetch>,
        keys: Option<&Keys>,
    ) -> Result<Exchange, String> {
        let identity_provider = rule.identity_provider.as_ref();
        let rule = Rule {
            server: server.into(),
            at: Authority::of(&rule.wanted.at, fetch.clone(), keys)?,
            identity_provider: identity_provider
                .map(|at| Authority::of(at, fetch.clone(), keys))
                .transpose()?,
            grant: rule.grant,
            subject: rule.subject,
            resource: rule.wanted.resource.clone(),
            audience: rule.wanted.audience.clone(),
            scope: rule.wanted.scopes.join(" "),
        };
        Ok(Exchange(Arc::new(rule), Kept::default()))
    }
}

/// What is exchanged for one token serves that token alone: another one of the same caller may
/// allow less.
fn name(token: &Secret) -> Name {
    let mut name = Name::default();
    let hash = digest::digest(&digest::SHA256, token.reveal().as_bytes());
    name.copy_from_slice(hash.as_ref());
    name
}

impl Rule {
    async fn get(self: Arc<Self>, token: Arc<Secret>) -> Got {
        let granted = match self.grant {
            ExchangeGrant::TokenExchange => self.exchanged(&token).await,
            ExchangeGrant::JwtBearer => self.asserted(token.reveal()).await,
            ExchangeGrant::IdJag => self.by_assertion(&token).await,
        };
        let granted = granted.map_err(|denied| self.fault(&denied))?;
        let life = granted.expires_in.map_or(UNKNOWN, Duration::from_secs);
        Ok((self.at.credential(&granted)?, life))
    }

    /// RFC 8693, section 2.1.
    async fn exchanged(&self, token: &Secret) -> Result<Granted, Denied> {
        let access = TokenType::AccessToken.urn();
        let mut fields = vec![
            ("grant_type", TOKEN_EXCHANGE),
            ("subject_token", token.reveal()),
            ("subject_token_type", self.subject.urn()),
            ("requested_token_type", access),
            ("resource", self.resource.as_str()),
        ];
        self.narrow(&mut fields);
        self.at.ask(&fields).await
    }

    /// RFC 7523, section 2.1.
    async fn asserted(&self, assertion: &str) -> Result<Granted, Denied> {
        let mut fields = vec![
            ("grant_type", JWT_BEARER),
            ("assertion", assertion),
            ("resource", self.resource.as_str()),
        ];
        self.narrow(&mut fields);
        self.at.ask(&fields).await
    }

    /// The identity provider vouches for the caller to the authorization server, which gives the
    /// token (MCP, enterprise-managed authorization).
    async fn by_assertion(&self, token: &Secret) -> Result<Granted, Denied> {
        let Some(provider) = &self.identity_provider else {
            return Err(Denied::Refused("no identity_provider".to_owned()));
        };
        let mut fields = vec![
            ("grant_type", TOKEN_EXCHANGE),
            ("subject_token", token.reveal()),
            ("subject_token_type", self.subject.urn()),
            ("requested_token_type", ID_JAG),
            ("audience", self.at.issuer().unwrap_or_default()),
            ("resource", self.resource.as_str()),
        ];
        if !self.scope.is_empty() {
            fields.push(("scope", &self.scope));
        }
        let vouched = provider.ask(&fields).await?;
        if vouched.issued_token_type.as_deref() != Some(ID_JAG) {
            return Err(Denied::Refused("no id-jag was issued".to_owned()));
        }
        self.asserted(vouched.access_token.reveal()).await
    }

    fn narrow<'a>(&'a self, fields: &mut Vec<(&'a str, &'a str)>) {
        if let Some(audience) = &self.audience {
            fields.push(("audience", audience));
        }
        if !self.scope.is_empty() {
            fields.push(("scope", &self.scope));
        }
    }

    fn fault(&self, denied: &Denied) -> Fault {
        denied_fault(&self.server, denied, "sign in again, or ask for access to this server")
    }
}

/// A token that was not granted, as a call fails by it.
pub(crate) fn denied_fault(server: &str, denied: &Denied, way_out: &str) -> Fault {
    match denied {
        Denied::Refused(code) => {
            let text = format!(
                "the authorization server gives no token for server \"{server}\": {code} ({way_out})"
            );
            Fault::new(Reason::Refused, text)
        }
        Denied::Failed(failure) => {
            let text = format!("the authorization server of server \"{server}\" cannot be asked");
            Fault::new(Reason::Unreachable, text).because(failure.clone())
        }
    }
}

impl Attach for Exchange {
    fn credential<'a>(&'a self, who: &'a Who) -> Boxed<'a, Result<Option<Credential>, Fault>> {
        Box::pin(async move {
            let Some(token) = &who.token else {
                let text = format!(
                    "server \"{}\" takes callers by their token, and this request came without one (sign in by OAuth rather than with a key)",
                    self.0.server
                );
                return Err(Fault::new(Reason::Refused, text));
            };
            let (rule, token) = (self.0.clone(), token.clone());
            self.1.get(name(&token), || rule.get(token)).await.map(Some)
        })
    }

    fn refused<'a>(
        &'a self,
        who: &'a Who,
        refused: Option<&'a Credential>,
        _challenge: Option<&'a str>,
    ) -> Boxed<'a, Result<(), Fault>> {
        let tried = who.token.as_ref().is_some_and(|token| self.1.refused(name(token), refused));
        let text = format!(
            "server \"{}\" refuses the token that was got for the caller (ask for access to this server)",
            self.0.server
        );
        let outcome = if tried { Ok(()) } else { Err(Fault::new(Reason::Refused, text)) };
        Box::pin(std::future::ready(outcome))
    }

    fn is_personal(&self) -> bool {
        true
    }
}
