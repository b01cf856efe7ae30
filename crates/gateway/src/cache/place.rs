//! Which questions are the same? Those of the same caller, or whoever shares with it, at the same
//! endpoint, in the same revision, for the same tool with the same arguments.

use toolgate_catalog::canonical::{Hash, canonical};
use toolgate_protocol::json::quote;

use super::answers::Cache;
use crate::call::Request;
use crate::config::KeptFor;

/// What the answer to a call is kept under; `None` for one that is more than a question: a task,
/// or the second part of one that asked its client something (2026-07-28, cache hints: results of
/// retries are never kept).
///
/// The arguments are those that leave, with what the gateway gives among them.
pub(super) fn name(cache: &Cache, toolset: &str, tool: &str, request: &Request) -> Option<Hash> {
    let params = request.message.params()?;
    if !params.iter().all(|(key, _)| matches!(&*key, "name" | "arguments" | "_meta")) {
        return None;
    }
    let arguments = match params.get("arguments") {
        Some(arguments) => {
            let bytes = request.edits.apply_within(request.message.bytes(), arguments.span());
            // Arguments that parsers read differently are nobody else's.
            canonical(&bytes).ok()?
        }
        None => "{}".to_owned(),
    };
    let caller = &request.who.caller;
    let (kind, who) = match (cache.rules.scope, &caller.tenant) {
        (KeptFor::Everyone, _) => ("", ""),
        (KeptFor::Tenant, Some(tenant)) => ("tenant", &**tenant),
        (KeptFor::Tenant, None) | (KeptFor::Caller, _) => ("caller", &*caller.principal),
    };
    let session = request.who.session.as_deref().filter(|_| cache.per_session).unwrap_or_default();
    let parts = [kind, who, session, toolset, request.client.version.as_str(), tool];
    // As JSON strings, no two lists of parts are one text.
    let mut text: String = parts.iter().map(|part| quote(part)).collect();
    text.push_str(&arguments);
    Some(Hash::of(&text))
}
