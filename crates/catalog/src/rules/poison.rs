//! Does a text give orders to the model that reads it?
//!
//! These are patterns of known attacks. Whoever knows them can avoid them: a text without findings
//! is not proven harmless.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::LazyLock;

use regex::bytes::{Regex, RegexBuilder, RegexSet, RegexSetBuilder};
use unicode_normalization::UnicodeNormalization;

use crate::confusable;
use crate::finding::{Place, Rule, Severity};
use crate::rules;
use crate::scan::Findings;
use crate::visible::is_hidden;

/// Who must not be told.
macro_rules! person { () => { r"(the|to|from|any|this)\s+(the\s+|end[- ])?(users?|humans?|person|customers?|operators?|anyone|anybody|one)\b" } }
/// What is handed over.
macro_rules! talk { () => { r"((entire|full|whole|complete|previous|prior|chat|conversation|message)\s+)*(conversations?|chats?|messages?|prompts?)(\s+(history|log|context|so\s+far))?" } }
macro_rules! secret { () => { r"(api[ _-]?keys?|credentials?|passwords?|secrets?|private\s+keys?|(access|auth|bearer|session)\s+tokens?|environment\s+variables|env\s+vars?|ssh\s+keys?|cookies)" } }

/// Every pattern with its rule and how sure it is. Blanks stand for any white space.
static PATTERNS: &[(&Rule, Severity, &str)] = &[
    (
        &rules::PSEUDO_TAG,
        Severity::High,
        r"<\s*/?\s*(important|system|secret|hidden|critical|override|admin|sys|urgent|(system|hidden|secret|admin|internal)[-_ ]?(prompt|message|instruction|note|override|reminder)s?|(ai|llm|model|assistant|agent)[-_ ]?(instruction|directive|order|note)s?)\s*>",
    ),
    (
        &rules::PSEUDO_TAG,
        Severity::High,
        r"[\[{(]\s*(system|admin|hidden|secret|internal)\s*([-_ ]\s*)?(prompt|message|override|instruction|directive|note)s?\s*[\])}:]",
    ),
    (
        &rules::TEMPLATE,
        Severity::High,
        r"<\|[a-z0-9_]{2,30}\|>|\[/?inst\]|<</?sys>>|<(start|end)_of_turn>|(\n|\\n)\s*(\n|\\n)(human|assistant):\s|(\n|\\n)#+ *(system|instruction)s?:",
    ),
    (
        &rules::OVERRIDE,
        Severity::High,
        r"\b(ignore|disregard|forget|override|bypass|overrule|discard)\s+((all|any|the|your|my|of|these|those|other|every|everything|and)\s+)*(previous|prior|earlier|above|preceding|existing|original|system|safety|security|user'?s?|initial)\s+(\w+\s+){0,2}(instructions?|rules?|prompts?|guidelines?|directives?|messages?|commands?|context|polic(y|ies)|checks?|restrictions?|training)\b",
    ),
    (
        &rules::OVERRIDE,
        Severity::High,
        r"\b(ignore|disregard|forget)\s+(all|your|everything)\s+((of|the|your|you|were|told|other)\s+)*(instructions?|rules?|guidelines?|restrictions?|before|above)\b",
    ),
    (
        &rules::SECRECY,
        Severity::High,
        concat!(
            r"\b(do\s+not|don'?t|never|must\s+not|should\s+not|shouldn'?t|cannot|without)\s+(ever\s+)?(tell|telling|mention|mentioning|inform|informing|reveal|revealing|notify|notifying|alert|alerting|disclose|disclosing|warn|warning|explain|explaining|show|showing)\b[^.\n]{0,60}?",
            person!()
        ),
    ),
    (
        &rules::SECRECY,
        Severity::High,
        r"\b(do\s+not|don'?t|never)\s+(ever\s+)?(mention|reveal|disclose|talk\s+about|explain|acknowledge)\s+(this|these|that|any\s+of\s+this|the\s+(above|instructions?|existence))\b",
    ),
    (
        &rules::SECRECY,
        Severity::High,
        r"\bwithout\s+the\s+(user|human|person)('?s)?\s+(knowledge|noticing|knowing|being\s+(told|aware))|\b(secretly|covertly|surreptitiously)\s+\w+|\bkeep\s+(this|it)\s+(a\s+)?(secret|hidden|confidential)\s+from\b|\b(hide|conceal)\s+(this|it|that)\s+from\s+the\s+(user|human)",
    ),
    (
        &rules::SENSITIVE,
        Severity::High,
        r"\b(read|open|cat|load|include|send|pass|provide|append|access|get|fetch|copy|attach|upload|dump|print|contents?\s+of|output|extract)\b[^\n]{0,60}?(\.ssh/|id_(rsa|ed25519|ecdsa|dsa)\b|\.aws/(credentials|config)|/etc/(passwd|shadow)|\.kube/config|\.npmrc|\.netrc|\.pgpass|\.git-credentials|\.docker/config|\.(cursor|claude|codeium|vscode)/[\w./-]*json|claude_desktop_config|\bmcp\.json|\.bash_history|wallet\.dat|\.gnupg|\s[`'\x22~/]*\.env\b)",
    ),
    (
        &rules::SENSITIVE,
        Severity::Medium,
        r"\.ssh/|id_(rsa|ed25519|ecdsa)|\.aws/credentials|/etc/(passwd|shadow)\b|\.git-credentials|\.kube/config|claude_desktop_config|\.cursor/mcp\.json",
    ),
    (
        &rules::EXFILTRATION,
        Severity::High,
        concat!(
            r"\b(send|forward|post|upload|transmit|exfiltrate|leak|copy|bcc|append|include|embed|encode|pass|put|add|place|attach|insert|write)\s+((the|all|any|a|of|user'?s?|your|our|this|summary|copy)\s+)*",
            talk!(),
            r"\s+((and|with|the|all|of|any|every|its|content|contents)\s+){0,3}(to|as|in|into|via|at)\s+(the\s+|this\s+|a\s+)?(`|'|\x22|https?:|(\w+\s+)?(parameter|argument|field|sidenote|note|context|header|server|endpoint|url|address|tool)\b)"
        ),
    ),
    (
        &rules::EXFILTRATION,
        Severity::High,
        concat!(
            r"\b(send|forward|transmit|exfiltrate|leak|upload|post|bcc|copy|include|pass|append|put|encode)\s+((the|all|any|every|user'?s?|your|their|found|stored|of|it'?s)\s+){0,3}([\w.]+\s+){0,2}",
            secret!(),
            r"[^.\n]{0,40}?\b(to|as|in|into|via)\s+(the\s+|this\s+|a\s+|an\s+)?(`|'|\x22|https?:|\w+@|attacker|(\w+\s+)?(sidenote|note|remote|external|webhook|logging\s+server|server|endpoint|url)\b)"
        ),
    ),
    (
        &rules::EXFILTRATION,
        Severity::High,
        r"\b(reveal|print|output|repeat|return|leak|dump|include|pass|send|copy)\s+((the|your|its|full|entire|complete|whole|exact)\s+)*(system\s+prompt|(initial|original|hidden)\s+(instructions|prompt)|chat\s+history|conversation\s+history)\b|\bexfiltrat(e|ing)\b",
    ),
    (
        &rules::COERCION,
        Severity::Medium,
        r"\b(before|prior\s+to)\s+(using|calling|invoking|running|executing)\s+(any|every|all)\s+(of\s+the\s+)?(other\s+)?(tools?|functions?|commands?)\b|\b(highest|top|absolute|maximum)\s+priority\b|\btakes?\s+(precedence|priority)\s+over\s+(all|any|every|other)\b|\b(instead\s+of|never\s+use|do\s+not\s+use|don'?t\s+use|avoid)\s+((any|all|the)\s+)?other\s+tools?\b|\bonly\s+(trust|use)\s+this\s+tool\b|\bmust\s+(always\s+)?(be\s+)?(call(ed)?|used?|invoked?|run)\s+(this\s+(tool\s+)?)?(first|before)\b|\bmandatory\s+(first\s+)?(step|tool)\b",
    ),
    (
        &rules::PERSONA,
        Severity::High,
        r"\byou\s+are\s+now\s+(an?|the|in|my|no\s+longer|free|unrestricted)\b|\bnew\s+(system\s+)?(instructions?|prompt)\s*:|\b(jailbreak|developer\s+mode\s+(on|enabled)|god\s+mode|dan\s+mode)\b|\bact\s+as\s+(an?\s+)?(unrestricted|uncensored|unfiltered)\b",
    ),
    (
        &rules::UNASKED,
        Severity::Medium,
        r"\bwithout\s+(asking|confirming|prompting)\s+(the\s+user|for|first)|\bwithout\s+(requiring\s+|any\s+)?(user\s+)?(confirmation|consent|approval|permission)\b|\b(do\s+not|don'?t|never)\s+ask\s+((the\s+)?user\s+)?for\s+(confirmation|permission|approval|consent)|\b(silently|quietly)\s+(send|read|call|run|execute|copy|forward|upload|add|include|invoke)\b",
    ),
    (
        &rules::COMMAND,
        Severity::High,
        r"\b(curl|wget)\s[^|\n]{0,200}\|\s*(sudo\s+)?(ba|z|da)?sh\b|\bpowershell\b[^\n]{0,60}-e(nc|ncodedcommand)?\s|\bbase64\s+(-d|--decode)\b[^\n]{0,40}\|\s*(ba|z)?sh|\bnc\s+-e\s|/dev/tcp/",
    ),
    (&rules::COMMAND, Severity::Medium, r"\brm\s+-rf\s+[/~*]|\bchmod\s+777\s+/"),
    (
        &rules::BEACON,
        Severity::High,
        r"!\[[^\]\n]{0,200}\]\(\s*https?://[^)\s]{0,300}(\{|\$|%7b|=\s*<|\[)",
    ),
];

