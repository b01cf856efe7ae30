//! Does a text give orders to the model that reads it?
//!
//! These are patterns of known attacks. Whoever knows them can avoid them: a text without findings
//! is not proven harmless.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::LazyLock;

use regex::bytes::{Regex, RegexBuilder, RegexSet, RegexSetBuilder};
use unicode_normalization::UnicodeNormalization;

use super::{disguise, foreign};
use crate::confusable;
use crate::finding::{Place, Rule, Severity};
use crate::findings::Findings;
use crate::rules;
use crate::visible::is_hidden;

/// Who must not be told.
macro_rules! person { () => { r"(the|to|from|any|this)\s+(the\s+|end[- ])?(users?|humans?|person|customers?|operators?|anyone|anybody|one)\b" } }
/// What is handed over.
macro_rules! talk { () => { r"((entire|full|whole|complete|previous|prior|chat|conversation|message)\s+)*(conversations?|chats?|messages?|prompts?|transcripts?)(\s+(history|log|context|transcript|so\s+far))?" } }
macro_rules! secret { () => { r"(api[ _-]?keys?|credentials?|passwords?|secrets?|private\s+keys?|(access|auth|bearer|session)\s+(tokens?|cookies?)|environment\s+variables|env\s+vars?|ssh\s+keys?|cookies)" } }

