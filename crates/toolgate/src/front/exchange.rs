//! One request of a legacy client, run to its end: questions go to the client as requests, what
//! a modern server asks is asked and sent back, and the answer is in the client's own shape.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use toolgate_gateway::call::{Answer, Ask, End, Frame, Reply, Request, Trace, Who};
use toolgate_gateway::fault::{Fault, Reason};
use toolgate_gateway::gateway::Gateway;
use toolgate_gateway::parking::{asking, is_input_required};
use toolgate_gateway::quota::Standing;
use toolgate_gateway::record::Record;
use toolgate_protocol::client::Level;
use toolgate_protocol::json::{Document, Limits, Mode, quote};
use toolgate_protocol::jsonrpc::{self, Message, codes};
use toolgate_protocol::legacy::{degrade_question, needed_for};
use toolgate_protocol::method::Method;
use toolgate_protocol::splice::Edits;
use toolgate_protocol::version::{Era, Version};

use super::answer::{self, Refused};
use super::calls::Running;
use super::live::Live;
use super::outlet::Outlet;

/// How often a modern server may ask back for one call.
const ROUNDS: u32 = 10;

/// All that a call of a legacy client needs.
pub struct Exchange {
    pub gateway: Arc<Gateway>,
    pub live: Arc<Live>,
    pub outlet: Arc<Outlet>,
    pub who: Who,
    pub request: Message,
    pub method: Method,
    pub trace: Trace,
    /// Where to tell what is left of the caller's limits.
    pub standing: Option<Arc<Standing>>,
    pub running: Running,
    /// The prefix of the ids of our questions, which names this replica.
    pub prefix: Arc<str>,
    /// Its audit record.
    pub record: Record,
}

/// How a call ended.
pub struct Ending {
    /// The response.
    pub answer: Bytes,
    /// Set where a client that can be told by HTTP is told more.
    pub refused: Option<Box<Refused>>,
}

impl From<Bytes> for Ending {
    fn from(answer: Bytes) -> Ending {
        Ending { answer, refused: None }
    }
}

impl Exchange {
    /// Runs the call and gives the response. What comes before it goes through the outlet.
    pub async fn run(self) -> Option<Ending> {
        let id = self.request.id().unwrap_or("null").to_owned();
        tokio::select! {
            biased;
            // The client does not want an answer any more (2025-11-25, cancellation).
            () = self.running.cancelled() => None,
            outcome = self.attempt() => Some(match outcome {
                Ok(end) => {
                    self.record.ended(&end);
                    let version = self.live.session.client.version;
                    Ending::from(answer::to_legacy(&end, &id, &self.method, version))
                }
                Err(fault) => {
                    self.record.failed(&fault);
                    let trace = self.trace.id();
                    let answer = answer::failure(&fault, &id, &self.method, Era::Legacy, trace).1;
                    Ending { answer, refused: Refused::of(fault, &id, Era::Legacy, trace) }
                }
            }),
        }
    }

    async fn attempt(&self) -> Result<End, Fault> {
        let mut request = self.first();
        for round in 1..=ROUNDS {
            let reply = match self.gateway.call(request).await {
                Ok(reply) => reply,
                Err(fault) => asking(&self.first(), fault)?,
            };
            let end = match reply {
                Reply::Whole(end) => end,
                reply => Box::pin(self.follow(reply)).await?,
            };
            if end.era == Era::Legacy || !is_input_required(&end) {
                return self.readable(end);
            }
            request = Box::pin(self.again(&end, round)).await?;
        }
        Err(Fault::new(Reason::Garbage, format!("the server asked back more than {ROUNDS} times")))
    }

    fn first(&self) -> Box<Request> {
        self.request_of(self.request.clone())
    }

    fn request_of(&self, message: Message) -> Box<Request> {
        let (method, client) = (self.method.clone(), self.live.client());
        Box::new(Request {
            trace: self.trace.clone(),
            standing: self.standing.clone(),
            record: self.record.recording(),
            ..Request::new(message, method, client, self.who.clone())
        })
    }

