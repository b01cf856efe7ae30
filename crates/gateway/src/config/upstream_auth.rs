//! Who the gateway is to a server, and on whose behalf: as it is written, and as it is used.

use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use toolgate_values::{Secret, Span, Url};

/// How a server is shown who calls. What a client sent to the gateway never goes on, unless it
/// says so here.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct UpstreamAuth {
    /// What the server gets with each request.
    #[serde(rename = "type")]
    pub kind: AuthKind,
    /// The header that carries `value` (`static` only). Without it: Authorization.
    pub header: Option<String>,
    /// The variable of the process that carries `value` (`static` with `command` only).
    pub variable: Option<String>,
    /// The credential itself (`static` only).
    pub value: Option<Secret>,
    /// Whom the token is for. `signed`: its `aud`; without it the URL of the server. `exchange` and
    /// `client_credentials`: what the authorization server is asked for besides `resource`.
    pub audience: Option<String>,
    /// The URL that the token is to be good for (RFC 8707; `exchange` and `client_credentials`).
    /// Without it: the URL of the server.
    pub resource: Option<String>,
    /// What is asked for (`exchange`, `client_credentials` and `vault`). Without any: what the
    /// authorization server gives by itself, or the server asks for.
    pub scopes: Vec<String>,
    /// How the caller's token becomes one for the server (`exchange` only).
    pub grant: Option<ExchangeGrant>,
    /// What the authorization server is told the caller's token is (`exchange` only). Without it:
    /// access_token.
    pub subject_token_type: Option<TokenType>,
    /// The client that the gateway is registered as at the service (`vault` only). Without it: by
    /// its metadata document, or registered when first needed.
    pub client_id: Option<String>,
    /// Its secret (`vault` only).
    pub client_secret: Option<Secret>,
    /// Who gives out tokens for the server (`exchange` and `client_credentials`).
    pub authorization_server: Option<Authority>,
    /// Who knows the callers (`exchange` with `grant: id_jag` only).
    pub identity_provider: Option<Authority>,
    /// How long a token is good (`signed` only). Without it: 2m.
    pub lifetime: Option<Span>,
    /// Says that whoever runs this server may see the tokens of callers, and act with them
    /// wherever else they are good (`passthrough` only, which is refused without it).
    pub i_own_this_upstream: bool,
}

/// What a server gets with each request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum AuthKind {
    /// Nothing but its own `headers` and `env`.
    #[default]
    None,
    /// A credential of the gateway, the same for every caller.
    Static,
    /// A short-lived token that the gateway signs, which names the caller.
    Signed,
    /// A token that an authorization server gives for the caller's own (RFC 8693, RFC 7523). That
    /// one goes to the authorization server alone.
    Exchange,
    /// A token that an authorization server gives to the gateway itself, the same for every caller.
    ClientCredentials,
    /// The caller's own token for the service, which the caller allowed there and the gateway keeps.
    Vault,
    /// The token that the caller sent to the gateway, as it is.
    Passthrough,
}

/// How the caller's token becomes one for a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum ExchangeGrant {
    /// It is exchanged (RFC 8693).
    #[default]
    TokenExchange,
    /// It is an assertion itself (RFC 7523, section 2.1).
    JwtBearer,
    /// The identity provider gives an assertion for it (ID-JAG), which the authorization server of
    /// MCP takes: enterprise-managed authorization.
    IdJag,
}

/// What a token is (RFC 8693, section 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
#[expect(missing_docs, reason = "the names of RFC 8693")]
pub enum TokenType {
    #[default]
    AccessToken,
    IdToken,
    Jwt,
}

impl TokenType {
    /// Its name on the wire.
    pub fn urn(self) -> &'static str {
        match self {
            TokenType::AccessToken => "urn:ietf:params:oauth:token-type:access_token",
            TokenType::IdToken => "urn:ietf:params:oauth:token-type:id_token",
            TokenType::Jwt => "urn:ietf:params:oauth:token-type:jwt",
        }
    }
}

/// An authorization server, and which client the gateway is to it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Authority {
    /// Its identifier, from whose metadata (RFC 8414) its endpoints are found out.
    #[schemars(example = "https://login.example.com")]
    pub issuer: Option<String>,
    /// Where tokens are asked for. Without it: found out.
    pub token_endpoint: Option<Url>,
    /// Who the gateway is to it.
    pub client_id: Option<String>,
    /// How it proves that, unless it has `client_key`.
    pub client_secret: Option<Secret>,
    /// A private key in PKCS#8 PEM (`private_key_jwt` only). Without it: the first of
    /// `signing.keys`.
    pub client_key: Option<Secret>,
    /// How it shows what it has. Without it: secret_basic with a secret, private_key_jwt with a
    /// key, none otherwise.
    pub client_auth: Option<ClientAuth>,
    /// Ask for tokens that are bound to a key of this process (DPoP, RFC 9449), and take no others.
    /// For `authorization_server`; what an identity provider gives is an assertion, not a token.
    pub dpop: bool,
}

impl Authority {
    /// How the gateway shows who it is.
    pub fn auth(&self) -> ClientAuth {
        self.client_auth.unwrap_or(match (&self.client_secret, &self.client_key) {
            (Some(_), _) => ClientAuth::SecretBasic,
            (None, Some(_)) => ClientAuth::PrivateKeyJwt,
            (None, None) => ClientAuth::None,
        })
    }
}

