//! Who calls? The methods in their order; the form of a credential decides which one looks at it.

use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use http::{HeaderMap, HeaderName};
use serde_json::Value;
use toolgate_protocol::caller::Caller;
use toolgate_values::Secret;

use crate::api_key::Key;
use crate::cache::{self, Cache};
use crate::certificate::Certificate;
use crate::challenge::Guide;
use crate::credentials::Credentials;
use crate::dpop::{Once, UsedProofs};
use crate::fetch::Fetch;
use crate::id_token::{Asked, IdTokens};
use crate::introspection::Introspection;
use crate::jwks::Jwks;
use crate::jwt::{self, Issuer};
use crate::key_store::{self, Store};
use crate::metadata::Metadata;
use crate::possession::{Possession, Request, Use};
use crate::refused::{Flaw, Refused};
use crate::resource::Resource;
use crate::rules::{self, Authentication, Dpop, Methods, Spiffe};

/// Turns credentials into callers.
pub struct Verifier {
    resource: Option<Resource>,
    scopes: Vec<Arc<str>>,
    x_api_key: bool,
    keys: Option<Store>,
    issuers: Vec<Issuer>,
    introspection: Option<Introspection>,
    sign_ins: Vec<IdTokens>,
    verified: Cache,
    possession: Possession,
    spiffe: Vec<Spiffe>,
    forwarded: Option<HeaderName>,
}

/// What an issuer gave us for somebody who has just signed in.
#[derive(Clone, Copy)]
pub struct SignedIn<'a> {
    /// Who was asked.
    pub issuer: &'a str,
    /// The client that asked.
    pub client: &'a str,
    /// What the ID token has to repeat.
    pub nonce: &'a str,
    /// An access token for us.
    pub access_token: &'a Secret,
    /// Who signed in.
    pub id_token: &'a Secret,
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
        Verifier::open_with(methods, folder, fetch, None)
    }

    /// The same, with a secret that replicas share, under which nonces are made for proofs.
    ///
    /// # Errors
    /// As above.
    pub fn open_with(
        methods: &Methods,
        folder: &Path,
        fetch: &Arc<dyn Fetch>,
        shared: Option<&[u8]>,
    ) -> Result<Verifier, key_store::Error> {
        let rules = &methods.rules;
        let certificates = rules.certificates.clone().unwrap_or_default();
        let forwarded = certificates.forwarded_header.as_deref();
        let keys = match &rules.api_keys {
            Some(keys) => Some(Store::open(&folder.join(&keys.file), keys.secret.clone())?),
            None => None,
        };
        let issuers: Vec<_> =
            rules.jwt.iter().map(|rule| Issuer::new(rule, Arc::clone(fetch))).collect();
        let introspection = rules.introspection.as_ref();
        Ok(Verifier {
            sign_ins: sign_ins(&issuers, introspection, fetch),
            resource: methods.resource.clone(),
            scopes: asked_for(rules),
            x_api_key: rules.api_keys.as_ref().is_some_and(|keys| keys.x_api_key),
            keys,
            issuers,
            introspection: introspection.map(|rule| Introspection::new(rule, Arc::clone(fetch))),
            verified: Cache::new(),
            possession: Possession::new(rules.dpop, nonce_secret(rules, shared).as_deref()),
            spiffe: certificates.spiffe,
            forwarded: forwarded.and_then(|name| name.parse().ok()),
        })
    }

    /// The same, which takes no proof that was used here under other rules, or at another replica.
    #[must_use]
    pub fn remembering(mut self, used: UsedProofs, elsewhere: Option<Arc<dyn Once>>) -> Verifier {
        self.possession.remembering(used, elsewhere);
        self
    }

    /// What a request carries.
    ///
    /// # Errors
    /// [`Refused::Malformed`], see [`Credentials::read`].
    pub fn credentials(&self, headers: &HeaderMap) -> Result<Credentials, Refused> {
        Credentials::read(headers, self.x_api_key)
    }

    /// The certificate that a proxy handed on with a request. For proxies that are trusted alone:
    /// anybody can write a header.
    ///
    /// # Errors
    /// [`Refused::Malformed`] if there are two, or one that cannot be read.
    pub fn handed_on(&self, headers: &HeaderMap) -> Result<Option<Certificate>, Refused> {
        let Some(name) = &self.forwarded else { return Ok(None) };
        let mut values = headers.get_all(name).iter();
        match (values.next(), values.next()) {
            (None, _) => Ok(None),
            (Some(value), None) if value.is_empty() => Ok(None),
            (Some(value), None) => Certificate::from_header(value.as_bytes()).map(Some),
            _ => Err(Refused::Malformed("the certificate that was handed on stands twice")),
        }
    }

    /// The caller of `request` to `resource`, by what it carries or, if that is nothing, by its
    /// certificate. Tokens must be for that resource.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn admit(
        &self,
        request: &Request<'_>,
        resource: Option<&Resource>,
    ) -> Result<Caller, Refused> {
        let credentials = self.credentials(request.headers)?;
        match (&credentials, request.certificate) {
            (Credentials::None, Some(certificate)) if !self.spiffe.is_empty() => {
                certificate.caller(&self.spiffe)
            }
            _ => self.prove(&credentials, resource, now(), Some(request)).await,
        }
    }

    /// The caller of a request to the endpoint that the rules name. It proves no key.
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
        self.prove(credentials, resource, now, None).await
    }

    /// The caller who has just signed in, by what its issuer gave us for that. Nobody has to prove
    /// that it holds what we got ourselves.
    ///
    /// # Errors
    /// It is no answer to what was asked of this issuer, or of somebody whom nobody vouches for.
    pub async fn signed_in(&self, signed_in: &SignedIn<'_>) -> Result<Caller, Refused> {
        let SignedIn { issuer, client, nonce, .. } = *signed_in;
        let known = self.sign_ins.iter().find(|known| known.issuer() == issuer);
        let known = known.ok_or(Flaw::Issuer)?;
        let now = now();
        let asked = Asked { client, nonce };
        let subject = known.subject(signed_in.id_token.reveal(), asked, now).await?;
        let resource = self.resource.as_ref().ok_or(Flaw::Unknown)?;
        let caller = self.by_token(signed_in.access_token, resource, now).await?;
        let named = caller.claims.get("sub").and_then(Value::as_str);
        // Both tokens are of one person, at the issuer that was asked.
        match caller.issuer.as_deref() == Some(issuer) && named == Some(&*subject) {
            true => Ok(caller),
            false => Err(Flaw::Claims.into()),
        }
    }

    /// The same, with all that the request proves.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn prove(
        &self,
        credentials: &Credentials,
        resource: Option<&Resource>,
        now: u64,
        request: Option<&Request<'_>>,
    ) -> Result<Caller, Refused> {
        let (token, proved) = match credentials {
            Credentials::None => return Err(Refused::Missing),
            Credentials::Key(key) => return self.by_key(key, now).await,
            Credentials::Bearer(token) if self.keys.is_some() && Key::is_meant(token) => {
                return self.by_key(token, now).await;
            }
            Credentials::Bearer(token) => (token, false),
            // A scheme that is not offered is no credential (RFC 6750, section 3.1).
            Credentials::Dpop(_) if self.possession.mode() == Dpop::Off => {
                return Err(Refused::Missing);
            }
            Credentials::Dpop(token) => (token, true),
        };
        let resource = resource.ok_or(Flaw::Unknown)?;
        let caller = self.by_token(token, resource, now).await?;
        // Each time: that the token was remembered says nothing of who sends it now.
        let claims = &caller.claims;
        let made = Use { token: token.reveal(), claims, resource, request, proved, now };
        self.possession.check(made).await?;
        Ok(caller)
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

    /// What to tell clients of `resource` that are refused. It needs these scopes, beside those that
    /// the rules name for everybody.
    pub fn guide(&self, resource: Option<&Resource>, needed: &[Arc<str>]) -> Guide {
        let tokens = !self.issuers.is_empty() || self.introspection.is_some();
        let resource = resource.filter(|_| tokens).cloned();
        let dpop = if resource.is_some() { self.possession.mode() } else { Dpop::Off };
        Guide { resource, scopes: self.scopes_with(needed), dpop }
    }

    /// The metadata of `resource`, which needs these scopes too; `None` if there is no issuer.
    pub fn metadata(
        &self,
        resource: &Resource,
        needed: &[Arc<str>],
        name: Option<&str>,
    ) -> Option<Metadata> {
        let scopes = self.scopes_with(needed);
        let metadata = Metadata::new(resource, &self.issuers(), &scopes, name)?;
        Some(metadata.with_dpop(self.possession.mode()))
    }

    /// The scopes to ask an issuer for, with these.
    fn scopes_with(&self, needed: &[Arc<str>]) -> Vec<Arc<str>> {
        let more = needed.iter().filter(|scope| !self.scopes.contains(scope));
        self.scopes.iter().chain(more).cloned().collect()
    }
}

