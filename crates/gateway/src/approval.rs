//! Calls that need a person's consent: held, asked about, and sent only as they were agreed to.
//!
//! Consent is for one caller, one tool, exactly these arguments and one version of the rules; it
//! ends with time, and it is used once.

pub(crate) mod consent;
pub(crate) mod held;
mod question;
mod sealed;
mod shelf;
mod spent;
mod step;
mod table;

use std::sync::Arc;
use std::time::Duration;

use toolgate_audit::{Outcome, Status, Tickets};
use toolgate_protocol::client::Abilities;
use toolgate_protocol::json::{Object, quote};
use toolgate_protocol::jsonrpc;
use toolgate_protocol::splice::Edits;
use toolgate_protocol::version::Era;

pub use held::Approvals;
pub use question::plain;
pub use shelf::Table;
pub use table::{Decided, Pending, Standing};

use crate::authorize::permit::{Asked, Permit, Refusal};
use crate::call::{Caller, End, Reply, Request};
use crate::config::approvals::By;
use crate::fault::{Fault, Reason};
use crate::gateway::{Gateway, Route};
use crate::parking::{is_input_required, own_end};
use crate::state::State;
use consent::Consent;
use held::random;
use step::{About, Step};
use table::{Granted, Wish, ends};

/// The key of our question among those of a call.
const QUESTION: &str = "dev.toolgate.approval";

/// How it stands with a call that needs consent.
pub(crate) enum Consented {
    /// A person agreed.
    Yes(Permit, Carried),
    /// The caller is asked.
    Asked(Box<Reply>),
}

/// Consent that goes with a call into its next round, if there is one, or is kept for the same call
/// if a limit refuses this one.
#[derive(Default)]
pub(crate) struct Carried(Option<Round>);

/// The round of a call that was agreed to.
struct Round {
    granted: Granted,
    wish: Wish,
    request: Box<Request>,
}

impl Gateway {
    /// Finds out whether a person agreed to exactly this call, and asks if nobody did.
    ///
    /// # Errors
    /// When the answer was no, or somebody else has to be asked first.
    pub(crate) async fn consent(
        &self,
        route: &Route,
        request: &mut Request,
        asked: Asked,
    ) -> Result<Consented, Fault> {
        let (state, inner) = self.consent_in(request, asked.ruling().version());
        let wish = wish(route, request, &asked);
        let (table, now) = (&self.lasting.approvals.table, self.now());
        if let Some(granted) = table.with(now, |all| all.take(&wish, now)).await? {
            unwrap(request, inner.as_deref());
            return self.use_up(route, request, asked, (granted, wish)).await;
        }
        let answered = state.and_then(|consent| Some((said(request, &consent)?, consent)));
        let Some((agreed, consent)) = answered else {
            return self.ask(route, request, asked, inner).await;
        };
        let id = consent.id();
        request.record.consented(&id);
        let caller = &wish.caller;
        // By elicitation the caller's own user decides.
        let about = About { id: &id, wish: &wish, approver: Some(&caller.principal) };
        if !agreed {
            self.tell("refused by the user", request, route, Some(&id));
            self.note(Step::Refuse, &about, caller);
            return Err(declined(request, asked, "the user"));
        }
        // Fail closed: consent that cannot be remembered as used is not used.
        let lasting = self.lasting_of_consent();
        if !self.lasting.approvals.spend(consent.nonce, lasting, self.now()).await? {
            return self.ask(route, request, asked, inner).await;
        }
        if consent.given.is_none() {
            for step in [Step::Grant, Step::Use] {
                finish(self.vouch(step, &about, caller).await?, step.done());
            }
        }
        unwrap(request, inner.as_deref());
        self.tell("used", request, route, Some(&id));
        let (by, ends) = (wish.caller.principal.clone(), ends(self.now(), self.consent_ttl()));
        let granted = Granted { id: id.into(), by, ends };
        Ok(Consented::Yes(asked.approved(), Carried::by(granted, wish, request)))
    }

    /// Lets a call go on, this once, that somebody agreed to before it came again.
    async fn use_up(
        &self,
        route: &Route,
        request: &Request,
        asked: Asked,
        (granted, wish): (Granted, Wish),
    ) -> Result<Consented, Fault> {
        request.record.consented(&granted.id);
        let about = About { id: &granted.id, wish: &wish, approver: Some(&granted.by) };
        finish(self.vouch(Step::Use, &about, &wish.caller).await?, Step::Use.done());
        self.tell("used", request, route, Some(&granted.id));
        Ok(Consented::Yes(asked.approved(), Carried::by(granted, wish, request)))
    }

    /// Keeps consent for the same call: a limit refused this one, and nothing was sent. It ends
    /// when it would have ended anyway.
    pub(crate) async fn keep_consent(&self, carried: Carried) {
        let Carried(Some(Round { granted, wish, .. })) = carried else { return };
        let (table, rules) = (&self.lasting.approvals.table, &self.config.approvals);
        let now = self.now();
        // If nobody answers it is gone, and the call is asked about again.
        let kept = table.with(now, |all| all.keep(&granted, &wish, rules, now)).await;
        if kept.is_ok_and(|kept| kept) {
            let about = About { id: &granted.id, wish: &wish, approver: Some(&granted.by) };
            self.note(Step::Keep, &about, &wish.caller);
        }
    }