/// How a client shows who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum ClientAuth {
    /// By its name alone.
    None,
    /// By a secret in the head (RFC 6749, section 2.3.1).
    SecretBasic,
    /// By a secret in the body.
    SecretPost,
    /// By a signature (RFC 7523, section 2.2).
    PrivateKeyJwt,
}

impl AuthKind {
    /// Its word in the file.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            AuthKind::None => "none",
            AuthKind::Static => "static",
            AuthKind::Signed => "signed",
            AuthKind::Exchange => "exchange",
            AuthKind::ClientCredentials => "client_credentials",
            AuthKind::Vault => "vault",
            AuthKind::Passthrough => "passthrough",
        }
    }

    /// Whether each caller shows something of its own.
    pub(super) fn is_personal(self) -> bool {
        !matches!(self, AuthKind::None | AuthKind::Static | AuthKind::ClientCredentials)
    }
}

/// What the gateway signs with.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Signing {
    /// Private keys in PKCS#8 PEM (P-256 or Ed25519), newest first: the first signs, and the public
    /// halves of all are published at `/.well-known/jwks.json`. Replicas share them. Without any,
    /// each process makes its own at start.
    #[schemars(example = ["${file:signing.pem}"])]
    pub keys: Vec<Secret>,
    /// The name of the gateway in what it signs, its `iss`. Without it: the origin of
    /// `authentication.resource`, or of `listen`.
    #[schemars(example = "https://gateway.example.com")]
    pub issuer: Option<Url>,
}

/// What goes to a server with each request, all of it checked. A static credential is among its
/// headers or variables.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Onwards {
    /// Nothing of the caller.
    #[default]
    Nothing,
    /// A token that we sign.
    Signed {
        /// Its `aud`.
        audience: String,
        /// How long it is good.
        lifetime: Duration,
    },
    /// A token for the caller's own.
    Exchange(Box<Exchange>),
    /// A token for ourselves.
    ClientCredentials(Box<Wanted>),
    /// The caller's own token, kept.
    Vault(Box<Vaulted>),
    /// The caller's own token.
    Passthrough,
}

/// What an authorization server is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Who is asked.
    pub at: Authority,
    /// The URL that the token is to be good for.
    pub resource: String,
    /// Whom it is for besides.
    pub audience: Option<String>,
    /// What it is to allow.
    pub scopes: Vec<String>,
}

/// What callers are asked to allow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vaulted {
    /// The client that we are registered as.
    pub client_id: Option<String>,
    /// Its secret.
    pub client_secret: Option<Secret>,
    /// What is asked for; without any, what the server asks for.
    pub scopes: Vec<String>,
}

/// Where what callers allowed is kept.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Vault {
    /// The folder, made if it is not there. Relative to this file; replicas share it.
    #[schemars(example = &"vault")]
    pub folder: PathBuf,
    /// Keys that seal what is in it, newest first: the first seals, all open. At least 32 bytes
    /// each.
    #[schemars(length(min = 1))]
    pub keys: Vec<Secret>,
    /// The clients that the gateway is registered as at the issuers of `authentication`, where
    /// callers sign in to prove in a browser who they are. Without one: by its metadata document,
    /// or registered when first needed.
    #[serde(default)]
    pub sign_in: Vec<SignIn>,
}

/// The client that the gateway is registered as at an issuer of callers.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SignIn {
    /// The issuer, as in `authentication`.
    #[schemars(example = "https://login.example.com")]
    pub issuer: String,
    /// The name of the client. It may be sent back to `/connect/signed-in`.
    pub client_id: String,
    /// Its secret.
    #[serde(default)]
    pub client_secret: Option<Secret>,
}

/// How the caller's token becomes one for a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    /// What the authorization server of the server is asked for.
    pub wanted: Wanted,
    /// How.
    pub grant: ExchangeGrant,
    /// What the caller's token is.
    pub subject: TokenType,
    /// Who gives an assertion for it: with `id_jag`, and only then.
    pub identity_provider: Option<Authority>,
}

impl Onwards {
    /// All who are asked for tokens.
    pub fn authorities(&self) -> Vec<&Authority> {
        match self {
            Onwards::Exchange(rule) => {
                std::iter::once(&rule.wanted.at).chain(&rule.identity_provider).collect()
            }
            Onwards::ClientCredentials(wanted) => vec![&wanted.at],
            Onwards::Nothing
            | Onwards::Signed { .. }
            | Onwards::Vault(_)
            | Onwards::Passthrough => Vec::new(),
        }
    }

    /// Whether it is made from the token that the caller sent to us.
    pub fn needs_token(&self) -> bool {
        matches!(self, Onwards::Passthrough | Onwards::Exchange(_))
    }

    /// Whether it is signed with a key of ours.
    pub fn is_signed(&self) -> bool {
        let by_key =
            |at: &&Authority| at.auth() == ClientAuth::PrivateKeyJwt && at.client_key.is_none();
        matches!(self, Onwards::Signed { .. }) || self.authorities().iter().any(by_key)
    }
}
