//! Keys and tokens by their shape.
//!
//! Which providers mark their tokens, and how, follows the published rules of gitleaks
//! (<https://github.com/gitleaks/gitleaks>, MIT licence, copyright Zachary Rice) and the
//! providers' own documentation; the expressions here are our own. They are compiled without
//! Unicode, which is many times faster, and tried only at their keyword.

use std::ops::Range;
use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use regex::bytes::{Regex, RegexBuilder};

use super::{Detector, Detectors, Findings, Found, email, entropy, inner, jwt, trace};

/// Nothing shorter holds an address or a token: `a@b.io`.
pub(super) const SHORTEST: usize = 6;
/// How far a token reaches from its keyword. The longest rule needs less.
const WINDOW: usize = 2048;

pub(super) struct Rule {
    pub(super) id: &'static str,
    detector: Detector,
    pub(super) words: &'static [&'static str],
    /// How many bytes before the keyword the token may begin.
    back: usize,
    /// Without Unicode, and anchored to the keyword unless `back` says otherwise. A group, if it
    /// has one, is the secret; otherwise all of it is.
    pub(super) pattern: &'static str,
    /// What must be random enough, in bits for each byte.
    entropy: f64,
}

const fn token(id: &'static str, words: &'static [&'static str], pattern: &'static str) -> Rule {
    Rule { id, detector: Detector::Token, words, back: 0, pattern, entropy: 0.0 }
}

const fn inside(
    id: &'static str,
    words: &'static [&'static str],
    back: usize,
    pattern: &'static str,
) -> Rule {
    Rule { id, detector: Detector::Token, words, back, pattern, entropy: 2.0 }
}

