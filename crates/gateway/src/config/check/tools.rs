//! Which tools are offered under which names: no rule without effect, no two tools of one name.

use std::collections::{BTreeSet, HashMap};

use super::Checks;
use crate::config::entry::Entry;
use crate::config::problem::{key_path, quote};
use crate::config::server::{Kind, Server, Tools};
use crate::config::servers::files::Files;
use crate::config::servers::sql::ExploreRules;
use crate::config::servers::transform::Transform;
use crate::config::shape::unknown::nearest;

/// The most characters of a tool's name (MCP 2025-11-25, tools, "Tool Names").
const LONGEST: usize = 128;

/// The rules of one server, each checked against the others.
pub(super) fn resolve(checks: &mut Checks<'_>, path: &str, entry: &mut Entry) -> Tools {
    if entry.tools.as_ref().is_some_and(Vec::is_empty) {
        checks.problem(
            &format!("{path}.tools"),
            "an empty list would offer no tool at all (list some, or remove the key)",
        );
    }
    for (key, names) in
        [("tools", entry.tools.as_deref().unwrap_or_default()), ("hide", &entry.hide)]
    {
        repeated(checks, &format!("{path}.{key}"), names);
    }
    let tools = Tools {
        allow: entry.tools.take().map(BTreeSet::from_iter),
        hide: std::mem::take(&mut entry.hide).into_iter().collect(),
        rename: std::mem::take(&mut entry.rename),
        describe: std::mem::take(&mut entry.describe),
    };
    without_effect(checks, path, &tools);
    tools
}

fn repeated(checks: &mut Checks<'_>, path: &str, names: &[String]) {
    let mut seen = BTreeSet::new();
    for (index, name) in names.iter().enumerate() {
        if !seen.insert(name) {
            let message = format!("{} is listed twice (remove one)", quote(name));
            checks.problem(&format!("{path}[{index}]"), message);
        }
    }
}

/// A rule about a tool that is not offered was meant for another tool, or the tool was meant to be
/// offered.
fn without_effect(checks: &mut Checks<'_>, path: &str, tools: &Tools) {
    if let Some(both) =
        tools.allow.as_ref().and_then(|allow| allow.intersection(&tools.hide).next())
    {
        checks.problem(
            &format!("{path}.hide"),
            format!("{} is also in tools (keep one of the two)", quote(both)),
        );
    }
    let renamed = tools.rename.keys().map(|name| ("rename", name));
    let described = tools.describe.keys().map(|name| ("describe", name));
    for (key, name) in renamed.chain(described).filter(|(_, name)| !tools.offers(name)) {
        let place = key_path(&format!("{path}.{key}"), name);
        let (why, way_out) = match tools.hide.contains(name) {
            true => ("is in hide", "remove it from one of the two"),
            false => ("is not in tools", "add it there, or remove it here"),
        };
        checks.problem(&place, format!("{} {why}, so nobody sees this ({way_out})", quote(name)));
    }
}

/// The names that are known before the server has been asked.
pub(super) fn names(checks: &mut Checks<'_>, path: &str, tools: &Tools, prefix: &str) {
    if !prefix.chars().all(is_legal) || prefix.len() > LONGEST / 2 {
        let message = format!(
            "{} cannot begin a tool's name (use at most {} letters, digits, _, - or .)",
            quote(prefix),
            LONGEST / 2
        );
        checks.problem(&format!("{path}.prefix"), message);
    }
    let mut taken: HashMap<&str, &str> = HashMap::new();
    for original in offered(tools) {
        let published = tools.published(original);
        let key = match tools.rename.contains_key(original) {
            true => key_path(&format!("{path}.rename"), original),
            false => format!("{path}.tools"),
        };
        if let Some(message) = wrong_name(original, published, prefix) {
            checks.problem(&key, message);
        }
        if let Some(other) = taken.insert(published, original) {
            let (one, two, name) = (quote(other), quote(original), quote(published));
            let message = format!("{one} and {two} would both be called {name} (choose another)");
            checks.problem(&key, message);
        }
    }
}

/// A server's own name may be odd; one that we choose may not.
fn wrong_name(original: &str, published: &str, prefix: &str) -> Option<String> {
    let shown = quote(published);
    if published.is_empty() || (published != original && !published.chars().all(is_legal)) {
        return Some(format!("{shown} cannot name a tool (use letters, digits, _, - and .)"));
    }
    let long = prefix.len() + published.len() > LONGEST;
    long.then(|| format!("{shown} with its prefix exceeds {LONGEST} characters (shorten it)"))
}

fn is_legal(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.')
}

