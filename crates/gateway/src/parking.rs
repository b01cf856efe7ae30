//! Calls of modern clients to legacy servers that ask back: the upstream call waits here, while
//! its client gathers the answers and comes again (2026-07-28, MRTR).

pub(crate) mod lot;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, timeout};
use toolgate_protocol::client::Abilities;
use toolgate_protocol::json::{Document, Limits, Mode, quote};
use toolgate_protocol::jsonrpc::{self, Kind, Message, codes};
use toolgate_protocol::legacy::needed_for;
use toolgate_protocol::splice::Edits;
use toolgate_protocol::version::{Era, Version};

use crate::call::{Answer, Ask, Boxed, End, Frame, Frames, Reply, Request};
use crate::fault::{Fault, Reason};
use crate::gateway::Gateway;
use crate::routing::member;
use crate::screening::is_kept;
use crate::state::State;

use lot::Parked;
pub use lot::Parking;

/// How long further questions are waited for, once there is one: servers ask several in a row.
const GATHER: Duration = Duration::from_millis(25);
/// Questions of one round at most.
const MOST_QUESTIONS: usize = 64;

impl Gateway {
    /// Answers a modern client's request. What a legacy server asks meanwhile reaches the client
    /// as `input_required`, and its retry goes on where the call stands.
    ///
    /// # Errors
    /// As [`Gateway::call`], and when the retry is not valid for this request.
    pub async fn call_modern(self: &Arc<Self>, mut request: Box<Request>) -> Result<Reply, Fault> {
        let record = self.record_of(&mut request);
        record.closing(self.go_on_or_begin(request).await)
    }

    async fn go_on_or_begin(self: &Arc<Self>, mut request: Box<Request>) -> Result<Reply, Fault> {
        let may_ask_back = request.method.may_ask_back();
        let state = if may_ask_back { self.state_of(&request)? } else { None };
        if let Some(state) = state {
            if let Some(id) = state.parked {
                self.may_resume(&request).await?;
                request.record.reserve().await?;
                return self.resume(id, request);
            }
            if let Some(params) = request.message.params() {
                match &state.inner {
                    Some(inner) => request.edits.set(&params, "requestState", quote(inner)),
                    None => request.edits.remove(&params, "requestState"),
                }
            }
        }
        let seen = may_ask_back.then(|| request.for_record());
        let reply = match (self.call(request).await, &seen) {
            (Err(fault), Some(seen)) => asking(seen, fault)?,
            (outcome, _) => outcome?,
        };
        match seen {
            Some(seen) => self.attend(reply, seen),
            None => Ok(reply),
        }
    }

    /// The state in a retry; `None` for a first request.
    fn state_of(&self, request: &Request) -> Result<Option<State>, Fault> {
        let token = request.message.params().and_then(|params| params.get("requestState"));
        let Some(token) = token else { return Ok(None) };
        let token = token
            .string()
            .ok_or_else(|| Fault::new(Reason::Invalid, "requestState is not a string"))?;
        State::open(&token, request, self.keys(), self.now()).map(Some)
    }

    /// The replica that a request has to be sent on to, when the call that it goes on with waits
    /// elsewhere, or the task that it concerns runs there.
    pub fn elsewhere(&self, request: &Request) -> Option<String> {
        if request.method.is_task() {
            return self.task_elsewhere(request);
        }
        if is_kept(request) {
            return self.kept_elsewhere(&member(request, "uri").ok()?, &request.who.caller);
        }
        let state = self.state_of(request).ok()??;
        let replica =
            state.replica.filter(|_| state.parked.is_some() || state.consent.is_some())?;
        (self.replica.as_deref() != Some(&*replica)).then_some(replica)
    }

    /// Whether the caller may still do what it began: decided anew, as the rules may have changed.
    async fn may_resume(&self, request: &Request) -> Result<(), Fault> {
        if !self.hides() {
            return Ok(());
        }
        let mut request = request.for_record();
        let route = Box::pin(self.route(&mut request)).await?;
        // Consent was given when it began.
        self.authorize(route, &request).map(|_| ())
    }

    fn resume(self: &Arc<Self>, id: u64, request: Box<Request>) -> Result<Reply, Fault> {
        let Some(mut parked) = self.lasting.parking.take(id) else {
            // Never executed again without being asked to: what it did so far is not known.
            return Err(Fault::new(
                Reason::Expired,
                "the call that waited for this answer is gone",
            ));
        };
        let answers = request
            .message
            .params()
            .and_then(|params| params.get("inputResponses").and_then(|answers| answers.object()));
        let mut open = Vec::new();
        for (key, ask) in parked.questions.drain(..) {
            match answers.as_ref().and_then(|answers| answers.get(&key)) {
                Some(answer) => {
                    let _ = ask.answer.send(Answer::Result(request.message.slice(answer.span())));
                }
                None => open.push((key, ask)),
            }
        }
        let seen = request.for_record();
        let attended = Attended {
            inner: parked.reply,
            gateway: self.clone(),
            seen,
            questions: open,
            over: false,
        };
        Ok(Reply::Stream(Box::new(attended)))
    }