/// Issuers at which callers may sign in.
fn sign_ins(
    issuers: &[Issuer],
    introspection: Option<&rules::Introspection>,
    fetch: &Arc<dyn Fetch>,
) -> Vec<IdTokens> {
    let signing = issuers.iter().map(|issuer| (issuer.name().clone(), issuer.keys().clone()));
    // What it says of tokens is not signed, but what it says of those who sign in is.
    let asked = introspection.map(|rule| {
        let name: Arc<str> = rule.issuer.as_str().into();
        (name.clone(), Jwks::new(name, &rules::Jwks::default(), Arc::clone(fetch)))
    });
    signing.chain(asked).map(|(name, keys)| IdTokens::new(name, keys)).collect()
}

/// The secret of nonces: of all replicas, or else of this process alone.
fn nonce_secret(rules: &Authentication, shared: Option<&[u8]>) -> Option<Vec<u8>> {
    if !rules.dpop_nonce {
        return None;
    }
    if let Some(shared) = shared {
        return Some(shared.to_vec());
    }
    let mut own = vec![0; 32];
    // Fail closed: without randomness no nonce is ever right.
    getrandom::fill(&mut own).ok().map(|()| own).or(Some(Vec::new()))
}

/// The scopes to ask an issuer for: those that are needed and those that are told.
fn asked_for(rules: &Authentication) -> Vec<Arc<str>> {
    let needed = rules.required_scopes.iter().filter(|scope| !rules.scopes.contains(scope));
    needed.chain(&rules.scopes).map(|scope| scope.as_str().into()).collect()
}
