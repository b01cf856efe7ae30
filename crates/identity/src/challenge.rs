//! How a client is told what it lacks: a status and `WWW-Authenticate`.
//!
//! RFC 6750, section 3; RFC 9728, section 5.1; MCP 2026-07-28, authorization.

use std::fmt::Write;
use std::sync::Arc;

use crate::jws;
use crate::refused::Refused;
use crate::resource::Resource;
use crate::rules::Dpop;

/// What a refusal looks like on the wire.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Challenge {
    /// The status code.
    pub status: u16,
    /// The value of `WWW-Authenticate`: under `Bearer`, or under `DPoP` where that is needed.
    pub www_authenticate: Option<String>,
    /// A second value of it, for clients that can prove a key.
    pub dpop: Option<String>,
    /// The value of `DPoP-Nonce`.
    pub nonce: Option<Arc<str>>,
    /// The value of `Retry-After`, in seconds.
    pub retry_after: Option<u64>,
}

/// What challenges say beyond the refusal itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guide {
    /// The resource that was asked for, if there are issuers a client could go to for a token.
    pub resource: Option<Resource>,
    /// The scopes a client should ask its issuer for to begin with.
    pub scopes: Vec<Arc<str>>,
    /// Whether tokens may, or have to, be bound to keys.
    pub dpop: Dpop,
}

/// The schemes of challenges.
const BEARER: &str = "Bearer";
const DPOP: &str = "DPoP";

impl Guide {
    /// What to answer when a request to this resource is refused.
    pub fn challenge(&self, refused: &Refused) -> Challenge {
        let why = refused.to_string();
        let why = Some(why.as_str());
        let (status, error, scopes, why) = match refused {
            // RFC 6750, section 3.1: without credentials there is no error code.
            Refused::Missing => (401, None, &*self.scopes, None),
            Refused::Malformed(_) => (400, Some("invalid_request"), &[] as &[_], why),
            Refused::Invalid(_) => (401, Some("invalid_token"), &*self.scopes, why),
            Refused::Proof(_) => (401, Some("invalid_dpop_proof"), &[] as &[_], why),
            Refused::Nonce(_) => (401, Some("use_dpop_nonce"), &[] as &[_], why),
            Refused::Scope { needed } => (403, Some("insufficient_scope"), &**needed, why),
            Refused::Unavailable { retry_after } => {
                let seconds = retry_after.as_secs().max(1);
                return Challenge {
                    status: 503,
                    retry_after: Some(seconds),
                    ..Challenge::default()
                };
            }
        };
        let of_proof = matches!(refused, Refused::Proof(_) | Refused::Nonce(_));
        let text = |scheme| self.fields(scheme, error, scopes, why);
        let (first, second) = match self.dpop {
            _ if of_proof => (text(DPOP), None),
            Dpop::Off => (text(BEARER), None),
            // RFC 9449, section 7.2: both, for either kind of client.
            Dpop::Allow => (text(BEARER), Some(text(DPOP))),
            Dpop::Require => (text(DPOP), None),
        };
        let nonce =
            if let Refused::Nonce(nonce) = refused { Some(Arc::clone(nonce)) } else { None };
        Challenge { status, www_authenticate: Some(first), dpop: second, nonce, retry_after: None }
    }

    /// The fields in the order of the revision's examples: an error comes first and its
    /// description last; without an error, where to go comes first.
    fn fields(
        &self,
        scheme: &str,
        error: Option<&str>,
        scopes: &[Arc<str>],
        why: Option<&str>,
    ) -> String {
        let mut text = String::from(scheme);
        let metadata = self.resource.as_ref().map(Resource::metadata_url);
        let scope = scope_text(scopes);
        if let Some(error) = error {
            field(&mut text, "error", error);
            field(&mut text, "scope", &scope);
        }
        field(&mut text, "resource_metadata", metadata.as_deref().unwrap_or_default());
        if error.is_none() {
            field(&mut text, "scope", &scope);
        }
        field(&mut text, "error_description", why.unwrap_or_default());
        if scheme == DPOP {
            // RFC 9449, section 7.1: which algorithms a proof may use.
            field(&mut text, "algs", &jws::ALGORITHMS.join(" "));
        } else if text == BEARER {
            // RFC 6750, section 3: the scheme is followed by at least one parameter.
            field(&mut text, "realm", "toolgate");
        }
        text
    }
}

/// The scopes that may stand in a challenge: `offline_access` is asked for by clients, never by us.
fn scope_text(scopes: &[Arc<str>]) -> String {
    let scopes = scopes.iter().map(|scope| &**scope);
    scopes.filter(|scope| *scope != "offline_access").collect::<Vec<_>>().join(" ")
}