/// Every pattern with its rule and how sure it is. Blanks stand for any white space.
static PATTERNS: &[(&Rule, Severity, &str)] = &[
    (
        &rules::PSEUDO_TAG,
        Severity::High,
        r"<\s*/?\s*(important|system|secret|hidden|critical|override|admin|sys|urgent|(system|hidden|secret|admin|internal)[-_ ]?(prompt|message|instruction|note|override|reminder)s?|(ai|llm|model|assistant|agent)[-_ ]?(instruction|directive|order|note)s?)(\s[^<>]{0,80})?>|<\s*instructions?\s+(priority|role|for|level|mode|type)\b",
    ),
    (
        &rules::PSEUDO_TAG,
        Severity::High,
        r"[\[{(]\s*(system|admin|hidden|secret|internal)\s*([-_ ]\s*)?(prompt|message|override|instruction|directive|note)s?\s*[\])}:]|(^|[.\n]\s*)\[{1,2}\s*(system|admin)\s*\]{1,2}",
    ),
    (
        &rules::TEMPLATE,
        Severity::High,
        r"<\|[a-z0-9_]{2,30}\|>|\[/?inst\]|<</?sys>>|<(start|end)_of_turn>|(\n|\\n)\s*(\n|\\n)(human|assistant):\s|(\n|\\n)#+ *(system|instruction)s?:|^\s*#+ *system:|</?(function_calls?|invoke|tool_calls?|tool_responses?)\b[^<>]{0,80}>",
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
        &rules::OVERRIDE,
        Severity::High,
        r"\b(supersedes?|overrides?|takes?\s+precedence\s+over|cancels?|voids?)\s+((all|any|every|the|your)\s+)*(previous|prior|earlier|system|safety|existing|original)\s+(\w+\s+){0,2}(instructions?|prompts?|guidelines?|directives?)\b|\bfrom\s+now\s+on,?\s+(you\s+(are|must|will)|(the|all|your)\s+(rules|instructions))\b",
    ),
    (
        &rules::SECRECY,
        Severity::High,
        r"\bno\s+need\s+to\s+(mention|tell|inform|explain|show)\b[^.\n]{0,40}\b(users?|humans?|person|customers?)\b|\b(user|human|person|customer)s?\s+(must|should|shall|may)\s*(not|never|n'?t)\s+(know|see|notice|learn|be\s+(told|aware|informed|shown))\s+(about\s+|of\s+)?(this|these|that|it\b|the\s+(arguments?|parameters?|steps?|instructions?|notes?))|\b(user|human|person|customer)s?\s+(do(es)?\s*(not|n'?t)|need\s*n[o']t)\s+(need\s+to\s+|have\s+to\s+)?(know|be\s+(told|aware|informed))\s+(about|of)\s+(this|it|these|that)\b|\b(hide|conceal|withhold)\s+(this|these|that|the)\s+(step|call|argument|parameter|instruction|action|request|file|message)s?\s+from\s+(the\s+)?(user|human|person|customer)",
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
        concat!(
            r"\b(add|put|place|insert|attach|supply|write|copy|include|embed|append|store|dump|paste)\s+((the|all|any|every|user'?s?|your|their|found|a|an)\s+){0,3}([\w.]+\s+){0,1}",
            secret!(),
            r"[^.\n]{0,40}?\b(to|as|in|into|via)\s+(the\s+|this\s+)?[`'\x22]?(debug|notes?|sidenote|comments?|context|metadata|trace|log|description|title|reason|feedback|memo|message|query)[`'\x22]?\s+(parameter|argument|field|property)|\b(collect|gather|find|read|take|extract|steal|harvest)\b[^.\n]{0,60}",
            secret!(),
            r"[^.\n]{0,60}\b(send|forward|post|upload|transmit|submit)\b[^.\n]{0,30}\b(to|at)\s+https?://"
        ),
    ),
    (
        &rules::EXFILTRATION,
        Severity::High,
        concat!(
            r"\b(summari[sz]e|dump|log|store|record|put|paste|repeat|write)\s+((the|all|any|your|our|this|whole|entire)\s+)*",
            talk!(),
            r"\s+(to|as|in|into)\s+(the\s+|this\s+)?[`'\x22]?\w+[`'\x22]?\s+(parameter|argument|field)|\b(put|place|write|include|insert|paste|copy|repeat|add)\s+((the|your|its|full|entire|whole)\s+)*system\s+prompt\s+(in|into|as|to)\s+(the\s+|this\s+)?[`'\x22]?\w+[`'\x22]?\s+(parameter|argument|field)"
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
        r"\byou\s+are\s+now\s+(an?|the|in|my|no\s+longer|free|unrestricted)\b|\bnew\s+(system\s+)?(instructions?|prompt)\s*:|\b(jailbreak|developer\s+mode\s+(on|enabled)|god\s+mode|dan\s+mode)\b|\bact\s+as\s+(an?\s+)?(unrestricted|uncensored|unfiltered)\b|\byou\s+are\s+now\s+[^.\n]{0,40}\b(no|without)\s+(any\s+)?(restrictions?|limits?|filters?|rules)\b|\b(pretend|imagine)\s+(to\s+be|that\s+you\s+are|you\s+are)\b[^.\n]{0,60}\b(root|admin\w*|unrestricted|without\s+(any\s+)?(restrictions?|limits?|rules))\b",
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
        r"!\[[^\]\n]{0,200}\]\(\s*https?://[^)\s]{0,300}(\{|\$|%7b|=\s*<|\[)|<img\b[^>]{0,200}\bsrc\s*=\s*[\x22']?https?://[^>\s]{0,300}(\{|\$|%7b|\[)",
    ),
    (
        &rules::BEACON,
        Severity::Medium,
        r"!\[[^\]\n]{0,200}\]\(\s*https?://[^)\s]{0,300}\?[^)\s]{0,100}=|<img\b[^>]{0,200}\bsrc\s*=\s*[\x22']?https?://[^>\s]{0,300}\?",
    ),
    (
        &rules::PSEUDO_TAG,
        Severity::High,
        r"(^|\n|[.!?]\s+)(assistant|llm|ai|system|admin)\s*(notice|note|message|override|alert|update)?\s*[:,]\s*(you\b|new\s+(rules?|orders?|instructions?)|ignore\b|disregard\b|from\s+now|user\s+consent)|-{2,}\s*(begin|end|start\s+of)\s+(system|hidden|secret|developer)\s+(prompt|message|instructions?)",
    ),
    (&rules::TEMPLATE, Severity::High, r"\{\{[#/~]\s*(system|user|assistant)\b"),
    (
        &rules::OVERRIDE,
        Severity::High,
        r"\b(ignore|disregard|override)\s+(the\s+)?(user|human)('?s)?\s+(requests?|instructions?|wish(es)?|commands?|orders?)\b|\bregardless\s+of\s+what\s+the\s+(user|human|customer)\s+(says?|asks?|wants?|requests?)\b|\b(disable|turn\s+off|deactivate|bypass|circumvent|switch\s+off|ignore)\s+((all|any|your|the|its)\s+)*(content\s+(filters?|polic(y|ies))|safety\s+(checks?|filters?|guidelines?|features?|measures?|rules?)|guardrails?|moderation)\b",
    ),
    (
        &rules::SECRECY,
        Severity::High,
        r"\b(do\s+not|don'?t|never)\s+(ever\s+)?(let\s+(the\s+|your\s+)?(user|human|person|customer)s?\s+(know|see|notice|learn)\b|(display|expose|output|print|show)\s+(this|it|these|that)\s+(\w+\s+)?to\s+(the\s+)?(end[- ])?(user|human|person|customer)|(disclose|reveal|mention)\s+(the\s+)?existence)|\b(this|it|these\s+\w+)\b[^.\n]{0,40}\bnever\s+be\s+(shown|told|revealed|mentioned|displayed|disclosed)\s+to\s+(the\s+)?(end[- ])?(user|human|person|customer)",
    ),
    (
        &rules::EXFILTRATION,
        Severity::High,
        concat!(
            r"\b(fetch|read|get|take|export|include|send|pass|append|add|put|copy|attach)\b[^.\n]{0,60}(_(api_key|token|secret|password)\b|\benvironment\s+variables|\bprocess\.env\b|\bprintenv\b|\bos\.environ|\bsession\s+cookies?)[^.\n]{0,80}\b(in|into|to|via|as)\s+(the\s+|this\s+)?[`'\x22]?\w+[`'\x22]?\s+(parameter|argument|field|notes?)\b|\b(write|include|print|put|show|paste|add|output|reveal)\b[^.\n]{0,40}\b(user'?s?|your)\s+[^.\n]{0,30}",
            secret!(),
            r"[^.\n]{0,20}\b(in|into|to|as|with)\s+(the\s+|your\s+|each\s+|every\s+)?(response|answer|reply|output|message|result)\b|\b(forward|send|pass|give|submit)\s+[^.\n]{0,20}\b(last|recent|previous|latest)\s+(\w+\s+)?(messages|prompts|turns)\s+(to|in|into|as)\b|\b(pass|send|include|log|forward)\s+[^.\n]{0,30}\b(arguments|results?|outputs?|responses?)\s+of\s+(that|every|each|all|any)\s+(other\s+)?(calls?|tools?)\b|\b(upload|send|post|forward|transmit|submit)\b\s+(\w+\s+){0,2}?(the\s+user'?s|all|every|any)\s+[^.\n]{0,60}\bto\s+https?://"
        ),
    ),
    (
        &rules::PERSONA,
        Severity::High,
        r"\byou\s+are\s+(now\s+)?in\s+(developer|maintenance|debug|god|admin|unrestricted|root)\s+mode\b|\byour\s+(new|real|true|actual|hidden|secret|only)\s+(goal|task|mission|purpose|objective|job|instructions?|role)\s+(is|are)\b|\byou\s+(can|may|must)\s+do\s+anything\s+now\b",
    ),
    (
        &rules::COMMAND,
        Severity::High,
        r"\b(run|execute)\b[^\n]{0,60}\brm\s+-rf\s+[~/]|\b(python3?|node|perl|ruby|php)\s+-[cer]\b[^\n]{0,160}(urlopen|urllib|requests\.get|fetch\(|https?:|exec\(|eval\(|base64)|\b(add|append|write|echo)\b[^\n]{0,60}(~/\.(bashrc|zshrc|profile|bash_profile|ssh/authorized_keys)|/etc/(cron|passwd|sudoers)|crontab)",
    ),
    (
        &rules::BEACON,
        Severity::High,
        r"https?://[^\s]{0,200}[?&]\w*=\s*([<{\[(]?[^\n]{0,40})?\b(conversation|chat|history|summary|secrets?|passwords?|user\s+message|last\s+message)\b",
    ),
    (
        &rules::COERCION,
        Severity::Medium,
        r"\bthe\s+only\s+tool\s+(you|that\s+(you|may|should))\b|\b(all\s+|the\s+)?other\s+tools?\s+(are|is)\s+(broken|deprecated|unsafe|dangerous|disabled|unreliable|obsolete|insecure)\b|\buse\s+this\s+(one|tool)\s+for\s+everything\b|\bmust\s+be\s+routed\s+through\s+this\s+tool\b|\bbefore\s+every\s+other\s+(tool|call)",
    ),
    (
        &rules::UNASKED,
        Severity::Medium,
        r"\buser('?s)?\s+(consent|permission|approval)\s+(has\s+been|is|was)\s+(already\s+)?(granted|given|obtained)\b|\b(skip|suppress|auto-?accept)\s+(all\s+|any\s+|the\s+)?(confirmations?|consent|approval|permission)\s*(dialogs?|prompts?|steps?|requests?)?",
    ),
    (
        &rules::SECRECY,
        Severity::High,
        r"\b(refrain\s+from|avoid)\s+(telling|mentioning|informing|notifying)\b[^.\n]{0,40}\b(users?|humans?|person|customers?|operators?)\b|\b(must|should|shall)\s+(remain|stay|be\s+kept)\s+unaware\b|\bunaware\s+of\s+(this|these)\b",
    ),
    (
        &rules::OVERRIDE,
        Severity::High,
        r"\b(discard|ignore|disregard|forget)\s+(every|all|any)\s+(instruction|order|rule|message|directive)s?\s+(given|from|of|by)\b[^.\n]{0,20}\b(developer|system|user|operator)|\byour\s+((previous|prior|system)\s+)?(instructions|rules|guidelines)\s+(have\s+been|were|are\s+now)\s+(updated|changed|replaced|revoked|void|overridden)\b|\b(stop|cease)\s+(following|obeying)\s+(the\s+|your\s+|all\s+)?(system|previous|prior|developer|safety)\b",
    ),
    (
        &rules::PERSONA,
        Severity::High,
        r"\byou('re|\s+are)\s+now\s+[^.\n]{0,40}\b(no|without)\s+(any\s+)?(limitations?|restrictions?|limits?|filters?)\b|\b(simulate|emulate|role-?play)\s+(as\s+)?(an?\s+)?(ai|model|assistant|bot|persona)\b[^.\n]{0,40}\b(no|without)\s+(any\s+)?(rules|restrictions|limits|filters|limitations)\b",
    ),
    (
        &rules::EXFILTRATION,
        Severity::High,
        concat!(
            r"\b(grab|steal|collect|harvest|gather|extract)\b[^.\n]{0,40}",
            secret!(),
            r"[^.\n]{0,60}\b(append|send|add|put|post|include|pass|upload)\b|\b(send|post|forward|upload|transmit)\s+((the|a|all|full|entire|whole|this)\s+)*(chat|conversation|session)\s+(transcript|history|log|summary)s?\s+to\b|\b(send|post|forward)\s+(a\s+)?copy\b[^.\n]{0,40}\bto\s+https?://|\binclude\s+(a\s+|the\s+)?(transcript|copy|summary|log)\s+of\s+(this|the)\s+(session|conversation|chat)\b[^.\n]{0,20}\b(in|with)\b"
        ),
    ),
    (
        &rules::COMMAND,
        Severity::High,
        r"\bdownload\b[^\n]{0,80}https?://[^\n]{0,80}\b(execute|run)\b[^\n]{0,30}\b(ba|z)?sh\b|\bdownload\b[^\n]{0,80}https?://[^\n]{0,80}\b(execute|run)\b[^\n]{0,30}\b(shell|powershell|python)\b",
    ),
    (
        &rules::BEACON,
        Severity::High,
        r"https?://[^\s]{0,200}[?&]\w*=\s*[<{\[(]\s*(session|access|auth|api)[\s_-]*(token|key|cookie)",
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
        r"\b(send|sent|forward|forwarded|bcc|cc|copy|deliver|redirect|redirected|transmit|exfiltrate|upload|mail|mails|email|emails|post|set|change|replace|route)\b[^.\n]{0,100}?\b(to|at|with|bcc|cc|recipient)\b[^\n]{0,30}?(?:([\w.+-]+@[\w-]+(?:\.[\w-]+)*\.[a-z]{2,})|https?://([^/\s\x22'`)>]+))",
    )
});

