//! Secrets and personal data taken out of what goes to a caller, a log or a record.
//!
//! What no rule names stays byte for byte as it was. This lowers what leaks; it cannot promise
//! that nothing does.

mod hits;
mod paths;
mod walk;

use std::borrow::Cow;

use bytes::Bytes;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;
use toolgate_protocol::caller::Caller;
use toolgate_protocol::json::{self, Document, Limits, Mode, Span};
use toolgate_protocol::splice::Edits;

use crate::Problem;
use crate::detect::{self, Detector, Detectors};
use crate::glob;
use crate::view::{Undo, View};

pub use hits::Hit;
use paths::Paths;

/// One rule of redaction: what is found by `detect` or stands at one of `paths` is treated by
/// `action`. Of several rules that fit, the first decides.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Rule {
    /// What to look for, anywhere in a result: keys, values, JSON inside text.
    pub detect: Vec<Detector>,
    /// Members to treat whatever they hold, as JSON pointers into the result. `*` stands for any
    /// one key or index, `**` for any number of them. A path into `/structuredContent` also holds
    /// for the same JSON in the text of `/content`.
    pub paths: Vec<String>,
    /// What happens to them.
    pub action: Action,
    /// Callers with one of these roles see everything.
    pub unless_roles: Vec<String>,
    /// The tools it holds for, by published name, with `*` for any run of characters. Without
    /// any: all, and resources, prompts and messages too.
    pub tools: Vec<String>,
    /// It holds only in what reports a failure: results with `isError`, and JSON-RPC errors.
    pub only_errors: bool,
}

/// What happens to something that must not be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// A mark that names the kind takes its place: `[redacted:email]`.
    #[default]
    Mask,
    /// A short keyed hash takes its place, so that equal values can be told: `[email:5e0b12a477f1]`.
    Hash,
    /// It is left out: a member of an object with its key, an element of an array, a part of a text.
    Drop,
    /// The whole result is refused.
    Refuse,
}

/// All rules of redaction, in order.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Rules(pub Vec<Rule>);

/// Rules ready for use.
#[derive(Debug)]
pub struct Compiled {
    rules: Vec<Rule>,
    paths: Paths,
}

/// For whom and of what something is redacted.
#[derive(Clone, Copy)]
pub struct Scope<'a> {
    /// Who will read it; `None` for logs and records, where no role exempts.
    pub caller: Option<&'a Caller>,
    /// The tool by its published name, empty for what belongs to none. `None` when it is not
    /// known: then rules for any tools hold.
    pub tool: Option<&'a str>,
    /// Whether a failure is reported.
    pub is_error: bool,
    /// The key of hashes. Replicas that share it make equal hashes.
    pub key: &'a [u8],
}

/// A text after redaction.
#[derive(Debug, Clone)]
pub struct Redacted {
    /// The text; the same buffer when nothing was found.
    pub bytes: Bytes,
    /// What was found, never with its value.
    pub hits: Vec<Hit>,
}

/// Why a text was not let through.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A rule says to refuse what was found.
    #[error("the result holds what this caller may not see")]
    Refused(Vec<Hit>),
    /// It cannot be read, so it cannot be vouched for.
    #[error("the result is not JSON that can be read: {0}")]
    Json(#[from] json::Error),
}

impl Rules {
    /// Checks the rules and makes them ready.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    pub fn compile(&self) -> Result<Compiled, Vec<Problem>> {
        let mut problems = Vec::new();
        for (index, rule) in self.0.iter().enumerate() {
            if rule.detect.is_empty() && rule.paths.is_empty() {
                let text = "finds nothing: name detectors in `detect`, or members in `paths`";
                problems.push(Problem::new(format!("/{index}"), text));
            }
        }
        let paths = Paths::compile(&self.0, &mut problems);
        if problems.is_empty() {
            Ok(Compiled { rules: self.0.clone(), paths })
        } else {
            Err(problems)
        }
    }
}

/// The rules that hold in one scope: for each detector the first, and which there are at all.
struct Active {
    wanted: Detectors,
    first: [Option<Action>; Detector::ALL.len()],
    rules: SmallVec<[Option<Action>; 16]>,
}

impl Active {
    /// Whether no rule holds.
    fn is_idle(&self) -> bool {
        self.wanted.is_empty() && self.rules.iter().all(Option::is_none)
    }

    fn never_refuse(&mut self) {
        let all = self.first.iter_mut().chain(&mut self.rules).flatten();
        all.filter(|action| **action == Action::Refuse).for_each(|action| *action = Action::Mask);
    }

    fn action(&self, detector: Detector) -> Action {
        self.first.get(detector as usize).copied().flatten().unwrap_or_default()
    }
}