    async fn follow(&self, mut reply: Reply) -> Result<End, Fault> {
        while let Some(frame) = reply.next().await {
            match frame {
                Frame::Notification(message) => {
                    if self.is_wanted(&message) {
                        self.outlet.send(message.line());
                        self.outlet.room().await;
                    }
                }
                // What the server streams, we stream, with all that comes with it for a client
                // that knows how to resume.
                Frame::Opened => {
                    self.outlet.want();
                    tokio::task::yield_now().await;
                }
                Frame::Ask(ask) => self.ask(ask),
                // The client, too, can come back later, where it knows how.
                Frame::Pause(_) if self.live.session.client.version >= Version::V2025_11_25 => {
                    self.outlet.want();
                    tokio::task::yield_now().await;
                    self.outlet.pause();
                }
                Frame::Pause(_) => {}
                Frame::End(end) => return Ok(end),
                Frame::Fail(fault) => return Err(fault),
            }
        }
        Err(Fault::new(Reason::Broken, "the server ended without an answer"))
    }

    /// Log messages below the level that the client set are not for it.
    fn is_wanted(&self, message: &Message) -> bool {
        if message.method() != Some("notifications/message") {
            return true;
        }
        let wanted = self.live.client().log_level;
        let level = message.params().and_then(|params| params.get("level")?.string());
        let level = level.as_deref().and_then(Level::parse);
        match (wanted, level) {
            (Some(wanted), Some(level)) => level >= wanted,
            _ => true,
        }
    }

    /// Passes a question of a legacy server on; the answer finds its way back by itself.
    fn ask(&self, ask: Ask) {
        if !self.may_be_asked(&ask) {
            // Dropped, the question is answered with an error.
            tracing::debug!(method = &*ask.method, "a question that this client did not declare");
            return;
        }
        let params = ask.params.as_deref().map(|params| String::from_utf8_lossy(params));
        let asked = self.put(&ask.method, params.as_deref());
        tokio::spawn(async move {
            if let Ok(answer) = asked.await {
                let _ = ask.answer.send(answer);
            }
        });
    }

    /// Whether the client declared that it can answer; what is not MCP's is its own affair.
    fn may_be_asked(&self, ask: &Ask) -> bool {
        let params = ask.params.clone();
        let params =
            params.and_then(|text| Document::parse(text, &Limits::default(), Mode::Trusted).ok());
        let object = params.as_ref().and_then(|params| params.root().object());
        needed_for(&ask.method, object.as_ref())
            .is_none_or(|needed| self.live.session.client.abilities().has(needed))
    }

    /// Sends a request to the client on the stream of its own request.
    fn put(&self, method: &str, params: Option<&str>) -> tokio::sync::oneshot::Receiver<Answer> {
        let (number, answer) = self.live.question();
        let id = quote(&format!("{}{number:x}", self.prefix));
        let params = Bytes::copy_from_slice(params.unwrap_or("{}").as_bytes());
        let params = degrade_question(params, self.live.session.client.version);
        let params = String::from_utf8_lossy(&params);
        self.outlet.send(jsonrpc::request(&id, method, &params));
        answer
    }

    /// What a modern server asked, asked of the client; and the call with the answers.
    async fn again(&self, end: &End, round: u32) -> Result<Box<Request>, Fault> {
        let result = end.message.result_object();
        let broken = || Fault::new(Reason::Garbage, "input_required without a request or a state");
        let result = result.ok_or_else(broken)?;
        let wanted = result.get("inputRequests").and_then(|requests| requests.object());
        let state = result.get("requestState");
        let mut asked = Vec::new();
        for (key, question) in wanted.iter().flat_map(|wanted| wanted.iter()) {
            let question = question.object().ok_or_else(broken)?;
            let method = question.get("method").and_then(|method| method.string());
            let method = method.ok_or_else(broken)?.into_owned();
            let params = question.get("params");
            let object = params.as_ref().and_then(|params| params.object());
            let needed = needed_for(&method, object.as_ref()).ok_or_else(broken)?;
            if !self.live.session.client.abilities().has(needed) {
                return Err(Fault::new(
                    Reason::MissingCapability,
                    "the server needs an answer that this client cannot give",
                ));
            }
            let mut text = params.map_or_else(|| "{}".to_owned(), |params| params.raw().to_owned());
            if method == "elicitation/create" {
                text = self.with_elicitation_id(text)?;
            }
            asked.push((key.into_owned(), method.clone(), self.put(&method, Some(&text))));
        }
        if asked.is_empty() {
            if state.is_none() {
                return Err(broken());
            }
            // Nothing to answer: the server wants time (2026-07-28, MRTR: load shedding).
            tokio::time::sleep(Duration::from_millis(250) * round).await;
        }
        let mut answers = Vec::new();
        for (key, method, answer) in asked {
            let answer = self.await_answer(&method, answer).await?;
            answers.push(format!("{}:{answer}", quote(&key)));
        }
        self.retry(answers, state.map(|state| state.raw().to_owned()), round)
    }

