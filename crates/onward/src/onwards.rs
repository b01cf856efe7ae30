//! From a configuration to what each server gets.

use std::sync::Arc;

use serde_json::Value;
use toolgate_gateway::config::{self, Checked, Kind, Server};
use toolgate_gateway::onward::{Attach, Broker, Onward};
use toolgate_gateway::seal::Keyring;
use toolgate_identity::Resource;
use toolgate_identity::fetch::Fetch;
use toolgate_values::Url;

use crate::broker::Told;
use crate::exchange::Exchange;
use crate::keys::Keys;
use crate::links::Links;
use crate::own::Own;
use crate::passed::Passed;
use crate::safe::{Folder, Safe};
use crate::sign_in::SignIns;
use crate::signed::Signed;
use crate::vault::Vault;

/// What all servers get.
pub struct Onwards {
    /// None where nothing is signed.
    keys: Option<Keys>,
    fetch: Arc<dyn Fetch>,
    /// None where nothing is kept.
    kept: Option<(Safe, Arc<Links>)>,
    vaults: Vec<(String, Vault)>,
    /// None where callers have no issuer to sign in at.
    sign_ins: Option<SignIns>,
}

impl Onwards {
    /// As the configuration says. `fetch` is the way to authorization servers.
    ///
    /// # Errors
    /// One sentence that names the key.
    pub fn of(config: &Checked, fetch: Arc<dyn Fetch>) -> Result<Onwards, String> {
        let signs = |server: &Server| server.context || server.onwards.is_signed();
        let needed = !config.signing.keys.is_empty() || config.servers().iter().any(signs);
        let keys = needed.then(|| Keys::of(config)).transpose()?;
        let kept = match (&config.vault, &config.public_url) {
            (Some(vault), Some(url)) => Some(open(vault, url)?),
            _ => None,
        };
        let vaults = match &kept {
            Some((safe, links)) => vaults(config, &fetch, safe, links),
            None => Vec::new(),
        };
        let links = kept.as_ref().map(|(_, links)| links);
        let sign_ins = links.and_then(|links| SignIns::of(config, &fetch, links));
        Ok(Onwards { keys, fetch, kept, vaults, sign_ins })
    }

    /// What a server gets.
    ///
    /// # Errors
    /// One sentence, when there is nothing to prove ourselves with.
    pub fn of_server(&self, server: &Server) -> Result<Onward, String> {
        Ok(Onward { attach: self.attach(server)?, broker: self.broker(server) })
    }

    fn attach(&self, server: &Server) -> Result<Option<Arc<dyn Attach>>, String> {
        let (name, keys) = (server.name.as_str(), self.keys.as_ref());
        Ok(Some(match &server.onwards {
            config::Onwards::Nothing => return Ok(None),
            config::Onwards::Signed { audience, lifetime } => {
                let keys = keys.ok_or("no key to sign with")?;
                Arc::new(Signed::new(keys.clone(), audience, *lifetime))
            }
            config::Onwards::Exchange(rule) => {
                Arc::new(Exchange::of(name, rule, &self.fetch, keys)?)
            }
            config::Onwards::ClientCredentials(wanted) => {
                Arc::new(Own::of(name, wanted, &self.fetch, keys)?)
            }
            config::Onwards::Vault(_) => {
                Arc::new(self.vault(name).ok_or("no vault, or no public_url")?)
            }
            config::Onwards::Passthrough => Arc::new(Passed),
        }))
    }

    fn broker(&self, server: &Server) -> Option<Arc<dyn Broker>> {
        let keys = self.keys.as_ref().filter(|_| server.context)?;
        let audience = match &server.kind {
            Kind::Http { url, .. } => Some(Resource::new(url).as_str().into()),
            // A line has no head to carry a signature.
            Kind::Stdio { .. }
            | Kind::Hosted
            | Kind::Files { .. }
            | Kind::Knowledge(_)
            | Kind::Sql(_)
            | Kind::HttpApi(_)
            | Kind::OpenApi(_)
            | Kind::State(_)
            | Kind::Content(_)
            | Kind::Transform(_)
            | Kind::Workflow(_) => None,
        };
        Some(Arc::new(Told::new(keys.clone(), audience, server.timeout_total)))
    }

    /// The vault of a server.
    pub fn vault(&self, server: &str) -> Option<Vault> {
        let (_, vault) = self.vaults.iter().find(|(name, _)| name == server)?;
        Some(vault.clone())
    }

    /// The pages on which callers allow something, if there are any.
    pub fn links(&self) -> Option<&Links> {
        self.kept.as_ref().map(|(_, links)| &**links)
    }

    /// Where callers sign in who open such a page.
    pub fn sign_ins(&self) -> Option<&SignIns> {
        self.sign_ins.as_ref()
    }

    /// The public halves of what is signed with, for whoever wants to check it.
    pub fn key_set(&self) -> Option<Value> {
        self.keys.as_ref().map(Keys::set)
    }
}

fn open(vault: &config::Vault, url: &Url) -> Result<(Safe, Arc<Links>), String> {
    let keys = vault.keys.iter().map(|key| key.reveal().trim().as_bytes());
    let keys = Keyring::new(keys).map_err(|error| format!("no randomness: {error}"))?;
    let keys = Arc::new(keys);
    let folder = Folder::open(&vault.folder)
        .map_err(|error| format!("vault.folder: {}: {error}", vault.folder.display()))?;
    let base = url.to_string().trim_end_matches('/').to_owned();
    Ok((Safe::new(Arc::new(folder), keys.clone()), Arc::new(Links::new(base, keys))))
}

fn vaults(
    config: &Checked,
    fetch: &Arc<dyn Fetch>,
    safe: &Safe,
    links: &Arc<Links>,
) -> Vec<(String, Vault)> {
    let vaulted = config.servers().iter().filter_map(|server| {
        let config::Onwards::Vault(rule) = &server.onwards else { return None };
        let Kind::Http { url, .. } = &server.kind else { return None };
        let name = server.name.as_str();
        Some((name.to_owned(), Vault::new(name, url, rule, fetch, safe, links)))
    });
    vaulted.collect()
}
