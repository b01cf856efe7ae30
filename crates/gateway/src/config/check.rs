//! What a schema cannot say: rules between keys, and between the file and the machine.

mod approvals;
mod audit;
mod authentication;
mod bind;
mod cache;
mod headers;
mod keys;
mod kind;
mod launch;
mod network;
mod paths;
mod policy;
mod screening;
mod server;
mod servers;
mod store;
mod tools;
mod toolsets;
mod upstream_auth;
mod usage;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::checked::{Checked, LockFile};
use super::entry::Entry;
use super::node::Places;
use super::problem::{Report, quote};
use super::screening::Screening;
use super::server::Server;
use super::servers::workflow::Workflow;
use super::sources::Sources;
use super::tree::Config;
use toolgate_values::{Size, Span};

/// Checks every rule and resolves the defaults that depend on other keys. What comes back counts
/// only if nothing was reported.
pub(super) fn run(
    mut config: Config,
    places: &Arc<Places>,
    sources: &dyn Sources,
    report: &mut Report,
) -> Option<Checked> {
    let mut checks = Checks { places, sources, report };
    authentication::check(&mut checks, &mut config);
    audit::check(&mut checks, &mut config);
    network::check(&mut checks, &mut config);
    keys::check(&mut checks, &mut config);
    bounds(&mut checks, &mut config);
    usage::check(&mut checks, &mut config);
    store::check(&mut checks, &config);
    screening::problems(&mut checks, "screening", &config.screening);
    approvals::check(&mut checks, &config);
    let known = config.authentication.is_some();
    let entries = std::mem::take(&mut config.entries);
    let servers = servers(&mut checks, entries, known, &config.screening);
    upstream_auth::keys(&mut checks, &config, &servers);
    upstream_auth::vault(&mut checks, &mut config, &servers);
    let lock = lock(&mut checks, config.lock.take());
    let toolsets = toolsets::check(&mut checks, &config, &servers, &lock);
    let policy = policy::check(&mut checks, &config, &servers, &lock, &toolsets);
    let servers = servers.into_iter().map(|(_, server)| server).collect();
    let version = sources.server_info().map(|info| info.version.as_str().into());
    let places = Arc::clone(places);
    Some(Checked { config, servers, lock, policy, toolsets, version, places })
}

/// Checks one workflow by itself; `path` is where it stands.
pub(super) fn workflow(
    places: &Places,
    sources: &dyn Sources,
    report: &mut Report,
    path: &str,
    workflow: &Workflow,
) {
    servers::workflow::check(&mut Checks { places, sources, report }, path, workflow);
}

/// What every rule needs: where keys stand, what the machine has, and where to report.
struct Checks<'a> {
    places: &'a Places,
    sources: &'a dyn Sources,
    report: &'a mut Report,
}

impl Checks<'_> {
    fn problem(&mut self, path: &str, message: impl Into<String>) {
        self.report.consequence(self.places.at(path), message);
    }

    fn warning(&mut self, path: &str, message: impl Into<String>) {
        self.report.warning(self.places.at(path), message);
    }

    /// The value at `path` as a message may quote it: what it refers to, rather than what came of
    /// that. Names and prefixes need no such care, as every client sees them.
    fn shown(&self, path: &str, value: &str) -> String {
        quote(self.places.written(path).unwrap_or(value))
    }

    /// A path in the file at `key`, relative to the file it stands in, from the root.
    fn resolve(&self, key: &str, path: &Path) -> PathBuf {
        let folder = self.places.at(key).file.parent().unwrap_or_else(|| Path::new(""));
        self.sources.absolute(&folder.join(path))
    }
}

/// The lock file, beside the configuration unless that says otherwise.
fn lock(checks: &mut Checks<'_>, named: Option<PathBuf>) -> LockFile {
    let path = named.as_deref().unwrap_or(Path::new(toolgate_catalog::lock::FILE));
    LockFile { path: checks.resolve("lock", path), named: named.is_some() }
}

/// Bounds of zero would stop everything, and bounds that contradict each other have no effect.
fn bounds(checks: &mut Checks<'_>, config: &mut Config) {
    let (limits, sessions) = (&config.limits, &config.sessions);
    let spans: [(&str, Span); 5] = [
        ("limits.header_time", limits.header_time),
        ("limits.body_time", limits.body_time),
        ("sessions.idle", sessions.idle),
        ("sessions.lifetime", sessions.lifetime),
        ("parking.ttl", config.parking.ttl),
    ];
    for (path, _) in spans.iter().filter(|(_, span)| span.is_zero()) {
        checks.problem(path, "nothing would ever be in time (write 1s or more)");
    }
    let sizes = [
        ("limits.body", limits.body),
        ("limits.headers", limits.headers),
        ("limits.line", limits.line),
        ("limits.event", limits.event),
        ("limits.reply", limits.reply),
    ];
    for (path, _) in sizes.iter().filter(|(_, size)| *size < Size::kib(1)) {
        checks.problem(path, "too small for any message (write 1KiB or more)");
    }
    ordered(checks, config);
}

/// Where a bound that was left out meets a smaller one around it, the smaller one holds.
fn ordered(checks: &mut Checks<'_>, config: &mut Config) {
    let (limits, sessions) = (&mut config.limits, &mut config.sessions);
    if limits.in_flight_per_client > limits.in_flight {
        if checks.places.has("limits.in_flight_per_client") {
            let (one, all) = (limits.in_flight_per_client, limits.in_flight);
            let message = format!(
                "one client may have {one} requests and all together {all} (write at most {all})"
            );
            checks.problem("limits.in_flight_per_client", message);
        }
        limits.in_flight_per_client = limits.in_flight;
    }
    if sessions.idle > sessions.lifetime {
        if checks.places.has("sessions.idle") {
            let message = format!(
                "idle {} is longer than lifetime {} (shorten idle)",
                sessions.idle, sessions.lifetime
            );
            checks.problem("sessions.idle", message);
        }
        sessions.idle = sessions.lifetime;
    }
}

/// The servers with their places in the file. `known`: whether callers are told apart.
fn servers(
    checks: &mut Checks<'_>,
    entries: Vec<Entry>,
    known: bool,
    screening: &Screening,
) -> Vec<(usize, Server)> {
    if entries.is_empty() && !checks.report.has_under("import") {
        let message =
            "no servers (add servers: [{name: NAME, upstream: URL}], or import an mcp.json)";
        checks.problem("servers", message);
    }
    let several = entries.len() > 1;
    let servers: Vec<(usize, Server)> = entries
        .into_iter()
        .enumerate()
        .filter_map(|(index, entry)| {
            Some((index, server::resolve(checks, index, entry, several, known, screening)?))
        })
        .collect();
    server::names(checks, &servers);
    servers::knowledge::indexes(checks, &servers);
    tools::collisions(checks, &servers);
    tools::absent(checks, &servers);
    self::servers::workflow::calls(checks, &servers);
    servers
}
