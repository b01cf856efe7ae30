//! Clients of the legacy era over Streamable HTTP: a handshake, a session, streams both ways.

use std::sync::{Arc, PoisonError};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method as Verb};
use toolgate_gateway::call::{Answer as ClientAnswer, Who};
use toolgate_gateway::clock::Timestamp;
use toolgate_gateway::gateway::Gateway;
use toolgate_gateway::session::Session;
use toolgate_gateway::upstream::Interest;
use toolgate_protocol::client::Level;
use toolgate_protocol::json::{Limits, quote};
use toolgate_protocol::jsonrpc::{self, Kind, Message, codes, split_batch};
use toolgate_protocol::legacy;
use toolgate_protocol::method::Method;
use toolgate_protocol::version::{Era, Version};

use super::answer;
use super::body::{Answer, Body, empty, events, json, text};
use super::calls::Refused;
use super::exchange::Exchange;
use super::live::Live;
use super::modern::trace_of;
use super::outlet::{Naming, Outlet};
use crate::app::{Admitted, App};

/// The session header (2025-03-26 to 2025-11-25, transports: session management).
pub const SESSION_ID: HeaderName = HeaderName::from_static("mcp-session-id");
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
const PROTOCOL_VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
/// After so long without an answer the response becomes a stream, with signs of life for
/// whatever stands between, and resumable.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(3);
/// How often an idle stream shows a sign of life.
const KEEP_ALIVE: std::time::Duration = std::time::Duration::from_secs(15);

/// Serves one POST in legacy framing.
pub async fn serve_post(
    app: &Arc<App>,
    gateway: Arc<Gateway>,
    headers: &HeaderMap,
    message: Message,
    admitted: Admitted,
) -> Answer {
    if message.kind() == Kind::Request && message.method() == Some("initialize") {
        return initialize(app, &gateway, &message).await;
    }
    let live = match session_of(app, headers, message.id()) {
        Ok(live) => live,
        Err(answer) => return answer,
    };
    if let Some(answer) = elsewhere(app, headers, &live, &message).await {
        return answer;
    }
    match message.kind() {
        Kind::Request => request(app, gateway, &live, headers, message, admitted).await,
        Kind::Notification => {
            notification(&gateway, &live, &message).await;
            empty(202)
        }
        Kind::Result | Kind::Error => {
            response(&live, &message);
            empty(202)
        }
    }
}

/// Serves a batch, which only 2025-03-26 has (transports: sending messages).
pub async fn serve_batch(
    app: &Arc<App>,
    gateway: Arc<Gateway>,
    headers: &HeaderMap,
    body: Bytes,
    limits: &Limits,
) -> Answer {
    let live = match session_of(app, headers, None) {
        Ok(live) => live,
        Err(answer) => return answer,
    };
    match batch(app, &gateway, &live, headers, &body, limits).await {
        Ok(Some(answers)) => json(200, answers),
        Ok(None) => empty(202),
        Err(error) => json(400, error),
    }
}

/// Runs a batch: its answers in one array, or nothing when none is due.
///
/// # Errors
/// The JSON-RPC error for the batch as a whole.
pub async fn batch(
    app: &Arc<App>,
    gateway: &Arc<Gateway>,
    live: &Arc<Live>,
    headers: &HeaderMap,
    body: &Bytes,
    limits: &Limits,
) -> Result<Option<Bytes>, Bytes> {
    if live.session.client.version != Version::V2025_03_26 {
        let text = "batches belong to protocol version 2025-03-26 alone";
        return Err(jsonrpc::error(None, codes::INVALID_REQUEST, text, None));
    }
    let parts = split_batch(body, limits).map_err(|malformed| malformed.reply())?;
    let mut answers = Vec::new();
    let mut running = Vec::new();
    for part in parts {
        let message = match Message::scan(part, limits) {
            Ok(message) => message,
            Err(malformed) => {
                answers.push(malformed.reply());
                continue;
            }
        };
        match message.kind() {
            Kind::Request => match exchange(app, gateway, live, headers, message) {
                // Nothing streams into a batch: what the call says meanwhile is dropped.
                Ok((exchange, _)) => running.push(tokio::spawn(exchange.run())),
                Err(error) => answers.push(error),
            },
            Kind::Notification => notification(gateway, live, &message).await,
            Kind::Result | Kind::Error => response(live, &message),
        }
    }
    for call in running {
        answers.extend(call.await.ok().flatten());
    }
    Ok((!answers.is_empty()).then(|| array_of(&answers)))
}