    /// URL elicitation of 2025-11-25 has an id of its own, which the modern form has not.
    fn with_elicitation_id(&self, params: String) -> Result<String, Fault> {
        let broken = |_| Fault::new(Reason::Garbage, "an elicitation without valid params");
        let document = Document::parse(params.into(), &Limits::default(), Mode::Trusted)
            .map_err(|_| broken(()))?;
        let object = document.root().object().ok_or_else(|| broken(()))?;
        let is_url = object.get("mode").is_some_and(|mode| mode.raw() == "\"url\"");
        let mut edits = Edits::default();
        if is_url && object.get("elicitationId").is_none() {
            let (number, _) = self.live.question();
            let id = quote(&format!("{}e{number:x}", self.prefix));
            edits.set(&object, "elicitationId", id);
        }
        Ok(String::from_utf8_lossy(&edits.apply(document.bytes())).into_owned())
    }

    /// The client's answer in the form of the modern era, which has no room for errors.
    async fn await_answer(
        &self,
        method: &str,
        answer: tokio::sync::oneshot::Receiver<Answer>,
    ) -> Result<String, Fault> {
        let ttl = self.gateway.config.parking.ttl.duration();
        match tokio::time::timeout(ttl, answer).await {
            Ok(Ok(Answer::Result(result))) => Ok(String::from_utf8_lossy(&result).into_owned()),
            _ if method == "elicitation/create" => Ok(r#"{"action":"cancel"}"#.to_owned()),
            Ok(Ok(Answer::Error(_))) => {
                Err(Fault::new(Reason::Cancelled, "the client declined what the server asked"))
            }
            _ => Err(Fault::new(Reason::Cancelled, "the client gave no answer in time")),
        }
    }

    fn retry(
        &self,
        answers: Vec<String>,
        state: Option<String>,
        round: u32,
    ) -> Result<Box<Request>, Fault> {
        let mut edits = Edits::default();
        if let Some(span) = self.request.id_span() {
            // A retry is a new request with an id of its own (2026-07-28, MRTR).
            edits.replace(span, format!("\"retry-{round}\""));
        }
        if let Some(params) = self.request.params() {
            if !answers.is_empty() {
                edits.set(&params, "inputResponses", format!("{{{}}}", answers.join(",")));
            }
            if let Some(state) = state {
                edits.set(&params, "requestState", state);
            }
        }
        let bytes = edits.apply(self.request.bytes());
        let message = Message::scan_reply(bytes, &Limits::default())
            .map_err(|error| Fault::new(Reason::Internal, "a retry is malformed").because(error))?;
        Ok(self.request_of(message))
    }

    /// An end that this client's revision has a form for.
    fn readable(&self, end: End) -> Result<End, Fault> {
        let error = end.message.error();
        let code = error.as_ref().and_then(|error| error.get("code")?.as_i64());
        let client = &self.live.session.client;
        match code {
            // The model, not the client, can say what to do without the capability.
            Some(codes::MISSING_CLIENT_CAPABILITY) if self.method == Method::ToolsCall => {
                Err(Fault::new(
                    Reason::Refused,
                    "the tool needs a capability that this client does not have",
                ))
            }
            Some(codes::URL_ELICITATION_REQUIRED)
                if client.version < Version::V2025_11_25 && self.method == Method::ToolsCall =>
            {
                let link = error.and_then(|error| {
                    let list = error.get("data")?.object()?.get("elicitations")?;
                    let first = list.items()?.next()?.object()?;
                    Some(first.get("url")?.string()?.into_owned())
                });
                let link = link.unwrap_or_default();
                Err(Fault::new(Reason::Refused, format!("open {link} and then call again")))
            }
            _ => Ok(end),
        }
    }
}