    fn attend(self: &Arc<Self>, reply: Reply, seen: Box<Request>) -> Result<Reply, Fault> {
        match reply {
            Reply::Whole(end) => Ok(Reply::Whole(self.relay_state(end, &seen)?)),
            reply => Ok(Reply::Stream(Box::new(Attended {
                inner: reply,
                gateway: self.clone(),
                seen,
                questions: Vec::new(),
                over: false,
            }))),
        }
    }

    /// Seals the state that a modern server hands to its client.
    fn relay_state(&self, end: End, seen: &Request) -> Result<End, Fault> {
        if end.era == Era::Legacy {
            return consent(end, seen);
        }
        let Some(result) = end.message.result_object() else { return Ok(end) };
        // Two looks decide for nearly every result that there is nothing to do.
        let asks = result.get("resultType").is_some_and(|kind| kind.raw() == "\"input_required\"");
        if !asks {
            return Ok(end);
        }
        let Some(inner) = result.get("requestState") else { return Ok(end) };
        let Some(text) = inner.string() else { return Ok(end) };
        let token = State::relayed(seen, text.into_owned(), self.now()).seal(self.keys());
        let mut edits = Edits::default();
        edits.replace(inner.span(), quote(&token));
        end.edited(&edits)
    }
}

/// What a call ends with that failed: where its caller has to allow something at a page, and its
/// client can show one, the question for that, in the form that servers of 2025-11-25 have.
///
/// # Errors
/// The same fault, of any other kind or for any other client.
pub fn asking(request: &Request, fault: Fault) -> Result<Reply, Fault> {
    let may = request.client.abilities().has(Abilities::URL) && request.method.may_ask_back();
    if fault.reason != Reason::Unconnected || !may {
        return Err(fault);
    }
    let Some(data) = fault.data.as_deref() else { return Err(fault) };
    let id = request.message.id();
    let text = "the caller has to allow this first";
    let end = jsonrpc::error(id, codes::URL_ELICITATION_REQUIRED, text, Some(data));
    match own_end(end) {
        Ok(end) => Ok(Reply::Whole(End { era: Era::Legacy, ..end })),
        Err(_) => Err(fault),
    }
}