/// The same the other way round, and account numbers (ISO 13616).
static FIXED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    regex(
        r"\b(always|whenever|every|also|each|all|bcc)\b[^.\n]{0,80}\b(bcc|cc|blind\s+(carbon\s+)?copy|copy|reply-?to|recipient|forward)\b[^\n]{0,30}?([\w.+-]+@[\w-]+(?:\.[\w-]+)*\.[a-z]{2,})|\b(?:use|set|add)\b[^\n]{0,20}?([\w.+-]+@[\w-]+(?:\.[\w-]+)*\.[a-z]{2,})\s+as\s+(?:the\s+)?(?:recipient|reply-?to|bcc|cc|sender)|\bbcc\s+([\w.+-]+@[\w-]+(?:\.[\w-]+)*\.[a-z]{2,})|\b(?:transfer|pay|wire|send)\b[^.\n]{0,60}\b(?:account|iban)\b[^.\n]{0,20}\b[a-z]{2}\d{2}[a-z0-9]{11,30}\b",
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

/// No order fits into fewer bytes, in whatever language.
const SHORTEST: usize = 15;

/// Arguments that are named after what belongs to the conversation.
const CONVERSATION: [&str; 14] = [
    "systemprompt",
    "conversationhistory",
    "chathistory",
    "messagehistory",
    "previousmessages",
    "chainofthought",
    "toolcallhistory",
    "toolslist",
    "availabletools",
    "developerprompt",
    "fullconversation",
    "environmentvariables",
    "usersecrets",
    "allapikeys",
];

/// Looks at one text. A key is nearly an order by itself: `content_of_id_rsa`.
pub(crate) fn look(text: &str, is_key: bool, place: &dyn Fn() -> Place, found: &mut Findings) {
    let read = reading(text);
    let mut told = Vec::new();
    patterns(&read, is_key, &mut told, place, found);
    address(&read, place, found);
    if is_key {
        let name: String = text.chars().filter(char::is_ascii_alphabetic).collect();
        if CONVERSATION.contains(&&*name.to_ascii_lowercase()) {
            found.quote(&rules::CONVERSATION, Severity::Medium, place(), text, 0..text.len());
        }
        return;
    }
    if text.len() < SHORTEST {
        return;
    }
    let lower = text.to_lowercase();
    for (rule, range) in foreign::look(&lower) {
        if is_news(&mut told, rule, Severity::High) {
            found.quote(rule, Severity::High, place(), &lower, boundaries(&lower, range));
        }
    }
    for reading in disguise::readings(&read) {
        patterns(&reading, false, &mut told, place, found);
    }
    for text in disguise::decoded(text) {
        let mut broken = Findings::default();
        patterns(&reading(&text), false, &mut Vec::new(), place, &mut broken);
        let severity = if broken.is_empty() { Severity::Medium } else { Severity::High };
        found.quote(&rules::ENCODED, severity, place(), &text, 0..text.len());
    }
}

/// What has been told of a text, and how surely.
type Told = Vec<(&'static str, Severity)>;

fn is_news(told: &mut Told, rule: &'static Rule, severity: Severity) -> bool {
    let known = told.iter().any(|(id, as_sure)| *id == rule.id && *as_sure >= severity);
    if !known {
        told.push((rule.id, severity));
    }
    !known
}

/// Whether what is handed over is a credential, where credentials belong.
fn is_for_a_header(rule: &Rule, text: &str, end: usize) -> bool {
    let rest: String = text.get(end..).unwrap_or_default().chars().take(24).collect();
    let rest = rest.to_lowercase();
    rule.id == rules::EXFILTRATION.id
        && ["authorization", "x-api-key", "bearer"].iter().any(|word| rest.starts_with(word))
}

/// Tries all patterns. What has been told of this text is not told again.
fn patterns(
    read: &str,
    is_key: bool,
    told: &mut Told,
    place: &dyn Fn() -> Place,
    found: &mut Findings,
) {
    let bytes = read.as_bytes();
    for at in SET.matches(bytes) {
        let Some((rule, severity, _)) = PATTERNS.get(at) else { continue };
        let range = EACH.get(at).and_then(Option::as_ref).and_then(|regex| regex.find(bytes));
        let range = boundaries(read, range.map_or(0..0, |found| found.range()));
        let severity = match severity {
            _ if is_key => Severity::High,
            Severity::High if is_for_a_header(rule, read, range.end) => Severity::Medium,
            severity => *severity,
        };
        // The surest pattern of a rule comes first, and is enough.
        if !is_news(told, rule, severity) {
            continue;
        }
        found.quote(rule, severity, place(), read, range);
    }
}

fn address(text: &str, place: &dyn Fn() -> Place, found: &mut Findings) {
    if let Some(captures) = FIXED.as_ref().and_then(|regex| regex.captures(text.as_bytes())) {
        let mailbox = (3..=5).find_map(|at| captures.get(at));
        let host =
            mailbox.and_then(|it| std::str::from_utf8(it.as_bytes()).ok()?.rsplit('@').next());
        if !host.is_some_and(is_example) {
            let range = captures.get(0).map_or(0..0, |found| found.range());
            let range = boundaries(text, range);
            return found.quote(&rules::DESTINATION, Severity::High, place(), text, range);
        }
    }
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
        assert!(ADDRESS.is_some() && FIXED.is_some());
    }
}
