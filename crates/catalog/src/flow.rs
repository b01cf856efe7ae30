//! Can private data be talked out of the house?
//!
//! Three tools that are harmless one by one become an attack together: one lets strangers speak to
//! the model, one reads what is private, one sends. What a tool is, is guessed from its name and
//! description; the guess can miss, in both directions.

use std::sync::LazyLock;

use regex::bytes::{Regex, RegexBuilder};

use crate::finding::{Place, Severity};
use crate::findings::{Findings, Subject};
use crate::rules;
use crate::visible::{excerpt, shown};

/// Examples of each part that are named.
const EXAMPLES: usize = 3;
/// Bytes of a description that are read: what a tool is stands at its beginning.
const READ: usize = 400;

/// A part in a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Private,
    Untrusted,
    Out,
}

const PARTS: [(Part, &str); 3] = [
    (Part::Private, "private data"),
    (Part::Untrusted, "text of strangers"),
    (Part::Out, "a way out"),
];

/// What gives a part away: at once, or only with a doubt.
static SIGNALS: LazyLock<Vec<(Part, bool, Option<Regex>)>> = LazyLock::new(|| {
    let regex =
        |pattern| RegexBuilder::new(pattern).unicode(false).case_insensitive(true).build().ok();
    [
        (Part::Private, true, r"\b(reads?|gets?|lists?|search(es)?|fetch(es)?|finds?|query|queries|opens?|downloads?|exports?|retrieves?|access(es)?)\b[^.\n]{0,40}\b(e-?mails?|mails?|mailbox|inbox|contacts?|calendars?|(local|private|personal)\s+\w+|files?|documents?|secrets?|credentials?|passwords?|customers?|patients?|payroll|database|direct\s+messages)\b|\b(sql|select)\b[^.\n]{0,30}\b(query|queries|statement)"),
        (Part::Private, false, r"\b(reads?|gets?|lists?|search(es)?|query|queries|finds?|retrieves?)\b[^.\n]{0,40}\b(repositor(y|ies)|records?|tables?|collections?|notes?|messages?|pages?|issues?|tickets?|knowledge|memor(y|ies)|graph|logs?|rows?)\b"),
        (Part::Untrusted, true, r"\b(reads?|fetch(es)?|browses?|scrapes?|crawls?|opens?|navigates?|downloads?|gets?|search(es)?|retrieves?|visits?|loads?)\b[^.\n]{0,40}\b(web|urls?|websites?|web\s*pages?|internet|https?|rss|feeds?|news)\b"),
        (Part::Untrusted, true, r"\b(reads?|gets?|lists?|search(es)?|fetch(es)?|retrieves?)\b[^.\n]{0,30}\b(e-?mails?|mails?|inbox|mailbox)\b"),
        (Part::Untrusted, false, r"\b(reads?|gets?|lists?|search(es)?|fetch(es)?|retrieves?)\b[^.\n]{0,40}\b(issues?|comments?|pull\s+requests?|reviews?|tickets?|discussions?|messages?|attachments?|posts?|tweets?|channels?)\b"),
        (Part::Out, true, r"\b(sends?|posts?|publish(es)?|forwards?|uploads?|shares?|repl(y|ies)|tweets?|transmits?)\b[^.\n]{0,40}\b(e-?mails?|mails?|messages?|webhooks?|https?|urls?|slack|sms|tweets?|channels?|external|recipients?|notifications?)\b|\bhttp\s+(post|request)\b"),
        (Part::Out, false, r"\b(creates?|adds?|updates?|writes?|push(es)?|uploads?|posts?|sends?|publish(es)?)\b[^.\n]{0,40}\b(issues?|comments?|pull\s+requests?|gists?|pages?|attachments?|repositor(y|ies)|reviews?)\b|\b(fetch(es)?|navigates?|browses?|requests?)\b[^.\n]{0,30}\burls?\b"),
    ]
    .into_iter()
    .map(|(part, sure, pattern)| (part, sure, regex(pattern)))
    .collect()
});

/// A tool in a part.
struct Example {
    tool: String,
    server: String,
    sure: bool,
    because: String,
}

/// The tools of a set, by the parts they can play.
#[derive(Default)]
pub(crate) struct Flows {
    private: Vec<Example>,
    untrusted: Vec<Example>,
    out: Vec<Example>,
}

impl Flows {
    pub fn tool(&mut self, subject: &Subject<'_>) {
        let name: String = words(subject.definition.name());
        let description: String = subject.text("description").chars().take(READ).collect();
        let text = format!("{name}. {} {description}", subject.text("title"));
        for (part, sure, signal) in SIGNALS.iter() {
            let examples = self.of_mut(*part);
            let settled = examples.iter().filter(|example| example.sure || !sure).count();
            if settled >= EXAMPLES || examples.last().is_some_and(|last| last.is(subject)) {
                continue;
            }
            let Some(at) = signal.as_ref().and_then(|signal| signal.find(text.as_bytes())) else {
                continue;
            };
            let because = excerpt(&text, at.range(), 60);
            let because = if text.is_char_boundary(at.start()) { because } else { name.clone() };
            examples.push(Example {
                tool: subject.definition.name().to_owned(),
                server: subject.server.to_owned(),
                sure: *sure,
                because,
            });
        }
    }

    /// The flow that the whole set allows, if any.
    pub fn look(mut self, found: &mut Findings) {
        let mut certain = true;
        let mut told = Vec::new();
        let mut tools = std::collections::BTreeSet::new();
        let mut evidence = Vec::new();
        for (part, what) in PARTS {
            let examples = self.of_mut(part);
            // The sure ones first, otherwise as they came.
            examples.sort_by_key(|example| !example.sure);
            let Some(best) = examples.first() else { return };
            certain &= best.sure;
            evidence.push(format!("{}: {}", shown(&best.tool), best.because));
            let names: Vec<_> = examples.iter().take(EXAMPLES).map(Example::shown).collect();
            tools.extend(names.iter().cloned());
            told.push(format!("{what} ({})", names.join(", ")));
        }
        // One tool alone is what it is; the set makes the flow.
        if tools.len() < 2 {
            return;
        }
        let severity = if certain { Severity::High } else { Severity::Medium };
        let servers: std::collections::BTreeSet<_> = [&self.private, &self.untrusted, &self.out]
            .into_iter()
            .flatten()
            .map(|example| &*example.server)
            .collect();
        let server = match servers.into_iter().collect::<Vec<_>>().as_slice() {
            [one] => Some((*one).to_owned()),
            _ => None,
        };
        found.push(crate::finding::Finding {
            rule: &rules::TOXIC_FLOW,
            severity,
            place: Place { server, ..Place::default() },
            message: told.join(" + "),
            evidence: Some(evidence.join("; ")),
        });
    }

    fn of_mut(&mut self, part: Part) -> &mut Vec<Example> {
        match part {
            Part::Private => &mut self.private,
            Part::Untrusted => &mut self.untrusted,
            Part::Out => &mut self.out,
        }
    }
}

impl Example {
    fn is(&self, subject: &Subject<'_>) -> bool {
        self.tool == subject.definition.name() && self.server == subject.server
    }

    fn shown(&self) -> String {
        format!("{}: {}", shown(&self.server), shown(&self.tool))
    }
}

/// `readMail` and `read_mail` as `read mail`.
fn words(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 8);
    let mut lower = false;
    for c in name.chars() {
        if c.is_uppercase() && lower {
            out.push(' ');
        }
        lower = c.is_lowercase();
        out.push(if matches!(c, '_' | '-' | '.' | '/') { ' ' } else { c });
    }
    out
}
