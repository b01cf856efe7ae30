//! Do toolsets name what exists, by names that can stand in an address?

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use toolgate_identity::Resource;
use toolgate_policy::{Catalog, Kind};
use toolgate_values::{Name, covers};

use super::Checks;
use super::policy::approved;
use crate::config::catalog::catalog;
use crate::config::checked::LockFile;
use crate::config::problem::{key_path, quote};
use crate::config::server::Server;
use crate::config::shape::unknown::nearest;
use crate::config::toolsets::Toolset as Rules;
use crate::config::tree::Config;
use crate::names::Names;
use crate::toolset::{Toolset, reaches};

/// The toolsets, ready to be served.
pub(super) fn check(
    checks: &mut Checks<'_>,
    config: &Config,
    servers: &[(usize, Server)],
    lock: &LockFile,
) -> Vec<Arc<Toolset>> {
    if config.toolsets.is_empty() {
        return Vec::new();
    }
    names(checks, config);
    resource(checks, config);
    let lock = approved(checks, lock);
    let all: Vec<&Server> = servers.iter().map(|(_, server)| server).collect();
    let known = catalog(all.iter().copied(), lock.as_ref());
    let several = all.len() > 1;
    let mut ready = Vec::new();
    for (name, rules) in &config.toolsets {
        let one = One { path: key_path("toolsets", name), rules, all: &all, known: &known };
        one.check(checks, config, several);
        match Toolset::of(name, rules, &all, several) {
            Ok(toolset) if toolset.is_empty() => {
                let message = "nothing is in it (add servers: [NAME], or tools: [NAME])";
                checks.problem(&one.path, message);
            }
            Ok(toolset) => ready.push(Arc::new(toolset)),
            Err(_) => checks.problem(&one.path, "too many patterns (write fewer, shorter ones)"),
        }
    }
    ready
}

/// Their names stand in addresses, where not everybody tells case apart.
fn names(checks: &mut Checks<'_>, config: &Config) {
    let mut taken: HashMap<String, &str> = HashMap::new();
    for name in config.toolsets.keys() {
        let path = key_path("toolsets", name);
        if let Err(misfit) = name.parse::<Name>() {
            let message = format!("{} cannot stand in an address ({})", quote(name), misfit.advice);
            checks.problem(&path, message);
        }
        let plain = name.to_ascii_lowercase().replace('_', "-");
        if let Some(other) = taken.insert(plain, name) {
            let message = format!(
                "{} is too close to the toolset {} (case and _ do not tell names apart; choose another)",
                quote(name),
                quote(other)
            );
            checks.problem(&path, message);
        }
    }
}

/// Each toolset is a resource of its own, beside that of the gateway.
fn resource(checks: &mut Checks<'_>, config: &Config) {
    let rules = config.authentication.as_ref();
    let resource = rules.filter(|rules| rules.takes_tokens()).and_then(|it| it.resource.as_ref());
    let Some(url) = resource else { return };
    if Resource::new(url).beside("/mcp", "/mcp").is_none() {
        let message = "it does not end in /mcp, so what clients call the toolsets beside it is not known (have the proxy publish the gateway's /mcp under an address that ends in /mcp)";
        checks.problem("authentication.resource", message);
    }
}

/// So many names of one server are told one by one.
const FEW: usize = 6;

/// One toolset, and what it can name.
struct One<'a> {
    path: String,
    rules: &'a Rules,
    all: &'a [&'a Server],
    known: &'a Catalog,
}

