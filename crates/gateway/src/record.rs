//! What became of a request? Its record: opened when the request is seen, durable before a byte
//! of it leaves, closed with its answer.
//!
//! Whoever is refused before anything was sent costs one line and waits for nothing. Without an
//! audit in the configuration all of this is an `Option` that is `None`.

mod early;
mod frames;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::OnceCell;
use toolgate_audit::{Books, Decision, Intent, Outcome, Status, Text, Tickets};
use toolgate_protocol::jsonrpc::{Kind, Message};
use toolgate_protocol::method::{Method, Target};
use toolgate_screen::redact::Hit;

use crate::authorize::{Permit, Ruling};
use crate::call::{End, Reply, Request, Trace, Who};
use crate::fault::{self, Fault, Reason};
use crate::gateway::{Gateway, Route};
use crate::quota::Limits;

pub use early::Early;
use frames::Recorded;

/// The record of one request. Dropped before it is closed it says `cancelled`.
#[must_use = "dropped, it says that the request was cancelled"]
pub struct Record(Recording);

/// What a request carries on its way: its record as far as it can be added to.
#[derive(Clone, Default)]
pub struct Recording(Option<Arc<Open>>);

struct Open {
    books: Books,
    limits: Arc<Limits>,
    method: Box<str>,
    began: Instant,
    reserved: OnceCell<Result<(), Fault>>,
    state: Mutex<State>,
}

struct State {
    /// Until it is written, or nobody will write it any more.
    intent: Option<Intent>,
    tickets: Option<Tickets>,
    outcome: Outcome,
}

impl Gateway {
    /// Opens the record of a request.
    pub fn record(&self, who: &Who, message: &Message, method: &Method, trace: &Trace) -> Record {
        let Some(books) = &self.audit else { return Record(Recording(None)) };
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
        let Some(books) = &self.audit else { return Record(Recording(None)) };
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
        let mut outcome = Outcome::new(Status::Cancelled);
        outcome.request_bytes = size as u64;
        Record(Recording(Some(Arc::new(Open {
            books: books.clone(),
            limits: self.lasting.limits.clone(),
            method: (&*intent.method).into(),
            began: Instant::now(),
            reserved: OnceCell::new(),
            state: Mutex::new(State { intent: Some(intent), tickets: None, outcome }),
        }))))
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
    /// Makes the intent durable. Until this returns, nothing may be sent on behalf of the request.
    ///
    /// # Errors
    /// There is no record: the request must be refused.
    pub async fn reserve(&self) -> Result<(), Fault> {
        let Some(open) = &self.0 else { return Ok(()) };
        match open.reserved.get() {
            Some(outcome) => outcome.clone(),
            None => Box::pin(open.reserved.get_or_init(|| open.reserve())).await.clone(),
        }
    }

    /// The same before something is sent to this server, which may let reads go on without.
    pub(crate) async fn reserve_for(&self, route: &Route, method: &Method) -> Result<(), Fault> {
        if self.0.is_none() {
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

    /// Says by which rules the request may go on.
    pub(crate) fn permitted(&self, permit: &Permit) {
        if let (Some(open), Some(ruling)) = (&self.0, permit.ruling()) {
            open.decide(Decision::Allow, ruling);
        }
    }

    /// Says that a person has to agree first, and under which id that was asked for.
    pub(crate) fn asked(&self, ruling: &Ruling, approval: &str) {
        if let Some(open) = &self.0 {
            open.decide(Decision::Ask, ruling);
            self.consented(approval);
        }
    }

    /// Says by which approval the request goes on.
    pub(crate) fn consented(&self, approval: &str) {
        if let Some(open) = &self.0 {
            open.lock().outcome.consent = Some(Text::from(approval));
        }
    }

    /// Says which rules found something in the answer.
    pub(crate) fn redacted(&self, hits: &[Hit]) {
        let Some(open) = self.0.as_ref().filter(|_| !hits.is_empty()) else { return };
        open.lock().outcome.redacted.add(hits);
    }

    fn waive(&self) {
        let Some(open) = &self.0 else { return };
        open.books.waive();
        open.lock().intent = None;
    }

    /// Counts an attempt. What is asked of servers on the way to it is none.
    fn sent(&self, server: &Arc<str>, method: &Method) {
        let Some(open) = &self.0 else { return };
        if *open.method != *method.as_str() {
            return;
        }
        let outcome = &mut open.lock().outcome;
        let first = outcome.attempts == 0;
        let same = outcome.upstream.as_deref() == Some(&**server);
        outcome.attempts += 1;
        // A list of several servers has none of its own.
        outcome.upstream = (first || same).then(|| Text::from(server.clone()));
    }
}

/// What changes nothing at a server.
fn is_read(method: &Method) -> bool {
    let reads = [Method::ResourcesRead, Method::PromptsGet, Method::Complete];
    method.is_list() || reads.contains(method)
}

impl Open {
    async fn reserve(&self) -> Result<(), Fault> {
        let intent = self.lock().intent.take();
        let gone = || Fault::new(Reason::Cancelled, "the request has ended").unsent();
        match self.books.reserve(intent.ok_or_else(gone)?).await {
            Ok(tickets) => {
                self.lock().tickets = Some(tickets);
                Ok(())
            }
            // Fail closed: what is not recorded does not happen.
            Err(refused) => {
                Err(Fault::new(Reason::Unrecorded, "the request cannot be recorded")
                    .because(refused))
            }
        }
    }

    /// Says what was decided about the request, by which rules.
    fn decide(&self, decision: Decision, ruling: &Ruling) {
        let mut state = self.lock();
        state.outcome.decision = decision;
        state.outcome.decision_id = Some(Text::from(ruling.name()));
        let rules = ruling.rules();
        state.outcome.rule = (!rules.is_empty()).then(|| Text::from(rules.join(",")));
    }

    fn close(&self, status: Status, reason: Option<&'static str>, size: usize) {
        let (tickets, intent, mut outcome) = {
            let mut state = self.lock();
            (state.tickets.take(), state.intent.take(), state.outcome.clone())
        };
        outcome.status = status;
        outcome.reason = reason.map(Text::from);
        outcome.reply_bytes = size as u64;
        outcome.duration = Some(self.began.elapsed());
        if outcome.decision == Decision::None && status != Status::Refused {
            outcome.decision = Decision::Allow;
        }
        match (tickets, intent) {
            (Some(tickets), _) => tickets.finish(outcome),
            (None, Some(intent)) if status == Status::Refused => {
                let who = &*intent.caller.principal;
                early::note(&self.books, &self.limits, who, reason.unwrap_or_default(), || {
                    (intent.clone(), outcome)
                });
            }
            (None, Some(intent)) => self.books.record(&intent, &outcome),
            // Refused for want of a record, or closed already.
            (None, None) => {}
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
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
        let Some(open) = &self.0.0 else { return };
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
        if let (Some(open), Some(refusal)) = (&self.0.0, &fault.refusal) {
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
        if let Some(open) = &self.0.0 {
            open.close(status, reason, size);
        }
    }

    /// Closes with an answer, now or when it has come.
    pub(crate) fn closing(self, outcome: Result<Reply, Fault>) -> Result<Reply, Fault> {
        if self.0.0.is_none() {
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

impl fmt::Debug for Recording {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Recording" } else { "Recording(none)" })
    }
}
