//! Everything that is wrong with a set of servers, in one pass over their definitions.

use std::collections::BTreeMap;

use crate::definition::Kind;
use crate::finding::{Finding, Place, Severity};
use crate::findings::{Findings, Subject};
use crate::flow::Flows;
use crate::lock::Lock;
use crate::manifest::Manifest;
use crate::rules::{
    self, annotations, collision, hidden, names, pins, poison, schema, secrets, shadow, thin,
};
use crate::visible::shown;

pub use crate::findings::MOST;

/// A server with more tools than this is no server but a flood.
const FLOOD: usize = 1000;
const MANY: usize = 128;
/// Bytes of a definition.
const LARGE: usize = 32 << 10;

/// All that was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// The findings that are listed, the worst first.
    pub findings: Vec<Finding>,
    /// By rule, how many more there were than are listed.
    pub left_out: BTreeMap<&'static str, usize>,
    /// The servers looked at.
    pub servers: usize,
    /// The tools looked at.
    pub tools: usize,
}

impl Report {
    /// How many findings of a severity are listed.
    #[must_use]
    pub fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|finding| finding.severity == severity).count()
    }

    /// The worst of all; `None` when nothing was found.
    #[must_use]
    pub fn worst(&self) -> Option<Severity> {
        self.findings.iter().map(|finding| finding.severity).max()
    }
}

/// Scans servers together: names and flows are judged over the whole set. With a lock, what is not
/// as approved is a finding, too. `more` are findings of other sources, such as
/// [`rules::secrets::configuration`] and [`rules::launch::look`].
#[must_use]
pub fn scan(manifests: &[Manifest], lock: Option<&Lock>, more: Vec<Finding>) -> Report {
    let mut found = Findings::default();
    more.into_iter().for_each(|finding| found.push(finding));
    let index = collision::Index::of(manifests);
    let mut flows = Flows::default();
    for manifest in manifests {
        server(manifest, &mut found);
        for definition in &manifest.definitions {
            // What no model sees deceives none.
            let tree = manifest.seen(definition);
            let subject = Subject { server: &manifest.server, definition, tree: &tree };
            look(&subject, &index, &mut flows, &mut found);
        }
        if let Some(lock) = lock {
            pins::look(lock, manifest, &mut found);
        }
    }
    index.look(&mut found);
    flows.look(&mut found);
    let (findings, left_out) = found.sorted();
    let tools = manifests.iter().map(Manifest::tools).sum();
    Report { findings, left_out, servers: manifests.len(), tools }
}

/// What concerns a server as a whole.
fn server(manifest: &Manifest, found: &mut Findings) {
    let place = || Place { server: Some(manifest.server.clone()), ..Place::default() };
    let count = manifest.definitions.len() + manifest.unreadable.len();
    let rule = match count {
        count if count > FLOOD => Some(&rules::FLOOD),
        count if count > MANY => Some(&rules::MANY),
        _ => None,
    };
    if let Some(rule) = rule {
        found.add(rule, place(), format!("{count} definitions"), None);
    }
    for (kind, at, why) in &manifest.unreadable {
        let place = Place { pointer: format!("/{}/{at}", kind.list()), ..place() };
        found.add(&rules::UNREADABLE, place, shown(&why.to_string()).into_owned(), None);
    }
    if let Some(instructions) = &manifest.instructions {
        let place = || Place { pointer: "/instructions".to_owned(), ..place() };
        text(instructions, false, &place, found);
    }
}

/// What concerns one definition.
fn look(
    subject: &Subject<'_>,
    index: &collision::Index<'_>,
    flows: &mut Flows,
    found: &mut Findings,
) {
    if subject.definition.raw().len() > LARGE {
        let message = format!("{} KiB", subject.definition.raw().len() >> 10);
        found.add(&rules::LARGE, subject.place(""), message, None);
    }
    subject.tree.walk(&mut String::new(), &mut |pointer, value, key| {
        let place = || subject.place(pointer);
        if let Some(key) = key {
            text(key, true, &place, found);
        }
        if let Some(value) = value.text() {
            text(value, false, &place, found);
        }
    });
    names::look(subject, found);
    shadow::look(subject, index, found);
    if subject.definition.kind() == Kind::Tool {
        schema::look(subject, found);
        thin::look(subject, found);
        annotations::look(subject, found);
        flows.tool(subject);
    }
}

/// What concerns one text, wherever it stands.
fn text(text: &str, is_key: bool, place: &dyn Fn() -> Place, found: &mut Findings) {
    hidden::look(text, place, found);
    poison::look(text, is_key, place, found);
    secrets::look(text, place, found);
}
