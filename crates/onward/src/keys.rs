//! What the gateway signs with: the keys of the configuration, or one of this process alone.

use std::sync::{Arc, OnceLock};

use serde_json::{Value, json};
use toolgate_gateway::config::Checked;
use toolgate_identity::signing::{NoKey, SigningKey};

/// The keys that sign, newest first: the first signs, and all are published.
#[derive(Clone, Debug)]
pub struct Keys {
    all: Arc<[Arc<SigningKey>]>,
    issuer: Arc<str>,
}

impl Keys {
    /// Those of the configuration; without any, the one that this process has made for itself.
    ///
    /// # Errors
    /// One sentence, when there is none to be had.
    pub fn of(config: &Checked) -> Result<Keys, String> {
        let read = |key: &toolgate_values::Secret| SigningKey::parse(key.reveal()).map(Arc::new);
        let mut all: Vec<_> = config
            .signing
            .keys
            .iter()
            .map(read)
            .collect::<Result<_, _>>()
            .map_err(|error| format!("signing.keys: {error}"))?;
        if all.is_empty() {
            all.push(own().map_err(|error| format!("signing: {error}"))?);
        }
        Ok(Keys { all: all.into(), issuer: config.issuer().into() })
    }

    /// The one that signs.
    pub fn newest(&self) -> &Arc<SigningKey> {
        // There is always one: see `of`.
        &self.all[0]
    }

    /// The name of the gateway in what it signs.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The public halves (RFC 7517, section 5).
    pub fn set(&self) -> Value {
        json!({ "keys": self.all.iter().map(|key| key.jwk()).collect::<Vec<_>>() })
    }
}

/// The key of this process: a reload must not make another.
fn own() -> Result<Arc<SigningKey>, NoKey> {
    static OWN: OnceLock<Arc<SigningKey>> = OnceLock::new();
    if let Some(key) = OWN.get() {
        return Ok(key.clone());
    }
    let made = Arc::new(SigningKey::generate()?);
    Ok(OWN.get_or_init(|| made).clone())
}
