//! A record on its way: what a request carries of it, durable before a byte of it leaves.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::OnceCell;
use toolgate_audit::{Books, Decision, Intent, Outcome, Status, Text, Tickets};
use toolgate_protocol::method::Method;
use toolgate_screen::redact::Hit;

use super::refusals;
use crate::authorize::permit::{Permit, Ruling};
use crate::fault::{Fault, Reason};
use crate::quota::limits::Limits;

/// What a request carries on its way: its record as far as it can be added to.
#[derive(Clone, Default)]
pub struct Recording(Option<Arc<Open>>);

/// A record that is open.
pub(super) struct Open {
    books: Books,
    limits: Arc<Limits>,
    pub(super) method: Box<str>,
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

impl Recording {
    /// The beginning of one, of a request of so many bytes.
    pub(super) fn open(
        books: Books,
        limits: Arc<Limits>,
        intent: Intent,
        size: usize,
    ) -> Recording {
        let mut outcome = Outcome::new(Status::Cancelled);
        outcome.request_bytes = size as u64;
        Recording(Some(Arc::new(Open {
            books,
            limits,
            method: (&*intent.method).into(),
            began: Instant::now(),
            reserved: OnceCell::new(),
            state: Mutex::new(State { intent: Some(intent), tickets: None, outcome }),
        })))
    }

    /// Whether nothing is recorded.
    pub(super) fn is_none(&self) -> bool {
        self.0.is_none()
    }

    /// What is open, if anything is recorded.
    pub(super) fn opened(&self) -> Option<&Open> {
        self.0.as_deref()
    }

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

    pub(super) fn waive(&self) {
        let Some(open) = &self.0 else { return };
        open.books.waive();
        open.lock().intent = None;
    }

    /// Counts an attempt. What is asked of servers on the way to it is none.
    pub(super) fn sent(&self, server: &Arc<str>, method: &Method) {
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
    pub(super) fn decide(&self, decision: Decision, ruling: &Ruling) {
        let mut state = self.lock();
        state.outcome.decision = decision;
        state.outcome.decision_id = Some(Text::from(ruling.name()));
        let rules = ruling.rules();
        state.outcome.rule = (!rules.is_empty()).then(|| Text::from(rules.join(",")));
    }

    pub(super) fn close(&self, status: Status, reason: Option<&'static str>, size: usize) {
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
                refusals::note(&self.books, &self.limits, who, reason.unwrap_or_default(), || {
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

impl fmt::Debug for Recording {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Recording" } else { "Recording(none)" })
    }
}
