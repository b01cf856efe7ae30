//! The clients that are known.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value;

use crate::client::{Client, Proof};
use crate::settings::{self, Settings};
use crate::shelf::Shelf;

/// All grants of a client that was configured.
const GRANTS: [&str; 5] = [
    "authorization_code",
    "refresh_token",
    "client_credentials",
    "urn:ietf:params:oauth:grant-type:token-exchange",
    "urn:ietf:params:oauth:grant-type:jwt-bearer",
];

/// All of them, however they became known.
pub struct Clients {
    pub configured: HashMap<String, Arc<Client>>,
    pub registered: Shelf<Arc<Client>>,
    pub documents: Shelf<Arc<Client>>,
    /// Names of assertions that were used.
    pub assertions: Shelf<()>,
}

impl Clients {
    /// # Errors
    /// A file of keys cannot be read.
    pub fn of(settings: &Settings) -> Result<Clients, String> {
        let configured = settings.clients.iter().map(|client| {
            let client = configured(client)?;
            Ok((client.id.clone(), Arc::new(client)))
        });
        Ok(Clients {
            configured: configured.collect::<Result<_, String>>()?,
            registered: Shelf::new(),
            documents: Shelf::new(),
            assertions: Shelf::new(),
        })
    }
}

fn configured(rule: &settings::Client) -> Result<Client, String> {
    let proof = match (&rule.secret, &rule.keys) {
        (None, None) => Proof::Nothing,
        (Some(secret), None) => Proof::Secret(secret.clone()),
        (_, Some(path)) => {
            let text = std::fs::read(path).map_err(|e| format!("{}: {e}", path.display()))?;
            let set: Value = serde_json::from_slice(&text).unwrap_or_default();
            let keys = set["keys"].as_array().cloned();
            Proof::Keys(keys.ok_or_else(|| format!("{}: no set of keys", path.display()))?)
        }
    };
    Ok(Client {
        id: rule.id.clone(),
        name: None,
        redirect_uris: rule.redirect_uris.clone(),
        proof,
        grants: GRANTS.map(str::to_owned).to_vec(),
        scopes: rule.scopes.clone(),
    })
}
