//! Several messages in one array, which only 2025-03-26 has (transports: sending messages).

use std::sync::Arc;

use bytes::Bytes;
use toolgate_gateway::call::{Trace, Who};
use toolgate_gateway::fault::Reason;
use toolgate_gateway::gateway::Gateway;
use toolgate_gateway::record::Early;
use toolgate_protocol::json::{Limits, array};
use toolgate_protocol::jsonrpc::{self, Kind, Message, codes, split_batch};
use toolgate_protocol::version::Version;

use super::message::{notification, response};
use super::request::exchange;
use super::session::lasting_session_of;
use crate::app::App;
use crate::front::body::{Answer, empty, json};
use crate::front::head::Head;
use crate::front::live::Live;
use crate::front::modern::trace_of;

/// Serves a batch, which only 2025-03-26 has (transports: sending messages).
pub async fn serve_batch(
    app: &Arc<App>,
    gateway: Arc<Gateway>,
    head: &Head,
    body: Bytes,
    limits: &Limits,
) -> Result<Answer, Answer> {
    let live = lasting_session_of(app, head, None).await?;
    let (who, trace) = (live.who_in(head), trace_of(&head.headers));
    match batch(app, &gateway, &live, &who, &trace, &body, limits).await {
        Ok(Some(answers)) => Ok(json(200, answers)),
        Ok(None) => Ok(empty(202)),
        Err(error) => Err(json(400, error)),
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
    who: &Who,
    trace: &Trace,
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
                let caller = Some(&live.session.caller);
                let reason = Reason::Invalid;
                gateway.refused(&Early { caller, address: None, verb: "batch", reason });
                answers.push(malformed.reply());
                continue;
            }
        };
        match message.kind() {
            Kind::Request => {
                match exchange(app, gateway, live, who.clone(), trace.clone(), message).await {
                    // Nothing streams into a batch: what the call says meanwhile is dropped.
                    Ok((exchange, _)) => running.push(tokio::spawn(exchange.run())),
                    Err(error) => answers.push(error),
                }
            }
            Kind::Notification => notification(gateway, live, &message).await,
            Kind::Result | Kind::Error => response(live, &message),
        }
    }
    for call in running {
        answers.extend(call.await.ok().flatten().map(|ending| ending.answer));
    }
    Ok((!answers.is_empty()).then(|| array(&answers).into()))
}