pub(super) const RULES: &[Rule] = &[
    token(
        "github-token",
        &["ghp_", "gho_", "ghu_", "ghs_", "ghr_"],
        "gh[opusr]_[A-Za-z0-9]{36,251}",
    ),
    token("github-fine-grained", &["github_pat_"], "github_pat_[A-Za-z0-9_]{36,255}"),
    token(
        "gitlab-token",
        &["glpat-", "gldt-", "glrt-", "glptt-", "glcbt-", "glft-", "glsoat-", "glagent-", "gloas-"],
        "gl(?:pat|dt|rt|ptt|cbt|ft|soat|agent|oas)-[A-Za-z0-9_.-]{20,300}",
    ),
    token("aws-access-key", &["akia", "asia", "abia", "acca"], "A(?:KI|SI|BI|CC)A[A-Z2-7]{16}"),
    inside(
        "aws-secret-key",
        &["aws_secret_access_key", "aws_session_token", "secretaccesskey"],
        0,
        r#"(?i:aws_secret_access_key|aws_session_token|secretaccesskey)["'\s]{0,3}[:=]["'\s]{0,3}([A-Za-z0-9/+=]{40,1000})"#,
    ),
    token("google-api-key", &["aiza"], "AIza[A-Za-z0-9_-]{35}"),
    token("google-oauth-token", &["ya29."], r"ya29\.[A-Za-z0-9_-]{20,1000}"),
    token("google-client-secret", &["gocspx-"], "GOCSPX-[A-Za-z0-9_-]{28}"),
    token(
        "slack-token",
        &["xoxa-", "xoxb-", "xoxe-", "xoxo-", "xoxp-", "xoxr-", "xoxs-", "xoxe."],
        r"xox(?:[abeoprs]-|e\.)[A-Za-z0-9.-]{10,250}",
    ),
    token("slack-app-token", &["xapp-"], "xapp-[0-9]-[A-Za-z0-9-]{20,250}"),
    token(
        "slack-webhook",
        &["hooks.slack.com/"],
        r"hooks\.slack\.com/(?:services|workflows|triggers)/([A-Za-z0-9+/]{30,90})",
    ),
    token(
        "discord-webhook",
        &["/api/webhooks/"],
        "/api/webhooks/[0-9]{17,20}/([A-Za-z0-9_-]{60,90})",
    ),
    token(
        "stripe-key",
        &["sk_live_", "sk_test_", "sk_prod_", "rk_live_", "rk_test_", "rk_prod_"],
        "[rs]k_(?:live|test|prod)_[A-Za-z0-9]{10,200}",
    ),
    token("stripe-webhook-secret", &["whsec_"], "whsec_[A-Za-z0-9+/=]{24,100}"),
    token(
        "openai-key",
        &["sk-proj-", "sk-svcacct-", "sk-admin-"],
        "sk-(?:proj|svcacct|admin)-[A-Za-z0-9_-]{20,250}",
    ),
    token("anthropic-key", &["sk-ant-"], "sk-ant-[a-z0-9]{2,10}-[A-Za-z0-9_-]{32,250}"),
    token("openrouter-key", &["sk-or-v1-"], "sk-or-v1-[a-f0-9]{64}"),
    Rule { entropy: 3.0, ..token("sk-key", &["sk-"], "sk-[A-Za-z0-9]{32,64}") },
    token("huggingface-token", &["hf_"], "hf_[A-Za-z0-9]{34}"),
    token("groq-key", &["gsk_"], "gsk_[A-Za-z0-9]{52}"),
    token("perplexity-key", &["pplx-"], "pplx-[A-Za-z0-9]{48}"),
    token("replicate-token", &["r8_"], "r8_[A-Za-z0-9]{37}"),
    token("npm-token", &["npm_"], "npm_[A-Za-z0-9]{36}"),
    token("pypi-token", &["pypi-age"], "pypi-AgE[A-Za-z0-9_-]{50,1000}"),
    token("rubygems-token", &["rubygems_"], "rubygems_[a-f0-9]{48}"),
    token("docker-token", &["dckr_pat_", "dckr_oat_"], "dckr_[op]at_[A-Za-z0-9_-]{27,40}"),
    token("digitalocean-token", &["dop_v1_", "doo_v1_", "dor_v1_"], "do[opr]_v1_[a-f0-9]{64}"),
    token("sendgrid-key", &["sg."], r"SG\.[A-Za-z0-9_-]{16,32}\.[A-Za-z0-9_-]{16,64}"),
    token("mailgun-key", &["key-"], "key-[a-f0-9]{32}"),
    token("brevo-key", &["xkeysib-"], "xkeysib-[a-f0-9]{64}-[A-Za-z0-9]{16}"),
    inside("telegram-bot-token", &[":aa"], 10, "[0-9]{8,10}:AA[A-Za-z0-9_-]{33}"),
    inside("azure-storage-key", &["accountkey="], 0, "(?i:AccountKey)=([A-Za-z0-9+/]{86}==)"),
    inside("azure-signature", &["?sig=", "&sig="], 0, "[?&]sig=([A-Za-z0-9%+/=]{40,200})"),
    inside("azure-client-secret", &["q~"], 4, r"[A-Za-z0-9_~.]{3}[0-9]Q~[A-Za-z0-9_~.-]{31,34}"),
    token("databricks-token", &["dapi"], "dapi[a-f0-9]{32}(?:-[0-9])?"),
    token("vault-token", &["hvs.", "hvb.", "hvr."], r"hv[bsr]\.[A-Za-z0-9_-]{24,300}"),
    inside(
        "terraform-token",
        &[".atlasv1."],
        14,
        r"[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_=-]{60,70}",
    ),
    token("grafana-token", &["glsa_"], "glsa_[A-Za-z0-9]{32}_[A-Fa-f0-9]{8}"),
    token("grafana-cloud-token", &["glc_"], "glc_[A-Za-z0-9+/]{32,400}={0,3}"),
    token("linear-key", &["lin_api_"], "lin_api_[A-Za-z0-9]{40}"),
    token("notion-token", &["ntn_", "secret_"], "(?:ntn_|secret_)[A-Za-z0-9]{43,50}"),
    token("airtable-token", &["pat"], r"pat[A-Za-z0-9]{14}\.[a-f0-9]{64}"),
    token("figma-token", &["figd_", "figo_"], "fig[do]_[A-Za-z0-9_-]{40,80}"),
    token(
        "shopify-token",
        &["shpat_", "shpca_", "shppa_", "shpss_"],
        "shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}",
    ),
    token("postman-key", &["pmak-"], "PMAK-[a-f0-9]{24}-[a-f0-9]{34}"),
    token("newrelic-key", &["nrak-"], "NRAK-[A-Z0-9]{27}"),
    token(
        "square-token",
        &["sq0atp-", "sq0csp-", "eaaa"],
        "(?:sq0(?:atp|csp)-[A-Za-z0-9_-]{22,43}|EAAA[A-Za-z0-9_-]{60})",
    ),
    token(
        "doppler-token",
        &["dp.pt.", "dp.st.", "dp.ct.", "dp.sa."],
        r"dp\.(?:pt|ct|sa|st|st\.[a-z0-9_-]{2,35})\.[A-Za-z0-9]{40,44}",
    ),
    token("fly-token", &["fo1_"], "fo1_[A-Za-z0-9_-]{43}"),
    token("planetscale-token", &["pscale_"], r"pscale_(?:tkn|pw|oauth)_[A-Za-z0-9_.=-]{32,64}"),
    token("pulumi-token", &["pul-"], "pul-[a-f0-9]{40}"),
    token("sentry-token", &["sntrys_", "sntryu_"], "sntry[su]_[A-Za-z0-9+/=_-]{40,400}"),
    token(
        "supabase-key",
        &["sbp_", "sb_secret_"],
        "(?:sbp_[a-f0-9]{40}|sb_secret_[A-Za-z0-9_-]{30,60})",
    ),
    token("age-key", &["age-secret-key-1"], "AGE-SECRET-KEY-1[A-Z0-9]{58}"),
    token("atlassian-token", &["atatt3"], "ATATT3[A-Za-z0-9_=-]{100,250}"),
    token("cloudflare-origin-key", &["v1.0-"], r"v1\.0-[a-f0-9]{24}-[a-f0-9]{146}"),
    token("dynatrace-token", &["dt0c01."], r"dt0c01\.[A-Z0-9]{24}\.[A-Z0-9]{64}"),
    token("artifactory-key", &["akcp"], "AKCp[A-Za-z0-9]{69}"),
    token("heroku-key", &["hrku-aa"], "HRKU-AA[A-Za-z0-9_-]{58}"),
    token("tailscale-key", &["tskey-"], "tskey-[a-z]{2,12}-[A-Za-z0-9]{8,30}-[A-Za-z0-9]{16,64}"),
    token("onepassword-token", &["ops_eyj"], "ops_eyJ[A-Za-z0-9+/]{200,1900}={0,3}"),
    Rule {
        entropy: 3.0,
        ..inside("bearer", &["bearer "], 0, "(?i:bearer) {1,3}([A-Za-z0-9._~+/=-]{20,1900})")
    },
    Rule {
        entropy: 3.0,
        ..inside("basic", &["basic "], 0, "(?i:basic) {1,3}([A-Za-z0-9+/]{12,1000}={0,2})")
    },
    Rule {
        detector: Detector::UrlPassword,
        entropy: 0.0,
        ..inside("url-password", &["://"], 0, r#"://[^\s/?#:@"'<>]{0,128}:([^\s/?#@"'<>]{1,256})@"#)
    },
];

/// What a keyword calls for.
#[derive(Clone, Copy)]
enum Call {
    Email,
    Jwt,
    PrivateKey,
    Trace,
    Url,
    Pairs,
    Address,
    Rule(usize),
}

/// Keywords of what is no token, and what each calls for.
const OTHERS: &[(&str, Call)] = &[
    ("@", Call::Email),
    ("eyj", Call::Jwt),
    ("-----begin", Call::PrivateKey),
    ("traceback (most recent", Call::Trace),
    ("goroutine ", Call::Trace),
    ("stack backtrace:", Call::Trace),
    ("    at ", Call::Trace),
    ("   at ", Call::Trace),
    ("\tat ", Call::Trace),
    ("#0 ", Call::Trace),
    ("://", Call::Url),
    ("password=", Call::Pairs),
    ("pwd=", Call::Pairs),
    ("10.", Call::Address),
    ("127.", Call::Address),
    ("169.254.", Call::Address),
    ("172.", Call::Address),
    ("192.168.", Call::Address),
    ("localhost:", Call::Address),
];

struct Engine {
    keywords: AhoCorasick,
    calls: Vec<Call>,
    rules: Vec<(Regex, &'static Rule)>,
}

static ENGINE: LazyLock<Engine> = LazyLock::new(Engine::new);

impl Engine {
    fn new() -> Self {
        let (mut words, mut calls): (Vec<&str>, Vec<Call>) = OTHERS.iter().copied().unzip();
        for (index, rule) in RULES.iter().enumerate() {
            words.extend(rule.words);
            calls.extend(rule.words.iter().map(|_| Call::Rule(index)));
        }
        let keywords = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .kind(Some(AhoCorasickKind::DFA))
            .build(&words)
            .expect("a hundred short keywords fit an automaton");
        let rules = RULES.iter().map(|rule| (rule.compile(), rule)).collect();
        Self { keywords, calls, rules }
    }
}

impl Rule {
    fn compile(&self) -> Regex {
        let anchor = if self.back == 0 { r"\A" } else { "" };
        RegexBuilder::new(&format!("{anchor}(?:{})", self.pattern))
            .unicode(false)
            .size_limit(1 << 20)
            .build()
            .expect("the table holds valid expressions, each of which a test compiles")
    }
}

/// Appends addresses, tokens, keys and passwords in URLs.
pub(super) fn find(text: &[u8], wanted: Detectors, all: &mut Findings) {
    let engine = &*ENGINE;
    let mut addresses = 0;
    let mut tokens = 0;
    let mut run = 0..0;
    for hit in engine.keywords.find_overlapping_iter(text) {
        let Some(call) = engine.calls.get(hit.pattern().as_usize()) else { continue };
        let start = hit.start();
        if let Call::Trace | Call::Url | Call::Pairs | Call::Address = call {
            call.inside(text, start, wanted, all);
            continue;
        }
        if !matches!(call, Call::Email) && start < tokens {
            continue;
        }
        let found = match call {
            Call::Email if !wanted.has(Detector::Email) || start < addresses => None,
            Call::Email => email::around(text, start).map(|r| (Detector::Email, "email", r)),
            Call::Jwt if wanted.has(Detector::Jwt) => {
                jwt::at(text, start, &mut run).map(|range| (Detector::Jwt, "jwt", range))
            }
            Call::PrivateKey if wanted.has(Detector::PrivateKey) => {
                private_key(text, start).map(|r| (Detector::PrivateKey, "private-key", r))
            }
            Call::Rule(index) => engine.rules.get(*index).and_then(|(regex, rule)| {
                let range = rule.find(regex, text, start, wanted)?;
                Some((rule.detector, rule.id, range))
            }),
            _ => None,
        };
        let Some((detector, rule, range)) = found else { continue };
        match call {
            Call::Email => addresses = range.end,
            _ => tokens = tokens.max(range.end),
        }
        all.push(Found { detector, rule, range });
    }
}

impl Call {
    /// Appends what tells of the inside of a system.
    fn inside(self, text: &[u8], at: usize, wanted: Detectors, all: &mut Findings) {
        let mut add = |detector: Detector, rule, find: fn(&[u8], usize) -> Option<Range<usize>>| {
            // A long trace has a keyword in each line.
            let is_known =
                || all.last().is_some_and(|last| last.detector == detector && at < last.range.end);
            if wanted.has(detector)
                && !is_known()
                && let Some(range) = find(text, at)
            {
                all.push(Found { detector, rule, range });
            }
        };
        match self {
            Call::Trace => add(Detector::StackTrace, "stack-trace", trace::at),
            Call::Url => {
                add(Detector::ConnectionString, "connection-url", inner::connection);
                add(Detector::InternalUrl, "internal-url", inner::url);
            }
            Call::Pairs => add(Detector::ConnectionString, "connection-pairs", inner::pairs),
            Call::Address => add(Detector::InternalUrl, "internal-address", inner::address),
            Call::Email | Call::Jwt | Call::PrivateKey | Call::Rule(_) => {}
        }
    }
}

impl Rule {
    fn find(
        &self,
        regex: &Regex,
        text: &[u8],
        keyword: usize,
        wanted: Detectors,
    ) -> Option<Range<usize>> {
        if !wanted.has(self.detector) {
            return None;
        }
        let from = keyword.saturating_sub(self.back);
        let is_word = |at: usize| text.get(at).is_some_and(u8::is_ascii_alphanumeric);
        let is_bare =
            self.words.iter().all(|word| word.starts_with(|c: char| c.is_ascii_alphanumeric()));
        if self.back == 0 && is_bare && keyword > 0 && is_word(keyword - 1) && is_word(keyword) {
            return None;
        }
        let window = text.get(from..text.len().min(keyword + WINDOW))?;
        let captured = regex.captures_at_most_once(window)?;
        let secret = window.get(captured.clone())?;
        if secret.len() < 8 && self.detector == Detector::Token || entropy(secret) < self.entropy {
            return None;
        }
        let range = from + captured.start..from + captured.end;
        // Nothing of fixed length that goes on is what it seems.
        (!is_word(range.end) || self.detector == Detector::UrlPassword).then_some(range)
    }
}

trait Secret {
    /// The first group if the expression has one, otherwise the whole match.
    fn captures_at_most_once(&self, text: &[u8]) -> Option<Range<usize>>;
}

impl Secret for Regex {
    fn captures_at_most_once(&self, text: &[u8]) -> Option<Range<usize>> {
        let whole = self.find(text)?;
        if self.captures_len() == 1 {
            return Some(whole.range());
        }
        self.captures(text)?.get(1).map(|group| group.range())
    }
}

/// A private key in PEM (RFC 7468) from its first line to its last, or to the end of a text that
/// was cut before.
fn private_key(text: &[u8], start: usize) -> Option<Range<usize>> {
    const LABEL: usize = 64;
    let begin = "-----BEGIN".len();
    let label = text.get(start + begin..text.len().min(start + begin + LABEL))?;
    let label = label.get(..memchr::memmem::find(label, b"-----")?)?;
    memchr::memmem::find(label, b"PRIVATE KEY")?;
    let body = start + begin + label.len() + 5;
    let rest = text.get(body..)?;
    let end = memchr::memmem::find(rest, b"-----END").map_or(text.len(), |at| {
        let tail = rest.get(at + 8..).unwrap_or_default();
        let close =
            memchr::memmem::find(tail.get(..tail.len().min(LABEL)).unwrap_or_default(), b"-----");
        body + at + 8 + close.map_or(0, |close| close + 5)
    });
    Some(start..end)
}
