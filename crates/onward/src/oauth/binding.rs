//! Are tokens to be bound to a key of ours (RFC 9449)?

use serde::{Deserialize, Serialize};
use toolgate_identity::discovery::Metadata;
use toolgate_identity::dpop::Prover;
use toolgate_identity::fetch::Failure;
use toolgate_identity::signing::SigningKey;
use toolgate_values::Secret;

use super::grant::Granted;

/// How a key that is made for a grant signs.
const ALGORITHM: &str = "ES256";

/// Whether tokens are to be bound to a key of ours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Binding {
    /// Nobody would know what to do with a proof.
    #[default]
    None,
    /// Both sides can; what comes of it is taken either way.
    Offered,
    /// The server takes no others, so that one bound to nothing is none.
    Required,
}

impl Binding {
    /// What a server wants, as far as its authorization server can give it.
    pub fn of(offered: bool, required: bool, metadata: &Metadata) -> Binding {
        let algorithms = metadata.dpop_signing_alg_values_supported.as_deref().unwrap_or_default();
        match required {
            // That an authorization server can do so is told by choice (RFC 9449, section 5.1).
            true => Binding::Required,
            false if offered && algorithms.iter().any(|name| name == ALGORITHM) => Binding::Offered,
            false => Binding::None,
        }
    }

    /// A new key, in PKCS#8 PEM, if one is needed.
    ///
    /// # Errors
    /// The system has no randomness.
    pub fn key(self) -> Result<Option<Secret>, Failure> {
        match self {
            Binding::None => Ok(None),
            Binding::Offered | Binding::Required => {
                SigningKey::make().map(Some).map_err(|error| Failure(error.to_string()))
            }
        }
    }

    /// Of the key that was shown, what the token that was granted is bound to.
    ///
    /// # Errors
    /// It is of a kind that is not known, or bound to nothing where it has to be.
    pub fn held<K>(self, granted: &Granted, shown: Option<K>) -> Result<Option<K>, Failure> {
        match (granted.is_bound(), shown) {
            (true, Some(key)) => Ok(Some(key)),
            (false, _) if granted.is_bearer() => match self {
                Binding::Required => Err(Failure("a token that is bound to no key".to_owned())),
                Binding::None | Binding::Offered => Ok(None),
            },
            _ => Err(Failure("a token of a kind that is not known".to_owned())),
        }
    }
}

/// What proves that we hold this key.
///
/// # Errors
/// It is no key.
pub fn prover(key: &Secret) -> Result<Prover, Failure> {
    Prover::of(key).map_err(|error| Failure(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn granted(kind: &str) -> Granted {
        let text = format!(r#"{{"access_token":"t","token_type":"{kind}"}}"#);
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn tokens_are_bound_where_both_sides_can_or_the_server_takes_no_others() {
        let can = |names: &[&str]| Metadata {
            dpop_signing_alg_values_supported: Some(names.iter().map(|&it| it.into()).collect()),
            ..Metadata::default()
        };
        for (offered, required, metadata, expected) in [
            (false, false, can(&["ES256"]), Binding::None),
            (true, false, can(&["RS256"]), Binding::None),
            (true, false, Metadata::default(), Binding::None),
            (true, false, can(&["RS256", "ES256"]), Binding::Offered),
            (true, true, Metadata::default(), Binding::Required),
        ] {
            assert_eq!(Binding::of(offered, required, &metadata), expected);
        }
    }

    #[test]
    fn a_token_is_what_it_was_to_be() {
        for (binding, kind, shown, expected) in [
            (Binding::None, "Bearer", None, Some(None)),
            (Binding::None, "DPoP", None, None),
            (Binding::Offered, "bearer", Some(1), Some(None)),
            (Binding::Offered, "dpop", Some(1), Some(Some(1))),
            (Binding::Required, "DPoP", Some(1), Some(Some(1))),
            (Binding::Required, "Bearer", Some(1), None),
            (Binding::Required, "mac", Some(1), None),
        ] {
            assert_eq!(binding.held(&granted(kind), shown).ok(), expected, "{binding:?} {kind}");
        }
    }
}
