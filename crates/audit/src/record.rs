//! What is recorded: what somebody wanted, and what became of it.

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use toolgate_protocol::caller::Caller;

use crate::arguments::Arguments;
use crate::line::Line;
use crate::redacted::Redacted;
use crate::text::{Text, cut};

/// What a caller wants, as far as it is known before anything is decided.
#[derive(Debug, Clone)]
pub struct Intent {
    /// When it came.
    pub time: SystemTime,
    /// On whose behalf.
    pub caller: Caller,
    /// Where it came from, if it came no further.
    pub address: Option<Text>,
    /// The name of the session, not its sealed token.
    pub session: Option<Text>,
    /// The toolset at whose endpoint it came in.
    pub toolset: Option<Text>,
    /// The id of the request, as JSON.
    pub request: Option<Text>,
    /// The method of the protocol, or of HTTP if it came no further.
    pub method: Text,
    /// The published name of the tool or prompt, or the URI of the resource.
    pub tool: Option<Text>,
    /// Its arguments, redacted.
    pub arguments: Option<Arguments>,
    /// The trace it belongs to (W3C Trace Context: trace-id).
    pub trace: Option<Text>,
    /// The version of the policies that decide.
    pub policy: Option<Text>,
    /// The version of the definitions that callers see.
    pub catalog: Option<Text>,
    /// The approval that it is a step of.
    pub approval: Option<Approval>,
}

/// Consent to one call, of which each step has a record.
#[derive(Debug, Clone)]
pub struct Approval {
    /// Its id.
    pub id: Text,
    /// The principal of whoever called.
    pub requester: Text,
    /// The principal of whoever decided; none while nobody has.
    pub approver: Option<Text>,
    /// The digest of the call, which consent is bound to: its method, name and arguments.
    pub call: Text,
}

impl Intent {
    /// An intent of now, of which nothing else is known.
    pub fn new(caller: Caller, method: impl Into<Text>) -> Intent {
        Intent {
            time: SystemTime::now(),
            caller,
            address: None,
            session: None,
            toolset: None,
            request: None,
            method: method.into(),
            tool: None,
            arguments: None,
            trace: None,
            policy: None,
            catalog: None,
            approval: None,
        }
    }

    pub(crate) fn write(&self, line: &mut Line<'_>) {
        let caller = &self.caller;
        line.text("caller", cut(&caller.principal));
        line.text("subject", cut(&caller.subject));
        optional(line, "actor", caller.actor.as_deref().map(cut));
        line.text("proof", caller.proof.as_str());
        optional(line, "tenant", caller.tenant.as_deref().map(cut));
        optional(line, "address", self.address.as_deref());
        optional(line, "session", self.session.as_deref());
        optional(line, "toolset", self.toolset.as_deref());
        optional(line, "request", self.request.as_deref());
        line.text("method", &self.method);
        optional(line, "tool", self.tool.as_deref());
        if let Some(arguments) = &self.arguments {
            line.json("arguments", arguments.json());
            line.number("arguments_bytes", wide(arguments.size()));
            optional(line, "arguments_sha256", arguments.digest());
            arguments.redacted().write(line, "arguments_redacted");
        }
        optional(line, "trace", self.trace.as_deref());
        optional(line, "policy", self.policy.as_deref());
        optional(line, "catalog", self.catalog.as_deref());
        if let Some(approval) = &self.approval {
            line.text("approval", &approval.id);
            line.text("requester", &approval.requester);
            optional(line, "approver", approval.approver.as_deref());
            line.text("call", &approval.call);
        }
    }
}

/// What was decided.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// Nothing: it ended before that.
    #[default]
    None,
    /// It may.
    Allow,
    /// It may once a person agrees.
    Ask,
    /// It may not.
    Deny,
}

impl Decision {
    /// All of them.
    pub const ALL: [Decision; 4] = [Decision::None, Decision::Allow, Decision::Ask, Decision::Deny];

    /// Its name in records.
    pub fn as_str(self) -> &'static str {
        match self {
            Decision::None => "none",
            Decision::Allow => "allow",
            Decision::Ask => "ask",
            Decision::Deny => "deny",
        }
    }
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// With a result.
    Ok,
    /// With an error, of the server or on the way to it.
    Failed,
    /// The gateway did not let it through.
    Refused,
    /// Whoever asked did not wait.
    Cancelled,
    /// The gateway ended first: whether the server acted is not known.
    Unknown,
}

impl Status {
    /// All of them.
    pub const ALL: [Status; 5] =
        [Status::Ok, Status::Failed, Status::Refused, Status::Cancelled, Status::Unknown];

    /// Its name in records.
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Ok => "ok",
            Status::Failed => "failed",
            Status::Refused => "refused",
            Status::Cancelled => "cancelled",
            Status::Unknown => "unknown",
        }
    }
}

/// What became of it.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// What was decided.
    pub decision: Decision,
    /// The number of the decision, which the server was told if it is told of its requests.
    pub decision_id: Option<Text>,
    /// The rule that decided.
    pub rule: Option<Text>,
    /// The approval that it was held for, or went on by.
    pub consent: Option<Text>,
    /// What rules took out of the answer, or refused it for.
    pub redacted: Redacted,
    /// The server it went to.
    pub upstream: Option<Text>,
    /// How often it was sent there.
    pub attempts: u32,
    /// How it ended.
    pub status: Status,
    /// Why it did not end well: a code.
    pub reason: Option<Text>,
    /// Bytes of the request.
    pub request_bytes: u64,
    /// Bytes of the reply.
    pub reply_bytes: u64,
    /// How long it took; a [`Ticket`](crate::Ticket) knows by itself.
    pub duration: Option<Duration>,
}

impl Outcome {
    /// An end of which nothing else is known.
    pub fn new(status: Status) -> Outcome {
        Outcome {
            decision: Decision::None,
            decision_id: None,
            rule: None,
            consent: None,
            redacted: Redacted::default(),
            upstream: None,
            attempts: 0,
            status,
            reason: None,
            request_bytes: 0,
            reply_bytes: 0,
            duration: None,
        }
    }

    /// The same with a reason.
    pub fn because(self, reason: impl Into<Text>) -> Outcome {
        Outcome { reason: Some(reason.into()), ..self }
    }

    pub(crate) fn write(&self, line: &mut Line<'_>) {
        line.text("decision", self.decision.as_str());
        optional(line, "decision_id", self.decision_id.as_deref());
        optional(line, "rule", self.rule.as_deref());
        optional(line, "consent", self.consent.as_deref());
        self.redacted.write(line, "redacted");
        optional(line, "upstream", self.upstream.as_deref());
        line.number("attempts", self.attempts.into());
        line.text("outcome", self.status.as_str());
        optional(line, "reason", self.reason.as_deref());
        line.number("request_bytes", self.request_bytes);
        line.number("reply_bytes", self.reply_bytes);
        if let Some(duration) = self.duration {
            line.number("duration_us", u64::try_from(duration.as_micros()).unwrap_or(u64::MAX));
        }
    }
}

fn optional(line: &mut Line<'_>, name: &str, value: Option<&str>) {
    if let Some(value) = value {
        line.text(name, value);
    }
}

fn wide(size: usize) -> u64 {
    u64::try_from(size).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_between_characters() {
        let text = Text::from("é".repeat(400));

        assert_eq!(text.len(), Text::LONGEST);
        assert_eq!(Text::from("x".repeat(511) + "é").len(), 511);
    }
}