fn array_of(answers: &[Bytes]) -> Bytes {
    let mut all = vec![b'['];
    for (at, answer) in answers.iter().enumerate() {
        if at > 0 {
            all.push(b',');
        }
        all.extend_from_slice(answer);
    }
    all.push(b']');
    all.into()
}

/// Serves GET: the stream of what belongs to no request, or the rest of one that broke.
pub async fn serve_get(app: &Arc<App>, gateway: Arc<Gateway>, headers: &HeaderMap) -> Answer {
    let accepts = headers.get(http::header::ACCEPT).and_then(|value| value.to_str().ok());
    if !accepts.is_some_and(|accept| accept.contains("text/event-stream") || accept.contains("*/*"))
    {
        return text(406, "a GET of this endpoint must accept text/event-stream");
    }
    if !headers.contains_key(SESSION_ID) {
        return method_not_allowed();
    }
    let live = match session_of(app, headers, None) {
        Ok(live) => live,
        Err(answer) => return answer,
    };
    let after = headers.get(LAST_EVENT_ID).and_then(|value| value.to_str().ok());
    let forwarded = app.forwarder.is_forwarded(headers, &app.caller());
    let replica = match after {
        Some(id) => app.forwarder.elsewhere(id),
        None => app.forwarder.foreign_home(live.session.home.as_ref()).map(str::to_owned),
    };
    if let Some(replica) = replica.filter(|_| !forwarded) {
        let caller = app.caller();
        let sent = app.forwarder.send(&replica, Verb::GET, headers, Bytes::new(), &caller).await;
        if let Some(answer) = sent {
            return answer;
        }
    }
    match after.and_then(Naming::parse) {
        // Only a stream of this very session is ever continued.
        Some((stream, sequence)) => match live.stream(stream) {
            Some(outlet) => resume(app, gateway, &live, outlet, sequence),
            None => text(404, "this stream is not kept any more"),
        },
        None if after.is_some() => text(400, "Last-Event-ID is not one of ours"),
        None => open_own_stream(app, gateway, &live),
    }
}

/// Serves DELETE: the end of a session.
pub async fn serve_delete(app: &Arc<App>, headers: &HeaderMap) -> Answer {
    if !headers.contains_key(SESSION_ID) {
        return method_not_allowed();
    }
    let live = match session_of(app, headers, None) {
        Ok(live) => live,
        Err(answer) => return answer,
    };
    if let Some(token) = headers.get(SESSION_ID).and_then(|value| value.to_str().ok()) {
        app.sessions.end(token);
    }
    let forwarded = app.forwarder.is_forwarded(headers, &app.caller());
    let home = app.forwarder.foreign_home(live.session.home.as_ref());
    if let Some(home) = home.filter(|_| !forwarded) {
        let caller = app.caller();
        let _ = app.forwarder.send(home, Verb::DELETE, headers, Bytes::new(), &caller).await;
    }
    empty(204)
}

fn method_not_allowed() -> Answer {
    let mut answer = text(405, "POST a message here");
    answer.headers_mut().insert(http::header::ALLOW, HeaderValue::from_static("POST"));
    answer
}

