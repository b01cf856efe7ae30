//! One server: what it is, how it is reached, and whether its keys fit that.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use http::{HeaderName, HeaderValue};

use super::{Checks, tools};
use crate::config::checked::{INHERITED, Kind, Server};
use crate::config::entry::{Entry, EraChoice, Sessions, Transport};
use crate::config::problem::{key_path, quote};

/// The server that `entry` describes, or nothing if it describes none.
pub(super) fn resolve(
    checks: &mut Checks<'_>,
    index: usize,
    mut entry: Entry,
    several: bool,
) -> Option<Server> {
    let path = format!("servers[{index}]");
    timeouts(checks, &path, &mut entry);
    let tools = tools::resolve(checks, &path, &mut entry);
    let default_prefix = if several { format!("{}_", entry.name) } else { String::new() };
    let prefix = entry.prefix.take().unwrap_or(default_prefix);
    tools::names(checks, &path, &tools, &prefix);
    let sessions = sessions(checks, &path, &entry);
    let (timeout, timeout_total) = (entry.timeout.duration(), entry.timeout_total.duration());
    let (required, cache_scope, cache_ttl) =
        (entry.required, entry.cache_scope, entry.cache_ttl.duration());
    let name = entry.name.clone();
    let kind = kind(checks, &path, entry)?;
    Some(Server {
        name,
        kind,
        sessions,
        tools,
        timeout,
        timeout_total,
        required,
        cache_scope,
        cache_ttl,
        prefix,
    })
}

/// No two names may differ only in what a metric label or a URL might not keep apart.
pub(super) fn names(checks: &mut Checks<'_>, servers: &[(usize, Server)]) {
    let mut taken: HashMap<String, &Server> = HashMap::new();
    for (index, server) in servers {
        let plain = server.name.as_str().to_ascii_lowercase().replace('_', "-");
        if let Some(first) = taken.get(&plain) {
            let message = format!(
                "{} is too close to the server {} (case and _ do not tell names apart; choose another)",
                quote(server.name.as_str()),
                quote(first.name.as_str())
            );
            checks.problem(&format!("servers[{index}].name"), message);
        } else {
            taken.insert(plain, server);
        }
    }
}

fn timeouts(checks: &mut Checks<'_>, path: &str, entry: &mut Entry) {
    for (key, span) in [("timeout", entry.timeout), ("timeout_total", entry.timeout_total)] {
        if span.is_zero() {
            checks.problem(
                &format!("{path}.{key}"),
                "no call would ever be in time (write 1s or more)",
            );
        }
    }
    if entry.timeout > entry.timeout_total {
        if checks.places.has(&format!("{path}.timeout")) {
            let message = format!(
                "timeout {} is longer than timeout_total {} (raise timeout_total)",
                entry.timeout, entry.timeout_total
            );
            checks.problem(&format!("{path}.timeout"), message);
        }
        entry.timeout = entry.timeout_total;
    }
}

fn sessions(checks: &mut Checks<'_>, path: &str, entry: &Entry) -> Sessions {
    if entry.sessions == Some(Sessions::PerCaller) {
        let message = "nothing tells callers apart without authentication, so this is the same as shared (write per_session to separate clients)";
        checks.warning(&format!("{path}.sessions"), message);
    }
    entry.sessions.unwrap_or(Sessions::Shared)
}

/// Keys that only some kinds of server have, with those kinds.
const FITTING: [(&str, &[&str]); 8] = [
    ("headers", &["upstream"]),
    ("transport", &["upstream"]),
    ("env", &["command"]),
    ("inherit_env", &["command"]),
    ("cwd", &["command"]),
    ("idle", &["command"]),
    ("era", &["upstream", "command"]),
    ("sessions", &["upstream", "command"]),
];

fn kind(checks: &mut Checks<'_>, path: &str, entry: Entry) -> Option<Kind> {
    let kinds = ["upstream", "command", "files"];
    let written: Vec<&str> =
        kinds.into_iter().filter(|kind| checks.places.has(&format!("{path}.{kind}"))).collect();
    match written.as_slice() {
        [] => {
            checks.problem(path, "nothing says how to reach the server (add upstream: URL, command: [PROGRAM, ...] or files: {root: DIR})");
            return None;
        }
        [kind] => misplaced(checks, path, kind),
        several => {
            let message = format!("{} exclude each other (keep one)", several.join(" and "));
            checks.problem(&format!("{path}.{}", several[several.len() - 1]), message);
            return None;
        }
    }
    match (&entry.upstream, &entry.command, &entry.files) {
        (Some(_), ..) => http(checks, path, entry),
        (_, Some(_), _) => stdio(checks, path, entry),
        _ => files(checks, path, entry),
    }
}

