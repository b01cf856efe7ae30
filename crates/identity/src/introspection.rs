//! Opaque access tokens: their issuer is asked (RFC 7662).

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use serde_json::{Map, Value};
use tokio::sync::Semaphore;
use toolgate_protocol::caller::{Caller, Proof};
use toolgate_values::Secret;

use crate::discovery::{discover, may_lead_to};
use crate::fetch::{Failure, Fetch, Request, basic, document};
use crate::jwt::Accepts;
use crate::mapping::Claims;
use crate::refused::{Flaw, Refused};
use crate::resource::Resource;
use crate::rules;

/// How many questions are asked at once: tokens that anybody makes up must not flood the issuer.
const AT_ONCE: usize = 16;

/// When to come back if the issuer does not answer.
const RETRY: Duration = Duration::from_secs(5);

/// The issuer of opaque tokens.
pub(crate) struct Introspection {
    issuer: Arc<str>,
    endpoint: ArcSwapOption<String>,
    authorization: Secret,
    accepts: Accepts,
    cache: Duration,
    claims: Claims,
    fetch: Arc<dyn Fetch>,
    turns: Semaphore,
}

impl Introspection {
    pub(crate) fn new(rule: &rules::Introspection, fetch: Arc<dyn Fetch>) -> Introspection {
        Introspection {
            issuer: rule.issuer.as_str().into(),
            endpoint: ArcSwapOption::from_pointee(rule.endpoint.as_ref().map(ToString::to_string)),
            authorization: basic(&rule.client_id, &rule.client_secret),
            accepts: Accepts {
                audience: rule.audience.clone(),
                leeway: rule.leeway.duration().as_secs(),
            },
            cache: rule.cache.duration(),
            claims: rule.claims.clone(),
            fetch,
            turns: Semaphore::new(AT_ONCE),
        }
    }

    pub(crate) fn name(&self) -> &Arc<str> {
        &self.issuer
    }

    /// How long an answer is believed.
    pub(crate) fn cache(&self) -> Duration {
        self.cache
    }

    /// The caller that the issuer says `token` belongs to, at `now` in seconds since the epoch.
    pub(crate) async fn verify(
        &self,
        token: &str,
        resource: &Resource,
        now: u64,
    ) -> Result<Caller, Refused> {
        let answer = self.ask(token).await.map_err(|error| {
            tracing::warn!(issuer = %self.issuer, %error, "token not introspected");
            // Fail closed: nobody vouches for it now.
            Refused::Unavailable { retry_after: RETRY }
        })?;
        if answer.get("active") != Some(&Value::Bool(true)) {
            return Err(Flaw::Inactive.into());
        }
        let issued = answer.get("iss").filter(|iss| !iss.is_null());
        if issued.is_some_and(|iss| iss.as_str() != Some(&*self.issuer)) {
            return Err(Flaw::Issuer.into());
        }
        self.accepts.check(&answer, resource, now)?;
        Ok(self.claims.caller(Proof::Introspection, &self.issuer, answer)?)
    }

    async fn ask(&self, token: &str) -> Result<Map<String, Value>, Failure> {
        let Ok(_turn) = self.turns.try_acquire() else {
            return Err(Failure("too many questions at once".to_owned()));
        };
        let endpoint = self.endpoint().await?;
        let fields = [("token", token), ("token_type_hint", "access_token")];
        let request = Request {
            authorization: Some(self.authorization.clone()),
            limit: 64 * 1024,
            ..Request::post(endpoint, &fields)
        };
        document(&*self.fetch, request).await
    }

    async fn endpoint(&self) -> Result<String, Failure> {
        if let Some(endpoint) = &*self.endpoint.load() {
            return Ok(endpoint.to_string());
        }
        let metadata = discover(&*self.fetch, &self.issuer).await?;
        let endpoint = metadata.introspection_endpoint;
        let endpoint = endpoint.ok_or_else(|| Failure("no introspection_endpoint".to_owned()))?;
        if !may_lead_to(&self.issuer, &endpoint) {
            return Err(Failure("its introspection_endpoint is not https".to_owned()));
        }
        self.endpoint.store(Some(Arc::new(endpoint.clone())));
        Ok(endpoint)
    }
}
