//! Servers of the program that the gateway is built into.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;
use toolgate_gateway::config::{Limits, Listen, Machine, Name, Server, ServerInfo, Sources};
use toolgate_gateway::upstream::Upstream;

/// A server of this program, before anything is known of the gateway around it.
pub trait Host: Send + Sync + 'static {
    /// The upstream that it becomes under what the configuration says of it.
    fn upstream(&self, server: &Server, limits: &Limits) -> Arc<dyn Upstream>;

    /// Its tools as it lists them to whoever may use all of them, where it knows them without being
    /// asked by somebody.
    fn tools(&self) -> Option<Vec<Value>> {
        None
    }
}

/// What a program brings along: its servers, by name, where it listens, and what it calls itself. A
/// configuration is read with it, and with the environment and the files of this machine.
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

    /// The server of this name.
    pub(crate) fn find(&self, name: &Name) -> Option<&Arc<dyn Host>> {
        let at = self.names.iter().position(|known| known == name)?;
        self.hosts.get(at)
    }
}

impl Sources for Hosts {
    fn server_info(&self) -> Option<&ServerInfo> {
        self.info.as_ref()
    }

    fn hosted(&self) -> &[Name] {
        &self.names
    }

    fn listen(&self) -> Option<&Listen> {
        self.listen.as_ref()
    }

    fn tools(&self, server: &Server) -> Option<Vec<Value>> {
        crate::listed::tools(server, self)
    }

    fn env(&self, name: &str) -> Option<String> {
        Machine.env(name)
    }

    fn read(&self, path: &Path) -> io::Result<String> {
        Machine.read(path)
    }

    fn is_file(&self, path: &Path) -> bool {
        Machine.is_file(path)
    }

    fn is_directory(&self, path: &Path) -> bool {
        Machine.is_directory(path)
    }

    fn absolute(&self, path: &Path) -> PathBuf {
        Machine.absolute(path)
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

    fn tools(&self) -> Option<Vec<Value>> {
        Some(crate::listed::values(self.0.tasks()?.all()))
    }
}