/// Answers `initialize` and begins a session.
async fn initialize(app: &Arc<App>, gateway: &Arc<Gateway>, message: &Message) -> Answer {
    let id = message.id().unwrap_or("null");
    let session = match begin(app, gateway, message) {
        Ok(session) => session,
        Err(error) => return error,
    };
    let client = &session.client;
    let who = Who { caller: session.caller.clone(), session: Some(session.id.clone()) };
    let welcome = gateway.welcome(&who, client.abilities(), client.version).await;
    let welcome = match welcome {
        Ok(welcome) => welcome,
        Err(fault) => {
            let (_, body) = answer::failure(&fault, id, &Method::Initialize, Era::Legacy, "");
            return json(200, body);
        }
    };
    let token = session.seal(gateway.keys(), Timestamp::now());
    if !app.sessions.begin(&token, session) {
        let text = "too many sessions are open";
        return json(503, jsonrpc::error(Some(id), codes::INTERNAL_ERROR, text, None));
    }
    let mut answer = json(200, jsonrpc::result(id, &welcome));
    if let Ok(token) = HeaderValue::from_str(&token) {
        answer.headers_mut().insert(SESSION_ID, token);
    }
    answer
}

/// A session for a client that says `initialize`.
pub fn begin(app: &App, gateway: &Gateway, message: &Message) -> Result<Session, Answer> {
    let id = message.id();
    let client = legacy::read_initialize(message)
        .map_err(|text| json(400, jsonrpc::error(id, codes::INVALID_PARAMS, text, None)))?;
    Session::begin(app.caller(), client, gateway.replica.clone())
        .map_err(|_| json(500, jsonrpc::error(id, codes::INTERNAL_ERROR, "no randomness", None)))
}

/// The session that a request belongs to.
fn session_of(app: &App, headers: &HeaderMap, id: Option<&str>) -> Result<Arc<Live>, Answer> {
    let refused = |status, text: &str| {
        Err(json(status, jsonrpc::error(id, codes::INVALID_REQUEST, text, None)))
    };
    if let Some(version) = headers.get(PROTOCOL_VERSION) {
        let known = version.to_str().ok().and_then(Version::parse);
        if known.is_none() {
            return refused(400, "unknown MCP-Protocol-Version (begin with initialize)");
        }
    }
    let Some(token) = headers.get(SESSION_ID) else {
        return refused(400, "no Mcp-Session-Id (begin with initialize)");
    };
    let token = token.to_str().unwrap_or_default();
    match app.sessions.find(token, &app.caller(), &app.lasting.keys) {
        Ok(live) => Ok(live),
        // Unknown, ended or somebody else's: a client begins anew on this status.
        Err(_) => refused(404, "no such session (begin with initialize)"),
    }
}

/// Passes a message on to the replica where it belongs, if that is another one.
async fn elsewhere(
    app: &Arc<App>,
    headers: &HeaderMap,
    live: &Arc<Live>,
    message: &Message,
) -> Option<Answer> {
    if app.prefix.is_empty() || app.forwarder.is_forwarded(headers, &app.caller()) {
        return None;
    }
    let caller = app.caller();
    if matches!(message.kind(), Kind::Result | Kind::Error) {
        let id = message.envelope().get("id")?.string()?.into_owned();
        let replica = app.forwarder.elsewhere(&id)?;
        return Some(app.forwarder.forward_post(&replica, headers, message, &caller).await);
    }
    // What changes the session is kept where its stream is, and so are its tasks, whose server
    // may know them in one session only.
    let method = Method::parse(message.method().unwrap_or_default());
    let creates_task = || message.params().is_some_and(|params| params.get("task").is_some());
    let lasting = match method {
        Method::ResourcesSubscribe | Method::ResourcesUnsubscribe => true,
        Method::SetLevel => {
            // Calls that come here are to know of it too.
            let _ = local(live, message, &Method::SetLevel);
            true
        }
        Method::ToolsCall => creates_task(),
        // A call that does not run here runs, most likely, where the session began.
        _ if message.method() == Some("notifications/cancelled") => !cancel(live, message),
        method => method.is_task(),
    };
    let home = app.forwarder.foreign_home(live.session.home.as_ref()).filter(|_| lasting)?;
    app.forwarder.send(home, Verb::POST, headers, message.bytes().clone(), &caller).await
}

