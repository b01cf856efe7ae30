//! Clients of 2024-11-05 over HTTP+SSE: one stream for all that we say, and an address for all
//! that they say. Kept for old clients; nothing new should use it.

use std::sync::{Arc, PoisonError};

use bytes::Bytes;
use http::Request;
use hyper::body::Incoming;
use tokio::sync::mpsc;
use toolgate_gateway::call::Who;
use toolgate_gateway::clock::Timestamp;
use toolgate_gateway::gateway::Gateway;
use toolgate_gateway::session::Session;
use toolgate_protocol::client::Client;
use toolgate_protocol::jsonrpc::{self, Kind, Message, codes};
use toolgate_protocol::method::Method;
use toolgate_protocol::sse::Event;
use toolgate_protocol::version::{Era, Version};

use super::answer;
use super::body::{Answer, KEEP_ALIVE, bytes_of, empty, events, text};
use super::incoming::{check_content_type, json_limits, read, scan};
use super::legacy;
use super::outlet::written;
use crate::app::App;

/// Serves GET /sse: the stream, whose first event names the address for messages.
pub fn open(app: &Arc<App>, gateway: Arc<Gateway>) -> Answer {
    // The handshake comes later, on this stream: until then the client is taken at its oldest.
    let client = Client {
        version: Version::V2024_11_05,
        capabilities: Bytes::from_static(b"{}"),
        info: None,
        log_level: None,
    };
    let Ok(session) = Session::begin(app.caller(), client, gateway.replica.clone()) else {
        return text(500, "no randomness");
    };
    let token = session.seal(gateway.keys(), Timestamp::now());
    if !app.sessions.begin(&token, session) {
        return text(503, "too many sessions are open");
    }
    let Ok(live) = app.sessions.find(&token, &app.caller(), gateway.keys()) else {
        return text(503, "too many sessions are open");
    };
    let outlet = live.outlet(&"".into(), false, app.sessions.replay());
    let mut stream = outlet.open(false);
    *live.own_stream.lock().unwrap_or_else(PoisonError::into_inner) = Some(outlet);
    let (sender, receiver) = mpsc::channel(16);
    let app = app.clone();
    tokio::spawn(async move {
        let endpoint = Event {
            event: Some("endpoint".to_owned()),
            data: format!("/messages?session={token}").into(),
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
    events(receiver)
}

/// Serves POST /messages: what the client says. Answers go to the stream.
pub async fn post(app: &Arc<App>, gateway: Arc<Gateway>, request: Request<Incoming>) -> Answer {
    let (head, body) = request.into_parts();
    if let Some(answer) = check_content_type(&head.headers) {
        return answer;
    }
    let query = head.uri.query().unwrap_or_default();
    let token = query.split('&').find_map(|pair| pair.strip_prefix("session="));
    let Some(token) = token else { return text(400, "no session in the address") };
    let Ok(live) = app.sessions.find(token, &app.caller(), gateway.keys()) else {
        return text(404, "no such session");
    };
    let outlet = live.own_stream.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let Some(outlet) = outlet else {
        // The token is good, yet its stream is not here: it is on the replica it began on.
        if let Some(home) = app.forwarder.foreign_home(live.session.home.as_ref()) {
            tracing::debug!(home, "an HTTP+SSE message for another replica");
        }
        return text(404, "the event stream of this session is not here");
    };
    let limits = &gateway.config.limits;
    let body = match read(body, &head.headers, limits).await {
        Ok(body) => body,
        Err(answer) => return answer,
    };
    let message = match scan(body, &json_limits(limits)) {
        Ok(message) => message,
        Err(answer) => return answer,
    };
    match message.kind() {
        Kind::Request if message.method() == Some("initialize") => {
            let answer = initialize(app, &gateway, token, &message).await;
            outlet.send(answer);
        }
        Kind::Request => {
            let Some(admitted) = app.admit(limits.in_flight) else {
                return text(429, "the gateway is at its limit of requests");
            };
            match legacy::exchange(app, &gateway, &live, &head.headers, message) {
                Ok((mut exchange, _)) => {
                    exchange.outlet = outlet.clone();
                    tokio::spawn(async move {
                        if let Some(answer) = exchange.run().await {
                            outlet.send(answer);
                        }
                        drop(admitted);
                    });
                }
                Err(answer) => outlet.send(answer),
            }
        }
        Kind::Notification => {
            if message.method() == Some("notifications/initialized") {
                tokio::spawn(legacy::follow(app.clone(), gateway, live, outlet));
            } else {
                legacy::notification(&gateway, &live, &message).await;
            }
        }
        Kind::Result | Kind::Error => legacy::response(&live, &message),
    }
    empty(202)
}

/// The handshake: the session, open already, learns whom it serves.
async fn initialize(
    app: &Arc<App>,
    gateway: &Arc<Gateway>,
    token: &str,
    message: &Message,
) -> Bytes {
    let id = message.id().unwrap_or("null");
    let session = match legacy::begin(app, gateway, message) {
        Ok(session) => session,
        Err(answer) => return bytes_of(answer),
    };
    let client = session.client.clone();
    let who = Who { caller: session.caller.clone(), session: Some(session.id.clone()) };
    match gateway.welcome(&who, client.abilities(), client.version).await {
        Ok(welcome) => {
            if !app.sessions.learn(token, session) {
                let text = "the session has ended";
                return jsonrpc::error(Some(id), codes::INTERNAL_ERROR, text, None);
            }
            jsonrpc::result(id, &welcome)
        }
        Err(fault) => answer::failure(&fault, id, &Method::Initialize, Era::Legacy, "").1,
    }
}
