//! Requests that the gateway answers itself.

use std::sync::{Arc, PoisonError};

use bytes::Bytes;
use toolgate_gateway::fault::Reason;
use toolgate_protocol::client::Level;
use toolgate_protocol::jsonrpc::{self, Message, codes};
use toolgate_protocol::method::Method;

use crate::front::live::Live;

/// Answers what the gateway itself can answer, or refuses it. `None` for what goes to a server.
pub fn local(
    live: &Arc<Live>,
    message: &Message,
    method: &Method,
) -> Option<Result<Bytes, (Reason, Bytes)>> {
    let id = message.id().unwrap_or("null");
    let param = |name| message.params().and_then(|params| params.get(name)?.string());
    let refused = |code, text: &str| {
        Some(Err((Reason::of_code(code), jsonrpc::error(Some(id), code, text, None))))
    };
    let invalid = |text: &str| refused(codes::INVALID_PARAMS, text);
    match method {
        Method::Ping => Some(Ok(jsonrpc::result(id, "{}"))),
        Method::SetLevel => match param("level").as_deref().and_then(Level::parse) {
            Some(level) => {
                live.set_level(level);
                Some(Ok(jsonrpc::result(id, "{}")))
            }
            None => invalid("unknown log level"),
        },
        Method::ResourcesSubscribe | Method::ResourcesUnsubscribe => {
            let Some(uri) = param("uri") else { return invalid("params lack \"uri\"") };
            let mut subscribed = live.subscribed.lock().unwrap_or_else(PoisonError::into_inner);
            if *method == Method::ResourcesSubscribe {
                subscribed.insert(uri.into_owned());
            } else {
                subscribed.remove(&*uri);
            }
            drop(subscribed);
            live.resubscribe.send_replace(());
            Some(Ok(jsonrpc::result(id, "{}")))
        }
        Method::Initialize => refused(codes::INVALID_REQUEST, "already initialized"),
        method if method.is_modern_only() => {
            refused(codes::METHOD_NOT_FOUND, "this method belongs to a newer protocol version")
        }
        _ => None,
    }
}
