//! What did the operator ask for, and can it be done?
//!
//! A file passes through here in one direction: text, nodes with their lines, the shape of the
//! schema, the typed tree, and at last [`Checked`], which is all that a gateway is built from.
//! Every problem on the way is collected, so that one run shows them all.

pub(crate) mod approvals;
pub(crate) mod bind;
mod bound;
mod cache;
mod catalog;
mod check;
mod checked;
mod command;
mod definitions;
mod document;
mod entry;
pub mod header;
mod import;
mod interpolate;
mod jsonc;
mod metering;
mod node;
mod policy;
mod problem;
mod program;
mod rates;
mod reference;
mod schema;
pub(crate) mod screening;
pub(crate) mod server;
pub mod servers;
mod shape;
mod sources;
mod store;
pub(crate) mod toolsets;
mod tree;
mod upstream_auth;
mod usage;
mod workflows;
mod yaml;

use std::path::Path;
use std::sync::Arc;

pub use approvals::{Approvals, By};
pub use bind::{Bound, Part};
pub use cache::{Cache, KeptFor};
pub use checked::{Checked, LockFile};
pub use definitions::Definitions;
pub use document::document;
pub use entry::{AuditReads, CacheScope, EraChoice, Sessions, Transport};
pub use metering::{Backend, Metering, Metric};
pub use policy::PolicyRules;
pub use problem::{Problem, Problems, Warning};
pub use rates::{RateLimits, ServerLimits};
pub use schema::SCHEMA;
pub use screening::{
    Characters, Imitation, Markup, Misfits, Screening, SizePolicy, Structured, Unlisted, Validate,
};
pub use server::{Kind, Server, Tools};
pub use servers::content::Content;
pub use servers::files::{FileQuota, Files, FilesPlace, FilesRoot, HomeName};
pub use servers::knowledge::{
    Boosts, Knowledge, KnowledgeLimits, Language, Semantic, Weights, Writers,
};
pub use servers::state::State;
pub use servers::transform::Transform;
pub use sources::{Fixed, Machine, ServerInfo, Sources};
pub use store::{StoreRules, WhenUnavailable};
pub use toolgate_values::{Listen, Misfit, Name, Network, Rate, Secret, Size, Span, Url};
pub use toolsets::Toolset as ToolsetRules;
pub use tree::{
    ClientCertificates, Config, Level, Limits, Log, LogFormat, Parking, Processes, Replica,
    SessionLimits, Tls,
};

pub use upstream_auth::{
    AuthKind, Authority, ClientAuth, Exchange, ExchangeGrant, Onwards, Signing, TokenType,
    UpstreamAuth, Vault, Vaulted, Wanted,
};
pub use usage::{Every, Per, Quota, Usage};
pub use workflows::workflows;

use node::{Node, Places};
use problem::{Place, Report};
use serde::Deserialize as _;

/// Reads the configuration in `path`: our own YAML (or JSON), or the `mcp.json` of another client.
///
/// # Errors
/// Everything that is wrong with it, each with its line and a way out.
pub fn load(path: &Path) -> Result<(Checked, Vec<Warning>), Problems> {
    load_from(path, &Machine)
}

/// The same, with what it refers to from `sources`.
///
/// # Errors
/// Everything that is wrong with it, each with its line and a way out.
pub fn load_from(path: &Path, sources: &dyn Sources) -> Result<(Checked, Vec<Warning>), Problems> {
    match sources.read(path) {
        Ok(text) => parse(&text, path, sources),
        Err(error) => {
            let mut report = Report::default();
            report
                .problem(&Place::whole(&Arc::from(path)), format!("cannot read the file: {error}"));
            report.end(None)
        }
    }
}

/// All that can be said of a configuration, wrong or not.
#[derive(Debug)]
pub struct Examined {
    /// What could be made of it. It may be served only if there are no problems.
    pub checked: Option<Checked>,
    /// What is wrong with it.
    pub problems: Vec<Problem>,
    /// What to know of it besides.
    pub warnings: Vec<Warning>,
}

/// Reads the configuration in `path` as far as it can be read.
pub fn examine(path: &Path, sources: &dyn Sources) -> Examined {
    let mut report = Report::default();
    let checked = match sources.read(path) {
        Ok(text) => read(&text, &Arc::from(path), sources, &mut report),
        Err(error) => {
            report
                .problem(&Place::whole(&Arc::from(path)), format!("cannot read the file: {error}"));
            None
        }
    };
    let (problems, warnings) = report.told();
    Examined { checked, problems, warnings }
}

/// Reads `text` as if it stood in the file `origin`, to which paths in it are relative.
///
/// # Errors
/// Everything that is wrong with it, each with its line and a way out.
pub fn parse(
    text: &str,
    origin: &Path,
    sources: &dyn Sources,
) -> Result<(Checked, Vec<Warning>), Problems> {
    let mut report = Report::default();
    let checked = read(text, &Arc::from(origin), sources, &mut report);
    report.end(checked)
}

/// Reads YAML, or JSON, that is no configuration.
///
/// # Errors
/// When it is neither.
pub fn value(text: &str, origin: &Path) -> Result<serde_json::Value, Problems> {
    let mut report = Report::default();
    let file = Arc::from(origin);
    // JSON is YAML.
    match yaml::read(text, &file, &mut report) {
        Some(root) if !report.has_under("") => Ok(root.to_json()),
        _ => Err(Problems(report.told().0)),
    }
}

/// The way of a file, in order.
fn read(
    text: &str,
    file: &Arc<Path>,
    sources: &dyn Sources,
    report: &mut Report,
) -> Option<Checked> {
    let (mut root, json) = nodes(text, file, report)?;
    let schema = schema::tree();
    if json && import::recognises(&root, &schema) {
        root = import::whole(root, sources, report);
    } else {
        command::split(&mut root, report);
        interpolate::apply(&mut root, sources, report);
        import::join(&mut root, &schema, sources, report);
    }
    program::join(&mut root, sources);
    if !shape::fit(&mut root, &schema, report) {
        return None;
    }
    let places = Arc::new(Places::of(&root));
    match Config::deserialize(root.to_json()) {
        Ok(config) => check::run(config, &places, sources, report),
        Err(_) => {
            // The shape said it fits. Serde's own words may quote a secret, so they stay here.
            report.problem(
                &root.place,
                "the file has the right shape but cannot be read (please report this)",
            );
            None
        }
    }
}

/// The values of a text with their places, and whether it is JSON.
fn nodes(text: &str, file: &Arc<Path>, report: &mut Report) -> Option<(Node, bool)> {
    if text.len() as u64 > sources::LARGEST {
        report.problem(&Place::whole(file), "larger than 1 MiB (a configuration is far smaller)");
        return None;
    }
    let json = jsonc::recognises(text);
    let root = if json { jsonc::read(text, file, report) } else { yaml::read(text, file, report) };
    root.map(|root| (root, json))
}
