//! Who we are to a server: whether what is written makes sense, and harms nobody.

use std::time::Duration;

use toolgate_identity::Resource;
use toolgate_identity::signing::SigningKey;
use toolgate_values::{Secret, Span, Url};

use super::Checks;
use crate::config::entry::{Entry, Sessions};
use crate::config::problem::quote;
use crate::config::server::{Kind, Server};
use crate::config::tree::Config;
use crate::config::upstream_auth::{
    self as config, AuthKind, Authority, ClientAuth, ExchangeGrant, Onwards, UpstreamAuth, Wanted,
};

use AuthKind::{ClientCredentials, Exchange, None as Nothing, Passthrough, Signed, Static, Vault};

/// Keys that only some types have, with those types.
const FITTING: [(&str, &[AuthKind]); 14] = [
    ("header", &[Static]),
    ("variable", &[Static]),
    ("value", &[Static]),
    ("audience", &[Signed, Exchange, ClientCredentials]),
    ("resource", &[Exchange, ClientCredentials]),
    ("scopes", &[Exchange, ClientCredentials, Vault]),
    ("client_id", &[Vault]),
    ("client_secret", &[Vault]),
    ("grant", &[Exchange]),
    ("subject_token_type", &[Exchange]),
    ("authorization_server", &[Exchange, ClientCredentials]),
    ("identity_provider", &[Exchange]),
    ("lifetime", &[Signed]),
    ("i_own_this_upstream", &[Passthrough]),
];

/// How long a token of ours is good, unless said otherwise, and at most: nobody can call it back.
const LIFETIME: Span = Span::seconds(120);
const LONGEST: Span = Span::seconds(3600);
const SHORTEST: Span = Span::seconds(10);

/// What `entry` says; a static credential becomes a header or variable of it. `known`: whether
/// callers are told apart.
pub(super) fn resolve(
    checks: &mut Checks<'_>,
    path: &str,
    entry: &mut Entry,
    known: bool,
) -> Onwards {
    let path = format!("{path}.upstream_auth");
    let auth = std::mem::take(&mut entry.upstream_auth);
    let kind = auth.kind;
    for (key, kinds) in FITTING {
        let place = format!("{path}.{key}");
        if checks.places.has(&place) && !kinds.contains(&kind) {
            let fitting: Vec<_> = kinds.iter().map(|kind| kind.as_str()).collect();
            let message = format!(
                "only for type {}, and this one is {} (remove it)",
                fitting.join(" or "),
                kind.as_str()
            );
            checks.problem(&place, message);
        }
    }
    if kind == Nothing {
        return Onwards::Nothing;
    }
    if kind == Static {
        fixed(checks, &path, entry, auth.header, auth.variable, auth.value);
        return Onwards::Nothing;
    }
    let Some(url) = &entry.upstream else {
        let message = format!(
            "{} goes with requests over HTTP, and this server has no upstream (use type: static with variable, or env)",
            kind.as_str()
        );
        checks.problem(&format!("{path}.type"), message);
        return Onwards::Nothing;
    };
    let resource = Resource::new(url).as_str().to_owned();
    if entry.headers.keys().any(|name| name.eq_ignore_ascii_case("authorization")) {
        let message =
            format!("headers set Authorization, which {} is for (remove one)", kind.as_str());
        checks.problem(&path, message);
    }
    personal(checks, &path, entry, kind, known);
    match kind {
        Signed => {
            let lifetime = lifetime(checks, &path, auth.lifetime);
            Onwards::Signed { audience: auth.audience.unwrap_or(resource), lifetime }
        }
        Exchange => exchange(checks, &path, auth, resource),
        ClientCredentials => {
            let wanted = wanted(checks, &path, &auth, resource);
            let anonymous = wanted.at.auth() == ClientAuth::None;
            if anonymous && checks.places.has(&format!("{path}.authorization_server")) {
                let message = "a token for the gateway itself needs proof of who that is (add client_secret: ${env:NAME}, or client_auth: private_key_jwt)";
                checks.problem(&format!("{path}.authorization_server"), message);
            }
            Onwards::ClientCredentials(Box::new(wanted))
        }
        Vault => {
            if auth.client_secret.is_some() && auth.client_id.is_none() {
                checks.problem(&path, "a secret of nobody (add client_id: NAME)");
            }
            Onwards::Vault(Box::new(config::Vaulted {
                client_id: auth.client_id,
                client_secret: auth.client_secret,
                scopes: auth.scopes,
            }))
        }
        Passthrough => {
            if !auth.i_own_this_upstream {
                let message = "whoever runs this server could act as the caller wherever the token is good (use type: exchange or signed, or set i_own_this_upstream: true if it is you)";
                checks.problem(&path, message);
            }
            Onwards::Passthrough
        }
        Nothing | Static => Onwards::Nothing,
    }
}

