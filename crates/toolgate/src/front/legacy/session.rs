//! How a session begins, whether it goes on, and how it ends.

use std::sync::Arc;

use http::HeaderValue;
use toolgate_gateway::call::{Caller, Trace, Who};
use toolgate_gateway::clock::Timestamp;
use toolgate_gateway::fault::{Fault, Reason};
use toolgate_gateway::gateway::Gateway;
use toolgate_gateway::record::Record;
use toolgate_gateway::session::Session;
use toolgate_protocol::client::Client;
use toolgate_protocol::jsonrpc::{self, Message, codes};
use toolgate_protocol::legacy;
use toolgate_protocol::method::Method;
use toolgate_protocol::version::Era;

use super::elsewhere;
use super::token::{NO_SESSION, SESSION_ID, end, session_of};
use crate::app::App;
use crate::front::answer;
use crate::front::body::{Answer, empty, json, text};
use crate::front::head::Head;
use crate::front::live::Live;
use crate::front::modern::trace_of;

/// Answers `initialize` and begins a session.
pub async fn initialize(
    app: &Arc<App>,
    gateway: &Arc<Gateway>,
    head: &Head,
    message: &Message,
) -> Answer {
    let id = message.id().unwrap_or("null");
    let trace = trace_of(&head.headers);
    let session = match begin(&head.caller, gateway, message, &trace) {
        Ok(session) => session,
        Err(error) => return error,
    };
    let client = &session.client;
    let who = Who { session: Some(session.id.clone()), ..head.who() };
    let record = gateway.record(&who, message, &Method::Initialize, &trace);
    let welcome = match greeting(gateway, &record, &who, client).await {
        Ok(welcome) => welcome,
        Err(fault) => {
            let (_, body) = answer::failure(&fault, id, &Method::Initialize, Era::Legacy, "");
            return json(200, body);
        }
    };
    let token = session.seal(&app.lasting.keys, Timestamp::now());
    if !app.sessions.begin(&token, session) {
        record.refused(Reason::Overloaded);
        let text = "too many sessions are open";
        return json(503, jsonrpc::error(Some(id), codes::INTERNAL_ERROR, text, None));
    }
    record.done();
    let mut answer = json(200, jsonrpc::result(id, &welcome));
    if let Ok(token) = HeaderValue::from_str(&token) {
        answer.headers_mut().insert(SESSION_ID, token);
    }
    answer
}

/// What servers have to say in a handshake, asked for once it is recorded.
///
/// # Errors
/// When it cannot be recorded, or no server answers. The record knows.
pub async fn greeting(
    gateway: &Arc<Gateway>,
    record: &Record,
    who: &Who,
    client: &Client,
) -> Result<String, Fault> {
    let greeting = async {
        record.reserve().await?;
        gateway.welcome(who, client.abilities(), client.version).await
    };
    greeting.await.inspect_err(|fault| record.failed(fault))
}

/// A session for a client that says `initialize`. What it refuses it records.
pub fn begin(
    caller: &Caller,
    gateway: &Gateway,
    message: &Message,
    trace: &Trace,
) -> Result<Session, Answer> {
    let id = message.id();
    let client = legacy::read_initialize(message).map_err(|text| {
        let who = Who::of(caller.clone());
        gateway.record(&who, message, &Method::Initialize, trace).refused(Reason::Invalid);
        json(400, jsonrpc::error(id, codes::INVALID_PARAMS, text, None))
    })?;
    let toolset = gateway.toolset().map(|toolset| toolset.name.clone());
    Session::begin(caller.clone(), client, gateway.replica.clone(), toolset)
        .map_err(|_| json(500, jsonrpc::error(id, codes::INTERNAL_ERROR, "no randomness", None)))
}

/// The session that a request belongs to, unless it has ended where it began.
pub async fn lasting_session_of(
    app: &Arc<App>,
    head: &Head,
    id: Option<&str>,
) -> Result<Arc<Live>, Answer> {
    let live = session_of(app, head, id)?;
    if !app.has_replicas() || Box::pin(elsewhere::goes_on(app, head, &live)).await {
        return Ok(live);
    }
    end(app, head);
    Err(json(404, jsonrpc::error(id, codes::INVALID_REQUEST, NO_SESSION, None)))
}

/// Serves DELETE: the end of a session.
pub async fn serve_delete(
    app: &Arc<App>,
    gateway: &Gateway,
    head: &Head,
) -> Result<Answer, Answer> {
    if !head.headers.contains_key(SESSION_ID) {
        return Err(method_not_allowed());
    }
    let live = session_of(app, head, None)?;
    end(app, head);
    // Replicas tell each other: the first one records it.
    if !app.forwarder.is_forwarded(head) {
        gateway.record_verb(&live.who(), "DELETE").done();
    }
    elsewhere::tell_of_end(app, head, &live).await;
    Ok(empty(204))
}

/// What a client without a session may do here.
pub fn method_not_allowed() -> Answer {
    let mut answer = text(405, "POST a message here");
    answer.headers_mut().insert(http::header::ALLOW, HeaderValue::from_static("POST"));
    answer
}
