//! Are the rules ones that a gateway may start with?

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use toolgate_values::{Secret, Span, Url};

use super::{ApiKeys, Authentication, Certificates, Dpop, Introspection, Issuer, Jwks};
use crate::certificate::is_pattern;
use crate::mapping::Claims;
use crate::resource::Resource;

/// One thing to put right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where, as a JSON pointer within [`Authentication`].
    pub path: String,
    /// What is wrong and the way out. Never quotes a secret.
    pub text: String,
}

/// Rules that were found good; [`Verifier::open`](crate::Verifier::open) takes nothing less.
#[derive(Debug, Clone)]
pub struct Methods {
    pub(crate) rules: Authentication,
    pub(crate) resource: Option<Resource>,
}

/// The shortest secret under which keys are hashed, in bytes.
pub const SHORTEST_SECRET: usize = 32;

/// The widest difference between clocks that is forgiven.
const WIDEST: Duration = Duration::from_secs(300);

/// Words that stand in examples and defaults. Whoever tries passwords tries these first.
const PLACEHOLDERS: [&str; 14] = [
    "changeme",
    "change-me",
    "change_me",
    "secret",
    "password",
    "default",
    "example",
    "placeholder",
    "replace",
    "insecure",
    "your-",
    "your_",
    "todo",
    "12345678",
];

impl Authentication {
    /// Checks the rules.
    ///
    /// # Errors
    /// Everything there is to put right.
    pub fn compile(&self) -> Result<Methods, Vec<Problem>> {
        let mut problems = Problems::default();
        self.whole(&mut problems);
        if let Some(keys) = &self.api_keys {
            api_keys(&mut problems, keys);
        }
        for (index, rule) in self.jwt.iter().enumerate() {
            issuer(&mut problems, &format!("/jwt/{index}"), rule);
        }
        if let Some(rule) = &self.introspection {
            introspection(&mut problems, rule);
        }
        if let Some(rule) = &self.certificates {
            certificates(&mut problems, rule);
        }
        if !problems.0.is_empty() {
            return Err(problems.0);
        }
        Ok(Methods { rules: self.clone(), resource: self.resource.as_ref().map(Resource::new) })
    }

    fn whole(&self, problems: &mut Problems) {
        let tokens = self.takes_tokens();
        if self.issuer.is_some() {
            problems.add("/issuer", "stands beside jwt (move it into that list)");
        } else if self.kind.is_some() {
            problems.add("/type", "says nothing alone (write issuer, or remove the key)");
        }
        let people = self.certificates.as_ref().is_some_and(|rule| !rule.spiffe.is_empty());
        if self.api_keys.is_none() && !tokens && !people {
            problems.add("", "no method (set api_keys, jwt, introspection or certificates.spiffe)");
        }
        if self.dpop != Dpop::Off && !tokens {
            problems.add("/dpop", "no token to bind (set jwt or introspection, or remove the key)");
        }
        if self.dpop_nonce && self.dpop == Dpop::Off {
            problems.add("/dpop_nonce", "of no use while dpop is off (set dpop: allow or require)");
        }
        match &self.resource {
            None if tokens => problems.add(
                "/resource",
                "needed to know which tokens are for us (write the public URL of the MCP endpoint)",
            ),
            Some(url) if !url.is_https() && !url.is_loopback() => {
                problems.add("/resource", "tokens would travel in the clear (write https://)");
            }
            _ => {}
        }
        scopes(problems, "/scopes", &self.scopes);
        scopes(problems, "/required_scopes", &self.required_scopes);
        let mut seen = HashSet::new();
        for (index, rule) in self.jwt.iter().enumerate() {
            if !seen.insert(&rule.issuer) {
                let path = format!("/jwt/{index}/issuer");
                problems.add(&path, "stands twice (join the two entries)");
            }
        }
    }
}

fn api_keys(problems: &mut Problems, rule: &ApiKeys) {
    if let Some(secret) = &rule.secret {
        secrecy(problems, "/api_keys/secret", secret, SHORTEST_SECRET);
    }
}

fn issuer(problems: &mut Problems, path: &str, rule: &Issuer) {
    identifier(problems, path, &rule.issuer);
    leeway(problems, path, rule.leeway);
    if rule.algorithms.is_empty() {
        problems.add(&format!("{path}/algorithms"), "empty (name one, or leave the key out)");
    }
    if rule.types.is_empty() && !rule.untyped {
        problems.add(&format!("{path}/types"), "empty (name one, or leave the key out)");
    }
    keys(problems, &format!("{path}/jwks"), &rule.jwks);
    if rule.jwks.uri.is_some() && rule.jwks.file.is_some() {
        problems.add(&format!("{path}/jwks"), "keys from two places (keep uri or file)");
    }
    demands(problems, &format!("{path}/require"), &rule.require);
    for (index, grant) in rule.grants.iter().enumerate() {
        let path = format!("{path}/grants/{index}");
        demands(problems, &format!("{path}/when"), &grant.when);
        scopes(problems, &format!("{path}/scopes"), &grant.scopes);
    }
    claims(problems, &format!("{path}/claims"), &rule.claims);
}