/// Handles a notification of the client.
pub async fn notification(gateway: &Arc<Gateway>, live: &Arc<Live>, message: &Message) {
    match message.method() {
        Some("notifications/cancelled") => {
            cancel(live, message);
        }
        // The gateway's own handshakes with servers are long done. Roots are asked for when
        // they are needed; nobody keeps them.
        Some("notifications/initialized" | "notifications/roots/list_changed") | None => {}
        // The tokens of progress towards us are not ours to know.
        Some("notifications/progress") => {}
        Some(_) => {
            let abilities = live.session.client.abilities();
            gateway.notify(&live.who(), abilities, message).await;
        }
    }
}

/// Cancels the call that a notification names; false when no such call runs here.
fn cancel(live: &Live, message: &Message) -> bool {
    let id = message.params().and_then(|params| params.get("requestId"));
    id.is_some_and(|id| live.cancel(id.raw()))
}

/// Handles the client's answer to a question of ours.
pub fn response(live: &Live, message: &Message) {
    let id = message.envelope().get("id").and_then(|id| id.string().map(|id| id.into_owned()));
    let number = id.as_deref().and_then(|id| {
        let last = id.rsplit_once('~').map_or(id, |(_, last)| last);
        u64::from_str_radix(last, 16).ok()
    });
    let answer = match message.kind() {
        Kind::Error => {
            message.error().map(|error| ClientAnswer::Error(message.slice(error.span())))
        }
        _ => message.result().map(|result| ClientAnswer::Result(message.slice(result.span()))),
    };
    let delivered = match (number, answer) {
        (Some(number), Some(answer)) => live.answer(number, answer),
        _ => false,
    };
    if !delivered {
        tracing::debug!(?id, "an answer to a question that nobody asks any more");
    }
}

/// Answers what the gateway itself can answer. `None` for what goes to a server.
pub fn local(live: &Arc<Live>, message: &Message, method: &Method) -> Option<Bytes> {
    let id = message.id().unwrap_or("null");
    let param = |name| message.params().and_then(|params| params.get(name)?.string());
    let invalid = |text: &str| Some(jsonrpc::error(Some(id), codes::INVALID_PARAMS, text, None));
    match method {
        Method::Ping => Some(jsonrpc::result(id, "{}")),
        Method::SetLevel => match param("level").as_deref().and_then(Level::parse) {
            Some(level) => {
                live.set_level(level);
                Some(jsonrpc::result(id, "{}"))
            }
            None => invalid("unknown log level"),
        },
        Method::ResourcesSubscribe | Method::ResourcesUnsubscribe => {
            let Some(uri) = param("uri") else { return invalid("params lack \"uri\"") };
            let mut subscribed = live.subscribed.lock().unwrap_or_else(PoisonError::into_inner);
            if *method == Method::ResourcesSubscribe {
                subscribed.insert(uri.into_owned());
            } else {
                subscribed.remove(&*uri);
            }
            drop(subscribed);
            live.resubscribe.send_replace(());
            Some(jsonrpc::result(id, "{}"))
        }
        Method::Initialize => {
            Some(jsonrpc::error(Some(id), codes::INVALID_REQUEST, "already initialized", None))
        }
        method if method.is_modern_only() => Some(jsonrpc::error(
            Some(id),
            codes::METHOD_NOT_FOUND,
            "this method belongs to a newer protocol version",
            None,
        )),
        _ => None,
    }
}

