//! Clients of 2024-11-05 over HTTP+SSE: one stream for all that we say, and an address for all
//! that they say. Kept for old clients; nothing new should use it.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{Method as Verb, Uri};
use hyper::body::Incoming;
use tokio::sync::mpsc;
use toolgate_gateway::call::Who;
use toolgate_gateway::clock::Timestamp;
use toolgate_gateway::fault::Reason;
use toolgate_gateway::gateway::Gateway;
use toolgate_gateway::session::Session;
use toolgate_protocol::client::Client;
use toolgate_protocol::jsonrpc::{self, Kind, Message, codes};
use toolgate_protocol::method::Method;
use toolgate_protocol::sse::Event;
use toolgate_protocol::version::{Era, Version};

use super::answer;
use super::body::{Answer, KEEP_ALIVE, because, bytes_of, empty, events, text};
use super::endpoint::messages;
use super::head::Head;
use super::incoming::{check_content_type, json_limits, read, scan};
use super::legacy;
use super::live::Live;
use super::modern::trace_of;
use super::outlet::{Outlet, written};
use crate::app::App;

/// How long another replica may take to take a message in. A handshake waits for servers, which
/// may have to be started.
const TAKEN: Duration = Duration::from_secs(60);

/// Opens the stream, whose first event names the address for messages.
pub async fn open(app: &Arc<App>, gateway: Arc<Gateway>, head: &Head) -> Result<Answer, Answer> {
    // The handshake comes later, on this stream: until then the client is taken at its oldest.
    let client = Client {
        version: Version::V2024_11_05,
        capabilities: Bytes::from_static(b"{}"),
        info: None,
        log_level: None,
    };
    let (home, toolset) = (gateway.replica.clone(), head.toolset.clone());
    let Ok(session) = Session::begin(head.caller.clone(), client, home, toolset) else {
        return Err(text(500, "no randomness"));
    };
    let who = Who { session: Some(session.id.clone()), ..head.who() };
    let token = session.seal(&app.lasting.keys, Timestamp::now());
    let crowded = || text(503, "too many sessions are open");
    if !app.sessions.begin(&token, session) {
        return Err(crowded());
    }
    let Ok(live) = app.sessions.find(&token, head, &app.lasting.keys) else {
        return Err(crowded());
    };
    let record = gateway.record_verb(&who, "GET");
    if let Err(fault) = record.reserve().await {
        app.sessions.end(&token);
        return Ok(text(503, fault.message));
    }
    record.done();
    let outlet = live.outlet(&"".into(), false, app.sessions.replay());
    let mut stream = outlet.open(false);
    *live.own_stream.lock().unwrap_or_else(PoisonError::into_inner) = Some(outlet);
    let (sender, receiver) = mpsc::channel(16);
    let (app, address) = (app.clone(), messages(head.toolset.as_deref()));
    tokio::spawn(async move {
        let endpoint = Event {
            event: Some("endpoint".to_owned()),
            data: format!("{address}?session={token}").into(),
            ..Event::default()
        };
        let mut next = written(&endpoint);
        while sender.send(next).await.is_ok() {
            next = tokio::select! {
                event = stream.recv() => match event {
                    Some(event) => event,
                    None => break,
                },
                () = tokio::time::sleep(KEEP_ALIVE) => Bytes::from_static(b":\n\n"),
                () = sender.closed() => break,
                () = app.draining() => break,
            };
        }
        // The stream is the session.
        app.sessions.end(&token);
    });
    Ok(events(receiver))
}

/// Takes in what the client says. Answers go to the stream.
pub async fn post(
    app: &Arc<App>,
    gateway: Arc<Gateway>,
    head: &Head,
    query: &str,
    body: Incoming,
) -> Result<Answer, Answer> {
    check_content_type(&head.headers)?;
    let token = query.split('&').find_map(|pair| pair.strip_prefix("session="));
    let token = token.ok_or_else(|| text(400, "no session in the address"))?;
    let place = place_of(app, token, head)?;
    let limits = &gateway.config.limits;
    let body = read(body, &head.headers, limits).await?;
    match place {
        Place::Here(live, outlet) => {
            let message = scan(body, &json_limits(limits))?;
            Ok(Open { app, gateway, token, live, outlet }.hear(head, message).await)
        }
        Place::At(home) => pass_on(app, &home, token, head, body).await,
    }
}

/// Where the stream of a session is.
enum Place {
    Here(Arc<Live>, Arc<Outlet>),
    At(String),
}