fn keys(problems: &mut Problems, path: &str, rule: &Jwks) {
    if let Some(uri) = &rule.uri {
        private(problems, &format!("{path}/uri"), uri);
    }
    if rule.refresh > rule.max_age {
        problems.add(&format!("{path}/max_age"), "shorter than refresh (make it longer)");
    }
    if rule.cooldown < Span::seconds(1) {
        let text = "too short: tokens could make us flood the issuer (write at least 1s)";
        problems.add(&format!("{path}/cooldown"), text);
    }
}

fn claims(problems: &mut Problems, path: &str, rule: &Claims) {
    for (key, claim) in [
        ("subject", Some(&rule.subject)),
        ("tenant", rule.tenant.as_ref()),
        ("roles", Some(&rule.roles)),
        ("scopes", rule.scopes.as_ref()),
        ("groups", Some(&rule.groups)),
        ("actor", Some(&rule.actor)),
    ] {
        if claim.is_some_and(|claim| claim.trim().is_empty()) {
            problems.add(&format!("{path}/{key}"), "empty (name a claim)");
        }
    }
}

/// Claims and the values they must have: an empty list would refuse everybody.
fn demands(problems: &mut Problems, path: &str, wanted: &BTreeMap<String, Vec<String>>) {
    for (claim, accepted) in wanted {
        if accepted.is_empty() {
            problems.add(&format!("{path}/{claim}"), "no value (list those that are accepted)");
        }
    }
}

fn scopes(problems: &mut Problems, path: &str, scopes: &[String]) {
    for (index, scope) in scopes.iter().enumerate() {
        if !is_scope(scope) {
            let text = "not a scope (no spaces, quotes or backslashes)";
            problems.add(&format!("{path}/{index}"), text);
        }
    }
}

fn certificates(problems: &mut Problems, rule: &Certificates) {
    for (index, spiffe) in rule.spiffe.iter().enumerate() {
        let path = format!("/certificates/spiffe/{index}");
        if !is_pattern(&spiffe.id) {
            let text = "not a SPIFFE id (write spiffe://TRUST-DOMAIN/PATH; * stands for one segment, ** for the rest)";
            problems.add(&format!("{path}/id"), text);
        }
        scopes(problems, &format!("{path}/scopes"), &spiffe.scopes);
    }
    let name = rule.forwarded_header.as_deref();
    let taken = ["authorization", "cookie", "dpop", "host", "x-api-key", "x-forwarded-for"];
    let usable = |name: &str| {
        name.parse::<http::HeaderName>().is_ok_and(|name| !taken.contains(&name.as_str()))
    };
    if name.is_some_and(|name| !usable(name)) {
        let text = "not a header of its own (write one that the proxy sets, such as Client-Cert)";
        problems.add("/certificates/forwarded_header", text);
    }
}

fn introspection(problems: &mut Problems, rule: &Introspection) {
    let path = "/introspection";
    identifier(problems, path, &rule.issuer);
    leeway(problems, path, rule.leeway);
    secrecy(problems, "/introspection/client_secret", &rule.client_secret, 12);
    if rule.client_id.is_empty() {
        problems.add("/introspection/client_id", "empty (write what the issuer calls us)");
    }
    if let Some(endpoint) = &rule.endpoint {
        private(problems, "/introspection/endpoint", endpoint);
    }
    if rule.cache > Span::seconds(300) {
        let text = "too long: revoked tokens would still be believed (write at most 5m)";
        problems.add("/introspection/cache", text);
    }
    claims(problems, "/introspection/claims", &rule.claims);
}

/// An issuer identifier: an https URL without query or fragment (RFC 8414, section 2).
fn identifier(problems: &mut Problems, path: &str, issuer: &str) {
    let path = format!("{path}/issuer");
    match issuer.parse::<Url>() {
        Ok(url) if url.uri().query().is_none() => private(problems, &path, &url),
        _ => problems.add(&path, "not an issuer (write its https URL, without query or fragment)"),
    }
}

fn private(problems: &mut Problems, path: &str, url: &Url) {
    if !url.is_https() && !url.is_loopback() {
        problems.add(path, "anybody between us and it could forge its answers (write https://)");
    }
}

fn leeway(problems: &mut Problems, path: &str, leeway: Span) {
    if leeway.duration() > WIDEST {
        problems.add(&format!("{path}/leeway"), "too long (write at most 5m)");
    }
}

fn secrecy(problems: &mut Problems, path: &str, secret: &Secret, least: usize) {
    if let Some(text) = weakness(secret, least) {
        problems.add(path, &text);
    }
}