/// Prepares the run of a request; an error is the response already.
pub fn exchange(
    app: &Arc<App>,
    gateway: &Arc<Gateway>,
    live: &Arc<Live>,
    headers: &HeaderMap,
    message: Message,
) -> Result<(Exchange, Arc<Outlet>), Bytes> {
    let id = message.id().unwrap_or("null");
    let method = Method::parse(message.method().unwrap_or_default());
    if let Some(answer) = local(live, &message, &method) {
        return Err(answer);
    }
    let running = match live.run(id, gateway.config.limits.in_flight_per_client) {
        Ok(running) => running,
        Err(refused) => {
            let code = match refused {
                Refused::SameId => codes::INVALID_REQUEST,
                Refused::TooMany => codes::INTERNAL_ERROR,
            };
            return Err(jsonrpc::error(Some(id), code, refused.sentence(), None));
        }
    };
    let outlet = live.outlet(&app.prefix, true, app.sessions.replay());
    let exchange = Exchange {
        gateway: gateway.clone(),
        live: live.clone(),
        outlet: outlet.clone(),
        request: message,
        method,
        trace: trace_of(headers),
        running,
        prefix: app.prefix.clone(),
    };
    Ok((exchange, outlet))
}

async fn request(
    app: &Arc<App>,
    gateway: Arc<Gateway>,
    live: &Arc<Live>,
    headers: &HeaderMap,
    message: Message,
    admitted: Admitted,
) -> Answer {
    let (exchange, outlet) = match exchange(app, &gateway, live, headers, message) {
        Ok(prepared) => prepared,
        Err(answer) => return json(200, answer),
    };
    let mut call = Detachable::new(exchange.run(), outlet.clone(), live.clone(), admitted);
    tokio::select! {
        biased;
        answer = call.wait() => match answer {
            Some(answer) if outlet.has_said_nothing() => return json(200, answer),
            // Its last words came together with what went before them.
            Some(answer) => {
                live.keep(outlet.stream(), outlet.clone());
                outlet.send(answer);
                let receiver = outlet.open(primes(live));
                outlet.end();
                return events(receiver);
            }
            // Cancelled: there is no answer, and nobody who wants one.
            None => return empty(202),
        },
        () = outlet.wanted() => {}
        () = tokio::time::sleep(PATIENCE) => {}
    }
    // From here on the answer is a stream, and the call runs on its own.
    let receiver = outlet.open(primes(live));
    drop(call);
    events(receiver)
}

/// Whether the client knows of events that carry nothing but an id.
fn primes(live: &Live) -> bool {
    live.session.client.version >= Version::V2025_11_25
}

/// A running call that goes on by itself when nobody waits for it: for older clients a lost
/// connection is not a cancellation (2025-11-25, transports: sending messages).
struct Detachable<F: Future<Output = Option<Bytes>> + Send + 'static> {
    call: Option<std::pin::Pin<Box<F>>>,
    outlet: Arc<Outlet>,
    live: Arc<Live>,
    admitted: Option<Admitted>,
}

impl<F: Future<Output = Option<Bytes>> + Send + 'static> Detachable<F> {
    fn new(call: F, outlet: Arc<Outlet>, live: Arc<Live>, admitted: Admitted) -> Self {
        Detachable { call: Some(Box::pin(call)), outlet, live, admitted: Some(admitted) }
    }

    async fn wait(&mut self) -> Option<Bytes> {
        let answer = match &mut self.call {
            Some(call) => call.await,
            None => None,
        };
        self.call = None;
        answer
    }
}

impl<F: Future<Output = Option<Bytes>> + Send + 'static> Drop for Detachable<F> {
    fn drop(&mut self) {
        let Some(mut call) = self.call.take() else { return };
        let (outlet, live, admitted) =
            (self.outlet.clone(), self.live.clone(), self.admitted.take());
        live.keep(outlet.stream(), outlet.clone());
        let finish = async move {
            let answer = loop {
                tokio::select! {
                    biased;
                    answer = &mut call => break answer,
                    () = tokio::time::sleep(KEEP_ALIVE) => outlet.keep_alive(),
                }
            };
            if let Some(answer) = answer {
                outlet.send(answer);
            }
            outlet.end();
            drop(admitted);
        };
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(finish);
        }
    }
}

