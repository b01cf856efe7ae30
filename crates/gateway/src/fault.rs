//! Why did a call fail, what may the client know of it, and what should it do next?

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use toolgate_protocol::json::quote;
use toolgate_protocol::jsonrpc::codes;

use crate::authorize::permit::Refusal;

/// The categories of failure. Codes, labels and advice come from this one table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The request is not what the method takes.
    Invalid,
    /// Arguments that the tool's schema or the operator does not allow.
    Arguments,
    /// An argument that the gateway gives has no value for this caller.
    Unbound,
    /// A tool whose arguments cannot be checked, where they have to be.
    Unchecked,
    /// The result holds what this caller may not see.
    Withheld,
    /// The result is not what the tool promises.
    Misfit,
    /// A header says something else than the body.
    Mismatch,
    /// No such tool, prompt or task, or none that this caller may know of.
    Unknown,
    /// No such resource.
    NoResource,
    /// No such method here.
    NoMethod,
    /// The client lacks a capability that the call needs.
    MissingCapability,
    /// The upstream did not answer in time.
    Timeout,
    /// The upstream could not be reached or started.
    Unreachable,
    /// The connection or process ended while the call was running.
    Broken,
    /// The upstream answered what is not MCP.
    Garbage,
    /// The upstream refused our credentials.
    Refused,
    /// The caller has not allowed yet what the upstream needs.
    Unconnected,
    /// The reply is larger than the limit.
    TooLarge,
    /// Too much is in flight.
    Overloaded,
    /// The caller may know of it and not use it, at least not like this.
    Forbidden,
    /// The caller, or everybody together, has used up a limit.
    RateLimited,
    /// The caller, its tenant, or everybody together has used up a day's or month's quota.
    QuotaExceeded,
    /// A person has to agree first.
    ApprovalRequired,
    /// A person was asked, and did not agree.
    Declined,
    /// The gateway is shutting down.
    Draining,
    /// The client's answer came after the parked call was gone.
    Expired,
    /// A token or cursor that we did not seal for this caller and request.
    Forged,
    /// The call was cancelled.
    Cancelled,
    /// Who calls did not prove who it is.
    Unauthenticated,
    /// Sent to another host, or by a page of another site.
    Foreign,
    /// There is no place for its audit record.
    Unrecorded,
    /// A step of a workflow failed, and what others did may stand.
    Unfinished,
    /// What all replicas share cannot be reached.
    Unavailable,
    /// Our own mistake.
    Internal,
}

/// In records and metrics: the server itself answered with an error.
pub const BY_UPSTREAM: &str = "upstream";
/// In records: the tool said in its result that it failed.
pub const BY_TOOL: &str = "tool";
/// The key of `_meta` under which a result says in structured form what is wrong.
pub const META_KEY: &str = "dev.toolgate/error";

/// Whether the world may have changed though the call failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SideEffect {
    /// Nothing reached the upstream.
    None,
    /// The call was sent; what it did is not known.
    Unknown,
}