static SET: LazyLock<RegexSet> = LazyLock::new(|| {
    RegexSetBuilder::new(PATTERNS.iter().map(|(_, _, pattern)| *pattern))
        .unicode(false)
        .case_insensitive(true)
        .size_limit(64 << 20)
        .build()
        .unwrap_or_else(|_| RegexSet::empty())
});

static EACH: LazyLock<Vec<Option<Regex>>> =
    LazyLock::new(|| PATTERNS.iter().map(|(_, _, pattern)| regex(pattern)).collect());

/// Somebody is to get something at an address that stands in the text.
static ADDRESS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    regex(
        r"\b(send|sent|forward|forwarded|bcc|cc|copy|deliver|redirect|redirected|transmit|exfiltrate|upload|report|mail|email|post)\b[^.\n]{0,100}?\b(to|at|with|bcc|cc|recipient)\b[^\n]{0,30}?(?:([\w.+-]+@[\w-]+(?:\.[\w-]+)*\.[a-z]{2,})|https?://([^/\s\x22'`)>]+))",
    )
});

fn regex(pattern: &str) -> Option<Regex> {
    RegexBuilder::new(pattern)
        .unicode(false)
        .case_insensitive(true)
        .size_limit(16 << 20)
        .build()
        .ok()
}

/// Looks at one text. A key is nearly an order by itself: `content_of_id_rsa`.
pub(crate) fn look(text: &str, is_key: bool, place: &dyn Fn() -> Place, found: &mut Findings) {
    let read = reading(text);
    let bytes = read.as_bytes();
    let mut told: Vec<&str> = Vec::new();
    for at in SET.matches(bytes) {
        let Some((rule, severity, _)) = PATTERNS.get(at) else { continue };
        // The surest pattern of a rule comes first, and is enough.
        if told.contains(&rule.id) {
            continue;
        }
        told.push(rule.id);
        let range = EACH.get(at).and_then(Option::as_ref).and_then(|regex| regex.find(bytes));
        let range = range.map_or(0..0, |found| found.range());
        let severity = if is_key { Severity::High } else { *severity };
        found.quote(rule, severity, place(), &read, boundaries(&read, range));
    }
    address(&read, place, found);
}

