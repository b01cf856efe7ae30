//! Clients of the modern era over HTTP: each request is complete in itself.

use std::sync::Arc;

use bytes::Bytes;
use http::HeaderMap;
use tokio::sync::mpsc;
use toolgate_gateway::call::{Frame, Reply, Request, Trace, Who};
use toolgate_gateway::fault::{Fault, Reason};
use toolgate_gateway::gateway::Gateway;
use toolgate_gateway::subscription::{self, Subscription};
use toolgate_gateway::upstream::Interest;
use toolgate_protocol::client::{Abilities, Client, Level, key};
use toolgate_protocol::headers::Received;
use toolgate_protocol::jsonrpc::{self, Kind, Message, codes};
use toolgate_protocol::method::Method;
use toolgate_protocol::modern::{self, Hint};
use toolgate_protocol::sse::Event;
use toolgate_protocol::version::Era;

use super::answer::{self, Refused};
use super::body::{Answer, empty, events, json};
use super::head::Head;
use super::limits;
use super::outlet::written;
use crate::app::{Admitted, App, Listening};

/// Frames that wait for a client that does not read.
const BACKLOG: usize = 64;
/// When a client that finds no place to listen may try again.
const CROWDED: std::time::Duration = std::time::Duration::from_secs(10);
/// How often an idle stream shows a sign of life.
const KEEP_ALIVE: std::time::Duration = std::time::Duration::from_secs(15);

/// Serves one POST in modern framing. An error is what was refused before it had a record.
pub async fn serve(
    app: &Arc<App>,
    gateway: Arc<Gateway>,
    head: &Head,
    message: Message,
    admitted: Admitted,
) -> Result<Answer, Answer> {
    match message.kind() {
        Kind::Request => {}
        Kind::Notification => return Ok(empty(202)),
        // Clients of this era never send responses (2026-07-28, base protocol).
        Kind::Result | Kind::Error => {
            let text = "a response is not accepted here";
            return Err(json(400, jsonrpc::error(None, codes::INVALID_REQUEST, text, None)));
        }
    }
    let id = message.id().unwrap_or("null").to_owned();
    let method = Method::parse(message.method().unwrap_or_default());
    let received: Received<'_> =
        head.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
    let client = match modern::read_client(&message, &method, Some(&received)) {
        Ok(client) => client,
        Err(refusal) => {
            let who = head.who();
            let record = gateway.record(&who, &message, &method, &trace_of(&head.headers));
            record.refused(Reason::of_code(refusal.code));
            let error =
                jsonrpc::error(Some(&id), refusal.code, &refusal.message, refusal.data.as_deref());
            return Ok(json(refusal.status, error));
        }
    };
    drop(received);
    let params_headers = params_headers(&head.headers);
    let mut request =
        request_of(head.who(), message, method, client, params_headers, trace_of(&head.headers));
    if request.method == Method::Listen {
        return Ok(Box::pin(listen(app, &gateway, &mut request, id, admitted)).await);
    }
    if let Some(replica) = gateway.elsewhere(&request) {
        // The other replica records it.
        let passing = app.forwarder.forward_post(&replica, head, &request.message);
        return Box::pin(passing).await;
    }
    let method = request.method.clone();
    let trace = request.trace.clone();
    let log_level = request.client.log_level;
    let hint = gateway.hint();
    let retried = hint.ttl_ms > 0 && toolgate_protocol::modern::is_retry(&request.message);
    let hint = if retried { Hint::NONE } else { hint };
    let standing = limits::standing(&gateway);
    request.standing.clone_from(&standing);
    let mut answer = match gateway.call_modern(request).await {
        Ok(Reply::Whole(end)) => {
            let (status, body) = answer::to_modern(&end, &id, &method, hint);
            json(status, body)
        }
        Ok(reply) => {
            let (app, gateway) = (app.clone(), gateway.clone());
            let streaming =
                Streaming { app, gateway, reply, id, method, hint, trace, log_level, admitted };
            Box::pin(streaming.begin()).await
        }
        Err(fault) => failed(app, &gateway, &fault, &id, &method, trace.id()),
    };
    limits::tell(&mut answer, standing.as_deref(), &gateway.config.rate_limits);
    Ok(answer)
}

/// The request in the internal dialect.
pub fn request_of(
    who: Who,
    message: Message,
    method: Method,
    client: Client,
    params_headers: Vec<(String, Bytes)>,
    trace: Trace,
) -> Box<Request> {
    let trace = if trace.parent.is_some() { trace } else { trace_in(&message) };
    Box::new(Request { params_headers, trace, ..Request::new(message, method, client, who) })
}