/// One `name="value"`, escaped as a quoted string (RFC 9110, section 5.6.4); characters that
/// RFC 6750, section 3 does not allow become spaces.
fn field(text: &mut String, name: &str, value: &str) {
    if value.is_empty() {
        return;
    }
    let separator = if text.contains(' ') { ", " } else { " " };
    let _ = write!(text, "{separator}{name}=\"");
    for c in value.chars() {
        match c {
            '"' | '\\' => text.extend(['\\', c]),
            ' '..='~' => text.push(c),
            _ => text.push(' '),
        }
    }
    text.push('"');
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::refused::Flaw;

    fn guide() -> Guide {
        let resource = Resource::new(&"https://gw/mcp".parse().unwrap());
        Guide { resource: Some(resource), scopes: vec!["tools:read".into()], dpop: Dpop::Off }
    }

    fn answer(guide: &Guide, refused: Refused) -> (u16, String) {
        let challenge = guide.challenge(&refused);
        (challenge.status, challenge.www_authenticate.unwrap_or_default())
    }

    #[test]
    fn each_refusal_has_the_challenge_that_the_revision_prescribes() {
        let metadata = r#"resource_metadata="https://gw/.well-known/oauth-protected-resource/mcp""#;
        let needed = vec!["a".into(), "b".into()];
        for (refused, status, text) in [
            (Refused::Missing, 401, format!(r#"Bearer {metadata}, scope="tools:read""#)),
            (
                Refused::Invalid(Flaw::Expired),
                401,
                format!(
                    r#"Bearer error="invalid_token", scope="tools:read", {metadata}, error_description="the token has expired""#
                ),
            ),
            (
                Refused::Scope { needed },
                403,
                format!(
                    r#"Bearer error="insufficient_scope", scope="a b", {metadata}, error_description="the scope a b is needed""#
                ),
            ),
            (
                Refused::Malformed("two credentials"),
                400,
                format!(
                    r#"Bearer error="invalid_request", {metadata}, error_description="two credentials""#
                ),
            ),
        ] {
            assert_eq!(answer(&guide(), refused), (status, text));
        }
    }

    #[test]
    fn without_an_issuer_no_client_is_sent_to_one() {
        let guide = Guide { resource: None, scopes: Vec::new(), dpop: Dpop::Off };

        assert_eq!(answer(&guide, Refused::Missing), (401, r#"Bearer realm="toolgate""#.into()));
    }

    #[test]
    fn clients_that_can_prove_a_key_are_told_how() {
        let metadata = r#"resource_metadata="https://gw/.well-known/oauth-protected-resource/mcp""#;
        let algs = r#"algs="ES256 EdDSA ES384 PS256 RS256""#;
        let allowing = Guide { dpop: Dpop::Allow, ..guide() };
        let requiring = Guide { dpop: Dpop::Require, ..guide() };
        let missing = format!(r#"{metadata}, scope="tools:read""#);

        let either = allowing.challenge(&Refused::Missing);
        let proved = requiring.challenge(&Refused::Missing);
        let nonce = allowing.challenge(&Refused::Nonce("n".into()));
        let wrong = allowing.challenge(&Refused::Proof("the proof was used before"));

        assert_eq!(either.www_authenticate, Some(format!("Bearer {missing}")));
        assert_eq!(either.dpop, Some(format!("DPoP {missing}, {algs}")));
        assert_eq!((proved.www_authenticate, proved.dpop), (either.dpop, None));
        assert_eq!(nonce.nonce.as_deref(), Some("n"));
        let text = nonce.www_authenticate.unwrap();
        assert!(text.starts_with(r#"DPoP error="use_dpop_nonce", "#), "{text}");
        let text = wrong.www_authenticate.unwrap();
        assert!(text.starts_with(r#"DPoP error="invalid_dpop_proof", "#), "{text}");
        assert_eq!((wrong.status, wrong.dpop), (401, None));
    }

    #[test]
    fn offline_access_is_never_asked_for() {
        let mut guide = guide();
        guide.scopes.push("offline_access".into());

        assert!(!answer(&guide, Refused::Missing).1.contains("offline_access"));
    }

    #[test]
    fn what_cannot_be_checked_now_is_asked_again_later() {
        let refused = Refused::Unavailable { retry_after: Duration::from_secs(30) };
        let challenge = guide().challenge(&refused);

        let expected = Challenge { status: 503, retry_after: Some(30), ..Challenge::default() };
        assert_eq!(challenge, expected);
    }

    #[test]
    fn a_value_cannot_end_its_quotes_or_its_line() {
        let mut text = String::from("Bearer");

        field(&mut text, "scope", "a\"b\\c\r\nX: y");

        assert_eq!(text, "Bearer scope=\"a\\\"b\\\\c  X: y\"");
    }
}
