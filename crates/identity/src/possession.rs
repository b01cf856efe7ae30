//! Is a token in the hands it was given to? What it is bound to, against what the request proves.

use std::sync::Arc;

use http::HeaderMap;
use serde_json::{Map, Value};

use crate::certificate::Certificate;
use crate::dpop::{Expected, Once, Proofs, Proven, UsedProofs};
use crate::refused::{Flaw, Refused};
use crate::resource::Resource;
use crate::rules::Dpop;

/// A request, as far as it proves something.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// Its method.
    pub method: &'a str,
    /// Its path, as it arrived here.
    pub path: &'a str,
    /// Its headers.
    pub headers: &'a HeaderMap,
    /// The certificate of who sent it.
    pub certificate: Option<&'a Arc<Certificate>>,
}

/// A token, and the request that uses it.
#[derive(Clone, Copy)]
pub(crate) struct Use<'a> {
    pub token: &'a str,
    /// What it says, verified.
    pub claims: &'a Map<String, Value>,
    pub resource: &'a Resource,
    /// Without one nothing is proved.
    pub request: Option<&'a Request<'a>>,
    /// Whether it came under the scheme `DPoP`.
    pub proved: bool,
    /// In seconds since the epoch.
    pub now: u64,
}

/// Checks what tokens are bound to.
pub(crate) struct Possession {
    mode: Dpop,
    proofs: Proofs,
}

/// What a token is bound to (RFC 7800).
#[derive(Default)]
struct Binding<'a> {
    /// The thumbprint of a key (RFC 9449, section 6.1).
    key: Option<&'a str>,
    /// The fingerprint of a certificate (RFC 8705, section 3.1).
    certificate: Option<&'a str>,
}

impl Possession {
    pub(crate) fn new(mode: Dpop, nonce_secret: Option<&[u8]>) -> Possession {
        Possession { mode, proofs: Proofs::new(nonce_secret) }
    }

    /// Proofs that were used here are not taken, and are remembered where other replicas remember
    /// theirs.
    pub(crate) fn remembering(&mut self, used: UsedProofs, elsewhere: Option<Arc<dyn Once>>) {
        self.proofs.remembering(used, elsewhere);
    }

    pub(crate) fn mode(&self) -> Dpop {
        self.mode
    }

    /// Whether the token may be used by the request.
    ///
    /// # Errors
    /// It is bound to what the request does not prove, or to nothing where it has to be; or the proof
    /// was used before.
    pub(crate) async fn check(&self, made: Use<'_>) -> Result<(), Refused> {
        match self.look(made)? {
            None => Ok(()),
            Some(proven) => self.proofs.use_up(&proven, made.now).await,
        }
    }

    /// The same, with the proof that is left to be used up.
    fn look(&self, made: Use<'_>) -> Result<Option<Proven>, Refused> {
        let bound = Binding::of(made.claims)?;
        if let Some(fingerprint) = bound.certificate {
            let shown = made.request.and_then(|request| request.certificate);
            if shown.is_none_or(|shown| shown.fingerprint() != fingerprint) {
                return Err(Flaw::Bound.into());
            }
        }
        match (bound.key, made.proved) {
            // RFC 9449, section 7.2: a bound token is worth nothing under the scheme `Bearer`.
            (Some(_), false) => Err(Flaw::Bound.into()),
            (None, true) => Err(Flaw::Unbound.into()),
            (None, false) if self.mode == Dpop::Require => Err(Flaw::Unbound.into()),
            (None, false) => Ok(None),
            (Some(key), true) => {
                let request = made.request.ok_or(Flaw::Bound)?;
                self.prove(made, key, request).map(Some)
            }
        }
    }

    fn prove(&self, made: Use<'_>, key: &str, request: &Request<'_>) -> Result<Proven, Refused> {
        let Use { token, resource, now, .. } = made;
        let mut proofs = request.headers.get_all("dpop").iter();
        let proof = match (proofs.next(), proofs.next()) {
            (Some(proof), None) => proof.to_str().ok(),
            (None, _) => return Err(Refused::Proof("the proof is missing")),
            (Some(_), Some(_)) => return Err(Refused::Proof("send one proof, not two")),
        };
        let proof = proof.ok_or(Refused::Proof("the proof is no JWT"))?;
        // A proxy may have changed the path; what clients call the endpoint is configured.
        let here = format!("{}{}", resource.origin(), request.path);
        let expected = Expected {
            method: request.method,
            urls: &[here.as_str(), resource.as_str()],
            token: Some(token),
            key: Some(key),
            now,
        };
        self.proofs.prove(proof, &expected)
    }
}

impl<'a> Binding<'a> {
    fn of(claims: &'a Map<String, Value>) -> Result<Binding<'a>, Flaw> {
        let members = match claims.get("cnf") {
            None | Some(Value::Null) => return Ok(Binding::default()),
            Some(Value::Object(members)) => members,
            Some(_) => return Err(Flaw::Bound),
        };
        let text = |name: &str| match members.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.as_str())),
            Some(_) => Err(Flaw::Bound),
        };
        let bound = Binding { key: text("jkt")?, certificate: text("x5t#S256")? };
        // Fail closed: what it is bound to otherwise, we cannot check.
        let known = usize::from(bound.key.is_some()) + usize::from(bound.certificate.is_some());
        if known == 0 || known != members.len() { Err(Flaw::Bound) } else { Ok(bound) }
    }
}
