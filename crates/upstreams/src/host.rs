//! Servers of the program that the gateway is built into.

use std::sync::Arc;

use toolgate_gateway::config::{Limits, Listen, Name, Program, Server, ServerInfo};
use toolgate_gateway::upstream::Upstream;

/// A server of this program, before anything is known of the gateway around it.
pub trait Host: Send + Sync + 'static {
    /// The upstream that it becomes under what the configuration says of it.
    fn upstream(&self, server: &Server, limits: &Limits) -> Arc<dyn Upstream>;
}

/// What a program brings along: its servers, by name, where it listens, and what it calls itself.
#[derive(Clone, Default)]
pub struct Hosts {
    names: Vec<Name>,
    hosts: Vec<Arc<dyn Host>>,
    /// The address to listen on, whatever the configuration says.
    pub listen: Option<Listen>,
    /// What clients are told that they speak to. Without it: Toolgate.
    pub info: Option<ServerInfo>,
}

impl Hosts {
    /// Adds a server; false when one of this name is there already.
    pub fn add(&mut self, name: Name, host: Arc<dyn Host>) -> bool {
        if self.names.contains(&name) {
            return false;
        }
        self.names.push(name);
        self.hosts.push(host);
        true
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// What a configuration is read with.
    pub fn program(&self) -> Program<'_> {
        let (listen, info) = (self.listen.as_ref(), self.info.as_ref());
        Program { hosted: &self.names, listen, info }
    }

    /// The server of this name.
    pub(crate) fn find(&self, name: &Name) -> Option<&Arc<dyn Host>> {
        let at = self.names.iter().position(|known| known == name)?;
        self.hosts.get(at)
    }
}

/// A server of values, without a wire of any kind.
pub struct Native(Arc<dyn toolgate_hosted::Server>);

impl Native {
    /// Hosts `server`.
    pub fn new(server: impl toolgate_hosted::Server) -> Native {
        Native(Arc::new(server))
    }
}

impl Host for Native {
    fn upstream(&self, server: &Server, _limits: &Limits) -> Arc<dyn Upstream> {
        crate::hosted(server, self.0.clone())
    }
}
