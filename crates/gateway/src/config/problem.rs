//! What is wrong with a file, where, and how to put it right.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// One thing to put right before the gateway starts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// The file it is in.
    pub file: PathBuf,
    /// The line, from 1; 0 for the file as a whole.
    pub line: usize,
    /// The key, such as `servers[0].upstream`; empty for the file as a whole.
    pub path: String,
    /// What is wrong and, in brackets, what to write instead. Never quotes a secret.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.file.display())?;
        if self.line > 0 {
            write!(f, "{}:", self.line)?;
        }
        if !self.path.is_empty() {
            write!(f, " {}:", self.path)?;
        }
        write!(f, " {}", self.message)
    }
}

/// Everything to put right, sorted by file and line. Displays as one line each.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines = self.0.iter();
        if let Some(first) = lines.next() {
            write!(f, "{first}")?;
        }
        lines.try_for_each(|problem| write!(f, "\n{problem}"))
    }
}

/// Something to know that does not keep the gateway from starting. Displays like a [`Problem`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Warning(pub Problem);

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Where something stands, as a person finds it.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) file: Arc<Path>,
    pub(super) line: usize,
    pub(super) path: String,
}

impl Place {
    /// The file as a whole.
    pub(super) fn whole(file: &Arc<Path>) -> Self {
        Self { file: Arc::clone(file), line: 0, path: String::new() }
    }

    /// Something under this place, on its own line.
    pub(super) fn key(&self, key: &str, line: usize) -> Self {
        let path = key_path(&self.path, key);
        Self { file: Arc::clone(&self.file), line, path }
    }

    /// An entry of the list at this place, on its own line.
    pub(super) fn index(&self, index: usize, line: usize) -> Self {
        Self { file: Arc::clone(&self.file), line, path: format!("{}[{index}]", self.path) }
    }

    pub(super) fn problem(&self, message: String) -> Problem {
        Problem { file: self.file.to_path_buf(), line: self.line, path: self.path.clone(), message }
    }
}

/// The path of `key` under the path `parent`. A key that is no plain word stands in
/// brackets, shortened, so that paths stay short whatever a file holds.
pub(super) fn key_path(parent: &str, key: &str) -> String {
    let plain = (1..=64).contains(&key.len())
        && key.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '$'));
    match (plain, parent.is_empty()) {
        (true, true) => key.to_owned(),
        (true, false) => format!("{parent}.{key}"),
        (false, _) => format!("{parent}[{}]", quote(key)),
    }
}

/// What the checks have found so far.
#[derive(Debug, Default)]
pub(super) struct Report {
    problems: Vec<Problem>,
    warnings: Vec<Warning>,
}

impl Report {
    pub(super) fn problem(&mut self, place: &Place, message: impl Into<String>) {
        self.problems.push(place.problem(message.into()));
    }

    /// Reports what may merely follow from a problem that is already known: then it is left out.
    pub(super) fn consequence(&mut self, place: &Place, message: impl Into<String>) {
        let file = &*place.file;
        let known =
            |problem: &Problem| *problem.file == *file && related(&problem.path, &place.path);
        if !self.problems.iter().any(known) {
            self.problem(place, message);
        }
    }

    pub(super) fn warning(&mut self, place: &Place, message: impl Into<String>) {
        self.warnings.push(Warning(place.problem(message.into())));
    }

    /// Whether a problem stands at `path` or below it.
    pub(super) fn has_under(&self, path: &str) -> bool {
        self.problems.iter().any(|problem| is_at_or_under(&problem.path, path))
    }

    /// All of it, in order.
    pub(super) fn told(mut self) -> (Vec<Problem>, Vec<Warning>) {
        self.problems.sort();
        self.problems.dedup();
        self.warnings.sort();
        (self.problems, self.warnings)
    }

    /// The outcome: a configuration only if nothing is wrong with it.
    pub(super) fn end<T>(mut self, checked: Option<T>) -> Result<(T, Vec<Warning>), Problems> {
        self.problems.sort();
        self.problems.dedup();
        match checked {
            Some(checked) if self.problems.is_empty() => {
                self.warnings.sort();
                Ok((checked, self.warnings))
            }
            _ => Err(Problems(self.problems)),
        }
    }
}

fn related(a: &str, b: &str) -> bool {
    is_at_or_under(a, b) || is_at_or_under(b, a)
}

fn is_at_or_under(path: &str, ancestor: &str) -> bool {
    let rest = path.strip_prefix(ancestor);
    rest.is_some_and(|rest| rest.is_empty() || ancestor.is_empty() || rest.starts_with(['.', '[']))
}

/// `text` in quotes on one line, shortened, and without the credentials of a URL.
pub(super) fn quote(text: &str) -> String {
    const LONGEST: usize = 60;
    if text.split_once("://").is_some_and(|(_, rest)| rest.contains('@')) {
        return "\"…@…\"".to_owned();
    }
    let short: String = text.chars().take(LONGEST).collect();
    let dots = if short.len() < text.len() { "…" } else { "" };
    format!("\"{}{dots}\"", short.escape_debug())
}