fn misplaced(checks: &mut Checks<'_>, path: &str, kind: &str) {
    for (key, kinds) in FITTING {
        let place = format!("{path}.{key}");
        if checks.places.has(&place) && !kinds.contains(&kind) {
            checks.problem(
                &place,
                format!(
                    "only for servers with {}, and this one has {kind} (remove it)",
                    kinds.join(" or ")
                ),
            );
        }
    }
}

/// Headers that belong to HTTP or to MCP itself: two of one would let two readers disagree.
const RESERVED: [&str; 14] = [
    "accept",
    "accept-encoding",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "host",
    "keep-alive",
    "last-event-id",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

fn http(checks: &mut Checks<'_>, path: &str, entry: Entry) -> Option<Kind> {
    let url = entry.upstream?;
    if !url.is_https() && !url.is_loopback() {
        checks.warning(
            &format!("{path}.upstream"),
            "plain http to another machine can be read and changed on the way (write https)",
        );
    }
    if entry.transport == Transport::Sse && entry.era == EraChoice::Modern {
        checks.problem(
            &format!("{path}.transport"),
            "the modern era has no sse transport (write era: legacy, or transport: streamable)",
        );
    }
    let headers = format!("{path}.headers");
    for (name, value) in &entry.headers {
        let place = key_path(&headers, name);
        match HeaderName::from_bytes(name.as_bytes()) {
            Err(_) => checks.problem(
                &place,
                format!(
                    "{} cannot be the name of a header (use letters, digits and -)",
                    quote(name)
                ),
            ),
            Ok(name) if RESERVED.contains(&name.as_str()) || name.as_str().starts_with("mcp-") => {
                checks.problem(&place, format!("the gateway itself sets {name} (remove it)"));
            }
            Ok(_) => {}
        }
        if HeaderValue::from_str(value.reveal()).is_err() {
            checks.problem(&place, "the value has characters that no header may have (remove line breaks and control characters)");
        }
        if name.eq_ignore_ascii_case("authorization") && checks.places.is_literal(&place) {
            checks.warning(
                &place,
                "the credential stands in the file itself (write ${env:NAME} or ${file:PATH})",
            );
        }
    }
    Some(Kind::Http { url, headers: entry.headers, era: entry.era, transport: entry.transport })
}

fn stdio(checks: &mut Checks<'_>, path: &str, entry: Entry) -> Option<Kind> {
    let mut words = entry.command?.into_iter();
    let program = words.next().unwrap_or_default();
    let arguments: Vec<String> = words.collect();
    if program.trim().is_empty() {
        checks.problem(
            &format!("{path}.command"),
            "the command has no program (write command: [PROGRAM, ARGUMENT, ...])",
        );
    }
    if program.contains('\0') || arguments.iter().any(|word| word.contains('\0')) {
        checks.problem(
            &format!("{path}.command"),
            "no word of a command can have a NUL character (remove it)",
        );
    }
    let inherit_env = entry.inherit_env.unwrap_or_else(|| INHERITED.map(str::to_owned).to_vec());
    let env = format!("{path}.env");
    let set = entry.env.keys().map(|name| (name, key_path(&env, name)));
    let inherited = inherit_env
        .iter()
        .enumerate()
        .map(|(index, name)| (name, format!("{path}.inherit_env[{index}]")));
    for (name, place) in set.chain(inherited) {
        if name.is_empty() || name.contains(['=', '\0']) {
            checks.problem(
                &place,
                format!("{} cannot be the name of a variable (write NAME alone)", quote(name)),
            );
        }
    }
    for name in
        entry.env.iter().filter(|(_, value)| value.reveal().contains('\0')).map(|(name, _)| name)
    {
        checks.problem(&key_path(&env, name), "no variable can have a NUL character (remove it)");
    }
    let cwd = entry.cwd.map(|cwd| directory(checks, &format!("{path}.cwd"), &cwd));
    let idle = Some(entry.idle.unwrap_or(Entry::IDLE))
        .filter(|idle| !idle.is_zero())
        .map(super::super::values::Span::duration);
    Some(Kind::Stdio { program, arguments, env: entry.env, inherit_env, cwd, idle, era: entry.era })
}

fn files(checks: &mut Checks<'_>, path: &str, entry: Entry) -> Option<Kind> {
    let files = entry.files?;
    let root = directory(checks, &format!("{path}.files.root"), &files.root);
    Some(Kind::Files { root, write: files.write })
}

fn directory(checks: &mut Checks<'_>, key: &str, path: &Path) -> PathBuf {
    let resolved = checks.resolve(key, path);
    if !checks.sources.is_directory(&resolved) {
        let shown = checks.shown(key, &path.to_string_lossy());
        checks
            .problem(key, format!("{shown} is not a directory (paths are relative to this file)"));
    }
    resolved
}
