//! What the configuration says about who may come in. Doc comments are what editors show.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;
use toolgate_values::{Secret, Span, Url};

use crate::mapping::{Claims, Grant};

pub use crate::algorithm::Algorithm;

pub(crate) mod compile;

pub use compile::{Methods, Problem, SHORTEST_SECRET, weakness};

/// Who may come in. Methods stand side by side; the form of a credential decides which one looks
/// at it, in this order: keys of ours, signed tokens of a known issuer, any other token.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Authentication {
    /// What `issuer` is.
    #[serde(rename = "type")]
    pub kind: Option<Kind>,
    /// Short for `jwt` with this issuer alone.
    #[schemars(example = "https://login.example.com")]
    pub issuer: Option<String>,
    /// The public URL of the MCP endpoint, which tokens must name in `aud`. Needed by tokens.
    /// Without it: `/mcp` of `public_url`, or of `listen` where only this machine reaches it.
    #[schemars(example = "https://gateway.example.com/mcp")]
    pub resource: Option<Url>,
    /// The scopes that clients are told to ask their issuer for.
    pub scopes: Vec<String>,
    /// The scopes without which nobody comes in, whatever is asked for.
    #[schemars(example = ["mcp:tools"])]
    pub required_scopes: Vec<String>,
    /// Keys that `toolgate key new` makes.
    pub api_keys: Option<ApiKeys>,
    /// Issuers of signed access tokens (JWT, RFC 9068).
    pub jwt: Vec<Issuer>,
    /// The issuer of opaque access tokens (RFC 7662).
    pub introspection: Option<Introspection>,
    /// Clients that prove who they are by a certificate. Needs `tls.client_ca`, or a proxy that
    /// hands certificates on.
    pub certificates: Option<Certificates>,
    /// Whether tokens may, or have to, be bound to a key that clients prove with each request
    /// (DPoP, RFC 9449). A token that is bound is never taken without the proof.
    pub dpop: Dpop,
    /// Proofs must hold a nonce that the gateway gave out in the last 5 minutes.
    pub dpop_nonce: bool,
}

/// What an issuer in short form is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Kind {
    /// An OAuth 2.1 authorization server whose access tokens are signed (RFC 9068).
    Oauth2,
}

impl Authentication {
    /// Writes the short form out; false where there is none, or where it is not alone.
    pub fn spell_out(&mut self) -> bool {
        match self.issuer.take_if(|_| self.jwt.is_empty()) {
            Some(issuer) => {
                self.kind = None;
                self.jwt.push(Issuer::new(issuer));
                true
            }
            None => false,
        }
    }

    /// Whether any method takes tokens.
    pub fn takes_tokens(&self) -> bool {
        !self.jwt.is_empty() || self.introspection.is_some()
    }
}

impl Authentication {
    /// Whether this is the issuer of callers.
    pub fn names(&self, issuer: &str) -> bool {
        let asked = self.introspection.iter().map(|rule| &rule.issuer);
        self.jwt.iter().map(|rule| &rule.issuer).chain(asked).any(|known| known == issuer)
    }
}

/// Whether tokens may, or have to, be bound to keys.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Dpop {
    /// The scheme DPoP is not offered.
    #[default]
    Off,
    /// Tokens of either kind are taken.
    Allow,
    /// Tokens that are bound to no key are refused.
    Require,
}

/// Clients that prove who they are by a certificate.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Certificates {
    /// Callers by the SPIFFE id in their certificate; the first rule that fits decides. Without
    /// one that fits, a certificate alone opens nothing.
    pub spiffe: Vec<Spiffe>,
    /// The header in which a proxy of `trusted_proxies` hands on the certificate of its client: as
    /// RFC 9440 says, or PEM encoded for a URL. From anybody else the header is not looked at.
    #[schemars(example = &"Client-Cert")]
    pub forwarded_header: Option<String>,
}

/// Who is behind a SPIFFE id.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spiffe {
    /// The id. A segment may be `*`, and the last one `**` for any number of them.
    #[schemars(example = &"spiffe://example.org/ns/*/sa/agent")]
    pub id: String,
    /// The organisation.
    #[serde(default)]
    pub tenant: Option<String>,
    /// Roles.
    #[serde(default)]
    pub roles: Vec<String>,
    /// Scopes.
    #[serde(default)]
    pub scopes: Vec<String>,
}

