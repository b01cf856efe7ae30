//! Everything that is wrong with a set of servers, in one pass over their definitions.

use std::collections::BTreeMap;

use crate::definition::{Definition, Kind};
use crate::finding::{Finding, Place, Rule, Severity};
use crate::flow::Flows;
use crate::lock::Lock;
use crate::manifest::Manifest;
use crate::rules::{
    self, annotations, collision, hidden, names, pins, poison, schema, secrets, shadow, thin,
};
use crate::tree::Tree;
use crate::visible::{excerpt, shown};

/// Findings of one rule that are listed; the rest is counted. A hostile server must not be able
/// to drown what was found elsewhere, or us.
pub const MOST: usize = 200;
/// How much of a text is quoted, in characters.
pub(crate) const EVIDENCE: usize = 100;

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
    found.report(manifests)
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

/// A definition that is looked at.
pub(crate) struct Subject<'a> {
    pub server: &'a str,
    pub definition: &'a Definition,
    pub tree: &'a Tree,
}

impl Subject<'_> {
    pub fn place(&self, pointer: &str) -> Place {
        Place {
            server: Some(self.server.to_owned()),
            definition: Some((self.definition.kind(), self.definition.name().to_owned())),
            pointer: pointer.to_owned(),
            line: None,
        }
    }

    pub fn text(&self, member: &str) -> &str {
        self.tree.get(member).and_then(Tree::text).unwrap_or_default()
    }
}

/// What is found, as it is found.
#[derive(Default)]
pub(crate) struct Findings {
    list: Vec<Finding>,
    count: BTreeMap<(&'static str, Severity), usize>,
}

impl Findings {
    pub fn add(
        &mut self,
        rule: &'static Rule,
        place: Place,
        message: String,
        evidence: Option<String>,
    ) {
        self.push(Finding { rule, severity: rule.severity, place, message, evidence });
    }

    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// A part of a text is the evidence.
    pub fn quote(
        &mut self,
        rule: &'static Rule,
        severity: Severity,
        place: Place,
        text: &str,
        at: std::ops::Range<usize>,
    ) {
        let evidence = Some(excerpt(text, at, EVIDENCE));
        self.push(Finding { rule, severity, place, message: rule.title.to_lowercase(), evidence });
    }

    pub fn push(&mut self, finding: Finding) {
        let count = self.count.entry((finding.rule.id, finding.severity)).or_default();
        *count += 1;
        if *count <= MOST {
            self.list.push(finding);
        }
    }

    fn report(mut self, manifests: &[Manifest]) -> Report {
        // Stable: within a severity in the order of the servers and their lists.
        self.list.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
        let mut left_out = BTreeMap::new();
        for ((id, _), count) in self.count {
            if count > MOST {
                *left_out.entry(id).or_default() += count - MOST;
            }
        }
        Report {
            findings: self.list,
            left_out,
            servers: manifests.len(),
            tools: manifests.iter().map(Manifest::tools).sum(),
        }
    }
}
