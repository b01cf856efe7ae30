//! Kept answers: of tools that there are, and only for those whom they are true for.

use toolgate_values::Size;

use super::Checks;
use crate::config::bind::Part;
use crate::config::cache::{Cache, KeptFor};
use crate::config::problem::quote;
use crate::config::server::{Kind, Tools};
use crate::config::servers::files::FilesRoot;
use crate::config::upstream_auth::Onwards;

/// Less than this holds hardly any answer.
const LEAST: Size = Size::kib(64);

/// The rules, if answers can be kept by them at all. `known`: whether callers are told apart.
pub(super) fn resolve(
    checks: &mut Checks<'_>,
    path: &str,
    cache: Option<Cache>,
    tools: &Tools,
    kind: &Kind,
    (onwards, context): (&Onwards, bool),
    known: bool,
) -> Option<Cache> {
    let cache = cache?;
    let path = format!("{path}.cache");
    let unfit = match kind {
        Kind::State(_) => {
            "what is kept between calls changes by calls, and an old version would be given out (remove cache)"
        }
        Kind::Content(_) => "it has no tools (remove cache)",
        _ => "",
    };
    if !unfit.is_empty() {
        checks.problem(&path, unfit);
        return None;
    }
    for (index, tool) in cache.tools.iter().enumerate() {
        if !tool.contains('*') && !tools.offers(tool) {
            let message =
                format!("{} is not offered (remove it, or offer it in tools)", quote(tool));
            checks.problem(&format!("{path}.tools[{index}]"), message);
        }
    }
    if cache.ttl.is_zero() || cache.ttl > Cache::LONGEST {
        let message = format!("expected between 1ms and {} (5m is the default)", Cache::LONGEST);
        checks.problem(&format!("{path}.ttl"), message);
    }
    if cache.max_size < LEAST {
        let message = format!("expected at least {LEAST} (64MiB is the default)");
        checks.problem(&format!("{path}.max_size"), message);
    }
    let (widest, why) = widest(&cache, kind, onwards, context);
    let place = format!("{path}.scope");
    if cache.scope > widest {
        let message = format!("{why} (write {})", widest.as_str());
        checks.problem(&place, message);
    } else if cache.scope == KeptFor::Tenant && !known {
        let message = "nobody has a tenant while nothing authenticates callers (add authentication, or write everyone)";
        checks.problem(&place, message);
    }
    Some(cache)
}

/// For whom an answer of the server is true at most, and why.
fn widest(cache: &Cache, kind: &Kind, onwards: &Onwards, context: bool) -> (KeptFor, &'static str) {
    let shown = !matches!(onwards, Onwards::Nothing | Onwards::ClientCredentials(_));
    if shown || context {
        return (
            KeptFor::Caller,
            "the server is shown who calls, and may answer each caller otherwise",
        );
    }
    match kind {
        Kind::Workflow(_) => (KeptFor::Caller, "each step is permitted to the caller alone"),
        Kind::Hosted => {
            (KeptFor::Caller, "the server knows who calls, and may answer each caller otherwise")
        }
        Kind::Files(files) if files.roots.iter().any(FilesRoot::is_per_caller) => {
            (KeptFor::Caller, "each caller has files of its own")
        }
        Kind::Sql(rules)
            if rules
                .tools
                .iter()
                .any(|tool| !tool.page_by.is_empty() && cache.has(&tool.name, true)) =>
        {
            (KeptFor::Caller, "a tool has pages, and the next one is for the caller who asked")
        }
        Kind::Sql(rules) => {
            let mut parts = rules.session.values().flat_map(|bound| &bound.0);
            let why = "the database is told who calls, and may show each caller other rows";
            if rules.session.values().flat_map(|bound| &bound.0).all(is_text) {
                (KeptFor::Everyone, "")
            } else if parts.all(|part| is_text(part) || *part == Part::Tenant) {
                (KeptFor::Tenant, why)
            } else {
                (KeptFor::Caller, why)
            }
        }
        _ => (KeptFor::Everyone, ""),
    }
}

fn is_text(part: &Part) -> bool {
    matches!(part, Part::Text(_))
}
