//! What belongs to a session, or a call of it, that is held by another replica.
//!
//! A session has a home: the replica where it began, which holds its streams. The others ask there
//! whether it goes on, when they take it up and about once a minute; so the home knows them, and
//! passes on to them what they have to know. What comes from another replica goes on from its home
//! at most, and never back: there are no circles.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method as Verb};
use tokio::task::JoinSet;
use toolgate_gateway::gateway::Gateway;
use toolgate_protocol::jsonrpc::{Kind, Message};
use toolgate_protocol::method::Method;

use super::local::local;
use super::message::cancel;
use super::token::{PROTOCOL_VERSION, end};
use crate::app::App;
use crate::front::body::{Answer, empty};
use crate::front::head::Head;
use crate::front::live::Live;

/// How long a replica is waited for that is only told or asked something in passing.
const PASSING: Duration = Duration::from_secs(1);
/// How long the home is waited for that is told something, and tells the others in turn.
const TOLD: Duration = Duration::from_secs(3);
/// Asks whether a session goes on. Any answer but "no such session" says that it does.
const PING: Bytes = Bytes::from_static(br#"{"jsonrpc":"2.0","id":"home","method":"ping"}"#);
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Passes a message on to the replica where it belongs, if that is another one.
pub async fn elsewhere(
    app: &Arc<App>,
    gateway: &Gateway,
    head: &Head,
    live: &Arc<Live>,
    message: &Message,
) -> Option<Result<Answer, Answer>> {
    if message.method() == Some("notifications/cancelled") {
        return cancelled(app, head, live, message).await.map(Ok);
    }
    if app.forwarder.is_forwarded(head) {
        return None;
    }
    if matches!(message.kind(), Kind::Result | Kind::Error) {
        let id = message.envelope().get("id")?.string()?.into_owned();
        let replica = app.forwarder.elsewhere(&id)?;
        return Some(app.forwarder.forward_post(&replica, head, message).await);
    }
    if message.method() == Some(Method::ResourcesRead.as_str())
        && let Some(uri) = message.params().and_then(|params| params.get("uri")?.string())
        && let Some(replica) = gateway.kept_elsewhere(&uri, &live.who().caller)
    {
        return Some(app.forwarder.forward_post(&replica, head, message).await);
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
        method => method.is_task(),
    };
    let home = app.forwarder.foreign_home(live.session.home.as_ref()).filter(|_| lasting)?;
    app.forwarder.send(home, Verb::POST, head, message.bytes().clone()).await.map(Ok)
}

/// Cancels a call that runs here, or wherever the session is served.
async fn cancelled(
    app: &Arc<App>,
    head: &Head,
    live: &Arc<Live>,
    message: &Message,
) -> Option<Answer> {
    if cancel(live, message) {
        return Some(empty(202));
    }
    let body = message.bytes();
    if app.forwarder.is_home(live.session.home.as_ref()) {
        tell_others(app, head, live, Verb::POST, body).await;
        return Some(empty(202));
    }
    to_home(app, head, live, Verb::POST, body).await
}

/// Passes the end of a session on: to its home, and from there to whoever serves it too.
pub async fn tell_of_end(app: &Arc<App>, head: &Head, live: &Arc<Live>) {
    let nothing = Bytes::new();
    if app.forwarder.is_home(live.session.home.as_ref()) {
        return tell_others(app, head, live, Verb::DELETE, &nothing).await;
    }
    // A home that does not hear it may be gone; here, the session has ended.
    let _ = to_home(app, head, live, Verb::DELETE, &nothing).await;
}

/// Tells the home of a session, unless that is here or another replica told us.
async fn to_home(
    app: &Arc<App>,
    head: &Head,
    live: &Arc<Live>,
    verb: Verb,
    body: &Bytes,
) -> Option<Answer> {
    let forwarded = app.forwarder.is_forwarded(head);
    let home = app.forwarder.foreign_home(live.session.home.as_ref()).filter(|_| !forwarded)?;
    let telling = app.forwarder.send(home, verb, head, body.clone());
    tokio::time::timeout(TOLD, telling).await.ok().flatten()
}

/// Tells all replicas that serve a session of ours, but for the one that we heard it from.
async fn tell_others(app: &Arc<App>, head: &Head, live: &Arc<Live>, verb: Verb, body: &Bytes) {
    let sender = app.forwarder.sender(head);
    let mut telling = JoinSet::new();
    for replica in live.spread.others(sender.as_deref()) {
        let (app, head) = (app.clone(), head.clone());
        let (verb, body) = (verb.clone(), body.clone());
        telling.spawn(async move {
            let _ = app.forwarder.send(&replica, verb, &head, body).await;
        });
    }
    // Whoever does not hear it now finds out when it asks again.
    let _ = tokio::time::timeout(PASSING, telling.join_all()).await;
}

/// Whether a session goes on, as far as its home has told. The first request to come here waits
/// for that; later ones are served while the home is asked again.
pub async fn goes_on(app: &Arc<App>, head: &Head, live: &Arc<Live>) -> bool {
    let Some(home) = app.forwarder.foreign_home(live.session.home.as_ref()) else { return true };
    if !live.spread.first(|| ask_home(app, head, home)).await {
        return false;
    }
    if live.spread.is_due(Instant::now()) {
        let (app, head, home) = (app.clone(), head.clone(), home.to_owned());
        tokio::spawn(async move {
            if !ask_home(&app, &head, &home).await {
                end(&app, &head);
            }
        });
    }
    true
}

/// Asks the home of a session whether it goes on. A home that gives no answer may be gone for
/// good: then the sealed token alone counts, as everything that lasts is in it.
async fn ask_home(app: &Arc<App>, head: &Head, home: &str) -> bool {
    let mut head = head.clone();
    head.headers.insert(CONTENT_TYPE, JSON);
    // It is not the client's message that goes there.
    head.headers.remove(PROTOCOL_VERSION);
    let asking = app.forwarder.send(home, Verb::POST, &head, PING);
    let Ok(Some(answer)) = tokio::time::timeout(PASSING, asking).await else { return true };
    // What else may answer at that address says 404 in other words.
    let is_ours = answer.headers().get(CONTENT_TYPE) == Some(&JSON);
    !(answer.status() == 404 && is_ours)
}