fn exchange(
    checks: &mut Checks<'_>,
    path: &str,
    mut auth: UpstreamAuth,
    resource: String,
) -> Onwards {
    let grant = auth.grant.unwrap_or_default();
    let place = format!("{path}.identity_provider");
    let identity_provider = auth.identity_provider.take();
    match (grant, &identity_provider) {
        (ExchangeGrant::IdJag, None) => {
            let message = "id_jag needs who gives the assertion (add identity_provider: {issuer: URL, client_id: NAME})";
            checks.problem(path, message);
        }
        (ExchangeGrant::IdJag, Some(at)) => authority(checks, &place, at),
        (_, Some(_)) => checks.problem(&place, "only with grant: id_jag (remove it)"),
        (_, None) => {}
    }
    if identity_provider.as_ref().is_some_and(|at| at.dpop) {
        let message = "what it gives is an assertion, which is bound to nothing (write it below authorization_server)";
        checks.problem(&format!("{place}.dpop"), message);
    }
    let wanted = wanted(checks, path, &auth, resource);
    if grant == ExchangeGrant::IdJag && wanted.at.issuer.is_none() {
        let message = "the assertion is for the issuer by its name (add issuer: URL)";
        checks.problem(&format!("{path}.authorization_server"), message);
    }
    let subject = auth.subject_token_type.unwrap_or_default();
    Onwards::Exchange(Box::new(config::Exchange { wanted, grant, subject, identity_provider }))
}

fn wanted(checks: &mut Checks<'_>, path: &str, auth: &UpstreamAuth, resource: String) -> Wanted {
    let place = format!("{path}.authorization_server");
    match &auth.authorization_server {
        Some(at) => authority(checks, &place, at),
        None => {
            let message = format!(
                "{} needs somebody to ask (add authorization_server: {{issuer: URL, client_id: NAME, client_secret: ${{env:NAME}}}})",
                auth.kind.as_str()
            );
            checks.problem(path, message);
        }
    }
    Wanted {
        at: auth.authorization_server.clone().unwrap_or_default(),
        resource: auth.resource.clone().unwrap_or(resource),
        audience: auth.audience.clone(),
        scopes: auth.scopes.clone(),
    }
}

/// Whether somebody can be asked for tokens, and knows who asks.
fn authority(checks: &mut Checks<'_>, path: &str, at: &Authority) {
    let open = |url: &Url| !url.is_https() && !url.is_loopback();
    match at.issuer.as_ref().map(|issuer| issuer.parse::<Url>()) {
        Some(Err(misfit)) => checks.problem(&format!("{path}.issuer"), misfit.to_string()),
        Some(Ok(url)) if open(&url) => {
            checks.problem(
                &format!("{path}.issuer"),
                "tokens would travel unencrypted (write https)",
            );
        }
        None if at.token_endpoint.is_none() => {
            checks.problem(
                path,
                "nothing says who is asked (add issuer: URL, or token_endpoint: URL)",
            );
        }
        _ => {}
    }
    if at.token_endpoint.as_ref().is_some_and(open) {
        let message = "tokens would travel unencrypted (write https)";
        checks.problem(&format!("{path}.token_endpoint"), message);
    }
    if at.client_id.is_none() {
        checks.problem(path, "nothing says who asks (add client_id: NAME)");
    }
    let auth = at.auth();
    let by_secret = matches!(auth, ClientAuth::SecretBasic | ClientAuth::SecretPost);
    if by_secret && at.client_secret.is_none() {
        checks.problem(path, "no secret to show (add client_secret: ${env:NAME})");
    }
    if !by_secret && at.client_secret.is_some() {
        let message = "not shown by this client_auth (remove it)";
        checks.problem(&format!("{path}.client_secret"), message);
    }
    if checks.places.is_literal(&format!("{path}.client_secret")) {
        let message = "the secret stands in the file itself (write ${env:NAME} or ${file:PATH})";
        checks.warning(&format!("{path}.client_secret"), message);
    }
    if let Some(key) = &at.client_key {
        let place = format!("{path}.client_key");
        if auth != ClientAuth::PrivateKeyJwt {
            checks.problem(&place, "not shown by this client_auth (remove it)");
        } else if let Err(error) = SigningKey::parse(key.reveal()) {
            checks.problem(&place, error.to_string());
        }
    }
}

/// What each caller shows of its own needs callers, and sessions of their own.
fn personal(checks: &mut Checks<'_>, path: &str, entry: &Entry, kind: AuthKind, known: bool) {
    if !kind.is_personal() {
        return;
    }
    if !known {
        let message = format!(
            "nothing tells callers apart, so {} would show nobody (add authentication)",
            kind.as_str()
        );
        checks.problem(path, message);
    }
    if entry.sessions == Some(Sessions::Shared) {
        let place = path.replace(".upstream_auth", ".sessions");
        let message = format!(
            "one caller's session would serve another's requests, as {} is each caller's own (write per_caller or per_session)",
            kind.as_str()
        );
        checks.problem(&place, message);
    }
}

fn lifetime(checks: &mut Checks<'_>, path: &str, written: Option<Span>) -> Duration {
    let span = written.unwrap_or(LIFETIME);
    if span < SHORTEST || span > LONGEST {
        let message = format!("a token is good for {SHORTEST} to {LONGEST} (write {LIFETIME})");
        checks.problem(&format!("{path}.lifetime"), message);
    }
    span.duration()
}