/// Opens the stream of what belongs to no request, and follows what the servers announce.
fn open_own_stream(app: &Arc<App>, gateway: Arc<Gateway>, live: &Arc<Live>) -> Answer {
    let outlet = live.outlet(&app.prefix, true, app.sessions.replay());
    let receiver = outlet.open(primes(live));
    let previous =
        live.own_stream.lock().unwrap_or_else(PoisonError::into_inner).replace(outlet.clone());
    if let Some(previous) = previous {
        previous.end();
    }
    live.keep(outlet.stream(), outlet.clone());
    tokio::spawn(follow(app.clone(), gateway, live.clone(), outlet));
    events(receiver)
}

/// Passes announcements on for as long as the client listens. What it subscribes to may change
/// meanwhile, and so may the gateway: the new subscription is there before the old one goes.
///
/// A client that loses its connection has until the next sign of life to come back: what is said
/// meanwhile is kept for it. If it comes later still, it is told to look for itself.
pub async fn follow(
    app: Arc<App>,
    mut gateway: Arc<Gateway>,
    live: Arc<Live>,
    outlet: Arc<Outlet>,
) {
    if outlet.set_followed(true) {
        return;
    }
    let abilities = live.session.client.abilities();
    let mut resubscribe = live.resubscribe.subscribe();
    let mut watch = gateway.subscribe(&live.who(), abilities, &interest_of(&live)).await;
    let mut ticks = tokio::time::interval_at(tokio::time::Instant::now() + KEEP_ALIVE, KEEP_ALIVE);
    loop {
        tokio::select! {
            // When no server has anything to announce, only the connection is kept.
            Some(message) = watch.events.recv() => outlet.send(message.line()),
            Ok(()) = resubscribe.changed() => {
                let next = gateway.subscribe(&live.who(), abilities, &interest_of(&live)).await;
                // What came while the new subscription was made.
                while let Ok(message) = watch.events.try_recv() {
                    outlet.send(message.line());
                }
                watch = next;
            }
            () = app.replaced() => {
                gateway = app.gateway();
                watch = gateway.subscribe(&live.who(), abilities, &interest_of(&live)).await;
                announce_lists(&outlet);
            }
            _ = ticks.tick() => {
                outlet.keep_alive();
                if outlet.is_connected() {
                    continue;
                }
                outlet.set_followed(false);
                // Unless it came back this very moment.
                if !outlet.is_connected() || outlet.set_followed(true) {
                    return;
                }
            }
            () = outlet.over() => return,
            () = app.draining() => break,
        }
    }
    outlet.end();
}

/// Anything may have changed.
fn announce_lists(outlet: &Outlet) {
    for list in ["tools", "prompts", "resources"] {
        let method = format!("notifications/{list}/list_changed");
        outlet.send(jsonrpc::notification(&method, "{}"));
    }
}

/// Goes on with a stream after the event that the client saw last.
fn resume(
    app: &Arc<App>,
    gateway: Arc<Gateway>,
    live: &Arc<Live>,
    outlet: Arc<Outlet>,
    after: u64,
) -> Answer {
    let receiver = outlet.resume(after);
    let own = live.own_stream.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let is_own = own.is_some_and(|own| Arc::ptr_eq(&own, &outlet));
    if is_own && outlet.ended().is_none() && !outlet.is_followed() {
        announce_lists(&outlet);
        for uri in &interest_of(live).uris {
            let params = format!(r#"{{"uri":{}}}"#, quote(uri));
            outlet.send(jsonrpc::notification("notifications/resources/updated", &params));
        }
        tokio::spawn(follow(app.clone(), gateway, live.clone(), outlet));
    }
    events(receiver)
}

fn interest_of(live: &Live) -> Interest {
    let subscribed = live.subscribed.lock().unwrap_or_else(PoisonError::into_inner);
    Interest {
        tools: true,
        prompts: true,
        resources: true,
        uris: subscribed.iter().cloned().collect(),
        tasks: Vec::new(),
        logs_of: Some(live.session.id.clone()),
    }
}

/// An answer's bytes, for fronts that have no status.
pub fn bytes_of(answer: Answer) -> Bytes {
    match answer.into_body() {
        Body::Whole(bytes) => bytes,
        Body::Events(_) => Bytes::new(),
    }
}
