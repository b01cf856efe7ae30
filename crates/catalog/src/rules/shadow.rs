//! Does a definition speak of the tools of another server?

use std::sync::LazyLock;

use regex::bytes::{Regex, RegexBuilder};

use super::collision::Index;
use crate::findings::{Findings, Subject};
use crate::rules;
use crate::visible::shown;

/// Words that govern how something is used.
static ORDER: LazyLock<Option<Regex>> = LazyLock::new(|| {
    RegexBuilder::new(r"\b(must|always|never|instead|before|after|whenever|redirect|replace|change|bcc|recipient|override|should|ensure|make\s+sure|required)\b")
        .unicode(false)
        .case_insensitive(true)
        .build()
        .ok()
});

/// Characters of a name.
fn joins(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '-' | '.')
}

pub(crate) fn look(subject: &Subject<'_>, index: &Index<'_>, found: &mut Findings) {
    let mut told = std::collections::BTreeSet::new();
    subject.tree.walk(&mut String::new(), &mut |pointer, value, _| {
        let Some(text) = value.text().filter(|_| pointer != "/name") else { return };
        for word in text.split(|c| !joins(c)).map(|word| word.trim_end_matches('.')) {
            let Some(servers) = index.servers(word) else { continue };
            if servers.contains(subject.server) || !told.insert(word) {
                continue;
            }
            let orders = ORDER.as_ref().is_some_and(|order| order.is_match(text.as_bytes()));
            let rule = if orders { &rules::CROSS_ORDER } else { &rules::CROSS_MENTION };
            let at = text.find(word).unwrap_or_default();
            let owners: Vec<_> = servers.iter().take(3).map(|server| shown(server)).collect();
            let message = format!("speaks of {}, a tool of {}", shown(word), owners.join(", "));
            let evidence =
                Some(crate::visible::excerpt(text, at..at + word.len(), crate::findings::EVIDENCE));
            found.add(rule, subject.place(pointer), message, evidence);
        }
    });
}
