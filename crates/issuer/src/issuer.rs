//! The issuer: what it holds.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use toolgate_identity::dpop::Proofs;
use toolgate_identity::fetch::Fetch;

use crate::answer::Failure;
use crate::clients::Clients;
use crate::given::{Code, Issued, Login, Renewal};
use crate::key::SigningKey;
use crate::settings::{Settings, User};
use crate::shelf::Shelf;

/// A development issuer.
pub struct Issuer {
    pub(crate) url: String,
    pub(crate) settings: Settings,
    pub(crate) users: Vec<User>,
    pub(crate) key: SigningKey,
    pub(crate) fetch: Arc<dyn Fetch>,
    pub(crate) clients: Clients,
    pub(crate) proofs: Proofs,
    pub(crate) logins: Shelf<Arc<Login>>,
    pub(crate) codes: Shelf<Arc<Code>>,
    pub(crate) renewals: Shelf<Arc<Renewal>>,
    pub(crate) issued: Shelf<Arc<Issued>>,
    /// Codes and refresh tokens that were used, and the family of tokens that came of each.
    pub(crate) spent: Shelf<String>,
}

impl Issuer {
    /// An issuer that is reached at `url`, and fetches documents of clients through `fetch`.
    ///
    /// # Errors
    /// One sentence, if a file of keys cannot be read or there is no randomness.
    pub fn new(url: &str, settings: Settings, fetch: Arc<dyn Fetch>) -> Result<Issuer, String> {
        let dev = User { name: "dev".to_owned(), scopes: vec!["*".to_owned()], ..User::default() };
        let users = if settings.users.is_empty() { vec![dev] } else { settings.users.clone() };
        Ok(Issuer {
            url: url.trim_end_matches('/').to_owned(),
            users,
            key: SigningKey::generate().map_err(|_| "no randomness".to_owned())?,
            fetch,
            clients: Clients::of(&settings)?,
            proofs: Proofs::new(None),
            logins: Shelf::new(),
            codes: Shelf::new(),
            renewals: Shelf::new(),
            issued: Shelf::new(),
            spent: Shelf::new(),
            settings,
        })
    }

    /// Its identifier, as in `iss`.
    pub fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn endpoint(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    /// Seconds since the epoch.
    pub(crate) fn now(&self) -> u64 {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
    }

    /// What tokens may be for, of what a client asks: absolute, without a fragment (RFC 8707,
    /// section 2), and one of ours if those are listed. Nothing asked is all of `before`.
    pub(crate) fn resources(
        &self,
        asked: &[String],
        before: &[String],
    ) -> Result<Vec<String>, Failure> {
        let same = |a: &str, b: &str| a.trim_end_matches('/') == b.trim_end_matches('/');
        let listed = |known: &[String], asked: &str| {
            known.is_empty() || known.iter().any(|known| same(known, asked))
        };
        for resource in asked {
            let sound = resource.parse::<http::Uri>().is_ok_and(|uri| uri.scheme().is_some());
            let fits = listed(&self.settings.resources, resource) && listed(before, resource);
            if !sound || resource.contains('#') || !fits {
                return Err(Failure::new("invalid_target", format!("no tokens for {resource}")));
            }
        }
        match (asked, before, &*self.settings.resources) {
            ([], [], [only]) => Ok(vec![only.clone()]),
            ([], before, _) => Ok(before.to_vec()),
            (asked, _, _) => Ok(asked.to_vec()),
        }
    }
}
