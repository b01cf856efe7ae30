//! Who can reach the gateway, and how it is reached by others of its kind.

use http::Uri;
use http::uri::Authority;

use super::Checks;
use crate::config::tree::{ClientCertificates, Config, Tls};

pub(super) fn check(checks: &mut Checks<'_>, config: &mut Config) {
    let open = config.authentication.is_none() && !config.insecure_public;
    if open && !config.listen.is_loopback() {
        let message = format!(
            "{} is open to other machines while nothing authenticates callers (set authentication, write 127.0.0.1:{}, or set insecure_public: true)",
            config.listen,
            config.listen.address().port()
        );
        checks.problem("listen", message);
    }
    for (index, host) in config.allowed_hosts.iter().enumerate() {
        let path = format!("allowed_hosts[{index}]");
        if let Some(message) = wrong_host(host, &checks.shown(&path, host)) {
            checks.problem(&path, message);
        }
    }
    for (index, origin) in config.allowed_origins.iter().enumerate() {
        let path = format!("allowed_origins[{index}]");
        if let Some(message) = wrong_origin(origin, &checks.shown(&path, origin)) {
            checks.problem(&path, message);
        }
    }
    if let Some(tls) = &mut config.tls {
        certificate(checks, tls);
    }
    replica(checks, config);
    certificates(checks, config);
}

/// Certificates of clients come by TLS of our own, or from a proxy that is believed.
fn certificates(checks: &mut Checks<'_>, config: &Config) {
    let rules = config.authentication.as_ref().and_then(|rules| rules.certificates.as_ref());
    let Some(rules) = rules else { return };
    let shown = config.tls.as_ref().is_some_and(|tls| tls.client_ca.is_some());
    if !shown && rules.forwarded_header.is_none() {
        let text = "no client can show a certificate (set tls.client_ca, or forwarded_header)";
        checks.problem("authentication.certificates", text);
    }
    if rules.forwarded_header.is_some() && config.trusted_proxies.is_empty() {
        let text = "believed from nobody (list the proxies that set it in trusted_proxies)";
        checks.problem("authentication.certificates.forwarded_header", text);
    }
}

fn wrong_host(host: &str, shown: &str) -> Option<String> {
    if host.contains('*') {
        return Some(
            "a pattern would let any name rebind to this gateway (list each host)".to_owned(),
        );
    }
    let authority = host.parse::<Authority>();
    let sound = authority
        .is_ok_and(|authority| !authority.as_str().contains('@') && !authority.host().is_empty());
    (!sound).then(|| {
        format!("expected a host, found {shown} (write HOST or HOST:PORT, without https:// and /)")
    })
}

fn wrong_origin(origin: &str, shown: &str) -> Option<String> {
    if origin.contains('*') || origin == "null" {
        return Some("that would let any web page call this gateway (list each origin)".to_owned());
    }
    let way_out = if origin.strip_suffix('/').is_some_and(is_origin) {
        "write it without the slash at the end"
    } else {
        "write https://HOST or https://HOST:PORT"
    };
    (!is_origin(origin)).then(|| format!("expected an origin, found {shown} ({way_out})"))
}

/// RFC 6454 section 6.2: scheme, host and perhaps a port, and nothing after them.
fn is_origin(text: &str) -> bool {
    let Some((_, rest)) = text.split_once("://") else { return false };
    !rest.contains(['/', '?', '#', '@'])
        && text.parse::<Uri>().is_ok_and(|uri| uri.host().is_some_and(|host| !host.is_empty()))
}

fn certificate(checks: &mut Checks<'_>, tls: &mut Tls) {
    if tls.client_ca.is_none() && tls.client_auth == ClientCertificates::Require {
        let text = "no certificate would be good (set client_ca, or remove the key)";
        checks.problem("tls.client_auth", text);
    }
    let files = [("tls.certificate", &mut tls.certificate), ("tls.key", &mut tls.key)];
    let clients = tls.client_ca.as_mut().map(|file| ("tls.client_ca", file));
    for (path, file) in files.into_iter().chain(clients) {
        let resolved = checks.resolve(path, file);
        if !checks.sources.is_file(&resolved) {
            let shown = checks.shown(path, &file.to_string_lossy());
            checks
                .problem(path, format!("{shown} is not a file (paths are relative to this file)"));
        }
        *file = resolved;
    }
}

fn replica(checks: &mut Checks<'_>, config: &Config) {
    let Some(replica) = &config.replica else { return };
    if config.keys.is_empty() {
        checks.problem("replica.url", "replicas need the same keys to open each other's sessions (add keys: [\"${env:TOOLGATE_KEY}\"])");
    }
    if replica.url.uri().path() != "/" || replica.url.uri().query().is_some() {
        checks
            .problem("replica.url", "expected only scheme, host and port (write http://HOST:PORT)");
    }
}
