//! One server: its name, its times, its sessions.

use std::collections::HashMap;

use super::{Checks, bind, cache, kind, screening, tools, upstream_auth};
use crate::config::definitions::Definitions;
use crate::config::entry::{Entry, Sessions};
use crate::config::problem::quote;
use crate::config::screening::Screening;
use crate::config::server::{Kind, Server};

/// The server that `entry` describes, or nothing if it describes none.
pub(super) fn resolve(
    checks: &mut Checks<'_>,
    index: usize,
    mut entry: Entry,
    several: bool,
    known: bool,
    whole: &Screening,
) -> Option<Server> {
    let path = format!("servers[{index}]");
    if entry.workflow.is_some() && !checks.places.has(&format!("{path}.timeout")) {
        // Its steps are silent or not, each within a time of its own.
        entry.timeout = entry.timeout_total;
    }
    timeouts(checks, &path, &mut entry);
    let tools = tools::resolve(checks, &path, &mut entry);
    let default_prefix = if several { format!("{}_", entry.name) } else { String::new() };
    let prefix = entry.prefix.take().unwrap_or(default_prefix);
    tools::names(checks, &path, &tools, &prefix);
    let mut bind = bind::resolve(checks, &path, std::mem::take(&mut entry.bind), &tools, known);
    let sessions = sessions(checks, &path, &entry, known);
    let (timeout, timeout_total) = (entry.timeout.duration(), entry.timeout_total.duration());
    let (required, cache_scope, cache_ttl) =
        (entry.required, entry.cache_scope, entry.cache_ttl.duration());
    let definitions = entry.definitions.take();
    let kept = entry.cache.take();
    let name = entry.name.clone();
    let onwards = upstream_auth::resolve(checks, &path, &mut entry, known);
    let context = entry.context;
    let limits = std::mem::take(&mut entry.rate_limit);
    let mut own = std::mem::take(&mut entry.screening);
    if entry.hosted.is_some() {
        // The schema comes with the code, and whoever writes a handler counts on it.
        let said = own.validate.arguments.or(whole.validate.arguments);
        own.validate.arguments = said.or(Some(true));
    }
    let screen = screening::resolve(checks, &format!("{path}.screening"), own, whole);
    let audit_reads = entry.audit_reads;
    let required_scopes = std::mem::take(&mut entry.required_scopes);
    let tool_scopes = std::mem::take(&mut entry.tool_scopes);
    let kind = kind::resolve(checks, &path, entry, known, &mut bind)?;
    let shown = (&onwards, context);
    let cache = cache::resolve(checks, &path, kept, &tools, &kind, shown, known);
    let definitions = definitions.unwrap_or(match kind {
        // Part of this program, like the code that serves them.
        Kind::Files(_) | Kind::Knowledge(_) | Kind::Transform(_) | Kind::Hosted => {
            Definitions::Allow
        }
        // Part of this file, which somebody approved by serving it.
        Kind::Sql(_) | Kind::State(_) | Kind::Content(_) => Definitions::Allow,
        // Written by the operator, like this file.
        Kind::HttpApi(_) | Kind::Workflow(_) => Definitions::Allow,
        Kind::OpenApi(ref api) if api.file().is_some() => Definitions::Allow,
        _ => Definitions::Quarantine,
    });
    Some(Server {
        name,
        kind,
        sessions,
        tools,
        definitions,
        bind,
        timeout,
        timeout_total,
        required_scopes,
        tool_scopes,
        limits,
        screen,
        cache,
        audit_reads,
        required,
        cache_scope,
        cache_ttl,
        onwards,
        context,
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
    let semantic = entry.knowledge.as_ref().and_then(|knowledge| knowledge.semantic.as_ref());
    if semantic.is_some_and(|semantic| semantic.patience >= entry.timeout) {
        let timeout = entry.timeout;
        let message =
            format!("searches would be given up before (write less than timeout, {timeout})");
        checks.problem(&format!("{path}.knowledge.semantic.patience"), message);
    }
}

fn sessions(checks: &mut Checks<'_>, path: &str, entry: &Entry, known: bool) -> Sessions {
    if !known && entry.sessions == Some(Sessions::PerCaller) {
        let message = "nothing tells callers apart without authentication, so this is the same as shared (write per_session to separate clients)";
        checks.warning(&format!("{path}.sessions"), message);
    }
    // Callers who are told apart do not meet in one session unless somebody says so.
    let default = if known { Sessions::PerCaller } else { Sessions::Shared };
    entry.sessions.unwrap_or(default)
}
