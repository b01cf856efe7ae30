//! Who calls? The methods in their order; the form of a credential decides which one looks at it.

use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use http::HeaderMap;
use toolgate_protocol::caller::Caller;
use toolgate_values::Secret;

use crate::api_key::Key;
use crate::cache::{self, Cache};
use crate::challenge::Guide;
use crate::credentials::Credentials;
use crate::fetch::Fetch;
use crate::introspection::Introspection;
use crate::jwt::{self, Issuer};
use crate::key_store::{self, Store};
use crate::metadata::Metadata;
use crate::refused::{Flaw, Refused};
use crate::resource::Resource;
use crate::rules::Methods;

/// Turns credentials into callers.
pub struct Verifier {
    resource: Option<Resource>,
    scopes: Vec<Arc<str>>,
    x_api_key: bool,
    keys: Option<Store>,
    issuers: Vec<Issuer>,
    introspection: Option<Introspection>,
    verified: Cache,
}

/// Seconds since the epoch. A clock before it is a broken machine: everything has expired then.
fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(u64::MAX, |since| since.as_secs())
}

impl Verifier {
    /// A verifier by these rules. Keys are read now, from a path relative to `folder`; issuers are
    /// asked when the first token comes.
    ///
    /// # Errors
    /// The file of keys cannot be used.
    pub fn open(
        methods: &Methods,
        folder: &Path,
        fetch: &Arc<dyn Fetch>,
    ) -> Result<Verifier, key_store::Error> {
        let rules = &methods.rules;
        let keys = match &rules.api_keys {
            Some(keys) => Some(Store::open(&folder.join(&keys.file), keys.secret.clone())?),
            None => None,
        };
        let introspection = rules.introspection.as_ref();
        Ok(Verifier {
            resource: methods.resource.clone(),
            scopes: rules.scopes.iter().map(|scope| scope.as_str().into()).collect(),
            x_api_key: rules.api_keys.as_ref().is_some_and(|keys| keys.x_api_key),
            keys,
            issuers: rules.jwt.iter().map(|rule| Issuer::new(rule, Arc::clone(fetch))).collect(),
            introspection: introspection.map(|rule| Introspection::new(rule, Arc::clone(fetch))),
            verified: Cache::new(),
        })
    }

    /// What a request carries.
    ///
    /// # Errors
    /// [`Refused::Malformed`], see [`Credentials::read`].
    pub fn credentials(&self, headers: &HeaderMap) -> Result<Credentials, Refused> {
        Credentials::read(headers, self.x_api_key)
    }

    /// The caller of a request to the endpoint that the rules name.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn verify(&self, credentials: &Credentials) -> Result<Caller, Refused> {
        self.verify_for(credentials, self.resource.as_ref()).await
    }

    /// The caller of a request to `resource`, such as one toolset: tokens must be for it.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn verify_for(
        &self,
        credentials: &Credentials,
        resource: Option<&Resource>,
    ) -> Result<Caller, Refused> {
        self.verify_at(credentials, resource, now()).await
    }

    /// The same at `now`, in seconds since the epoch.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn verify_at(
        &self,
        credentials: &Credentials,
        resource: Option<&Resource>,
        now: u64,
    ) -> Result<Caller, Refused> {
        match credentials {
            Credentials::None => Err(Refused::Missing),
            Credentials::Key(key) => self.by_key(key, now).await,
            Credentials::Bearer(token) if self.keys.is_some() && Key::is_meant(token) => {
                self.by_key(token, now).await
            }
            Credentials::Bearer(token) => {
                let resource = resource.ok_or(Flaw::Unknown)?;
                self.by_token(token, resource, now).await
            }
        }
    }

    async fn by_key(&self, key: &Secret, now: u64) -> Result<Caller, Refused> {
        let keys = self.keys.as_ref().ok_or(Flaw::Unknown)?;
        keys.verify(key, now).await
    }

    async fn by_token(
        &self,
        token: &Secret,
        resource: &Resource,
        now: u64,
    ) -> Result<Caller, Refused> {
        let name = cache::name(token.reveal(), resource);
        if let Some(caller) = self.verified.get(&name, now) {
            return Ok(caller);
        }
        let (caller, longest) = self.by_issuer(token.reveal(), resource, now).await?;
        let until = caller.expires.unwrap_or(u64::MAX).min(now.saturating_add(longest));
        if until > now {
            self.verified.put(name, caller.clone(), until);
        }
        Ok(caller)
    }

    /// The caller, and for how many seconds that may be believed without asking again.
    async fn by_issuer(
        &self,
        token: &str,
        resource: &Resource,
        now: u64,
    ) -> Result<(Caller, u64), Refused> {
        let claimed = jwt::claimed_issuer(token);
        let issuer = claimed
            .as_ref()
            .and_then(|claimed| self.issuers.iter().find(|issuer| **issuer.name() == **claimed));
        if let Some(issuer) = issuer {
            return Ok((issuer.verify(token, resource, now).await?, u64::MAX));
        }
        if let Some(introspection) = &self.introspection {
            let caller = introspection.verify(token, resource, now).await?;
            return Ok((caller, introspection.cache().as_secs()));
        }
        Err(if claimed.is_some() { Flaw::Issuer } else { Flaw::Unknown }.into())
    }

    /// The issuers whose tokens are taken.
    pub fn issuers(&self) -> Vec<Arc<str>> {
        let mut names: Vec<Arc<str>> = self.issuers.iter().map(|i| Arc::clone(i.name())).collect();
        if let Some(introspection) = &self.introspection
            && !names.contains(introspection.name())
        {
            names.push(Arc::clone(introspection.name()));
        }
        names
    }

    /// The endpoint that the rules name.
    pub fn resource(&self) -> Option<&Resource> {
        self.resource.as_ref()
    }

    /// What to tell clients of `resource` that are refused.
    pub fn guide(&self, resource: Option<&Resource>) -> Guide {
        let tokens = !self.issuers.is_empty() || self.introspection.is_some();
        let resource = resource.filter(|_| tokens).cloned();
        Guide { resource, scopes: self.scopes.clone() }
    }

    /// The metadata of `resource`; `None` if there is no issuer.
    pub fn metadata(&self, resource: &Resource, name: Option<&str>) -> Option<Metadata> {
        Metadata::new(resource, &self.issuers(), &self.scopes, name)
    }
}
