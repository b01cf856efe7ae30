//! From a configuration to what each server gets.

use std::sync::Arc;

use serde_json::Value;
use toolgate_gateway::config::{self, Checked, Kind, Server};
use toolgate_gateway::onward::{Attach, Broker, Onward};
use toolgate_identity::Resource;
use toolgate_identity::fetch::Fetch;

use crate::broker::Told;
use crate::exchange::Exchange;
use crate::keys::Keys;
use crate::own::Own;
use crate::passed::Passed;
use crate::signed::Signed;

/// What all servers get.
pub struct Onwards {
    /// None where nothing is signed.
    keys: Option<Keys>,
    fetch: Arc<dyn Fetch>,
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
        Ok(Onwards { keys, fetch })
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
            config::Onwards::Passthrough => Arc::new(Passed),
        }))
    }

    fn broker(&self, server: &Server) -> Option<Arc<dyn Broker>> {
        let keys = self.keys.as_ref().filter(|_| server.context)?;
        let audience = match &server.kind {
            Kind::Http { url, .. } => Some(Resource::new(url).as_str().into()),
            // A line has no head to carry a signature.
            Kind::Stdio { .. } | Kind::Files { .. } => None,
        };
        Some(Arc::new(Told::new(keys.clone(), audience, server.timeout_total)))
    }

    /// The public halves of what is signed with, for whoever wants to check it.
    pub fn key_set(&self) -> Option<Value> {
        self.keys.as_ref().map(Keys::set)
    }
}