/// An older server's way to ask for consent at a URL, in the modern form. The retry sends the
/// call again, so there is no state to keep.
fn consent(end: End, seen: &Request) -> Result<End, Fault> {
    let Some(error) = end.message.error() else { return Ok(end) };
    let code = error.get("code").and_then(|code| code.as_i64());
    if code != Some(codes::URL_ELICITATION_REQUIRED) {
        return Ok(end);
    }
    if !seen.client.abilities().has(Abilities::URL) {
        return Err(missing(Abilities::URL));
    }
    let wanted = error.get("data").and_then(|data| data.object()?.get("elicitations")?.items());
    let requests: Vec<_> = wanted
        .into_iter()
        .flatten()
        .filter_map(|item| item.object())
        .enumerate()
        .map(|(at, item)| {
            let members: Vec<_> = item
                .iter()
                .filter(|(key, _)| key != "elicitationId")
                .map(|(key, value)| format!("{}:{}", quote(&key), value.raw()))
                .collect();
            let params = members.join(",");
            format!(r#""url-{at}":{{"method":"elicitation/create","params":{{{params}}}}}"#)
        })
        .collect();
    input_required(&end, &format!(r#""inputRequests":{{{}}}"#, requests.join(",")))
}

fn input_required(end: &End, members: &str) -> Result<End, Fault> {
    let body = format!(r#"{{"resultType":"input_required",{members}}}"#);
    own_end(jsonrpc::result(end.message.id().unwrap_or("null"), &body))
}

pub(crate) fn own_end(bytes: Bytes) -> Result<End, Fault> {
    let message = Message::scan_reply(bytes, &Default::default()).map_err(|error| {
        Fault::new(Reason::Internal, "a result of our own is malformed").because(error)
    })?;
    Ok(End { message, era: Era::Modern, status: None })
}

/// The refusal when a server needs what the client did not declare (2026-07-28, errors).
pub(crate) fn missing(ability: Abilities) -> Fault {
    let needed = ability.declare(Version::NEWEST);
    Fault::new(Reason::MissingCapability, "the call needs a client capability not declared")
        .with_data(format!(r#"{{"requiredCapabilities":{needed}}}"#))
}

/// A reply whose questions are turned into `input_required`.
struct Attended {
    inner: Reply,
    gateway: Arc<Gateway>,
    seen: Box<Request>,
    questions: Vec<(String, Ask)>,
    over: bool,
}

impl Attended {
    async fn step(&mut self) -> Result<Option<Frame>, Fault> {
        // Questions that a retry left open are asked again, as they are.
        if !self.questions.is_empty() {
            return self.park().map(Some);
        }
        loop {
            match self.inner.next().await {
                Some(Frame::Ask(ask)) => {
                    self.take_question(ask)?;
                    if self.questions.is_empty() {
                        // Refused in the client's name, and the server goes on.
                        continue;
                    }
                    self.gather().await?;
                    return self.park().map(Some);
                }
                Some(Frame::End(end)) => {
                    self.over = true;
                    return self
                        .gateway
                        .relay_state(end, &self.seen)
                        .map(|end| Some(Frame::End(end)));
                }
                other => return Ok(other),
            }
        }
    }

    async fn gather(&mut self) -> Result<(), Fault> {
        let deadline = Instant::now() + GATHER;
        while self.questions.len() < MOST_QUESTIONS {
            let left = deadline.saturating_duration_since(Instant::now());
            match timeout(left, self.inner.next()).await {
                Ok(Some(Frame::Ask(ask))) => self.take_question(ask)?,
                // The call ended without waiting for its answers: there is nothing to ask.
                Ok(Some(Frame::End(end))) => {
                    self.inner = Reply::Whole(end);
                    self.questions.clear();
                    return Ok(());
                }
                Ok(Some(Frame::Fail(fault))) => return Err(fault),
                Ok(Some(Frame::Opened | Frame::Notification(_) | Frame::Pause(_))) => {}
                Ok(None) | Err(_) => return Ok(()),
            }
        }
        Ok(())
    }

    fn take_question(&mut self, ask: Ask) -> Result<(), Fault> {
        let params = ask
            .params
            .clone()
            .and_then(|params| Document::parse(params, &Limits::default(), Mode::Trusted).ok());
        let object = params.as_ref().and_then(|params| params.root().object());
        let Some(needed) = needed_for(&ask.method, object.as_ref()) else {
            // Dropping the question tells the server that nobody answers.
            return Ok(());
        };
        if !self.seen.client.abilities().has(needed) {
            return Err(missing(needed));
        }
        let key = format!("q{}", self.questions.len() + 1);
        self.questions.push((key, ask));
        Ok(())
    }

    /// Ends this exchange with the questions, while the call waits.
    fn park(&mut self) -> Result<Frame, Fault> {
        if self.questions.is_empty() {
            if let Reply::Whole(_) = &self.inner
                && let Reply::Whole(end) = std::mem::replace(&mut self.inner, Reply::nothing())
            {
                self.over = true;
                return Ok(Frame::End(self.gateway.relay_state(end, &self.seen)?));
            }
            return Err(Fault::new(Reason::Garbage, "the server asks what no client can answer"));
        }
        self.over = true;
        let asked: Vec<_> = self
            .questions
            .iter()
            .map(|(key, ask)| {
                let params = ask.params.as_deref().map_or("{}".into(), String::from_utf8_lossy);
                format!(r#"{}:{{"method":{},"params":{params}}}"#, quote(key), quote(&ask.method))
            })
            .collect();
        let gateway = &self.gateway;
        let ttl = gateway.lasting.parking.ttl;
        let id = gateway.lasting.parking.put(Parked {
            reply: std::mem::replace(&mut self.inner, Reply::nothing()),
            questions: std::mem::take(&mut self.questions),
            until: Instant::now() + ttl,
        })?;
        let state = State::parked(&self.seen, id, gateway.replica.as_ref(), gateway.now(), ttl);
        let body = format!(
            r#"{{"resultType":"input_required","inputRequests":{{{}}},"requestState":{}}}"#,
            asked.join(","),
            quote(&state.seal(gateway.keys()))
        );
        let id = self.seen.message.id().unwrap_or("null");
        own_end(jsonrpc::result(id, &body)).map(Frame::End)
    }
}

impl Frames for Attended {
    fn next(&mut self) -> Boxed<'_, Option<Frame>> {
        Box::pin(async {
            if self.over {
                return None;
            }
            match self.step().await {
                Ok(frame) => frame,
                Err(fault) => {
                    self.over = true;
                    self.inner = Reply::nothing();
                    Some(Frame::Fail(fault))
                }
            }
        })
    }
}

/// Whether an end asks the client for input.
pub fn is_input_required(end: &End) -> bool {
    end.message.kind() == Kind::Result
        && end.message.result_object().is_some_and(|result| {
            result.get("resultType").is_some_and(|kind| kind.raw() == "\"input_required\"")
        })
}