impl One<'_> {
    fn check(&self, checks: &mut Checks<'_>, config: &Config, several: bool) {
        if !self.rules.required_scopes.is_empty() && config.authentication.is_none() {
            let message =
                "nobody has scopes without authentication (add authentication, or remove this)";
            checks.problem(&format!("{}.required_scopes", self.path), message);
        }
        self.servers(checks);
        for (key, kind, named) in [
            ("tools", Kind::Tool, &self.rules.tools),
            ("resources", Kind::Resource, &self.rules.resources),
            ("prompts", Kind::Prompt, &self.rules.prompts),
        ] {
            let mut seen = BTreeSet::new();
            for (index, pattern) in named.iter().flatten().enumerate() {
                let place = format!("{}.{key}[{index}]", self.path);
                if !seen.insert(pattern) {
                    checks.problem(&place, format!("{} stands twice (remove one)", quote(pattern)));
                } else if let Some(message) = self.unmatched(pattern, kind, several) {
                    checks.problem(&place, message);
                }
            }
        }
    }

    fn servers(&self, checks: &mut Checks<'_>) {
        let mut seen = BTreeSet::new();
        for (index, name) in self.rules.servers.iter().flatten().enumerate() {
            let place = format!("{}.servers[{index}]", self.path);
            if !seen.insert(name) {
                checks.problem(&place, format!("{} stands twice (remove one)", quote(name)));
            } else if !self.all.iter().any(|server| server.name.as_str() == name) {
                let names = self.all.iter().map(|server| server.name.as_str());
                let way_out = match nearest(name, names) {
                    Some(near) => format!("did you mean {near}?"),
                    None => "add it to servers".to_owned(),
                };
                let message = format!("no server is called {} ({way_out})", quote(name));
                checks.problem(&place, message);
            }
        }
    }

    /// The servers that it is about.
    fn about(&self) -> impl Iterator<Item = &&Server> {
        self.all.iter().filter(|server| {
            let named = |all: &Vec<String>| all.iter().any(|name| name == server.name.as_str());
            self.rules.servers.as_ref().is_none_or(named)
        })
    }

    /// Why nothing could ever have this name, as far as the file and the approved definitions tell.
    fn unmatched(&self, pattern: &str, kind: Kind, several: bool) -> Option<String> {
        let reached: Vec<&Server> = self
            .about()
            .filter(|server| reaches(pattern, kind, server, several))
            .copied()
            .collect();
        if reached.is_empty() {
            return Some(format!("{} {}", quote(pattern), self.nowhere(pattern, kind, several)));
        }
        let mut published = Vec::new();
        for server in reached {
            // Whoever is not known to the end may have it.
            published.extend(self.published(server, kind, several)?);
        }
        if published.iter().any(|name| covers(pattern, name)) {
            return None;
        }
        let way_out = match nearest(pattern, published.iter().map(String::as_str)) {
            Some(near) => format!("did you mean {near}?"),
            None => "approve it first, or remove this".to_owned(),
        };
        let what = word(kind);
        Some(format!("{} is the name of no {what} that is offered ({way_out})", quote(pattern)))
    }

    /// All published names of this kind on a server; `None` unless all are known.
    fn published(&self, server: &Server, kind: Kind, several: bool) -> Option<Vec<String>> {
        let known = self.known.servers.get(server.name.as_str())?;
        if !known.complete.contains(&kind) {
            return None;
        }
        let names = Names::of(server, several);
        let items = known.items.iter().filter(|item| item.kind == kind);
        let published = items.filter_map(|item| match kind {
            Kind::Tool => names.publish_tool(&item.name).map(|name| name.into_owned()),
            _ => Some(names.publish_prompt(&item.name).into_owned()),
        });
        Some(published.collect())
    }

    /// What names there are instead.
    fn nowhere(&self, pattern: &str, kind: Kind, several: bool) -> String {
        let servers: Vec<&&Server> = self.about().collect();
        let allowed = servers.iter().filter_map(|server| self.published(server, kind, several));
        let allowed: Vec<String> = allowed.flatten().collect();
        let near = nearest(pattern, allowed.iter().map(String::as_str));
        let called = servers.iter().flat_map(|server| {
            let names = Names::of(server, several);
            match self.published(server, kind, several) {
                Some(all) if all.len() <= FEW => all,
                _ if kind == Kind::Resource => {
                    vec![format!("{}+URI", names.scheme().unwrap_or_default())]
                }
                _ => vec![format!("{}NAME", names.prefix())],
            }
        });
        let way_out = match near {
            Some(near) => format!("did you mean {near}?"),
            None => format!("they are called {}", called.collect::<Vec<_>>().join(", ")),
        };
        let of = if self.rules.servers.is_some() { " of its servers" } else { "" };
        format!("can be the name of no {}{of} ({way_out})", word(kind))
    }
}

fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Tool => "tool",
        Kind::Resource => "resource",
        Kind::Prompt => "prompt",
        Kind::Method => "method",
    }
}