/// Keys that `toolgate key new` makes.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ApiKeys {
    /// The file that `toolgate key` keeps, looked at again when it changes. Relative to this file.
    #[schemars(example = &"keys.yaml")]
    pub file: PathBuf,
    /// The secret under which keys are hashed (HMAC-SHA-256), at least 32 bytes. Without it keys
    /// are hashed with argon2id, which makes the first request with a key slow.
    #[serde(default)]
    pub secret: Option<Secret>,
    /// Take keys from the header `X-API-Key` also, not from `Authorization` only.
    #[serde(default = "yes")]
    pub x_api_key: bool,
}

/// An issuer of signed access tokens.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Issuer {
    /// Its identifier, exactly as in `iss`.
    #[schemars(example = "https://login.example.com/tenant")]
    pub issuer: String,
    /// What `aud` may name. Without any: `resource`, or the narrower endpoint that was called.
    #[serde(default)]
    pub audience: Vec<String>,
    /// How its tokens may be signed.
    #[serde(default = "Algorithm::all")]
    pub algorithms: Vec<Algorithm>,
    /// The values of the header `typ` to accept.
    #[serde(default = "access_tokens")]
    #[schemars(example = ["at+jwt"])]
    pub types: Vec<String>,
    /// Accept tokens without the header `typ`, as some issuers send.
    #[serde(default)]
    pub untyped: bool,
    /// How far its clock may be from ours. At most 5m.
    #[serde(default = "minute")]
    pub leeway: Span,
    /// Where its keys are and how long they are held.
    #[serde(default)]
    pub jwks: Jwks,
    /// Which claims say what.
    #[serde(default)]
    pub claims: Claims,
    /// Claims that must have one of these values, whoever the issuer gave the token to: an issuer of
    /// the public, such as a forge, gives tokens to everybody. A value may end in `*`.
    #[serde(default)]
    #[schemars(example = serde_json::json!({"repository_owner": ["octo-org"]}))]
    pub require: BTreeMap<String, Vec<String>>,
    /// What callers have besides what their claims say, for issuers that know nothing of our roles
    /// and scopes. All that fit count.
    #[serde(default)]
    pub grants: Vec<Grant>,
}

impl Issuer {
    /// One of which nothing is said but its identifier.
    pub fn new(issuer: String) -> Issuer {
        Issuer {
            issuer,
            audience: Vec::new(),
            algorithms: Algorithm::all(),
            types: access_tokens(),
            untyped: false,
            leeway: minute(),
            jwks: Jwks::default(),
            claims: Claims::default(),
            require: BTreeMap::new(),
            grants: Vec::new(),
        }
    }
}

/// Where an issuer's keys are and how long they are held.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Jwks {
    /// Where they are. Without it: found out from the issuer's metadata (RFC 8414, OpenID Connect
    /// Discovery).
    pub uri: Option<Url>,
    /// A file that holds them (JSON Web Key Set), where the issuer cannot be reached. It is read
    /// again as `refresh` says. Relative to this file.
    #[schemars(example = &"kubernetes.jwks.json")]
    pub file: Option<PathBuf>,
    /// How long they are used before they are asked for again.
    pub refresh: Span,
    /// How long they are used while the issuer does not answer. After that its tokens are refused.
    pub max_age: Span,
    /// The least time between two requests, whatever tokens say.
    pub cooldown: Span,
}

impl Default for Jwks {
    fn default() -> Self {
        Self {
            uri: None,
            file: None,
            refresh: Span::seconds(600),
            max_age: Span::seconds(3600),
            cooldown: Span::seconds(30),
        }
    }
}

/// The issuer of opaque access tokens.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Introspection {
    /// Its identifier.
    #[schemars(example = "https://login.example.com")]
    pub issuer: String,
    /// Where tokens are asked about. Without it: found out from the issuer's metadata.
    #[serde(default)]
    pub endpoint: Option<Url>,
    /// Who we are to it.
    pub client_id: String,
    /// How we prove that.
    pub client_secret: Secret,
    /// What `aud` may name. Without any: `resource`, or the narrower endpoint that was called.
    #[serde(default)]
    pub audience: Vec<String>,
    /// How long an answer is believed: how late we learn that a token was revoked. `0s`: every
    /// request asks.
    #[serde(default = "half_minute")]
    pub cache: Span,
    /// How far its clock may be from ours. At most 5m.
    #[serde(default = "minute")]
    pub leeway: Span,
    /// Which members of the answer say what.
    #[serde(default)]
    pub claims: Claims,
}

fn yes() -> bool {
    true
}

fn minute() -> Span {
    Span::seconds(60)
}

fn half_minute() -> Span {
    Span::seconds(30)
}

fn access_tokens() -> Vec<String> {
    vec!["at+jwt".to_owned(), "JWT".to_owned()]
}