/// The tools whose names the file tells: those listed, and those renamed, which come last.
fn offered(tools: &Tools) -> impl Iterator<Item = &str> {
    let listed = tools.allow.iter().flatten().filter(|name| !tools.rename.contains_key(*name));
    listed.chain(tools.rename.keys()).map(String::as_str).filter(|name| tools.offers(name))
}

/// Rules about tools that a server does not have, as far as the file itself tells.
pub(super) fn absent(checks: &mut Checks<'_>, servers: &[(usize, Server)]) {
    for (index, server) in servers {
        let Some(there) = of(server) else { continue };
        for (key, name) in server.absent(&there) {
            let message = match waits_for(&server.kind, name) {
                Some(key) => {
                    format!(
                        "the server has {} with {key} alone (add that, or remove this)",
                        quote(name)
                    )
                }
                None => {
                    format!("the server has no tool {} ({})", quote(name), instead(name, &there))
                }
            };
            checks.problem(&format!("servers[{index}].{key}"), message);
        }
    }
}

/// The tools of a server, where the file itself tells all of them.
pub(super) fn of(server: &Server) -> Option<BTreeSet<String>> {
    let owned = |names: &mut dyn Iterator<Item = &str>| names.map(str::to_owned).collect();
    Some(match &server.kind {
        Kind::Workflow(workflow) => workflow.tools.keys().cloned().collect(),
        Kind::HttpApi(api) => api.tools.keys().cloned().collect(),
        Kind::Sql(rules) => {
            let own = rules.tools.iter().map(|tool| tool.name.as_str());
            owned(&mut own.chain(rules.explore.as_ref().map(|_| ExploreRules::NAME)))
        }
        Kind::Files(files) => owned(&mut files.tools()),
        Kind::Knowledge(knowledge) => owned(&mut knowledge.tools()),
        Kind::State(state) => state.tools().into(),
        Kind::Transform(_) => owned(&mut Transform::TOOLS.into_iter()),
        Kind::Content(_) => BTreeSet::new(),
        Kind::Http { .. } | Kind::Stdio { .. } | Kind::Hosted | Kind::OpenApi(_) => return None,
    })
}

/// The key that brings a tool, which this server could have and has not.
fn waits_for(kind: &Kind, name: &str) -> Option<&'static str> {
    match kind {
        Kind::Files(_) if Files::WRITING.contains(&name) => Some("write: true"),
        Kind::Files(_) if Files::DELETING.contains(&name) => Some("delete: true"),
        Kind::Knowledge(_) => match name {
            "create_article" => Some("write.create"),
            "update_article" => Some("write.update"),
            "delete_article" => Some("write.delete"),
            _ => None,
        },
        Kind::Sql(_) if name == ExploreRules::NAME => Some("explore"),
        _ => None,
    }
}

/// What to do about the name of a tool that is not `there`.
pub(super) fn instead(name: &str, there: &BTreeSet<String>) -> String {
    match nearest(name, there.iter().map(String::as_str)) {
        Some(near) => format!("did you mean {near}?"),
        None if there.is_empty() => "it has none; remove this".to_owned(),
        None => format!("there are {}", there.iter().cloned().collect::<Vec<_>>().join(", ")),
    }
}

/// Names that would meet once all servers stand side by side.
pub(super) fn collisions(checks: &mut Checks<'_>, servers: &[(usize, Server)]) {
    let mut prefixes: HashMap<&str, &Server> = HashMap::new();
    for (index, server) in servers {
        let prefix = server.published_prefix();
        let Some(first) = prefixes.insert(prefix, server) else { continue };
        let (key, other) = (format!("servers[{index}].prefix"), quote(first.name.as_str()));
        if prefix.is_empty() {
            let message =
                format!("no prefix, as with {other}, so their names may collide (write a prefix)");
            checks.warning(&key, message);
        } else {
            let message =
                format!("{} is also the prefix of {other} (choose another)", quote(prefix));
            checks.problem(&key, message);
        }
    }
    let mut names: HashMap<String, &Server> = HashMap::new();
    for (index, server) in servers {
        for original in offered(&server.tools) {
            let published =
                format!("{}{}", server.published_prefix(), server.tools.published(original));
            let shown = quote(&published);
            // Two of one server have been reported already.
            let other = names.insert(published, server).filter(|other| other.name != server.name);
            if let Some(other) = other.map(|other| quote(other.name.as_str())) {
                let message = format!(
                    "the tool {shown} would also be offered by {other} (rename one, or write a prefix)"
                );
                checks.problem(&format!("servers[{index}]"), message);
            }
        }
    }
}
