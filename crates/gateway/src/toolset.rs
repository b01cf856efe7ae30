//! A part of what there is, as an endpoint of its own. What is outside does not exist there.

mod patterns;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use toolgate_policy::{Kind, Thing};

use crate::config::server::Server;
use crate::config::toolsets::Toolset as ToolsetRules;
use crate::names::Names;
use patterns::Patterns;

/// A toolset of the configuration, ready to be asked what is in it.
pub struct Toolset {
    /// Its name, which stands in the address of its endpoint.
    pub name: Arc<str>,
    /// A name for people.
    pub title: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// What clients tell their model about it.
    pub instructions: Option<String>,
    /// Scopes without which nothing of it can be used.
    pub required_scopes: Vec<Arc<str>>,
    /// What it has of each server that it has anything of.
    shares: HashMap<Box<str>, Share>,
}

/// What a toolset has of one server.
struct Share {
    names: Names,
    tools: Selection,
    resources: Selection,
    prompts: Selection,
}

/// What a toolset has of one kind of things of one server.
enum Selection {
    Nothing,
    Everything,
    /// What has these published names.
    Named(Patterns),
}

impl Toolset {
    /// The toolset `name` of these servers.
    ///
    /// # Errors
    /// When its patterns are too large together to be compiled.
    pub(crate) fn of(
        name: &str,
        rules: &ToolsetRules,
        servers: &[&Server],
        several: bool,
    ) -> Result<Toolset, regex::Error> {
        let about = |server: &Server| {
            let named = |all: &Vec<String>| all.iter().any(|name| name == server.name.as_str());
            rules.servers.as_ref().is_none_or(named)
        };
        let mut shares = HashMap::new();
        for server in servers.iter().filter(|server| about(server)) {
            let share = Share::of(rules, server, several)?;
            if !share.is_empty() {
                shares.insert(server.name.as_str().into(), share);
            }
        }
        Ok(Toolset {
            name: name.into(),
            title: rules.title.clone(),
            description: rules.description.clone(),
            instructions: rules.instructions.clone(),
            required_scopes: rules.required_scopes.iter().map(|it| it.as_str().into()).collect(),
            shares,
        })
    }

    /// Whether anything at all could be in it.
    pub(crate) fn is_empty(&self) -> bool {
        self.shares.is_empty()
    }

    /// Whether it has anything of this server.
    pub(crate) fn is_about(&self, server: &str) -> bool {
        self.shares.contains_key(server)
    }

    /// Whether it could have things of this kind of this server.
    pub(crate) fn has_any(&self, server: &str, kind: Kind) -> bool {
        let share = self.shares.get(server);
        share.is_some_and(|share| !matches!(share.of_kind(kind), Selection::Nothing))
    }

    /// Whether all tools of this server are in it.
    pub(crate) fn has_all_tools(&self, server: &str) -> bool {
        let share = self.shares.get(server);
        share.is_some_and(|share| matches!(share.tools, Selection::Everything))
    }

    /// Whether this thing is in it, by its server's own name. The cost does not depend on how many
    /// things there are, nor on how many patterns.
    pub fn has(&self, thing: &Thing<'_>) -> bool {
        let Some(share) = self.shares.get(thing.server) else { return false };
        match share.of_kind(thing.kind) {
            Selection::Nothing => false,
            Selection::Everything => true,
            Selection::Named(patterns) => match thing.kind {
                Kind::Tool => {
                    let published = share.names.publish_tool(thing.name);
                    published.is_some_and(|name| patterns.name(&name))
                }
                Kind::Prompt => patterns.name(&share.names.publish_prompt(thing.name)),
                Kind::Resource => patterns.uri(&share.names.publish_uri(thing.name)),
                Kind::Method => false,
            },
        }
    }
}

impl Share {
    fn of(rules: &ToolsetRules, server: &Server, several: bool) -> Result<Share, regex::Error> {
        let select = |named: &Option<Vec<String>>, kind| {
            let Some(patterns) = named else {
                let everything = rules.servers.is_some();
                return Ok(if everything { Selection::Everything } else { Selection::Nothing });
            };
            let may_fit = |pattern: &&String| reaches(pattern, kind, server, several);
            let fitting: Vec<&str> = patterns.iter().filter(may_fit).map(String::as_str).collect();
            if fitting.is_empty() {
                return Ok(Selection::Nothing);
            }
            Patterns::of(&fitting).map(Selection::Named)
        };
        Ok(Share {
            names: Names::of(server, several),
            tools: select(&rules.tools, Kind::Tool)?,
            resources: select(&rules.resources, Kind::Resource)?,
            prompts: select(&rules.prompts, Kind::Prompt)?,
        })
    }

    fn of_kind(&self, kind: Kind) -> &Selection {
        match kind {
            Kind::Tool => &self.tools,
            Kind::Resource => &self.resources,
            Kind::Prompt => &self.prompts,
            // What MCP does not define is in no list, and so in no toolset.
            Kind::Method => &Selection::Nothing,
        }
    }

    fn is_empty(&self) -> bool {
        let nothing = |selection: &Selection| matches!(selection, Selection::Nothing);
        nothing(&self.tools) && nothing(&self.resources) && nothing(&self.prompts)
    }
}

/// Whether the published name of anything of this kind on this server could be covered by
/// `pattern`, as far as the configuration tells.
pub(crate) fn reaches(pattern: &str, kind: Kind, server: &Server, several: bool) -> bool {
    let names = Names::of(server, several);
    let Some((head, _)) = pattern.split_once('*') else {
        return !pattern.is_empty()
            && match kind {
                Kind::Tool => names.original_tool(pattern).is_some(),
                Kind::Prompt => names.original_prompt(pattern).is_some(),
                Kind::Resource => names.original_uri(pattern).is_some(),
                Kind::Method => false,
            };
    };
    let meets = |begin: &str| begin.starts_with(head) || head.starts_with(begin);
    match kind {
        Kind::Tool => meets(names.prefix()) && server.tools.may_publish(pattern, names.prefix()),
        Kind::Prompt => meets(names.prefix()),
        Kind::Resource => names
            .scheme()
            .is_none_or(|scheme| meets(&format!("{scheme}+")) || meets(&format!("ui://{scheme}+"))),
        Kind::Method => false,
    }
}

impl fmt::Debug for Toolset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Toolset({})", self.name)
    }
}

/// All toolsets of a configuration, as rules see them.
#[derive(Debug)]
pub(crate) struct Membership(pub(crate) Vec<Arc<Toolset>>);

impl toolgate_policy::Toolsets for Membership {
    fn names(&self) -> Vec<&str> {
        self.0.iter().map(|toolset| &*toolset.name).collect()
    }

    fn of(&self, thing: &Thing<'_>) -> Vec<String> {
        let those = self.0.iter().filter(|toolset| toolset.has(thing));
        those.map(|toolset| toolset.name.to_string()).collect()
    }
}

#[cfg(test)]
mod tests;
