//! Why a request has no caller.

use std::sync::Arc;
use std::time::Duration;

/// Why a request is refused. What it says may be told to the client; it never quotes a credential.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It carries no credentials that we take.
    #[error("no credentials")]
    Missing,
    /// It carries credentials in a form that cannot be read (RFC 6750, section 3.1:
    /// `invalid_request`).
    #[error("{0}")]
    Malformed(&'static str),
    /// Its credentials are not good (`invalid_token`).
    #[error("{0}")]
    Invalid(Flaw),
    /// The proof of its key is not good (RFC 9449, section 7.1: `invalid_dpop_proof`).
    #[error("{0}")]
    Proof(&'static str),
    /// The proof of its key lacks a nonce of ours (RFC 9449, section 9: `use_dpop_nonce`).
    #[error("the proof needs the nonce of this answer")]
    Nonce(Arc<str>),
    /// Its credentials are good and do not suffice (`insufficient_scope`).
    #[error("the scope {} is needed", .needed.join(" "))]
    Scope {
        /// All scopes that the operation needs, each a `scope-token` of RFC 6749.
        needed: Vec<Arc<str>>,
    },
    /// Whether its credentials are good cannot be known now. Fails closed.
    #[error("credentials cannot be checked now")]
    Unavailable {
        /// When to try again.
        retry_after: Duration,
    },
}

/// What is wrong with a credential that could be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Flaw {
    /// No method knows it, or it does not prove what it says. One word for "no such key" and
    /// "wrong secret", so that guessing learns nothing.
    #[error("the credential is not valid")]
    Unknown,
    /// It is past its end.
    #[error("the token has expired")]
    Expired,
    /// It has not begun.
    #[error("the token is not valid yet")]
    NotYet,
    /// It was issued for another resource.
    #[error("the token is for another resource")]
    Audience,
    /// Its issuer is none of ours.
    #[error("the issuer of the token is not accepted")]
    Issuer,
    /// It is signed in a way we do not take, or not at all.
    #[error("the algorithm of the token is not accepted")]
    Algorithm,
    /// It is a token of another kind, such as an ID token.
    #[error("the type of the token is not accepted")]
    Type,
    /// The key that signed it is not among its issuer's.
    #[error("the key of the token is unknown")]
    Key,
    /// The signature does not fit.
    #[error("the signature of the token is wrong")]
    Signature,
    /// A claim that is needed is absent or of another type.
    #[error("a claim of the token is missing or malformed")]
    Claims,
    /// It is bound to a key or certificate that the request does not prove (RFC 7800).
    #[error("the token is bound to a key that was not proved")]
    Bound,
    /// It is bound to no key, where it has to be, or comes with a proof that it has no use for.
    #[error("the token is not bound to a key")]
    Unbound,
    /// A claim that its issuer's rule demands has another value.
    #[error("a claim of the token has a value that is not accepted")]
    Required,
    /// Its issuer says it is not active (RFC 7662).
    #[error("the token is not active")]
    Inactive,
}

impl From<Flaw> for Refused {
    fn from(flaw: Flaw) -> Refused {
        Refused::Invalid(flaw)
    }
}

impl Flaw {
    /// Its name in logs and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Flaw::Unknown => "unknown",
            Flaw::Expired => "expired",
            Flaw::NotYet => "not_yet",
            Flaw::Audience => "audience",
            Flaw::Issuer => "issuer",
            Flaw::Algorithm => "algorithm",
            Flaw::Type => "type",
            Flaw::Key => "key",
            Flaw::Signature => "signature",
            Flaw::Claims => "claims",
            Flaw::Bound => "bound",
            Flaw::Unbound => "unbound",
            Flaw::Required => "required",
            Flaw::Inactive => "inactive",
        }
    }
}
