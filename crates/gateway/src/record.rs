//! What became of a request? Its record: opened when the request is seen, durable before a byte
//! of it leaves, closed with its answer.
//!
//! Whoever is refused before anything was sent costs one line and waits for nothing. Without an
//! audit in the configuration all of this is an `Option` that is `None`.

mod early;
mod frames;
pub(crate) mod recording;
mod refusals;

use toolgate_audit::{Books, Decision, Intent, Status, Text};
use toolgate_protocol::jsonrpc::{Kind, Message};
use toolgate_protocol::method::{Method, Target};

use crate::call::{End, Reply, Request, Trace, Who};
use crate::fault::{self, Fault, Reason};
use crate::gateway::{Gateway, Route};

pub use early::Early;
use frames::Recorded;
pub use recording::Recording;

/// The record of one request. Dropped before it is closed it says `cancelled`.
#[must_use = "dropped, it says that the request was cancelled"]
pub struct Record(Recording);

impl Gateway {
    /// Opens the record of a request.
    pub fn record(&self, who: &Who, message: &Message, method: &Method, trace: &Trace) -> Record {
        let Some(books) = &self.audit else { return Record(Recording::default()) };
        let mut intent = Intent::new(who.caller.clone(), method.as_str());
        intent.session = who.session.clone().map(Text::from);
        intent.toolset = self.toolset().map(|toolset| Text::from(toolset.name.clone()));
        intent.request = message.id().map(Text::from);
        intent.trace = Some(trace.id()).filter(|id| !id.is_empty()).map(Text::from);
        intent.policy = self.config.policy().map(|policy| Text::from(policy.version().clone()));
        intent.catalog = self.catalog_version().map(Text::from);
        describe(books, &mut intent, message, method);
        self.open(books, intent, message.bytes().len())
    }

    /// Opens the record of a request that is no message, by its verb.
    pub fn record_verb(&self, who: &Who, verb: &str) -> Record {
        let Some(books) = &self.audit else { return Record(Recording::default()) };
        let mut intent = Intent::new(who.caller.clone(), verb);
        intent.session = who.session.clone().map(Text::from);
        intent.toolset = self.toolset().map(|toolset| Text::from(toolset.name.clone()));
        self.open(books, intent, 0)
    }

    /// Opens the record of a request in the internal dialect, which carries it from here on.
    pub fn record_of(&self, request: &mut Request) -> Record {
        let record = self.record(&request.who, &request.message, &request.method, &request.trace);
        request.record = record.0.clone();
        record
    }

    fn open(&self, books: &Books, intent: Intent, size: usize) -> Record {
        Record(Recording::open(books.clone(), self.lasting.limits.clone(), intent, size))
    }
}

/// What the message names, and its arguments without what the rules take out.
fn describe(books: &Books, intent: &mut Intent, message: &Message, method: &Method) {
    let Some(params) = message.params() else { return };
    let (named, arguments) = match method.target() {
        Target::Reference => {
            let reference = params.get("ref").and_then(|reference| reference.object());
            let named = reference.and_then(|it| it.get("name").or_else(|| it.get("uri")));
            (named.and_then(|name| name.string()), params.get("argument"))
        }
        _ => {
            // Subscriptions of older clients name their resource too.
            let member = method.named_by().unwrap_or("uri");
            (params.get(member).and_then(|name| name.string()), params.get("arguments"))
        }
    };
    let tool = named.as_deref().unwrap_or_default();
    intent.arguments =
        arguments.map(|arguments| books.redacted(tool, &message.slice(arguments.span())));
    intent.tool = named.as_deref().map(Text::from);
}

impl Recording {
    /// The same before something is sent to this server, which may let reads go on without.
    pub(crate) async fn reserve_for(&self, route: &Route, method: &Method) -> Result<(), Fault> {
        if self.is_none() {
            return Ok(());
        }
        if let Err(fault) = self.reserve().await {
            if !route.waives_records || !is_read(method) {
                return Err(fault);
            }
            self.waive();
        }
        self.sent(&route.name, method);
        Ok(())
    }
}

/// What changes nothing at a server.
fn is_read(method: &Method) -> bool {
    let reads = [Method::ResourcesRead, Method::PromptsGet, Method::Complete];
    method.is_list() || reads.contains(method)
}

impl Record {
    /// What a request carries on its way.
    pub fn recording(&self) -> Recording {
        self.0.clone()
    }

    /// Makes the intent durable.
    ///
    /// # Errors
    /// There is no record: the request must be refused.
    pub async fn reserve(&self) -> Result<(), Fault> {
        self.0.reserve().await
    }

    /// It was answered as it was meant to.
    pub fn done(&self) {
        self.close(Status::Ok, None, 0);
    }

    /// It was answered by a server.
    pub fn ended(&self, end: &End) {
        let Some(open) = self.0.opened() else { return };
        let is_call = *open.method == *Method::ToolsCall.as_str();
        let (status, reason) = match end.message.kind() {
            Kind::Error => (Status::Failed, Some(fault::BY_UPSTREAM)),
            _ if is_call && end.has_failed() => (Status::Failed, Some(fault::BY_TOOL)),
            _ => (Status::Ok, None),
        };
        open.close(status, reason, end.message.bytes().len());
    }

    /// It failed, or was refused on its way.
    pub fn failed(&self, fault: &Fault) {
        if let (Some(open), Some(refusal)) = (self.0.opened(), &fault.refusal) {
            let decision = match fault.reason {
                Reason::ApprovalRequired => Decision::Ask,
                _ => Decision::Deny,
            };
            open.decide(decision, &refusal.ruling);
        }
        let status = match fault.reason {
            Reason::Cancelled => Status::Cancelled,
            reason if reason.refuses() => Status::Refused,
            _ => Status::Failed,
        };
        self.close(status, Some(fault.reason.label()), 0);
    }

    /// It was refused.
    pub fn refused(&self, reason: Reason) {
        self.close(Status::Refused, Some(reason.label()), 0);
    }

    fn close(&self, status: Status, reason: Option<&'static str>, size: usize) {
        if let Some(open) = self.0.opened() {
            open.close(status, reason, size);
        }
    }

    /// Closes with an answer, now or when it has come.
    pub(crate) fn closing(self, outcome: Result<Reply, Fault>) -> Result<Reply, Fault> {
        if self.0.is_none() {
            return outcome;
        }
        match &outcome {
            Ok(Reply::Whole(end)) => self.ended(end),
            Ok(Reply::Stream(_)) => {
                return outcome.map(|reply| Reply::Stream(Box::new(Recorded::new(reply, self))));
            }
            Err(fault) => self.failed(fault),
        }
        outcome
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        self.close(Status::Cancelled, Some(Reason::Cancelled.label()), 0);
    }
}
