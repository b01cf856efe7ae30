//! What a request carries to prove its caller. Headers only: never the query string, which ends up
//! in logs (RFC 9700, section 4.3.2; MCP forbids it).

use http::HeaderMap;
use http::header::AUTHORIZATION;
use toolgate_values::Secret;

use crate::refused::Refused;

/// The longest credential that is looked at, in bytes.
const LONGEST: usize = 16 * 1024;

/// The header in which clients without OAuth like to send a key.
const API_KEY: &str = "x-api-key";

/// What a request carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credentials {
    /// Nothing that we take.
    None,
    /// The token of an `Authorization: Bearer` header: of any method.
    Bearer(Secret),
    /// The token of an `Authorization: DPoP` header, which a proof in another header goes with.
    Dpop(Secret),
    /// The value of an `X-API-Key` header: a key of ours.
    Key(Secret),
}

impl Credentials {
    /// Reads the headers of a request.
    ///
    /// # Errors
    /// [`Refused::Malformed`] if there are two credentials, or one that is not in the form of
    /// RFC 6750, section 2.1. A scheme that we do not take is no credential (section 3.1).
    pub fn read(headers: &HeaderMap, x_api_key: bool) -> Result<Credentials, Refused> {
        let token = token(headers)?;
        let key = if x_api_key { single(headers, API_KEY)? } else { None };
        match (token, key) {
            (Some(_), Some(_)) => Err(Refused::Malformed("send one credential, not two")),
            (Some((Scheme::Bearer, token)), None) => Ok(Credentials::Bearer(checked(token)?)),
            (Some((Scheme::Dpop, token)), None) => Ok(Credentials::Dpop(checked(token)?)),
            (None, Some(key)) => Ok(Credentials::Key(checked(key)?)),
            (None, None) => Ok(Credentials::None),
        }
    }
}

/// The schemes of tokens.
enum Scheme {
    Bearer,
    Dpop,
}

/// What follows a scheme that we take.
fn token(headers: &HeaderMap) -> Result<Option<(Scheme, &[u8])>, Refused> {
    let Some(value) = single(headers, AUTHORIZATION.as_str())? else { return Ok(None) };
    let end = value.iter().position(|byte| *byte == b' ').unwrap_or(value.len());
    let (scheme, rest) = value.split_at(end);
    let scheme = match scheme {
        scheme if scheme.eq_ignore_ascii_case(b"bearer") => Scheme::Bearer,
        scheme if scheme.eq_ignore_ascii_case(b"dpop") => Scheme::Dpop,
        _ => return Ok(None),
    };
    // RFC 9110, section 11.4: one or more spaces, and no other blank.
    let spaces = rest.iter().take_while(|byte| **byte == b' ').count();
    Ok(Some((scheme, rest.get(spaces..).unwrap_or_default())))
}

/// The one value of a header. Two are refused: which one a proxy before us looked at is not known.
fn single<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a [u8]>, Refused> {
    let mut values = headers.get_all(name).iter();
    let first = values.next();
    if values.next().is_some() {
        return Err(Refused::Malformed("the header of the credential stands twice"));
    }
    Ok(first.map(http::HeaderValue::as_bytes))
}

/// Whether a `token68` may have this character before its padding (RFC 9110, section 11.2).
const fn is_token68(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() | matches!(byte, b'-' | b'.' | b'_' | b'~' | b'+' | b'/')
}

/// A `token68`.
fn checked(token: &[u8]) -> Result<Secret, Refused> {
    let body = token.iter().rposition(|byte| *byte != b'=').map_or(0, |last| last + 1);
    // To the end, whatever there is: without a way out in the middle many are looked at at once.
    let allowed = |body: &[u8]| body.iter().fold(true, |all, byte| all & is_token68(*byte));
    if token.len() > LONGEST {
        return Err(Refused::Malformed("the credential is too long"));
    }
    match (token.get(..body), std::str::from_utf8(token)) {
        (Some(body), Ok(text)) if !body.is_empty() && allowed(body) => Ok(Secret::new(text)),
        _ => Err(Refused::Malformed("the credential is empty or holds a forbidden character")),
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn read(values: &[(&'static str, &[u8])]) -> Result<Credentials, Refused> {
        let mut headers = HeaderMap::new();
        for (name, value) in values {
            headers.append(*name, HeaderValue::from_bytes(value).unwrap());
        }
        Credentials::read(&headers, true)
    }

    #[test]
    fn a_bearer_token_is_read_whatever_the_case_of_its_scheme() {
        for value in
            ["Bearer a.b-c_d~e+f/g==", "bearer a.b-c_d~e+f/g==", "BEARER   a.b-c_d~e+f/g=="]
        {
            let read = read(&[("authorization", value.as_bytes())]);

            assert_eq!(read, Ok(Credentials::Bearer(Secret::new("a.b-c_d~e+f/g=="))), "{value}");
        }
    }

    #[test]
    fn another_scheme_is_no_credential() {
        for value in ["Basic dXNlcjpwYXNz", "Digest abc", "Bearerabc", ""] {
            let read = read(&[("authorization", value.as_bytes())]);

            assert_eq!(read, Ok(Credentials::None), "{value}");
        }
    }

    #[test]
    fn what_is_not_a_token_is_malformed() {
        let long = format!("Bearer {}", "a".repeat(LONGEST + 1));
        for value in [
            "Bearer",
            "Bearer ",
            "Bearer a b",
            "Bearer \ta",
            "Bearer a,b",
            "Bearer ==",
            "Bearer a=b",
            "Bearer é",
            &long,
        ] {
            let read = read(&[("authorization", value.as_bytes())]);

            assert!(matches!(read, Err(Refused::Malformed(_))), "{value}");
        }
    }

    #[test]
    fn two_credentials_are_refused_even_if_they_are_equal() {
        let bearer: (&str, &[u8]) = ("authorization", b"Bearer a");
        let key: (&str, &[u8]) = ("x-api-key", b"a");

        for pair in [[bearer, bearer], [key, key], [bearer, key]] {
            assert!(matches!(read(&pair), Err(Refused::Malformed(_))));
        }
    }

    #[test]
    fn a_key_header_counts_only_where_it_is_asked_for() {
        let mut headers = HeaderMap::new();
        headers.insert("x-api-key", HeaderValue::from_static("tg_a_b"));

        assert_eq!(Credentials::read(&headers, true), Ok(Credentials::Key(Secret::new("tg_a_b"))));
        assert_eq!(Credentials::read(&headers, false), Ok(Credentials::None));
    }

    #[test]
    fn a_credential_is_never_printed() {
        let read = read(&[("authorization", b"Bearer hunter2")]);

        assert!(!format!("{read:?}").contains("hunter2"));
    }

    proptest! {
        #[test]
        fn no_header_makes_us_panic(values in prop::collection::vec((any::<bool>(), prop::collection::vec(any::<u8>(), 0..64)), 0..3)) {
            let mut headers = HeaderMap::new();
            for (authorization, bytes) in values {
                let bytes = [b"Bearer ".as_slice(), &bytes].concat();
                if let Ok(value) = HeaderValue::from_bytes(&bytes) {
                    headers.append(if authorization { "authorization" } else { API_KEY }, value);
                }
            }
            if let Ok(Credentials::Bearer(token) | Credentials::Key(token)) = Credentials::read(&headers, true) {
                prop_assert!(token.reveal().bytes().all(|byte| byte.is_ascii_graphic()));
            }
        }
    }
}
