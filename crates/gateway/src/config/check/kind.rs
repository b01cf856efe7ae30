//! How a server is reached, and whether its other keys fit that.

use super::paths::directory;
use super::servers::{self, files, knowledge, sql};
use super::{Checks, launch};
use crate::config::bind::Bindings;
use crate::config::entry::{Entry, EraChoice, Transport};
use crate::config::problem::{key_path, quote};
use crate::config::server::{INHERITED, Kind};
use toolgate_values::Name;

/// Keys that only some kinds of server have, with those kinds.
const FITTING: [(&str, &[&str]); 11] = [
    ("headers", &["upstream"]),
    ("transport", &["upstream"]),
    ("env", &["command"]),
    ("inherit_env", &["command"]),
    ("cwd", &["command"]),
    ("idle", &["command"]),
    ("unpinned", &["command"]),
    ("era", &["upstream", "command"]),
    ("sessions", &["upstream", "command", "hosted"]),
    ("upstream_auth", &["upstream", "command"]),
    ("context", &["upstream", "command"]),
];

/// What the server is, by the one key that says how to reach it.
/// `known`: whether callers are told apart; `bind`: arguments that the gateway gives.
pub(super) fn resolve(
    checks: &mut Checks<'_>,
    path: &str,
    entry: Entry,
    known: bool,
    bind: &mut Bindings,
) -> Option<Kind> {
    let kinds = [
        "upstream",
        "command",
        "files",
        "knowledge",
        "sql",
        "http",
        "openapi",
        "state",
        "content",
        "transform",
        "workflow",
        "hosted",
    ];
    let written: Vec<&str> =
        kinds.into_iter().filter(|kind| checks.places.has(&format!("{path}.{kind}"))).collect();
    match written.as_slice() {
        [] => {
            checks.problem(path, "nothing says how to reach the server (add upstream: URL, command: [PROGRAM, ...], files: {root: DIR}, knowledge: {root: DIR}, sql: {url: URL, tools: {...}}, http: {base: URL, tools: {...}}, openapi: {document: FILE}, state: {}, content: {prompts: {...}}, transform: {} or workflow: {tools: {...}})");
            return None;
        }
        [kind] => misplaced(checks, path, kind),
        several => {
            let message = format!("{} exclude each other (keep one)", several.join(" and "));
            checks.problem(&format!("{path}.{}", several[several.len() - 1]), message);
            return None;
        }
    }
    match *written.first()? {
        "upstream" => http(checks, path, entry),
        "command" => stdio(checks, path, entry),
        "files" => files::resolve(checks, path, entry.files?, known, entry.cache_scope),
        "hosted" => {
            entry.hosted?;
            hosted(checks, path, &entry.name)
        }
        "knowledge" => Some(knowledge::resolve(checks, path, entry.knowledge?, known)),
        "sql" => sql::resolve(checks, path, entry.sql?, known, bind).map(Kind::Sql),
        "http" => {
            let api = entry.http?;
            servers::http::check(checks, &format!("{path}.http"), &api);
            Some(Kind::HttpApi(Box::new(api)))
        }
        "state" => {
            let state = entry.state?;
            servers::state::check(checks, &format!("{path}.state"), &state, known);
            Some(Kind::State(Box::new(state)))
        }
        "content" => {
            let mut content = entry.content?;
            servers::content::check(checks, &format!("{path}.content"), &mut content);
            Some(Kind::Content(Box::new(content)))
        }
        "transform" => {
            let transform = entry.transform?;
            servers::transform::check(checks, &format!("{path}.transform"), &transform);
            Some(Kind::Transform(transform))
        }
        "workflow" => {
            let workflow = entry.workflow?;
            servers::workflow::check(checks, &format!("{path}.workflow"), &workflow);
            Some(Kind::Workflow(Box::new(workflow)))
        }
        _ => {
            let mut api = entry.openapi?;
            servers::openapi::check(checks, &format!("{path}.openapi"), &mut api);
            Some(Kind::OpenApi(Box::new(api)))
        }
    }
}

fn hosted(checks: &mut Checks<'_>, path: &str, name: &Name) -> Option<Kind> {
    if checks.sources.hosted().contains(name) {
        return Some(Kind::Hosted);
    }
    let message = format!(
        "this program has no server of its own called {} (start the program that has, or write the name that it gives to Gateway::builder().host)",
        quote(name.as_str())
    );
    checks.problem(&format!("{path}.hosted"), message);
    None
}

fn misplaced(checks: &mut Checks<'_>, path: &str, kind: &str) {
    for (key, kinds) in FITTING {
        let place = format!("{path}.{key}");
        if checks.places.has(&place) && !kinds.contains(&kind) {
            let fitting = kinds.join(" or ");
            let message =
                format!("only for servers with {fitting}, and this one has {kind} (remove it)");
            checks.problem(&place, message);
        }
    }
}

fn http(checks: &mut Checks<'_>, path: &str, entry: Entry) -> Option<Kind> {
    let url = entry.upstream?;
    if !url.is_https() && !url.is_loopback() {
        let message =
            "plain http to another machine can be read and changed on the way (write https)";
        checks.warning(&format!("{path}.upstream"), message);
    }
    if entry.transport == Transport::Sse && entry.era == EraChoice::Modern {
        let message =
            "the modern era has no sse transport (write era: legacy, or transport: streamable)";
        checks.problem(&format!("{path}.transport"), message);
    }
    servers::headers(checks, &format!("{path}.headers"), &entry.headers, &[]);
    Some(Kind::Http { url, headers: entry.headers, era: entry.era, transport: entry.transport })
}

fn stdio(checks: &mut Checks<'_>, path: &str, entry: Entry) -> Option<Kind> {
    let words = entry.command?;
    launch::check(checks, path, &words, entry.unpinned);
    launch::variables(checks, path, &entry.env);
    let nul = words.iter().any(|word| word.contains('\0'));
    let mut words = words.into_iter();
    let program = words.next().filter(|program| !program.trim().is_empty()).unwrap_or_default();
    if program.is_empty() {
        let message = "the command has no program (write command: [PROGRAM, ARGUMENT, ...])";
        checks.problem(&format!("{path}.command"), message);
    }
    if nul {
        checks.problem(&format!("{path}.command"), "no word can have a NUL character (remove it)");
    }
    for (name, value) in &entry.env {
        let place = key_path(&format!("{path}.env"), name);
        variable(checks, &place, name);
        if value.reveal().contains('\0') {
            checks.problem(&place, "no variable can have a NUL character (remove it)");
        }
    }
    let inherit_env = entry.inherit_env.unwrap_or_else(|| INHERITED.map(str::to_owned).to_vec());
    for (index, name) in inherit_env.iter().enumerate() {
        let place = format!("{path}.inherit_env[{index}]");
        variable(checks, &place, name);
        launch::variable(checks, &place, name, "");
    }
    let cwd = entry.cwd.map(|cwd| directory(checks, &format!("{path}.cwd"), &cwd));
    let idle = Some(entry.idle.unwrap_or(Entry::IDLE))
        .filter(|idle| !idle.is_zero())
        .map(toolgate_values::Span::duration);
    Some(Kind::Stdio {
        program,
        arguments: words.collect(),
        env: entry.env,
        inherit_env,
        cwd,
        idle,
        era: entry.era,
    })
}

fn variable(checks: &mut Checks<'_>, place: &str, name: &str) {
    if name.is_empty() || name.contains(['=', '\0']) {
        checks.problem(place, "that cannot name a variable (write NAME alone, without =)");
    }
}