impl Compiled {
    /// Redacts a JSON text, such as the `result` of a call.
    ///
    /// # Errors
    /// [`Error::Refused`] when a rule refuses, [`Error::Json`] when the text is not JSON.
    pub fn json(&self, text: &Bytes, scope: Scope<'_>) -> Result<Redacted, Error> {
        let active = self.active(scope);
        if active.is_idle() {
            return Ok(Redacted { bytes: text.clone(), hits: Vec::new() });
        }
        let limits = Limits { depth: Limits::DEPTH, ..Limits::default() };
        Document::parse(text.clone(), &limits, Mode::Trusted)?;
        self.walked(text, &active, scope.key).map_err(Error::Refused)
    }

    /// Like [`Compiled::json`] for a text that is known to be JSON: a part of a scanned message.
    /// Of any other text comes nonsense, but no panic.
    ///
    /// # Errors
    /// What was found, when a rule refuses.
    pub fn scanned(&self, text: &Bytes, scope: Scope<'_>) -> Result<Redacted, Vec<Hit>> {
        let active = self.active(scope);
        if active.is_idle() {
            return Ok(Redacted { bytes: text.clone(), hits: Vec::new() });
        }
        self.walked(text, &active, scope.key)
    }

    /// Like [`Compiled::json`] for what has to be kept, such as a record: what a rule would refuse
    /// is masked, and what is not JSON is treated as text.
    #[must_use]
    pub fn lenient(&self, text: &Bytes, scope: Scope<'_>) -> Redacted {
        let mut active = self.active(scope);
        active.never_refuse();
        let limits = Limits { depth: Limits::DEPTH, ..Limits::default() };
        if Document::parse(text.clone(), &limits, Mode::Trusted).is_ok()
            && let Ok(redacted) = self.walked(text, &active, scope.key)
        {
            return redacted;
        }
        let text = String::from_utf8_lossy(text);
        let (clean, hits) = self.text(&text, scope);
        Redacted { bytes: clean.into_owned().into(), hits }
    }

    fn walked(&self, text: &Bytes, active: &Active, key: &[u8]) -> Result<Redacted, Vec<Hit>> {
        let outcome = walk::document(text, active, &self.paths, key);
        if outcome.refused {
            return Err(outcome.hits.list());
        }
        let mut edits = Edits::default();
        for edit in outcome.edits {
            let span = Span { start: edit.range.start as u32, end: edit.range.end as u32 };
            edits.replace(span, edit.with);
        }
        let bytes = if edits.is_empty() { text.clone() } else { edits.apply(text) };
        Ok(Redacted { bytes, hits: outcome.hits.list() })
    }

    /// Redacts plain text, such as an error or a line of a log. What a rule would refuse is masked
    /// here: the line is needed. A text that is JSON is treated as such.
    #[must_use]
    pub fn text<'a>(&self, text: &'a str, scope: Scope<'_>) -> (Cow<'a, str>, Vec<Hit>) {
        let active = self.active(scope);
        let mut hits = hits::Hits::default();
        let mut view = View::default();
        let found = if text.is_ascii() {
            detect::find(text.as_bytes(), "", active.wanted)
        } else {
            view.fill(text.as_bytes(), Undo::Disguise);
            detect::find(&view.bytes, "", active.wanted)
        };
        if found.is_empty() {
            return (Cow::Borrowed(text), Vec::new());
        }
        let mut out = String::with_capacity(text.len());
        let mut done = 0;
        for found in found {
            let (range, value) = if text.is_ascii() {
                (found.range.clone(), text.as_bytes().get(found.range))
            } else {
                (view.source(found.range.clone()), view.bytes.get(found.range))
            };
            hits.add(found.rule, String::new());
            let action = match active.action(found.detector) {
                Action::Refuse => Action::Mask,
                other => other,
            };
            let mark =
                walk::mark(action, found.detector.as_str(), value.unwrap_or_default(), scope.key);
            out.push_str(text.get(done..range.start).unwrap_or_default());
            out.push_str(&mark);
            done = range.end;
        }
        out.push_str(text.get(done..).unwrap_or_default());
        (Cow::Owned(out), hits.list())
    }

    fn active(&self, scope: Scope<'_>) -> Active {
        let exempt = |rule: &Rule| {
            let has = |role: &String| {
                scope.caller.is_some_and(|caller| caller.roles.iter().any(|own| **own == **role))
            };
            rule.unless_roles.iter().any(has)
        };
        let mut active = Active {
            wanted: Detectors::default(),
            first: Default::default(),
            rules: SmallVec::new(),
        };
        for rule in &self.rules {
            let covers = scope.tool.is_none_or(|tool| glob::any_covers(&rule.tools, tool));
            let holds = covers && !exempt(rule) && (scope.is_error || !rule.only_errors);
            active.rules.push(holds.then_some(rule.action));
            if !holds {
                continue;
            }
            active.wanted = active.wanted.and(rule.detect.iter().copied().collect());
            for detector in &rule.detect {
                if let Some(first) = active.first.get_mut(*detector as usize) {
                    first.get_or_insert(rule.action);
                }
            }
        }
        active
    }
}

#[cfg(test)]
mod tests;
