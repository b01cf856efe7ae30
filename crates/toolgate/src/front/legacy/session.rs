//! How a session begins, whether it goes on, and how it ends.

use std::sync::Arc;

use http::HeaderValue;
use toolgate_gateway::call::{Caller, Who};
use toolgate_gateway::clock::Timestamp;
use toolgate_gateway::gateway::Gateway;
use toolgate_gateway::session::Session;
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

/// Answers `initialize` and begins a session.
pub async fn initialize(
    app: &Arc<App>,
    gateway: &Arc<Gateway>,
    head: &Head,
    message: &Message,
) -> Answer {
    let id = message.id().unwrap_or("null");
    let session = match begin(&head.caller, gateway, message) {
        Ok(session) => session,
        Err(error) => return error,
    };
    let client = &session.client;
    let who = Who {
        caller: session.caller.clone(),
        session: Some(session.id.clone()),
        token: head.token.clone(),
    };
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
pub fn begin(caller: &Caller, gateway: &Gateway, message: &Message) -> Result<Session, Answer> {
    let id = message.id();
    let client = legacy::read_initialize(message)
        .map_err(|text| json(400, jsonrpc::error(id, codes::INVALID_PARAMS, text, None)))?;
    Session::begin(caller.clone(), client, gateway.replica.clone())
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
pub async fn serve_delete(app: &Arc<App>, head: &Head) -> Answer {
    if !head.headers.contains_key(SESSION_ID) {
        return method_not_allowed();
    }
    let live = match session_of(app, head, None) {
        Ok(live) => live,
        Err(answer) => return answer,
    };
    end(app, head);
    elsewhere::tell_of_end(app, head, &live).await;
    empty(204)
}

/// What a client without a session may do here.
pub fn method_not_allowed() -> Answer {
    let mut answer = text(405, "POST a message here");
    answer.headers_mut().insert(http::header::ALLOW, HeaderValue::from_static("POST"));
    answer
}