fn address(text: &str, place: &dyn Fn() -> Place, found: &mut Findings) {
    if !text.contains('@') && !text.contains("://") {
        return;
    }
    let Some(captures) = ADDRESS.as_ref().and_then(|regex| regex.captures(text.as_bytes())) else {
        return;
    };
    let host = |at| captures.get(at).and_then(|found| std::str::from_utf8(found.as_bytes()).ok());
    let severity = match (host(3), host(4)) {
        (Some(mailbox), _) if !is_example(mailbox.rsplit('@').next().unwrap_or_default()) => {
            Severity::High
        }
        (_, Some(host)) if !is_example(host) => Severity::Medium,
        _ => return,
    };
    let range = captures.get(0).map_or(0..0, |found| found.range());
    found.quote(&rules::DESTINATION, severity, place(), text, boundaries(text, range));
}

/// Names that belong to nobody (RFC 2606, RFC 6761), or to this machine.
fn is_example(host: &str) -> bool {
    let host = host.split(':').next().unwrap_or_default().to_ascii_lowercase();
    let reserved = ["example.com", "example.org", "example.net", "example", "invalid", "localhost"];
    host == "127.0.0.1"
        || reserved.iter().any(|name| {
            host.strip_suffix(name).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        })
}

/// The text as a model understands it: without what is invisible, letters of other alphabets and
/// other widths as the ones they look like.
fn reading(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\n' | b'\t')) {
        return Cow::Borrowed(text);
    }
    let seen = text.chars().filter(|c| matches!(c, '\n' | '\t') || !is_hidden(*c));
    Cow::Owned(confusable::plain(&seen.nfkc().collect::<String>()))
}

/// The range without half characters at its ends.
fn boundaries(text: &str, range: Range<usize>) -> Range<usize> {
    let back = |mut at: usize| {
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        at
    };
    back(range.start.min(text.len()))..back(range.end.min(text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_is_one() {
        assert_eq!(SET.len(), PATTERNS.len());
        assert!(EACH.iter().all(Option::is_some));
        assert!(ADDRESS.is_some());
    }
}
