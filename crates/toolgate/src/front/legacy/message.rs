//! What a client says besides requests: notifications, and answers to questions of ours.

use std::sync::Arc;

use toolgate_gateway::call::Answer;
use toolgate_gateway::gateway::Gateway;
use toolgate_protocol::jsonrpc::{Kind, Message};

use crate::front::live::Live;

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
pub fn cancel(live: &Live, message: &Message) -> bool {
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
        Kind::Error => message.error().map(|error| Answer::Error(message.slice(error.span()))),
        _ => message.result().map(|result| Answer::Result(message.slice(result.span()))),
    };
    let delivered = match (number, answer) {
        (Some(number), Some(answer)) => live.answer(number, answer),
        _ => false,
    };
    if !delivered {
        tracing::debug!(?id, "an answer to a question that nobody asks any more");
    }
}