    /// The consent that the client returns, if it is ours, of this version of the rules and of this
    /// process; and the server's own state.
    fn consent_in(&self, request: &Request, version: &str) -> (Option<Consent>, Option<String>) {
        let token = request.message.params().and_then(|it| it.get("requestState")?.string());
        let mut token = token.map(|token| token.into_owned());
        // A state of ours may be wrapped in one that binds it to the call.
        for _ in 0..2 {
            let Some(text) = &token else { break };
            let Ok(state) = State::open(text, request, self.keys(), self.now()) else { break };
            if let Some(consent) = state.consent {
                let fits = *consent.version == *version
                    && consent.process == self.lasting.approvals.process;
                return (fits.then_some(consent), state.inner);
            }
            token = state.inner;
        }
        (None, token)
    }

    async fn ask(
        &self,
        route: &Route,
        request: &Request,
        asked: Asked,
        inner: Option<String>,
    ) -> Result<Consented, Fault> {
        let is_asked_here = self.config.approvals.by == By::Caller
            && request.method.may_ask_back()
            && request.client.abilities().has(Abilities::FORM);
        if !is_asked_here {
            return self.ask_somebody_else(route, request, asked).await;
        }
        let consent = self.new_consent(asked.ruling().version(), None)?;
        let (id, wish) = (consent.id(), wish(route, request, &asked));
        let state = self.consent_state(request, consent, inner);
        let question = question::elicitation(&request.published(), request, asked.questions());
        let body = format!(
            r#"{{"resultType":"input_required","inputRequests":{{"{QUESTION}":{question}}},"requestState":{}}}"#,
            quote(&state.seal(self.keys()))
        );
        self.tell("asked of the user", request, route, Some(&id));
        self.note(Step::Ask, &About { id: &id, wish: &wish, approver: None }, &wish.caller);
        request.record.asked(asked.ruling(), &id);
        let id = request.message.id().unwrap_or("null");
        let end = own_end(jsonrpc::result(id, &body))?;
        Ok(Consented::Asked(Box::new(Reply::Whole(end))))
    }

    /// Somebody with a role decides; until then the caller is told to come back.
    async fn ask_somebody_else(
        &self,
        route: &Route,
        request: &Request,
        asked: Asked,
    ) -> Result<Consented, Fault> {
        let rules = &self.config.approvals;
        if rules.roles.is_empty() {
            return Err(crate::authorize::nobody_to_ask(request, asked));
        }
        self.end_approvals().await;
        let (wish, now) = (wish(route, request, &asked), self.now());
        let table = &self.lasting.approvals.table;
        let standing = table.with(now, |all| all.claim(wish.clone(), rules, now)).await??;
        match standing {
            Standing::Refused { id } => {
                request.record.consented(&id);
                self.tell("refused", request, route, Some(&id));
                Err(declined(request, asked, "the person who was asked"))
            }
            Standing::Waiting { id, new } => {
                if new {
                    self.tell("asked of somebody else", request, route, Some(&id));
                    let about = About { id: &id, wish: &wish, approver: None };
                    self.note(Step::Ask, &about, &wish.caller);
                }
                request.record.consented(&id);
                Err(waiting(request, asked, &id))
            }
        }
    }

    /// Decides on a call that waits for somebody other than its caller.
    ///
    /// # Errors
    /// The decision cannot be recorded, so there is none.
    pub async fn decide_on(
        &self,
        id: &str,
        person: &Caller,
        agrees: bool,
    ) -> Result<Decided, Fault> {
        self.end_approvals().await;
        let (table, now) = (&self.lasting.approvals.table, self.now());
        let Some(wish) = table.with(now, |all| all.open(id, person, now)).await? else {
            return Ok(Decided::Unknown);
        };
        let step = if agrees { Step::Grant } else { Step::Refuse };
        let about = About { id, wish: &wish, approver: Some(&person.principal) };
        let tickets = self.vouch(step, &about, person).await?;
        let rules = &self.config.approvals;
        let decided = table.with(now, |all| all.decide(id, person, agrees, rules, now)).await?;
        finish(
            tickets,
            match decided {
                Decided::Done => step.done(),
                Decided::Own => Outcome::new(Status::Refused).because("own_call"),
                Decided::Unknown => Outcome::new(Status::Refused).because("decided_or_ended"),
            },
        );
        Ok(decided)
    }

    /// Lets go of what waited too long, and records that.
    pub async fn end_approvals(&self) {
        let now = self.now();
        // Whoever is not answered now will be later.
        let ended = self.lasting.approvals.table.with(now, |all| all.take_ended(now)).await;
        for ended in ended.unwrap_or_default() {
            let about =
                About { id: &ended.id, wish: &ended.wish, approver: ended.granted_by.as_ref() };
            self.note(Step::Expire, &about, &ended.wish.caller);
        }
    }