fn params_headers(headers: &HeaderMap) -> Vec<(String, Bytes)> {
    headers
        .iter()
        .filter(|(name, _)| name.as_str().starts_with("mcp-param-"))
        .map(|(name, value)| (name.as_str().to_owned(), Bytes::copy_from_slice(value.as_bytes())))
        .collect()
}

/// Trace context in the headers (W3C Trace Context).
pub fn trace_of(headers: &HeaderMap) -> Trace {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).map(Arc::from);
    match text("traceparent") {
        Some(parent) => Trace { parent: Some(parent), state: text("tracestate") },
        None => Trace::default(),
    }
}

/// Trace context in `_meta` (2026-07-28, general fields).
fn trace_in(message: &Message) -> Trace {
    let Some(meta) = message.meta() else { return Trace::default() };
    let text = |name| meta.get(name).and_then(|value| value.string()).map(|s| Arc::from(&*s));
    Trace { parent: text("traceparent"), state: text("tracestate") }
}

fn failed(
    app: &App,
    gateway: &Gateway,
    fault: &Fault,
    id: &str,
    method: &Method,
    trace: &str,
) -> Answer {
    if !fault.scopes().is_empty()
        && let Some(refused) = Refused::of(fault.clone(), id, Era::Modern, trace)
        && let Some(answer) =
            app.serving().door.step_up(&refused, gateway.toolset().map(|it| &**it))
    {
        return answer;
    }
    let (status, body) = answer::failure(fault, id, method, Era::Modern, trace);
    let mut answer = json(status, body);
    if let Some(wait) = fault.retry_after {
        let seconds = wait.as_secs().max(1);
        answer.headers_mut().insert(http::header::RETRY_AFTER, seconds.into());
    }
    answer
}

/// Log messages are for those alone who asked for them (2026-07-28, logging).
pub fn is_wanted(message: &Message, asked: Option<Level>) -> bool {
    if message.method() != Some("notifications/message") {
        return true;
    }
    let level = message.params().and_then(|params| params.get("level")?.string());
    let level = level.as_deref().and_then(Level::parse);
    asked.is_some_and(|asked| level.is_some_and(|level| level >= asked))
}

/// A call whose answer may come in pieces.
struct Streaming {
    app: Arc<App>,
    gateway: Arc<Gateway>,
    reply: Reply,
    id: String,
    method: Method,
    hint: Hint,
    trace: Trace,
    log_level: Option<Level>,
    admitted: Admitted,
}

impl Streaming {
    fn failed(&self, fault: &Fault) -> Answer {
        failed(&self.app, &self.gateway, fault, &self.id, &self.method, self.trace.id())
    }

    /// The first frames decide: what was answered plainly is answered plainly, what was streamed
    /// is streamed, but for errors, whose status must be told (2026-07-28, transports). Nothing
    /// is committed before the upstream's own head is known.
    async fn begin(mut self) -> Answer {
        let mut streamed = false;
        let first = loop {
            match self.reply.next().await {
                Some(Frame::End(end)) => {
                    let (status, body) = answer::to_modern(&end, &self.id, &self.method, self.hint);
                    if streamed && status == 200 {
                        break event(one_line(body));
                    }
                    return json(status, body);
                }
                Some(Frame::Notification(message)) if !is_wanted(&message, self.log_level) => {}
                Some(Frame::Notification(message)) => break event(message.line()),
                Some(Frame::Opened) => streamed = true,
                Some(Frame::Ask(_) | Frame::Pause(_)) => {}
                Some(Frame::Fail(fault)) => {
                    return self.failed(&fault);
                }
                None => {
                    let fault = Fault::new(Reason::Broken, "the server ended without an answer");
                    return self.failed(&fault);
                }
            }
        };
        let (sender, receiver) = mpsc::channel(BACKLOG);
        tokio::spawn(self.go_on(first, sender));
        events(receiver)
    }

