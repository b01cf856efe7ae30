//! A configuration that passed every check, resolved into what the gateway builds from.

use std::ops::Deref;
use std::path::PathBuf;
use std::sync::Arc;

use toolgate_identity::Resource;
use toolgate_policy::Policy;

use super::definitions::Definitions;
use super::node::Places;
use super::problem::Problem;
use super::server::Server;
use super::tree::Config;
use crate::toolset::Toolset;

/// A configuration without problems. Only [`load`](super::load) and [`parse`](super::parse) make
/// one, so whoever holds it need not check again.
///
/// Dereferences to the [`Config`] for everything but the servers.
#[derive(Debug, Clone)]
pub struct Checked {
    pub(super) config: Config,
    pub(super) servers: Vec<Server>,
    pub(super) lock: LockFile,
    pub(super) policy: Option<Arc<Policy>>,
    pub(super) toolsets: Vec<Arc<Toolset>>,
    pub(super) version: Option<Box<str>>,
    pub(super) places: Arc<Places>,
}

/// The file of approved definitions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockFile {
    /// Where it is.
    pub path: PathBuf,
    /// Whether the configuration names it, so that it has to be there.
    pub named: bool,
}

impl Checked {
    /// The version of the program that the gateway is built into, if it says one.
    pub fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    /// The servers, in the order of the file; imported ones follow.
    pub fn servers(&self) -> &[Server] {
        &self.servers
    }

    /// Who may use what; nothing when everybody who comes in may use everything.
    pub fn policy(&self) -> Option<&Arc<Policy>> {
        self.policy.as_ref()
    }

    /// Parts of what there is that are endpoints of their own, by name.
    pub fn toolsets(&self) -> &[Arc<Toolset>] {
        &self.toolsets
    }

    /// The toolset of this name.
    pub fn toolset(&self, name: &str) -> Option<&Arc<Toolset>> {
        self.toolsets.iter().find(|toolset| *toolset.name == *name)
    }

    /// Whether the definitions of any server are to be held to what was approved.
    pub fn pins_any(&self) -> bool {
        self.servers.iter().any(|server| server.definitions != Definitions::Allow)
    }

    /// What others said is wrong at `path`, such as `servers[0].sql.url`: with the line of it, or of
    /// the nearest thing around it that was written.
    pub fn problem(&self, path: &str, message: String) -> Problem {
        self.places.at(path).problem(message)
    }

    /// Where approved definitions are kept.
    pub fn lock(&self) -> &LockFile {
        &self.lock
    }

    /// Whether names need a prefix to stay apart.
    pub fn several(&self) -> bool {
        self.servers.len() > 1
    }

    /// The name of the gateway in what it signs.
    pub fn issuer(&self) -> String {
        if let Some(issuer) = &self.signing.issuer {
            return issuer.to_string().trim_end_matches('/').to_owned();
        }
        let resource = self.authentication.as_ref().and_then(|rules| rules.resource.as_ref());
        match resource {
            Some(resource) => Resource::new(resource).origin().to_owned(),
            None => {
                let scheme = if self.tls.is_some() { "https" } else { "http" };
                format!("{scheme}://{}", self.listen)
            }
        }
    }

    /// Whether a server gets something made from the tokens that callers send to us.
    pub fn needs_tokens(&self) -> bool {
        self.servers.iter().any(|server| server.onwards.needs_token())
    }
}

impl Deref for Checked {
    type Target = Config;

    fn deref(&self) -> &Config {
        &self.config
    }
}
