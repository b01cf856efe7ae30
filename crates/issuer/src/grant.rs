//! What is given for a grant: tokens, and what is remembered of them.

mod code;
mod credentials;
mod exchange;
mod refresh;

use std::sync::Arc;

use serde_json::{Value, json};
use toolgate_identity::jws;

pub use code::redeem;
pub use credentials::on_own_behalf;
pub use exchange::{assertion, exchange};
pub use refresh::renew;

use crate::answer::Failure;
use crate::ask::Parameters;
use crate::client::Client;
use crate::given::{Issued, Renewal};
use crate::issuer::Issuer;
use crate::settings::User;
use crate::shelf::unguessable;

/// What a client sends to have tokens (OAuth 2.1, section 3.2.2).
pub struct TokenRequest<'a> {
    /// Who it is, as it proved.
    pub client: &'a Client,
    pub form: &'a Parameters,
    /// The key that it proved to hold, for tokens to be bound to.
    pub key: Option<String>,
}

/// A grant that was found good.
pub struct Granted<'a> {
    pub client: &'a Client,
    /// For whom; a client on its own behalf is its own user.
    pub user: User,
    pub scopes: Vec<String>,
    pub resources: Vec<String>,
    /// The key that tokens are bound to.
    pub key: Option<String>,
    /// Who acts for the user (RFC 8693, section 4.1).
    pub actor: Option<Value>,
    /// What all tokens of one consent have in common.
    pub family: String,
    /// Whether the client may come back for more.
    pub renewable: bool,
}

impl Issuer {
    /// The answer of the token endpoint (RFC 6749, section 5.1).
    pub fn give(&self, granted: Granted<'_>) -> Result<Value, Failure> {
        let now = self.now();
        let lifetime = self.settings.token_lifetime.duration().as_secs();
        let claims = self.claims(&granted, now + lifetime);
        let failed = |_| Failure::new("server_error", "the token cannot be signed");
        let token = match self.settings.opaque {
            true => unguessable(),
            false => self.key.sign("at+jwt", &claims).map_err(failed)?,
        };
        let record =
            Issued { claims, client: granted.client.id.clone(), family: granted.family.clone() };
        self.issued.put(jws::hash(token.as_bytes()), Arc::new(record), now + lifetime);
        tracing::info!(client = %granted.client.id, subject = %granted.user.name, "token issued");
        let mut answer = json!({
            "access_token": token,
            "token_type": if granted.key.is_some() { "DPoP" } else { "Bearer" },
            "expires_in": lifetime,
            "scope": granted.scopes.join(" "),
        });
        if granted.renewable {
            let until = now + self.settings.refresh_lifetime.duration().as_secs();
            let renewal = Renewal {
                client: granted.client.id.clone(),
                // Without a secret of its own, the client is known again by its key
                // (RFC 9449, section 5).
                key: granted.key.filter(|_| granted.client.is_public()),
                user: granted.user,
                scopes: granted.scopes,
                resources: granted.resources,
                family: granted.family,
            };
            answer["refresh_token"] = self.renewals.add(Arc::new(renewal), until).into();
        }
        Ok(answer)
    }

    /// RFC 9068, section 2.2.
    fn claims(&self, granted: &Granted<'_>, end: u64) -> Value {
        let audience = match &*granted.resources {
            [] => json!(self.url),
            [only] => json!(only),
            several => json!(several),
        };
        let mut claims = json!({
            "iss": self.url,
            "sub": granted.user.name,
            "aud": audience,
            "client_id": granted.client.id,
            "iat": self.now(),
            "exp": end,
            "jti": unguessable(),
            "scope": granted.scopes.join(" "),
        });
        for (name, list) in [("roles", &granted.user.roles), ("groups", &granted.user.groups)] {
            if !list.is_empty() {
                claims[name] = json!(list);
            }
        }
        if let Some(tenant) = &granted.user.tenant {
            claims["tenant"] = json!(tenant);
        }
        if let Some(key) = &granted.key {
            claims["cnf"] = json!({ "jkt": key });
        }
        if let Some(actor) = &granted.actor {
            claims["act"] = actor.clone();
        }
        claims
    }

    /// Ends every token that came of one consent.
    pub fn end_family(&self, family: &str) {
        self.renewals.clear(|renewal| renewal.family == family);
        self.issued.clear(|issued| issued.family == family);
    }

    /// Notes that a code or refresh token was used. Used again, it was stolen: all that came of it
    /// ends (OAuth 2.1, sections 4.1.3 and 4.3.1).
    pub fn spend(&self, name: &str, family: &str) {
        let until = self.now() + self.settings.refresh_lifetime.duration().as_secs();
        self.spent.put(name.to_owned(), family.to_owned(), until);
    }

    /// Whether `name` was used before; if so, its family ends here.
    pub fn was_spent(&self, name: &str) -> bool {
        let Some(family) = self.spent.get(name, self.now()) else { return false };
        tracing::warn!("a code or refresh token was used twice: its tokens end");
        self.end_family(&family);
        true
    }
}