    async fn go_on(mut self, first: Bytes, client: mpsc::Sender<Bytes>) {
        let mut next = first;
        loop {
            // A client that leaves cancels its call (2026-07-28, transports: cancellation).
            if client.send(next).await.is_err() {
                return;
            }
            let frame = loop {
                let waiting = tokio::time::timeout(KEEP_ALIVE, self.reply.next());
                tokio::select! {
                    frame = waiting => match frame {
                        Ok(frame) => break frame,
                        Err(_) => if client.send(Bytes::from_static(b":\n\n")).await.is_err() {
                            return;
                        },
                    },
                    () = client.closed() => return,
                }
            };
            next = match frame {
                Some(Frame::Notification(message)) if is_wanted(&message, self.log_level) => {
                    event(message.line())
                }
                Some(Frame::Notification(_)) => Bytes::from_static(b":\n\n"),
                Some(Frame::Opened | Frame::Ask(_) | Frame::Pause(_)) => {
                    Bytes::from_static(b":\n\n")
                }
                Some(Frame::End(end)) => {
                    let (_, body) = answer::to_modern(&end, &self.id, &self.method, self.hint);
                    let _ = client.send(event(one_line(body))).await;
                    break;
                }
                Some(Frame::Fail(fault)) => {
                    let (_, body) = answer::failure(
                        &fault,
                        &self.id,
                        &self.method,
                        Era::Modern,
                        self.trace.id(),
                    );
                    let _ = client.send(event(body)).await;
                    break;
                }
                None => break,
            };
        }
        drop((self.admitted, self.app));
    }
}

/// What a `subscriptions/listen` request wants to hear of.
///
/// # Errors
/// When it does not say, or lacks the capability for it.
pub fn interest_of(request: &Request) -> Result<Interest, Fault> {
    let interest = subscription::read_interest(request)?;
    let tasks = Abilities::TASKS;
    if !interest.tasks.is_empty() && !request.client.abilities().has(tasks) {
        let needed = tasks.declare(request.client.version);
        let data = format!(r#"{{"requiredCapabilities":{needed}}}"#);
        return Err(Fault::new(Reason::MissingCapability, "taskIds need the tasks extension")
            .with_data(data));
    }
    Ok(interest)
}

/// The response that ends a listen stream in good order.
pub fn listened(id: &str) -> Bytes {
    let result = format!(r#"{{"resultType":"complete","_meta":{{"{}":{id}}}}}"#, key::SUBSCRIPTION);
    jsonrpc::result(id, &result)
}

/// Serves `subscriptions/listen`.
async fn listen(
    app: &Arc<App>,
    gateway: &Arc<Gateway>,
    request: &mut Request,
    id: String,
    admitted: Admitted,
) -> Answer {
    let record = gateway.record_of(request);
    let prepared = async {
        let interest = interest_of(request)?;
        let listening = app.listen(gateway.config.limits.in_flight).ok_or_else(|| {
            let fault = Fault::new(Reason::Overloaded, "too many clients listen to this gateway");
            fault.retry_after(CROWDED)
        })?;
        record.reserve().await?;
        Ok((interest, listening))
    };
    let (interest, listening) = match prepared.await {
        Ok(prepared) => prepared,
        Err(fault) => {
            record.failed(&fault);
            return failed(app, gateway, &fault, &id, &request.method, request.trace.id());
        }
    };
    // A listener is no call at work: shutting down does not wait for it.
    drop(admitted);
    let abilities = request.client.abilities();
    let subscribed = gateway.subscribe(&request.who, abilities, &interest).await;
    record.done();
    let (client, receiver) = mpsc::channel(BACKLOG);
    tokio::spawn(announce(app.clone(), subscribed, id, client, listening));
    events(receiver)
}

async fn announce(
    app: Arc<App>,
    mut subscribed: Subscription,
    id: String,
    client: mpsc::Sender<Bytes>,
    _listening: Listening,
) {
    let mut next = event(subscription::acknowledgement(&subscribed.accepted, &id));
    loop {
        if client.send(next).await.is_err() {
            return;
        }
        next = tokio::select! {
            announced = subscribed.events.recv() => match announced {
                Some(message) => event(one_line(subscription::stamped(&message, &id))),
                None => break,
            },
            () = tokio::time::sleep(KEEP_ALIVE) => Bytes::from_static(b":\n\n"),
            () = client.closed() => return,
            () = app.draining() => break,
            // Another gateway has taken over: the client listens again, to what there is now.
            () = app.replaced() => break,
        };
    }
    let _ = client.send(event(listened(&id))).await;
}

fn event(data: Bytes) -> Bytes {
    written(&Event { data, ..Event::default() })
}

/// Raw line breaks between tokens, as pretty-printed messages have, would split an event.
pub fn one_line(body: Bytes) -> Bytes {
    if memchr::memchr2(b'\n', b'\r', &body).is_none() {
        return body;
    }
    body.iter().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { *byte }).collect()
}
