//! Why a step failed, whoever says so: the gateway, the server, the tool itself.

use std::time::Duration;

use serde_json::{Value, json};
use toolgate_gateway::fault::{self, Fault, Reason, SideEffect};

/// Characters of what a server says that are passed on.
const MOST: usize = 500;

/// Bytes of a category that a server tells.
const LONGEST: usize = 64;

/// The categories in which tools of the gateway's own servers fail by themselves.
const TOLD: [Reason; 7] = [
    Reason::Arguments,
    Reason::Forbidden,
    Reason::Overloaded,
    Reason::QuotaExceeded,
    Reason::RateLimited,
    Reason::Refused,
    Reason::Unreachable,
];

/// A failed step.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    /// The label of a reason, `tool` for what the tool said in its result, `upstream` for an error of
    /// its server.
    pub category: String,
    /// One sentence.
    pub message: String,
    /// Whether the same call may succeed later; `None` where nobody says so.
    pub retryable: Option<bool>,
    /// When.
    pub retry_after: Option<Duration>,
    /// Whether it may have taken effect.
    pub side_effect: SideEffect,
    /// The reason, where it is one of the gateway's.
    pub reason: Option<Reason>,
}

impl Failure {
    /// The same, whose call did nothing.
    pub fn unsent(self) -> Failure {
        Failure { side_effect: SideEffect::None, ..self }
    }

    /// What the tool or its server answered instead of a result; `None` for a result.
    pub fn told(whole: &Value) -> Option<Failure> {
        if let Some(error) = whole.get("error") {
            let text = error["message"].as_str().unwrap_or("the server answered with an error");
            return Some(Failure::of(fault::BY_UPSTREAM, text, &error["data"]));
        }
        let result = &whole["result"];
        if result["isError"] != true {
            return None;
        }
        let text = result["content"].as_array().into_iter().flatten();
        let text = text.filter_map(|block| block["text"].as_str()).collect::<Vec<_>>().join(" ");
        let text = if text.is_empty() { "the tool failed" } else { &text };
        Some(Failure::of(fault::BY_TOOL, text, &result["_meta"][fault::META_KEY]))
    }

    /// A failure that a server tells of; `details` are in the gateway's own form, if any.
    fn of(category: &str, text: &str, details: &Value) -> Failure {
        let wait = details["retryAfterMs"].as_u64().map(Duration::from_millis);
        let side_effect = match details["sideEffect"].as_str() {
            Some("none") => SideEffect::None,
            _ => SideEffect::Unknown,
        };
        let category = details["category"].as_str().filter(is_label).unwrap_or(category);
        Failure {
            category: category.to_owned(),
            message: text.chars().take(MOST).collect(),
            retryable: details["retryable"].as_bool(),
            retry_after: wait,
            side_effect,
            reason: TOLD.into_iter().find(|reason| reason.label() == category),
        }
    }

    /// For a report.
    pub fn told_as(&self) -> Value {
        let mut told = json!({
            "category": self.category,
            "message": self.message,
            "retryable": self.retryable == Some(true),
            "side_effect": match self.side_effect {
                SideEffect::None => "none",
                SideEffect::Unknown => "unknown",
            },
        });
        if let Some(wait) = self.retry_after {
            told["retry_after_ms"] = json!(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
        }
        told
    }
}

/// Whether a word is one that could be a category. It goes into the log, and to programs as it is.
fn is_label(word: &&str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    (1..=LONGEST).contains(&word.len()) && word.bytes().all(is_plain)
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Failure {
        if let Some(cause) = fault.cause() {
            tracing::debug!(reason = fault.reason.label(), %cause, "a step of a workflow failed");
        }
        Failure {
            category: fault.reason.label().to_owned(),
            message: fault.message.clone(),
            retryable: Some(fault.reason.retryable()),
            retry_after: fault.retry_after,
            side_effect: fault.side_effect,
            reason: Some(fault.reason),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_tool_says_of_its_failure_is_the_reason_of_the_step() {
        let failure = |category: &str| {
            let details = json!({ "category": category, "sideEffect": "none" });
            Failure::of(fault::BY_TOOL, "no such file", &details)
        };

        assert_eq!(failure("invalid_arguments").reason, Some(Reason::Arguments));
        assert_eq!(failure("mine_alone").reason, None);
        assert_eq!(failure("mine_alone").category, "mine_alone");
        assert_eq!(Failure::of(fault::BY_TOOL, "no", &Value::Null).reason, None);
    }

    #[test]
    fn a_category_is_a_word_whatever_a_server_says() {
        for hostile in ["", "two words", "a\nb", "\u{1b}[2J", &"a".repeat(65)] {
            let failure = Failure::of(fault::BY_TOOL, "no", &json!({ "category": hostile }));
            assert_eq!(failure.category, fault::BY_TOOL, "{hostile:?}");
        }
    }
}
