//! Which tools are offered under which names: no rule without effect, no two tools of one name.

use std::collections::{BTreeSet, HashMap};

use super::Checks;
use crate::config::checked::{Server, Tools};
use crate::config::entry::Entry;
use crate::config::problem::{key_path, quote};

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
    for (index, name) in names.iter().enumerate() {
        if names[..index].contains(name) {
            checks.problem(
                &format!("{path}[{index}]"),
                format!("{} is listed twice (remove one)", quote(name)),
            );
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
        let key = if tools.rename.contains_key(original) {
            key_path(&format!("{path}.rename"), original)
        } else {
            format!("{path}.tools")
        };
        if published.is_empty() || (published != original && !published.chars().all(is_legal)) {
            checks.problem(
                &key,
                format!(
                    "{} cannot be a tool's name (use letters, digits, _, - and .)",
                    quote(published)
                ),
            );
        } else if prefix.len() + published.len() > LONGEST {
            checks.problem(
                &key,
                format!(
                    "{} with its prefix is longer than {LONGEST} characters (shorten it)",
                    quote(published)
                ),
            );
        }
        if let Some(other) = taken.insert(published, original) {
            let message = format!(
                "{} and {} would both be called {} (choose another name)",
                quote(other),
                quote(original),
                quote(published)
            );
            checks.problem(&key, message);
        }
    }
}

fn is_legal(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.')
}

/// The tools whose names the file tells: those listed, and those renamed, which come last.
fn offered(tools: &Tools) -> impl Iterator<Item = &str> {
    let listed = tools.allow.iter().flatten().filter(|name| !tools.rename.contains_key(*name));
    listed.chain(tools.rename.keys()).map(String::as_str).filter(|name| tools.offers(name))
}

/// Names that would meet once all servers stand side by side.
pub(super) fn collisions(checks: &mut Checks<'_>, servers: &[(usize, Server)]) {
    let mut prefixes: HashMap<&str, &Server> = HashMap::new();
    let mut names: HashMap<String, &Server> = HashMap::new();
    for (index, server) in servers {
        let prefix = server.published_prefix();
        if let Some(first) = prefixes.insert(prefix, server) {
            let key = format!("servers[{index}].prefix");
            let other = quote(first.name.as_str());
            match prefix {
                "" => checks.warning(
                    &key,
                    format!(
                        "no prefix, as with {other}, so their names may collide (write a prefix)"
                    ),
                ),
                _ => checks.problem(
                    &key,
                    format!("{} is also the prefix of {other} (choose another)", quote(prefix)),
                ),
            }
        }
        for original in offered(&server.tools) {
            let published = format!("{prefix}{}", server.tools.published(original));
            let message = names.get(&published).map(|first| {
                format!(
                    "{} would publish the tool {}, as {} does (rename one, or set a prefix)",
                    quote(server.name.as_str()),
                    quote(&published),
                    quote(first.name.as_str())
                )
            });
            match message.filter(|_| {
                !names.get(&published).is_some_and(|first| std::ptr::eq(*first, server))
            }) {
                Some(message) => checks.problem(&format!("servers[{index}]"), message),
                None => {
                    names.insert(published, server);
                }
            }
        }
    }
}