impl Reason {
    /// The label in metrics, logs and error data.
    pub fn label(self) -> &'static str {
        match self {
            Reason::Invalid => "invalid",
            Reason::Arguments => "invalid_arguments",
            Reason::Unbound => "unbound",
            Reason::Unchecked => "unchecked",
            Reason::Withheld => "withheld",
            Reason::Misfit => "invalid_result",
            Reason::Mismatch => "mismatch",
            Reason::Unknown => "unknown",
            Reason::NoResource => "no_resource",
            Reason::NoMethod => "no_method",
            Reason::MissingCapability => "missing_capability",
            Reason::Timeout => "timeout",
            Reason::Unreachable => "unreachable",
            Reason::Broken => "broken",
            Reason::Garbage => "garbage",
            Reason::Refused => "refused",
            Reason::Unconnected => "unconnected",
            Reason::TooLarge => "too_large",
            Reason::Overloaded => "overloaded",
            Reason::Forbidden => "forbidden",
            Reason::RateLimited => "rate_limited",
            Reason::QuotaExceeded => "quota_exceeded",
            Reason::ApprovalRequired => "approval_required",
            Reason::Declined => "declined",
            Reason::Draining => "draining",
            Reason::Expired => "expired",
            Reason::Forged => "forged",
            Reason::Cancelled => "cancelled",
            Reason::Unauthenticated => "unauthenticated",
            Reason::Foreign => "foreign",
            Reason::Unrecorded => "unrecorded",
            Reason::Unfinished => "unfinished",
            Reason::Unavailable => "unavailable",
            Reason::Internal => "internal",
        }
    }

    /// What a code of JSON-RPC stands for when we refuse with it.
    pub fn of_code(code: i64) -> Reason {
        match code {
            codes::HEADER_MISMATCH => Reason::Mismatch,
            codes::METHOD_NOT_FOUND => Reason::NoMethod,
            codes::MISSING_CLIENT_CAPABILITY => Reason::MissingCapability,
            _ => Reason::Invalid,
        }
    }

    /// Whether it is the gateway that did not let the request through.
    pub fn refuses(self) -> bool {
        !matches!(
            self,
            Reason::Timeout
                | Reason::Unreachable
                | Reason::Broken
                | Reason::Garbage
                | Reason::Refused
                | Reason::TooLarge
                | Reason::Cancelled
                | Reason::Unfinished
                | Reason::Internal
        )
    }

    /// The JSON-RPC code for a modern client (protocol 2026-07-28, errors).
    pub fn code(self) -> i64 {
        match self {
            Reason::Invalid
            | Reason::Arguments
            | Reason::Unknown
            | Reason::NoResource
            | Reason::Forged => codes::INVALID_PARAMS,
            Reason::Mismatch => codes::HEADER_MISMATCH,
            Reason::NoMethod => codes::METHOD_NOT_FOUND,
            Reason::Forbidden => codes::FORBIDDEN,
            Reason::MissingCapability => codes::MISSING_CLIENT_CAPABILITY,
            _ => codes::INTERNAL_ERROR,
        }
    }

    /// Whether the same call may succeed later without being changed.
    pub fn retryable(self) -> bool {
        matches!(
            self,
            Reason::Timeout
                | Reason::Unreachable
                | Reason::Broken
                | Reason::Overloaded
                | Reason::RateLimited
                | Reason::QuotaExceeded
                | Reason::ApprovalRequired
                | Reason::Draining
                | Reason::Unrecorded
                | Reason::Unavailable
        )
    }

    /// Whether the upstream may have acted before the failure.
    pub fn side_effect(self) -> SideEffect {
        match self {
            Reason::Timeout
            | Reason::Broken
            | Reason::Garbage
            | Reason::TooLarge
            | Reason::Withheld
            | Reason::Misfit
            | Reason::Expired
            | Reason::Unfinished
            | Reason::Cancelled => SideEffect::Unknown,
            _ => SideEffect::None,
        }
    }

    /// What the agent should do.
    pub fn advice(self) -> &'static str {
        match self {
            Reason::Invalid => "correct the arguments and call again",
            Reason::Arguments => "correct the arguments and call again",
            Reason::Unbound => "call as somebody of whom it is known, or tell the operator",
            Reason::Unchecked => "list again; if that does not help, tell the operator",
            Reason::Withheld => "ask for less, or do without it",
            Reason::Misfit => "tell the operator that this server breaks its own promise",
            Reason::Mismatch => "send headers that agree with the body",
            Reason::Unknown => "list again and choose a name from the list",
            Reason::NoResource => "list the resources and choose a URI from the list",
            Reason::NoMethod => "use only what the server's capabilities name",
            Reason::MissingCapability => "call from a client that declares the capability",
            Reason::Timeout => "check whether the call took effect before you repeat it",
            Reason::Unreachable => "wait, then call again; other tools keep working",
            Reason::Broken => "check whether the call took effect before you repeat it",
            Reason::Garbage => "tell the operator that this server answers what is not MCP",
            Reason::Refused => "tell the operator that this server refuses the gateway",
            Reason::Unconnected => "have the person open the link, then call again",
            Reason::TooLarge => "ask for less: a page, a range or fewer fields",
            Reason::Forbidden => "do not repeat it as it is; ask the user for what is missing",
            Reason::Overloaded | Reason::RateLimited => "wait, then call again",
            Reason::QuotaExceeded => "call again when it begins anew, or ask the operator for more",
            Reason::ApprovalRequired => "tell the user whom to ask, and wait",
            Reason::Declined => "do not call it again; ask the user what to do instead",
            Reason::Draining => "call again: another replica will answer",
            Reason::Expired => "check whether the call took effect, then start it afresh",
            Reason::Forged => "start afresh, without the token",
            Reason::Cancelled => "call again if the result is still wanted",
            Reason::Unauthenticated => "send credentials that are valid here",
            Reason::Foreign => "send the request to the address of this gateway",
            Reason::Unrecorded => "wait, then call again; the operator sees that records fail",
            Reason::Unfinished => {
                "read in its steps what took effect and what was undone before you repeat it"
            }
            Reason::Unavailable => "wait, then call again; the operator sees what is away",
            Reason::Internal => "tell the operator, with the trace id",
        }
    }

    /// Whether a failed `tools/call` tells the model (a result with `isError`) or the
    /// client (a JSON-RPC error). Only what the model can act on reaches the model.
    pub fn speaks_to_model(self) -> bool {
        !matches!(
            self,
            Reason::Invalid
                | Reason::Mismatch
                | Reason::Unknown
                | Reason::NoResource
                | Reason::NoMethod
                | Reason::MissingCapability
                | Reason::Forged
        )
    }
}

