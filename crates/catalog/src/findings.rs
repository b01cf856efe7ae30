//! What rules look at, and what they find.

use std::collections::BTreeMap;

use crate::definition::Definition;
use crate::finding::{Finding, Place, Rule, Severity};
use crate::tree::Tree;
use crate::visible::excerpt;

/// Findings of one rule that are listed; the rest is counted. A hostile server must not be able
/// to drown what was found elsewhere, or us.
pub const MOST: usize = 200;
/// How much of a text is quoted, in characters.
pub(crate) const EVIDENCE: usize = 100;

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

    /// All that is listed, the worst first, and how many more there were by rule.
    pub fn sorted(mut self) -> (Vec<Finding>, BTreeMap<&'static str, usize>) {
        // Stable: within a severity in the order of the servers and their lists.
        self.list.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
        let mut left_out = BTreeMap::new();
        for ((id, _), count) in self.count {
            if count > MOST {
                *left_out.entry(id).or_default() += count - MOST;
            }
        }
        (self.list, left_out)
    }
}
