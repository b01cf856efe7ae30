//! Keys and tokens by their shape.
//!
//! Which providers mark their tokens, and how, follows the published rules of gitleaks
//! (<https://github.com/gitleaks/gitleaks>, MIT licence, copyright Zachary Rice) and the
//! providers' own documentation; the expressions here are our own. They are compiled without
//! Unicode, which is many times faster, and tried only at their keyword.

use std::ops::Range;

use regex::bytes::{Regex, RegexBuilder};

use super::{Detector, entropy};

/// How far a token reaches from its keyword. The longest rule needs less.
const WINDOW: usize = 2048;
/// The same for rules whose token begins before the keyword: their expressions are looked for, not
/// only tried, so that each byte counts.
const WINDOW_AROUND: usize = 128;

pub(super) struct Rule {
    pub(super) id: &'static str,
    pub(super) detector: Detector,
    /// In lower case. Those that begin with a letter or digit begin no token in the middle of a
    /// longer word, unless `back` says otherwise.
    pub(super) words: &'static [&'static str],
    /// How many bytes before the keyword the token may begin.
    pub(super) back: usize,
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

/// A rule ready for use.
pub(super) struct Matcher {
    pub(super) rule: &'static Rule,
    regex: Regex,
}

impl Matcher {
    pub(super) fn new(rule: &'static Rule) -> Self {
        let anchor = if rule.back == 0 { r"\A" } else { "" };
        let regex = RegexBuilder::new(&format!("{anchor}(?:{})", rule.pattern))
            .unicode(false)
            .size_limit(1 << 20)
            .build()
            .expect("the table holds valid expressions, each of which a test compiles");
        Self { rule, regex }
    }

    /// The secret whose keyword stands at `keyword`.
    pub(super) fn find(&self, text: &[u8], keyword: usize) -> Option<Range<usize>> {
        let Rule { detector, back, entropy: least, .. } = *self.rule;
        let from = keyword.saturating_sub(back);
        let reach = if back == 0 { WINDOW } else { WINDOW_AROUND };
        let window = text.get(from..text.len().min(keyword + reach))?;
        let captured = self.secret(window)?;
        let secret = window.get(captured.clone())?;
        if secret.len() < 8 && detector == Detector::Token || entropy(secret) < least {
            return None;
        }
        let range = from + captured.start..from + captured.end;
        // Nothing of fixed length that goes on is what it seems.
        let goes_on = text.get(range.end).is_some_and(u8::is_ascii_alphanumeric);
        (!goes_on || detector == Detector::UrlPassword).then_some(range)
    }

    /// The first group if the expression has one, otherwise the whole match.
    fn secret(&self, window: &[u8]) -> Option<Range<usize>> {
        let whole = self.regex.find(window)?;
        if self.regex.captures_len() == 1 {
            return Some(whole.range());
        }
        self.regex.captures(window)?.get(1).map(|group| group.range())
    }
}