/// A failed call: what the client may know, what the log must know, whether to try again.
#[derive(Clone, Debug)]
pub struct Fault {
    /// The category.
    pub reason: Reason,
    /// One sentence for the client; no internals.
    pub message: String,
    /// Raw JSON for `error.data`, where a rule prescribes it.
    pub data: Option<String>,
    /// Raw JSON for `paramHints`: what to change in the arguments.
    pub hints: Option<String>,
    /// When to try again.
    pub retry_after: Option<Duration>,
    /// The upstream concerned.
    pub upstream: Option<Arc<str>>,
    /// Overrides what the reason says of side effects.
    pub side_effect: SideEffect,
    /// Concerns one caller, and says nothing of the server.
    pub is_personal: bool,
    /// What was decided, where a policy refused the request.
    pub refusal: Option<Box<Refusal>>,
    cause: Option<Arc<dyn Error + Send + Sync>>,
}

impl Fault {
    /// A failure of this category with a sentence for the client.
    pub fn new(reason: Reason, message: impl Into<String>) -> Fault {
        Fault {
            reason,
            message: message.into(),
            data: None,
            hints: None,
            retry_after: None,
            upstream: None,
            side_effect: reason.side_effect(),
            is_personal: false,
            refusal: None,
            cause: None,
        }
    }

    /// Adds what only the log may know.
    #[must_use]
    pub fn because(mut self, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Fault {
        self.cause = Some(cause.into().into());
        self
    }

    /// Adds `error.data`, as raw JSON.
    #[must_use]
    pub fn with_data(mut self, data: String) -> Fault {
        self.data = Some(data);
        self
    }

    /// Adds what to change in the arguments, as raw JSON.
    #[must_use]
    pub fn with_hints(mut self, hints: String) -> Fault {
        self.hints = Some(hints);
        self
    }

    /// Names the upstream.
    #[must_use]
    pub fn at(mut self, upstream: &Arc<str>) -> Fault {
        self.upstream = Some(upstream.clone());
        self
    }

    /// Says when to try again.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Fault {
        self.retry_after = Some(wait);
        self
    }

