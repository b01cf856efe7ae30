//! What is wrong with the rules, where, and how to put it right.

use std::fmt;

/// One thing to put right before the rules hold.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Where: a JSON pointer (RFC 6901) within [`Rules`](crate::Rules).
    pub path: String,
    /// The line within a policy of several lines, from 1; 0 where there is none to tell.
    pub line: usize,
    /// What is wrong and, in brackets, what to write instead.
    pub text: String,
}

impl Problem {
    pub(crate) fn new(path: impl Into<String>, text: impl Into<String>) -> Problem {
        Problem { path: path.into(), line: 0, text: text.into() }
    }

    pub(crate) fn at(self, line: usize) -> Problem {
        Problem { line, ..self }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.path, self.text),
            line => write!(f, "{}: line {line}: {}", self.path, self.text),
        }
    }
}

/// A member name as a step of a JSON pointer (RFC 6901, section 3).
pub(crate) fn step(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// The known name that was probably meant.
pub(crate) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|name| (strsim::normalized_damerau_levenshtein(word, name), name))
        .filter(|(likeness, _)| *likeness >= 0.5)
        .max_by(|one, other| one.0.total_cmp(&other.0))
        .map(|(_, name)| name)
}

/// The way out for a misspelt name.
pub(crate) fn did_you_mean<'a>(
    word: &str,
    known: impl IntoIterator<Item = &'a str>,
    otherwise: &str,
) -> String {
    match nearest(word, known) {
        Some(name) => format!(" (did you mean \"{name}\"?)"),
        None => format!(" ({otherwise})"),
    }
}
