//! On whose behalf something happens.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use serde_json::{Map, Value};

/// How a caller proved who it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Proof {
    /// Not at all: the listener asks for nothing.
    #[default]
    None,
    /// A key of ours.
    ApiKey,
    /// A signed token (RFC 7519).
    Jwt,
    /// An opaque token that its issuer vouched for (RFC 7662).
    Introspection,
    /// A client certificate (RFC 8705).
    Certificate,
}

impl Proof {
    /// The one of this name.
    pub fn named(name: &str) -> Option<Proof> {
        let all =
            [Proof::None, Proof::ApiKey, Proof::Jwt, Proof::Introspection, Proof::Certificate];
        all.into_iter().find(|proof| proof.as_str() == name)
    }

    /// Its name in policies, logs and records.
    pub fn as_str(self) -> &'static str {
        match self {
            Proof::None => "none",
            Proof::ApiKey => "api_key",
            Proof::Jwt => "jwt",
            Proof::Introspection => "introspection",
            Proof::Certificate => "certificate",
        }
    }
}

/// What is known of a caller, all of it verified.
#[derive(Clone, Debug, Default)]
pub struct Identity {
    /// The name under which everything of this caller is kept apart from others: how it was
    /// proved, by whom it was issued, of which tenant, who.
    pub principal: Arc<str>,
    /// Who it is to its issuer.
    pub subject: Arc<str>,
    /// The organisation it belongs to.
    pub tenant: Option<Arc<str>>,
    /// Names of roles.
    pub roles: Vec<Arc<str>>,
    /// Scopes that were granted (RFC 6749, section 3.3).
    pub scopes: Vec<Arc<str>>,
    /// Names of groups.
    pub groups: Vec<Arc<str>>,
    /// Who acts on behalf of the subject (RFC 8693, section 4.1).
    pub actor: Option<Arc<str>>,
    /// How it was proved.
    pub proof: Proof,
    /// The authorization server that vouches for it, if one does.
    pub issuer: Option<Arc<str>>,
    /// Claims that policies may read.
    pub claims: Map<String, Value>,
    /// Until when the proof is good, in seconds since the epoch.
    pub expires: Option<u64>,
}

/// A caller. Cheap to clone; two are the same if their principals are.
#[derive(Clone)]
pub struct Caller(Arc<Identity>);

impl Caller {
    /// The caller on a listener without authentication.
    pub fn anonymous() -> Caller {
        Caller::from(Identity {
            principal: "anonymous".into(),
            subject: "anonymous".into(),
            ..Identity::default()
        })
    }

    /// Whether nobody vouched for it.
    pub fn is_anonymous(&self) -> bool {
        self.0.proof == Proof::None
    }
}

impl From<Identity> for Caller {
    fn from(identity: Identity) -> Caller {
        Caller(Arc::new(identity))
    }
}

impl std::ops::Deref for Caller {
    type Target = Identity;

    fn deref(&self) -> &Identity {
        &self.0
    }
}

impl PartialEq for Caller {
    fn eq(&self, other: &Caller) -> bool {
        self.principal == other.principal
    }
}

impl Eq for Caller {}

impl Hash for Caller {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.principal.hash(state);
    }
}

/// Claims may be personal: only the name is printed.
impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Caller({})", self.principal)
    }
}