    /// Nothing reached the upstream, whatever the category usually means.
    #[must_use]
    pub fn unsent(mut self) -> Fault {
        self.side_effect = SideEffect::None;
        self
    }

    /// It concerns this caller alone, and says nothing of the server.
    #[must_use]
    pub fn of_this_caller(mut self) -> Fault {
        self.is_personal = true;
        self
    }

    /// Adds what a policy decided.
    #[must_use]
    pub fn refused(mut self, refusal: Refusal) -> Fault {
        self.refusal = Some(Box::new(refusal));
        self
    }

    /// The scopes that the request needs, if the lack of some is why it was refused.
    pub fn scopes(&self) -> &[Arc<str>] {
        self.refusal.as_ref().map_or(&[], |refusal| &refusal.scopes)
    }

    /// The cause, for the log.
    pub fn cause(&self) -> Option<&(dyn Error + Send + Sync + 'static)> {
        self.cause.as_deref()
    }

    /// What the agent should do.
    pub fn advice(&self) -> &'static str {
        match (self.reason, self.side_effect) {
            (Reason::Timeout | Reason::Broken, SideEffect::None) => {
                "nothing was changed; wait, then call again"
            }
            _ => self.reason.advice(),
        }
    }

    /// The structured form, for [`META_KEY`] and `error.data`.
    pub fn structured(&self, trace: &str) -> String {
        let mut out = format!(
            r#"{{"category":"{}","code":{},"retryable":{},"sideEffect":"{}","suggestedAction":{}"#,
            self.reason.label(),
            self.reason.code(),
            self.reason.retryable(),
            match self.side_effect {
                SideEffect::None => "none",
                SideEffect::Unknown => "unknown",
            },
            quote(self.advice()),
        );
        if let Some(wait) = self.retry_after {
            out.push_str(&format!(r#","retryAfterMs":{}"#, wait.as_millis()));
        }
        if let Some(hints) = &self.hints {
            out.push_str(&format!(r#","paramHints":{hints}"#));
        }
        if let Some(upstream) = &self.upstream {
            out.push_str(&format!(r#","server":{}"#, quote(upstream)));
        }
        if !trace.is_empty() {
            out.push_str(&format!(r#","traceId":{}"#, quote(trace)));
        }
        out.push('}');
        out
    }

    /// The `result` object of a failed `tools/call`, without the fields of an era.
    pub fn tool_result(&self, trace: &str) -> String {
        let mut text = self.message.clone();
        text.push_str("; ");
        text.push_str(self.advice());
        format!(
            r#"{{"content":[{{"type":"text","text":{}}}],"isError":true,"_meta":{{"{META_KEY}":{}}}}}"#,
            quote(&text),
            self.structured(trace),
        )
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.reason.label(), self.message)?;
        if let Some(cause) = &self.cause {
            write!(f, " ({cause})")?;
        }
        Ok(())
    }
}

impl Error for Fault {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_sent_to_check_for_effects_where_there_can_be_none() {
        for reason in [Reason::Timeout, Reason::Broken] {
            assert!(Fault::new(reason, "late").advice().contains("took effect"), "{reason:?}");
            let unsent = Fault::new(reason, "late").unsent();
            assert!(unsent.tool_result("").contains("nothing was changed"), "{reason:?}");
        }
    }

    #[test]
    fn what_the_log_knows_never_reaches_the_client() {
        let fault = Fault::new(Reason::Unreachable, "cannot reach server \"crm\"")
            .because("connect 10.0.0.7:443: refused");

        assert!(!fault.tool_result("").contains("10.0.0.7"));
        assert!(fault.to_string().contains("10.0.0.7"));
    }

    #[test]
    fn a_timeout_says_that_the_write_may_have_happened() {
        let fault = Fault::new(Reason::Timeout, "no answer within 10s");

        assert!(fault.structured("abc").contains(r#""sideEffect":"unknown""#));
        assert!(fault.unsent().structured("").contains(r#""sideEffect":"none""#));
    }
}
