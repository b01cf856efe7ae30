//! The certificate of a client: its fingerprint, which tokens may be bound to (RFC 8705), and the
//! SPIFFE id in it (X.509-SVID).

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use toolgate_protocol::caller::{Caller, Identity, Proof};
use webpki::EndEntityCert;

use crate::jws;
use crate::mapping::principal;
use crate::refused::{Flaw, Refused};
use crate::rules::Spiffe;

/// The longest certificate in a header that is looked at, in bytes.
const LONGEST: usize = 16 * 1024;

/// A certificate whose holder proved its key to us, or to a proxy that we trust.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    fingerprint: String,
    spiffe: Option<Arc<str>>,
}

impl Certificate {
    /// The certificate in `der`; `None` if it is none, or that of an authority.
    pub fn from_der(der: &[u8]) -> Option<Certificate> {
        let parsed = CertificateDer::from(der);
        let parsed = EndEntityCert::try_from(&parsed).ok()?;
        let mut names = parsed.valid_uri_names();
        // X.509-SVID, section 2: exactly one, or it is not one.
        let spiffe = match (names.next(), names.next()) {
            (Some(name), None) if is_spiffe(name) => Some(name.into()),
            _ => None,
        };
        Some(Certificate { fingerprint: jws::hash(der), spiffe })
    }

    /// The certificate in a header that a proxy sets: `:base64:` (RFC 9440), or PEM that is
    /// encoded for a URL, as nginx writes it.
    ///
    /// # Errors
    /// It is in no such form.
    pub fn from_header(value: &[u8]) -> Result<Certificate, Refused> {
        let unreadable = Refused::Malformed("the certificate that was handed on cannot be read");
        if value.len() > LONGEST {
            return Err(unreadable);
        }
        let bare = value.strip_prefix(b":").and_then(|value| value.strip_suffix(b":"));
        let der = match bare {
            Some(base64) => STANDARD.decode(base64).ok(),
            None => decoded(value)
                .and_then(|pem| CertificateDer::from_pem_slice(&pem).ok())
                .map(|der| der.to_vec()),
        };
        der.as_deref().and_then(Certificate::from_der).ok_or(unreadable)
    }

    /// As `x5t#S256` says it (RFC 8705, section 3.1).
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// The SPIFFE id, if it has exactly one.
    pub fn spiffe(&self) -> Option<&Arc<str>> {
        self.spiffe.as_ref()
    }

    /// The caller that the first of `rules` which fits makes of it.
    ///
    /// # Errors
    /// None fits.
    pub fn caller(&self, rules: &[Spiffe]) -> Result<Caller, Refused> {
        let id = self.spiffe.as_ref().ok_or(Flaw::Unknown)?;
        let rule = rules.iter().find(|rule| fits(&rule.id, id)).ok_or(Flaw::Unknown)?;
        let tenant: Option<Arc<str>> = rule.tenant.as_deref().map(Arc::from);
        let words = |list: &[String]| list.iter().map(|word| word.as_str().into()).collect();
        Ok(Caller::from(Identity {
            principal: principal(Proof::Certificate, "spiffe", tenant.as_deref(), id),
            subject: Arc::clone(id),
            tenant,
            roles: words(&rule.roles),
            scopes: words(&rule.scopes),
            proof: Proof::Certificate,
            ..Identity::default()
        }))
    }
}

/// Percent-encoding undone.
fn decoded(text: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.iter();
    while let Some(byte) = rest.next() {
        if *byte != b'%' {
            out.push(*byte);
            continue;
        }
        let digits = [*rest.next()?, *rest.next()?];
        let digits = std::str::from_utf8(&digits).ok()?;
        out.push(u8::from_str_radix(digits, 16).ok()?);
    }
    Some(out)
}

/// SPIFFE-ID, section 2: a trust domain and a path, and nothing else.
pub(crate) fn is_spiffe(id: &str) -> bool {
    id.len() <= 2048 && is_pattern(id) && !id.contains('*')
}

/// An id in which a whole segment may be `*`, and the last one `**`.
pub(crate) fn is_pattern(id: &str) -> bool {
    let Some(rest) = id.strip_prefix("spiffe://") else { return false };
    let mut segments = rest.split('/');
    let domain = segments.next().unwrap_or_default();
    let lower =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-_".contains(&byte);
    let part = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
    let sound = |segment: &str| {
        segment == "*"
            || segment == "**"
            || !matches!(segment, "" | "." | "..") && segment.bytes().all(part)
    };
    let segments: Vec<_> = segments.collect();
    let open = segments.iter().rev().skip(1).any(|segment| *segment == "**");
    !domain.is_empty() && domain.bytes().all(lower) && segments.iter().all(|s| sound(s)) && !open
}

/// Whole segments are compared: a prefix of text would let `/prod-evil` in where `/prod` may.
fn fits(pattern: &str, id: &str) -> bool {
    let (mut wanted, mut found) = (pattern.split('/'), id.split('/'));
    loop {
        match (wanted.next(), found.next()) {
            (None, None) => return true,
            (Some("**"), Some(_)) => return true,
            (Some("*"), Some(_)) => {}
            (Some(wanted), Some(found)) if wanted == found => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_a_trust_domain_and_whole_segments() {
        for good in
            ["spiffe://example.org/ns/prod/sa/agent", "spiffe://example.org", "spiffe://a/B_c.d-1"]
        {
            assert!(is_spiffe(good), "{good}");
        }
        for bad in [
            "spiffe://",
            "spiffe://Example.org/a",
            "spiffe://example.org/",
            "spiffe://example.org//a",
            "spiffe://example.org/../a",
            "spiffe://example.org:443/a",
            "spiffe://u@example.org/a",
            "spiffe://example.org/a?b",
            "spiffe://example.org/a#b",
            "spiffe://example.org/%61",
            "spiffe://example.org/*",
            "https://example.org/a",
            "SPIFFE://example.org/a",
        ] {
            assert!(!is_spiffe(bad), "{bad}");
        }
    }

    #[test]
    fn a_pattern_stands_for_whole_segments() {
        let fit = |pattern: &str, id: &str| {
            assert!(is_pattern(pattern), "{pattern}");
            fits(pattern, id)
        };
        assert!(fit("spiffe://d/ns/*/sa/agent", "spiffe://d/ns/prod/sa/agent"));
        assert!(fit("spiffe://d/ns/**", "spiffe://d/ns/prod/sa/agent"));
        assert!(!fit("spiffe://d/ns/prod", "spiffe://d/ns/prod-evil"));
        assert!(!fit("spiffe://d/ns/prod", "spiffe://d/ns/prod/more"));
        assert!(!fit("spiffe://d/ns/*", "spiffe://d/ns/a/b"));
        assert!(!fit("spiffe://d/ns/**", "spiffe://d/ns"));
        assert!(!fit("spiffe://d/**", "spiffe://evil/ns"));
        assert!(!is_pattern("spiffe://d/**/sa"));
        assert!(!is_pattern("spiffe://*/sa"));
        assert!(!is_pattern("spiffe://d/a*"));
    }

    #[test]
    fn whatever_a_proxy_hands_on_nothing_breaks() {
        for value in ["", ":", "::", ":AAAA:", "%", "%2", "%zz", "-----BEGIN CERTIFICATE-----", "é"]
        {
            assert!(Certificate::from_header(value.as_bytes()).is_err(), "{value}");
        }
        assert!(Certificate::from_header(&[b'a'; LONGEST + 1]).is_err());
    }
}
