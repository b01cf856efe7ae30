//! The session that a request names by its token.

use std::sync::Arc;

use http::HeaderName;
use toolgate_protocol::jsonrpc::{self, codes};
use toolgate_protocol::version::Version;

use crate::app::App;
use crate::front::body::{Answer, json};
use crate::front::head::Head;
use crate::front::live::{Live, Missing};

/// The session header (2025-03-26 to 2025-11-25, transports: session management).
pub const SESSION_ID: HeaderName = HeaderName::from_static("mcp-session-id");
/// The revision that a request is written in (2025-06-18, transports: protocol version header).
pub const PROTOCOL_VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
/// What a client is told that has to begin anew.
pub const NO_SESSION: &str = "no such session (begin with initialize)";

/// The session that a request belongs to.
pub fn session_of(app: &App, head: &Head, id: Option<&str>) -> Result<Arc<Live>, Answer> {
    let refused = |status, text: &str| {
        Err(json(status, jsonrpc::error(id, codes::INVALID_REQUEST, text, None)))
    };
    if let Some(version) = head.headers.get(PROTOCOL_VERSION) {
        let known = version.to_str().ok().and_then(Version::parse);
        if known.is_none() {
            return refused(400, "unknown MCP-Protocol-Version (begin with initialize)");
        }
    }
    let Some(token) = head.headers.get(SESSION_ID) else {
        return refused(400, "no Mcp-Session-Id (begin with initialize)");
    };
    let token = token.to_str().unwrap_or_default();
    match app.sessions.find(token, head, &app.lasting.keys) {
        Ok(live) => {
            note_sender(app, head, &live);
            live.remember(head);
            Ok(live)
        }
        // Unknown, ended or somebody else's: a client begins anew on this status.
        Err(Missing::Unknown) => refused(404, NO_SESSION),
        Err(Missing::NoRoom) => refused(503, "too many sessions are open"),
    }
}

/// Remembers that another replica serves a session of ours too.
fn note_sender(app: &App, head: &Head, live: &Live) {
    if !app.forwarder.is_home(live.session.home.as_ref()) {
        return;
    }
    if let Some(sender) = app.forwarder.sender(head) {
        live.spread.note(&sender);
    }
}

/// Ends the session that a request names, here.
pub fn end(app: &App, head: &Head) {
    if let Some(token) = head.headers.get(SESSION_ID).and_then(|value| value.to_str().ok()) {
        app.sessions.end(token);
    }
}