/// Why a secret that is hashed under, or that opens an account, protects nothing; `least` is the
/// shortest that will do, in bytes. Never quotes it.
pub fn weakness(secret: &Secret, least: usize) -> Option<String> {
    let advice = "make one with: openssl rand -base64 32";
    let text = secret.reveal().trim();
    let lower = text.to_ascii_lowercase();
    // In a long random text such a word may stand by chance.
    let copied = PLACEHOLDERS.iter().any(|word| lower.contains(word)) && text.len() < 40;
    let different = text.bytes().collect::<HashSet<_>>().len();
    if copied {
        Some(format!("a default that everybody knows ({advice})"))
    } else if text.len() < least {
        Some(format!("shorter than {least} bytes ({advice})"))
    } else if different < 8 {
        Some(format!("too few different characters ({advice})"))
    } else {
        None
    }
}

/// A `scope-token` (RFC 6749, section 3.3).
pub(crate) fn is_scope(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic() && b != b'"' && b != b'\\')
}

/// What was found so far.
#[derive(Default)]
struct Problems(Vec<Problem>);

impl Problems {
    fn add(&mut self, path: &str, text: &str) {
        self.0.push(Problem { path: path.to_owned(), text: text.to_owned() });
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn problems(rules: Value) -> Vec<(String, String)> {
        let rules: Authentication = serde_json::from_value(rules).unwrap();
        let problems = rules.compile().err().unwrap_or_default();
        problems.into_iter().map(|problem| (problem.path, problem.text)).collect()
    }

    fn keys(secret: &str) -> Value {
        json!({"api_keys": {"file": "keys.yaml", "secret": secret}})
    }

    /// Case A14: a secret that everybody knows.
    #[test]
    fn a_default_or_short_secret_keeps_the_gateway_from_starting() {
        for secret in [
            "changeme",
            "ChangeMe-ChangeMe-ChangeMe-ChangeMe",
            "secret",
            "your-256-bit-secret-your-256-bit",
            "Zm9vYmFyYmF6",
            "",
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        ] {
            let found = problems(keys(secret));

            assert_eq!(found.len(), 1, "{secret}");
            assert_eq!(found[0].0, "/api_keys/secret");
            assert!(secret.is_empty() || !found[0].1.contains(secret), "{}", found[0].1);
            assert!(found[0].1.contains("openssl rand"), "{}", found[0].1);
        }
        assert_eq!(problems(keys("u8Gk3TqVZ0pQx7cJmB2nR5sYwE9aHdLfX4vKi6oNtP1=")), []);
    }

    #[test]
    fn a_shared_secret_for_tokens_is_not_even_a_key() {
        let rules = json!({"jwt_secret": "changeme"});

        let error = serde_json::from_value::<Authentication>(rules).unwrap_err().to_string();

        assert!(error.contains("unknown field `jwt_secret`"), "{error}");
        for algorithm in ["none", "HS256", "HS512"] {
            let rules = json!({"issuer": "https://as", "algorithms": [algorithm]});
            assert!(serde_json::from_value::<Issuer>(rules).is_err(), "{algorithm}");
        }
    }

    #[test]
    fn all_mistakes_are_reported_at_once_with_their_place() {
        let found = problems(json!({
            "scopes": ["a b"],
            "jwt": [
                {"issuer": "http://as.example", "leeway": "1h", "algorithms": []},
                {"issuer": "http://as.example", "jwks": {"cooldown": "0s", "refresh": "2h"}},
                {"issuer": "https://as.example?x", "claims": {"subject": ""}},
            ],
            "introspection": {
                "issuer": "https://as.example", "client_id": "", "client_secret": "changeme",
                "endpoint": "http://as.example/i", "cache": "1h",
            },
        }));

        let mut places: Vec<&str> = found.iter().map(|(path, _)| path.as_str()).collect();
        places.sort_unstable();
        let expected = [
            "/introspection/cache",
            "/introspection/client_id",
            "/introspection/client_secret",
            "/introspection/endpoint",
            "/jwt/0/algorithms",
            "/jwt/0/issuer",
            "/jwt/0/leeway",
            "/jwt/1/issuer",
            "/jwt/1/issuer",
            "/jwt/1/jwks/cooldown",
            "/jwt/1/jwks/max_age",
            "/jwt/2/claims/subject",
            "/jwt/2/issuer",
            "/resource",
            "/scopes/0",
        ];
        assert_eq!(places, expected);
    }

    #[test]
    fn a_loopback_issuer_may_speak_without_encryption() {
        let found = problems(json!({
            "resource": "http://127.0.0.1:8080/mcp",
            "jwt": [{"issuer": "http://127.0.0.1:9000"}],
        }));

        assert_eq!(found, []);
    }
}
