//! GET: the stream of what belongs to no request, or the rest of one that broke.

use std::sync::{Arc, PoisonError};

use bytes::Bytes;
use http::{HeaderName, Method as Verb};
use toolgate_gateway::gateway::Gateway;
use toolgate_gateway::upstream::Interest;
use toolgate_protocol::json::quote;
use toolgate_protocol::jsonrpc;

use super::session::method_not_allowed;
use super::token::{SESSION_ID, session_of};
use crate::app::App;
use crate::front::body::{Answer, KEEP_ALIVE, events, reason_of, text};
use crate::front::head::Head;
use crate::front::live::Live;
use crate::front::outlet::{Naming, Outlet};

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// Serves GET: the stream of what belongs to no request, or the rest of one that broke.
pub async fn serve_get(
    app: &Arc<App>,
    gateway: Arc<Gateway>,
    head: &Head,
) -> Result<Answer, Answer> {
    let accepts = head.headers.get(http::header::ACCEPT).and_then(|value| value.to_str().ok());
    if !accepts.is_some_and(|accept| accept.contains("text/event-stream") || accept.contains("*/*"))
    {
        return Err(text(406, "a GET of this endpoint must accept text/event-stream"));
    }
    if !head.headers.contains_key(SESSION_ID) {
        return Err(method_not_allowed());
    }
    let live = session_of(app, head, None)?;
    let after = head.headers.get(LAST_EVENT_ID).and_then(|value| value.to_str().ok());
    let forwarded = app.forwarder.is_forwarded(head);
    let replica = match after {
        Some(id) => app.forwarder.elsewhere(id),
        None => app.forwarder.foreign_home(live.session.home.as_ref()).map(str::to_owned),
    };
    if let Some(replica) = replica.filter(|_| !forwarded) {
        let sent = app.forwarder.send(&replica, Verb::GET, head, Bytes::new()).await;
        if let Some(answer) = sent {
            return Ok(answer);
        }
    }
    let record = gateway.record_verb(&live.who(), "GET");
    if let Err(fault) = record.reserve().await {
        return Ok(text(503, fault.message));
    }
    let answer = match after.and_then(Naming::parse) {
        // Only a stream of this very session is ever continued.
        Some((stream, sequence)) => match live.stream(stream) {
            Some(outlet) => resume(app, gateway, &live, outlet, sequence),
            None => text(404, "this stream is not kept any more"),
        },
        None if after.is_some() => text(400, "Last-Event-ID is not one of ours"),
        None => open_own_stream(app, gateway, &live),
    };
    match answer.status().is_success() {
        true => record.done(),
        false => record.refused(reason_of(&answer)),
    }
    Ok(answer)
}

/// Opens the stream of what belongs to no request, and follows what the servers announce.
fn open_own_stream(app: &Arc<App>, gateway: Arc<Gateway>, live: &Arc<Live>) -> Answer {
    let outlet = live.outlet(&app.prefix, true, app.sessions.replay());
    let receiver = outlet.open(live.primes());
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
                // Unless its toolset is gone, and the session with it.
                let Some(next) = app.gateway_at(live.session.toolset.as_deref()) else { break };
                gateway = next;
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