fn fixed(
    checks: &mut Checks<'_>,
    path: &str,
    entry: &mut Entry,
    header: Option<String>,
    variable: Option<String>,
    value: Option<Secret>,
) {
    let Some(value) = value else {
        checks.problem(path, "static has no value (add value: ${env:NAME})");
        return;
    };
    if checks.places.is_literal(&format!("{path}.value")) {
        let message =
            "the credential stands in the file itself (write ${env:NAME} or ${file:PATH})";
        checks.warning(&format!("{path}.value"), message);
    }
    let (set, name) = match (&entry.upstream, header, variable) {
        (_, Some(_), Some(_)) => {
            checks.problem(path, "header and variable exclude each other (keep one)");
            return;
        }
        (Some(_), header, None) => {
            (&mut entry.headers, header.unwrap_or_else(|| "Authorization".to_owned()))
        }
        (None, None, Some(variable)) => (&mut entry.env, variable),
        (Some(_), None, Some(_)) => {
            checks.problem(path, "a server with upstream has no variables (write header: NAME)");
            return;
        }
        (None, _, None) => {
            checks.problem(path, "a server with command has no headers (write variable: NAME)");
            return;
        }
    };
    if set.keys().any(|known| known.eq_ignore_ascii_case(&name)) {
        let message = format!("{} is set already (remove one)", quote(&name));
        checks.problem(path, message);
    }
    set.insert(name, value);
}

/// Where what callers allow is kept, and where they allow it.
pub(super) fn vault(checks: &mut Checks<'_>, config: &mut Config, servers: &[(usize, Server)]) {
    let needed = servers.iter().any(|(_, server)| matches!(server.onwards, Onwards::Vault(_)));
    if let Some(vault) = &mut config.vault {
        vault.folder = checks.resolve("vault.folder", &vault.folder);
        for (index, key) in vault.keys.iter().enumerate() {
            let place = format!("vault.keys[{index}]");
            if key.reveal().trim().len() < 32 {
                let message =
                    "the key has less than 32 bytes (make one with: openssl rand -base64 32)";
                checks.problem(&place, message);
            }
            if checks.places.is_literal(&place) {
                let message =
                    "the key stands in the file itself (write ${env:NAME} or ${file:PATH})";
                checks.warning(&place, message);
            }
        }
        let known = config.authentication.as_ref();
        for (index, client) in vault.sign_in.iter().enumerate() {
            let place = format!("vault.sign_in[{index}]");
            if !known.is_some_and(|known| known.names(&client.issuer)) {
                let message = format!(
                    "no caller comes from {} (name an issuer of authentication)",
                    quote(&client.issuer)
                );
                checks.problem(&format!("{place}.issuer"), message);
            }
            let secret = format!("{place}.client_secret");
            if checks.places.is_literal(&secret) {
                let message =
                    "the secret stands in the file itself (write ${env:NAME} or ${file:PATH})";
                checks.warning(&secret, message);
            }
        }
        if vault.keys.is_empty() {
            checks.problem("vault.keys", "no key to seal with (add one: openssl rand -base64 32)");
        }
    } else if needed {
        let message = "a server has upstream_auth of type vault, and there is none (add vault: {folder: vault, keys: [\"${env:VAULT_KEY}\"]})";
        checks.problem("vault", message);
    }
    match &config.public_url {
        None if needed => {
            let message =
                "callers are sent to a page of the gateway (add public_url: https://HOST)";
            checks.problem("public_url", message);
        }
        Some(url) if !url.is_https() && !url.is_loopback() => {
            checks.problem("public_url", "keys would travel unencrypted (write https)");
        }
        Some(url) if url.uri().path() != "/" || url.uri().query().is_some() => {
            let message = "expected only scheme, host and port (write https://HOST)";
            checks.problem("public_url", message);
        }
        _ => {}
    }
}

/// Keys that sign, and whether there are any where they are needed.
pub(super) fn keys(checks: &mut Checks<'_>, config: &Config, servers: &[(usize, Server)]) {
    for (index, key) in config.signing.keys.iter().enumerate() {
        let path = format!("signing.keys[{index}]");
        if let Err(error) = SigningKey::parse(key.reveal()) {
            checks.problem(&path, error.to_string());
        }
        if checks.places.is_literal(&path) {
            let message = "the key stands in the file itself (write ${file:PATH} or ${env:NAME})";
            checks.warning(&path, message);
        }
    }
    // A process is told the context in `_meta` alone, which nobody signs.
    let told = |server: &Server| server.context && matches!(server.kind, Kind::Http { .. });
    let signs = servers.iter().any(|(_, server)| told(server) || server.onwards.is_signed());
    if !signs || !config.signing.keys.is_empty() {
        return;
    }
    if config.replica.is_some() {
        let message = "replicas sign with the same key, so that each publishes what the others sign with (add keys: [\"${file:signing.pem}\"])";
        checks.problem("signing", message);
        return;
    }
    let message = "no key to sign with, so each start makes another, and what was signed before it is refused (add signing: {keys: [\"${file:signing.pem}\"]})";
    checks.warning("signing", message);
}
