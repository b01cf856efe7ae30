//! What a server asks for that refuses a request (RFC 6750, section 3; RFC 9449, section 7.1; RFC
//! 9728, section 5.1).

/// What the challenges of one answer say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Challenge {
    /// Where its metadata is.
    pub resource_metadata: Option<String>,
    /// The scopes that are needed.
    pub scope: Option<String>,
    /// What was wrong with the token.
    pub error: Option<String>,
    /// Whether tokens that are bound to a key are taken (RFC 9449, section 7.1).
    pub dpop: bool,
    /// Whether tokens that are bound to nothing are taken.
    pub bearer: bool,
}

impl Challenge {
    /// Reads the value of `WWW-Authenticate`, or several in one list. What cannot be read is not
    /// there.
    pub fn parse(text: &str) -> Challenge {
        let mut challenge = Challenge::default();
        let mut rest = text;
        while let Some((words, value, after)) = parameter(rest) {
            // Before the name of a parameter may stand the scheme that begins there.
            let mut words = words.split([' ', ',', '\t']).rev();
            let name = words.next().unwrap_or_default();
            words.for_each(|scheme| challenge.offers(scheme));
            let slot = match name.to_ascii_lowercase().as_str() {
                "resource_metadata" => Some(&mut challenge.resource_metadata),
                "scope" => Some(&mut challenge.scope),
                "error" => Some(&mut challenge.error),
                _ => None,
            };
            if let Some(slot) = slot {
                // Of two that are the same the first counts.
                slot.get_or_insert(value);
            }
            rest = after;
        }
        rest.split([' ', ',', '\t']).for_each(|scheme| challenge.offers(scheme));
        challenge
    }

    fn offers(&mut self, scheme: &str) {
        self.dpop |= scheme.eq_ignore_ascii_case("dpop");
        self.bearer |= scheme.eq_ignore_ascii_case("bearer");
    }

    /// Whether a token with more scopes would do.
    pub fn wants_scope(&self) -> bool {
        self.error.as_deref() == Some("insufficient_scope")
    }
}

/// The first `name=value` of a list, and what follows it.
fn parameter(text: &str) -> Option<(&str, String, &str)> {
    let text = text.trim_start_matches([' ', ',', '\t']);
    let (name, rest) = text.split_once('=')?;
    let Some(quoted) = rest.strip_prefix('"') else {
        let end = rest.find([',', ' ']).unwrap_or(rest.len());
        let (value, after) = rest.split_at(end);
        return Some((name.trim(), value.to_owned(), after));
    };
    let (mut value, mut escaped) = (String::new(), false);
    for (at, c) in quoted.char_indices() {
        match c {
            _ if escaped => {
                value.push(c);
                escaped = false;
            }
            '\\' => escaped = true,
            '"' => return Some((name.trim(), value, quoted.get(at + 1..).unwrap_or_default())),
            c => value.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_several_challenges_the_schemes_are_told_apart() {
        for (text, dpop, bearer) in [
            ("Bearer", false, true),
            ("DPoP", true, false),
            (r#"dpop algs="ES256 EdDSA", resource_metadata="https://h/x""#, true, false),
            (r#"Bearer scope="a", DPoP algs="ES256""#, true, true),
            (r#"DPoP algs="ES256", bearer"#, true, true),
            (r#"Basic realm="DPoP Bearer", charset=DPoP"#, false, false),
        ] {
            let read = Challenge::parse(text);
            assert_eq!((read.dpop, read.bearer), (dpop, bearer), "{text}");
        }
    }

    #[test]
    fn a_challenge_is_read_as_servers_write_it() {
        let read = Challenge::parse(
            r#"Bearer realm="x, scope=\"no\"", error=insufficient_scope, scope="a b",resource_metadata="https://h/.well-known/x""#,
        );

        assert_eq!(read.scope.as_deref(), Some("a b"));
        assert_eq!(read.resource_metadata.as_deref(), Some("https://h/.well-known/x"));
        assert!(read.wants_scope());
        for text in ["", "Bearer", "Bearer scope", "Bearer scope=\"open", "Bearer =, ,,=\"\\"] {
            assert_eq!(Challenge::parse(text).scope, None, "{text}");
        }
    }
}
