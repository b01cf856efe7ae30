//! What belongs to a session, or a call of it, that is held by another replica.

use std::sync::Arc;

use http::{HeaderMap, Method as Verb};
use toolgate_protocol::jsonrpc::{Kind, Message};
use toolgate_protocol::method::Method;

use super::local::local;
use super::message::cancel;
use crate::app::App;
use crate::front::body::Answer;
use crate::front::live::Live;

/// Passes a message on to the replica where it belongs, if that is another one.
pub async fn elsewhere(
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
