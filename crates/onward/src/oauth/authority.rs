//! An authorization server as the configuration names it: its endpoint, found out when first needed.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use toolgate_gateway::config::{self, ClientAuth};
use toolgate_gateway::fault::{Fault, Reason};
use toolgate_gateway::onward::Credential;
use toolgate_identity::discovery::{discover, may_lead_to};
use toolgate_identity::dpop::Prover;
use toolgate_identity::fetch::{Failure, Fetch};
use toolgate_identity::signing::{NoKey, SigningKey};

use super::binding::Binding;
use super::client::{Client, Proof};
use super::grant::{self, Denied, Granted};
use crate::keys::Keys;
use crate::{bearer, bound};

/// How long what an authorization server says of itself is believed.
const MAX_AGE: Duration = Duration::from_secs(3600);

/// An authorization server, and which client we are to it.
pub struct Authority {
    fetch: Arc<dyn Fetch>,
    issuer: Option<String>,
    client: Client,
    /// Its token endpoint as configured.
    fixed: Option<String>,
    found: Mutex<Option<(String, Instant)>>,
    /// The key that its tokens are bound to, where the configuration wants that.
    prover: Option<Arc<Prover>>,
}

impl Authority {
    /// As the configuration says.
    ///
    /// # Errors
    /// One sentence, when there is no key to prove ourselves with.
    pub fn of(
        rule: &config::Authority,
        fetch: Arc<dyn Fetch>,
        keys: Option<&Keys>,
    ) -> Result<Authority, String> {
        let secret = || rule.client_secret.clone().ok_or("no client_secret");
        let proof = match rule.auth() {
            ClientAuth::None => Proof::None,
            ClientAuth::SecretBasic => Proof::Basic(secret()?),
            ClientAuth::SecretPost => Proof::Post(secret()?),
            ClientAuth::PrivateKeyJwt => Proof::Key(match (&rule.client_key, keys) {
                (Some(key), _) => {
                    let key = SigningKey::parse(key.reveal());
                    Arc::new(key.map_err(|error| format!("client_key: {error}"))?)
                }
                (None, Some(keys)) => keys.newest().clone(),
                (None, None) => return Err("no client_key".to_owned()),
            }),
        };
        let prover = rule.dpop.then(own).transpose().map_err(|error| format!("dpop: {error}"))?;
        Ok(Authority {
            fetch,
            issuer: rule.issuer.clone(),
            client: Client { id: rule.client_id.clone().unwrap_or_default(), proof },
            fixed: rule.token_endpoint.as_ref().map(ToString::to_string),
            found: Mutex::default(),
            prover,
        })
    }

    /// What it calls itself, if that is known.
    pub fn issuer(&self) -> Option<&str> {
        self.issuer.as_deref()
    }

    /// Asks for a token.
    ///
    /// # Errors
    /// None was granted, or there was nobody to ask.
    pub async fn ask(&self, fields: &[(&str, &str)]) -> Result<Granted, Denied> {
        let endpoint = self.endpoint().await?;
        let name = self.issuer.as_deref().unwrap_or(&endpoint);
        let prover = self.prover.as_deref();
        grant::ask(&*self.fetch, &endpoint, name, &self.client, prover, fields).await
    }

    /// A token that it granted, as servers take it.
    ///
    /// # Errors
    /// It is of a kind that is not known, or bound to nothing where it has to be.
    pub fn credential(&self, granted: &Granted) -> Result<Credential, Fault> {
        let binding = if self.prover.is_some() { Binding::Required } else { Binding::None };
        let held = binding.held(granted, self.prover.clone()).map_err(|failure| {
            Fault::new(
                Reason::Garbage,
                "the authorization server granted no token that can be used",
            )
            .because(failure)
        })?;
        let token = granted.access_token.reveal();
        match held {
            Some(prover) => bound(token, prover),
            None => bearer(token),
        }
    }

    async fn endpoint(&self) -> Result<String, Failure> {
        if let Some(fixed) = &self.fixed {
            return Ok(fixed.clone());
        }
        let found = self.found.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((endpoint, since)) = found
            && since.elapsed() < MAX_AGE
        {
            return Ok(endpoint);
        }
        let issuer = self.issuer.as_deref().unwrap_or_default();
        let metadata = discover(&*self.fetch, issuer).await?;
        let endpoint = metadata.token_endpoint;
        let endpoint = endpoint.ok_or_else(|| Failure("no token_endpoint".to_owned()))?;
        if !may_lead_to(issuer, &endpoint) {
            return Err(Failure("its token_endpoint is not https".to_owned()));
        }
        *self.found.lock().unwrap_or_else(PoisonError::into_inner) =
            Some((endpoint.clone(), Instant::now()));
        Ok(endpoint)
    }
}

/// The key of this process that tokens are bound to: a reload must not make another, as tokens are
/// kept over it.
fn own() -> Result<Arc<Prover>, NoKey> {
    static OWN: OnceLock<Arc<Prover>> = OnceLock::new();
    if let Some(prover) = OWN.get() {
        return Ok(prover.clone());
    }
    let made = Arc::new(Prover::of(&SigningKey::make()?)?);
    Ok(OWN.get_or_init(|| made).clone())
}