fn place_of(app: &App, token: &str, head: &Head) -> Result<Place, Answer> {
    let unknown = |_| text(404, "no such session");
    if let Some(live) = app.sessions.held(token, head).map_err(unknown)? {
        let outlet = live.own_stream.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(outlet) = outlet {
            live.remember(head);
            return Ok(Place::Here(live, outlet));
        }
    }
    // Only read, not taken up: the replica that it began on holds all there is of it.
    let session = app.sessions.open(token, head, &app.lasting.keys).map_err(unknown)?;
    let home = app.forwarder.foreign_home(session.home.as_ref());
    match home.filter(|_| !app.forwarder.is_forwarded(head)) {
        Some(home) => Ok(Place::At(home.to_owned())),
        None => Err(text(404, "the event stream of this session is not here")),
    }
}

/// Passes a message on to the replica that holds the session's stream.
async fn pass_on(
    app: &App,
    home: &str,
    token: &str,
    head: &Head,
    body: Bytes,
) -> Result<Answer, Answer> {
    let unreachable = || {
        let answer = text(503, "the replica that holds the event stream cannot be reached");
        Err(because(answer, Reason::Unreachable))
    };
    let address = messages(head.toolset.as_deref());
    // A token that opened is made of characters that need no escape.
    let Ok(uri) = Uri::try_from(format!("{address}?session={token}")) else {
        return unreachable();
    };
    let sending = app.forwarder.send_to(home, uri, Verb::POST, head, body);
    match tokio::time::timeout(TAKEN, sending).await {
        Ok(Some(answer)) => Ok(answer),
        Ok(None) | Err(_) => unreachable(),
    }
}

/// A session whose stream is here.
struct Open<'a> {
    app: &'a Arc<App>,
    gateway: Arc<Gateway>,
    token: &'a str,
    live: Arc<Live>,
    outlet: Arc<Outlet>,
}

impl Open<'_> {
    /// Takes one message in.
    async fn hear(self, head: &Head, message: Message) -> Answer {
        match message.kind() {
            Kind::Request if message.method() == Some("initialize") => {
                let answer = initialize(self.app, &self.gateway, head, self.token, &message).await;
                self.outlet.send(answer);
            }
            Kind::Request => return self.run(head, message).await,
            Kind::Notification if message.method() == Some("notifications/initialized") => {
                let app = self.app.clone();
                tokio::spawn(legacy::follow(app, self.gateway, self.live, self.outlet));
            }
            Kind::Notification => {
                legacy::notification(&self.gateway, &self.live, &message).await;
            }
            Kind::Result | Kind::Error => legacy::response(&self.live, &message),
        }
        empty(202)
    }

    /// Starts a request, whose answer goes to the stream.
    async fn run(self, head: &Head, message: Message) -> Answer {
        let trace = trace_of(&head.headers);
        let Some(admitted) = self.app.admit(self.gateway.config.limits.in_flight) else {
            let method = Method::parse(message.method().unwrap_or_default());
            let record = self.gateway.record(&self.live.who(), &message, &method, &trace);
            record.refused(Reason::Overloaded);
            return text(429, "the gateway is at its limit of requests");
        };
        let outlet = self.outlet;
        let who = self.live.who_in(head);
        match legacy::exchange(self.app, &self.gateway, &self.live, who, trace, message).await {
            Ok((mut exchange, _)) => {
                exchange.outlet = outlet.clone();
                tokio::spawn(async move {
                    if let Some(ending) = exchange.run().await {
                        outlet.send(ending.answer);
                    }
                    drop(admitted);
                });
            }
            Err(answer) => outlet.send(answer),
        }
        empty(202)
    }
}

/// The handshake: the session, open already, learns whom it serves.
async fn initialize(
    app: &Arc<App>,
    gateway: &Arc<Gateway>,
    head: &Head,
    token: &str,
    message: &Message,
) -> Bytes {
    let id = message.id().unwrap_or("null");
    let trace = trace_of(&head.headers);
    let session = match legacy::begin(&head.caller, gateway, message, &trace) {
        Ok(session) => session,
        Err(answer) => return bytes_of(answer),
    };
    let client = session.client.clone();
    let who = Who { session: Some(session.id.clone()), ..head.who() };
    let record = gateway.record(&who, message, &Method::Initialize, &trace);
    match legacy::greeting(gateway, &record, &who, &client).await {
        Ok(welcome) => {
            if !app.sessions.learn(token, session) {
                record.refused(Reason::Unknown);
                let text = "the session has ended";
                return jsonrpc::error(Some(id), codes::INTERNAL_ERROR, text, None);
            }
            record.done();
            jsonrpc::result(id, &welcome)
        }
        Err(fault) => answer::failure(&fault, id, &Method::Initialize, Era::Legacy, "").1,
    }
}