    fn new_consent(&self, version: &str, given: Option<String>) -> Result<Consent, Fault> {
        let nonce = random().map_err(|error| {
            Fault::new(Reason::Internal, "no randomness").because(error.to_string())
        })?;
        let process = self.lasting.approvals.process;
        Ok(Consent { version: version.to_owned(), nonce, process, given })
    }

    /// The same reply; if it asks for more, the state that comes back brings the consent along.
    pub(crate) fn carry(self: &Arc<Self>, carried: Carried, reply: Reply) -> Result<Reply, Fault> {
        let Carried(Some(round)) = carried else { return Ok(reply) };
        let gateway = self.clone();
        reply.map_end(move |end| gateway.carried(round, end))
    }

    fn carried(&self, round: Round, end: End) -> Result<End, Fault> {
        if end.era == Era::Legacy || !is_input_required(&end) {
            return Ok(end);
        }
        let Some(result) = end.message.result_object() else { return Ok(end) };
        let inner = result.get("requestState").and_then(|state| state.string());
        let inner = inner.map(|inner| inner.into_owned());
        let consent = self.new_consent(&round.wish.version, Some(round.granted.id.into()))?;
        let state = self.consent_state(&round.request, consent, inner);
        let mut edits = Edits::default();
        edits.set(&result, "requestState", quote(&state.seal(self.keys())));
        end.edited(&edits)
    }

    /// What the client carries until the call comes back.
    fn consent_state(&self, request: &Request, consent: Consent, inner: Option<String>) -> State {
        let (replica, now) = (self.replica.as_ref(), self.now());
        State::consent(request, consent, inner, replica, now, self.consent_ttl())
    }

    fn consent_ttl(&self) -> Duration {
        self.config.approvals.ttl.duration()
    }

    /// Longer than any state that holds a nonce lives.
    fn lasting_of_consent(&self) -> Duration {
        self.consent_ttl() + Duration::from_secs(60)
    }

    /// One line for each step: who, what, and how it went. Arguments are not told.
    fn tell(&self, what: &str, request: &Request, route: &Route, more: Option<&str>) {
        tracing::info!(
            caller = %request.who.caller.principal,
            server = %route.name,
            tool = %request.named().unwrap_or_default(),
            more,
            "consent {what}"
        );
    }
}

impl Carried {
    fn by(granted: Granted, wish: Wish, request: &Request) -> Carried {
        Carried(Some(Round { granted, wish, request: request.for_record() }))
    }
}

fn finish(tickets: Option<Tickets>, outcome: Outcome) {
    if let Some(tickets) = tickets {
        tickets.finish(outcome);
    }
}

/// What a person is asked about.
fn wish(route: &Route, request: &Request, asked: &Asked) -> Wish {
    Wish {
        caller: request.who.caller.clone(),
        server: route.name.clone(),
        tool: (&*request.published()).into(),
        arguments: question::shown(request),
        digest: crate::state::digest(&request.message),
        version: asked.ruling().version().clone(),
        questions: asked.questions().to_vec(),
    }
}

/// What the user said: yes, no, or nothing.
fn said(request: &Request, consent: &Consent) -> Option<bool> {
    if consent.given.is_some() {
        return Some(true);
    }
    let answers = request.message.params().and_then(|it| it.get("inputResponses")?.object())?;
    let answer = answers.get(QUESTION)?.object()?;
    let accepted = answer.get("action").is_some_and(|action| action.raw() == "\"accept\"");
    let agreed = answer.get("content").and_then(|content| content.object()?.get("approve"));
    Some(accepted && agreed.is_some_and(|agreed| agreed.raw() == "true"))
}

/// Takes what is ours out of a retry: the server knows nothing of it.
fn unwrap(request: &mut Request, inner: Option<&str>) {
    let Request { message, edits, .. } = request;
    let Some(params) = message.params() else { return };
    match inner {
        Some(inner) => edits.set(&params, "requestState", quote(inner)),
        None => edits.remove(&params, "requestState"),
    }
    let Some(answers) = params.get("inputResponses").and_then(|answers| answers.object()) else {
        return;
    };
    let is_ours_alone = |answers: &Object<'_>| answers.iter().all(|(key, _)| key == QUESTION);
    match is_ours_alone(&answers) {
        true => edits.remove(&params, "inputResponses"),
        false => edits.remove(&answers, QUESTION),
    }
}

fn declined(request: &Request, asked: Asked, who: &str) -> Fault {
    let text = format!("{who} did not agree to \"{}\"", request.published());
    let refusal = Refusal { scopes: Vec::new(), ruling: asked.ruling().clone() };
    Fault::new(Reason::Declined, text).refused(refusal)
}

fn waiting(request: &Request, asked: Asked, id: &str) -> Fault {
    let text = format!(
        "\"{}\" needs the consent of a person: {}; it has been asked for as approval {id}, so call again with the same arguments once it is granted",
        request.published(),
        asked.questions().join("; ")
    );
    let refusal = Refusal { scopes: Vec::new(), ruling: asked.ruling().clone() };
    let wait = std::time::Duration::from_secs(30);
    Fault::new(Reason::ApprovalRequired, text).refused(refusal).retry_after(wait)
}

#[cfg(test)]
mod tests;
