//! Do the annotations of a tool say what it does, and can that be true?

use std::sync::LazyLock;

use regex::bytes::{Regex, RegexBuilder};

use crate::findings::{Findings, Subject};
use crate::rules;
use crate::tree::Tree;

/// Names that begin with a change.
static CHANGES: LazyLock<Option<Regex>> = LazyLock::new(|| {
    RegexBuilder::new(r"(^|[_./-])(delete|remove|drop|destroy|erase|purge|truncate|wipe|kill|send|write|create|insert|update|upload|transfer|pay|deploy|merge|push|rename|overwrite)($|[_./-])")
        .unicode(false)
        .case_insensitive(true)
        .build()
        .ok()
});

/// Names that begin with a look.
static READS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    RegexBuilder::new(
        r"(^|[_./-])(get|list|read|search|find|show|view|count|check|describe|query)($|[_./-])",
    )
    .unicode(false)
    .case_insensitive(true)
    .build()
    .ok()
});

pub(crate) fn look(subject: &Subject<'_>, found: &mut Findings) {
    let Some(Tree::Object(_)) = subject.tree.get("annotations") else {
        found.add(&rules::NO_ANNOTATIONS, subject.place(""), "no annotations".to_owned(), None);
        return;
    };
    let hint = |name| subject.tree.get("annotations")?.get(name)?.bool();
    if hint("readOnlyHint") != Some(true) {
        return;
    }
    let name = snake(subject.definition.name());
    if changes(&name) {
        let place = subject.place("/annotations/readOnlyHint");
        let message = "readOnlyHint is true, but the name says it changes something".to_owned();
        found.add(&rules::LYING, place, message, None);
    }
    if hint("destructiveHint") == Some(true) {
        let place = subject.place("/annotations/destructiveHint");
        let message = "both readOnlyHint and destructiveHint are true".to_owned();
        found.add(&rules::CONTRADICTION, place, message, None);
    }
}

/// Whether the first verb of a name is one that changes something: `get_update` gets.
fn changes(name: &str) -> bool {
    let first = |regex: &LazyLock<Option<Regex>>| {
        regex.as_ref().and_then(|regex| regex.find(name.as_bytes())).map(|found| found.start())
    };
    first(&CHANGES).is_some_and(|at| first(&READS).is_none_or(|read| at < read))
}

/// `deleteAll` as `delete_All`.
fn snake(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 8);
    let mut lower = false;
    for c in name.chars() {
        if c.is_uppercase() && lower {
            out.push('_');
        }
        lower = c.is_lowercase();
        out.push(c);
    }
    out
}
