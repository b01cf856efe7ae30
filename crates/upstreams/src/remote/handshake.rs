//! How a session with a legacy server begins, over the transport that it speaks.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use http::StatusCode;
use toolgate_gateway::call::Who;
use toolgate_gateway::config::Transport;
use toolgate_gateway::fault::{Fault, Reason};
use toolgate_protocol::client::Abilities;
use toolgate_protocol::jsonrpc::Message;

use super::Server;
use crate::endpoint::{self, Endpoint, Shape};
use crate::legacy::{self, Session};
use crate::link::Link;
use crate::listen;
use crate::sse;
use crate::streamable::Streamable;

impl Server {
    pub(super) async fn open(
        &self,
        who: &Who,
        abilities: Abilities,
    ) -> Result<Arc<Session>, Fault> {
        let endpoint = self.endpoint.on_behalf(who);
        if !self.speaks_sse.load(Ordering::Relaxed) {
            match self.open_streamable(&endpoint, abilities).await {
                Err(fault) if self.may_be_sse(&fault) => {}
                outcome => return outcome,
            }
        }
        let session = self.open_sse(&endpoint, abilities).await?;
        self.speaks_sse.store(true, Ordering::Relaxed);
        Ok(session)
    }

    fn may_be_sse(&self, fault: &Fault) -> bool {
        fault.reason == Reason::Garbage && self.spec.transport == Transport::Auto
    }

    async fn open_streamable(
        &self,
        endpoint: &Arc<Endpoint>,
        abilities: Abilities,
    ) -> Result<Arc<Session>, Fault> {
        let body = legacy::initialize(abilities, listen::CLIENT_INFO);
        let mut response = endpoint.send(endpoint.post(body, None)).await?;
        let status = response.status();
        let session_id = response.headers().get(endpoint::SESSION_ID).cloned();
        let message = match endpoint::shape(&response) {
            Shape::Events if status.is_success() => self.first_answer(response.into_body()).await?,
            Shape::Json => {
                let body = endpoint.collect(&mut response).await?;
                let message = endpoint.message(status, body)?;
                if is_no_handshake(status) {
                    return Err(endpoint.garbage(format!("HTTP {status} to initialize")));
                }
                message
            }
            _ => {
                let body = endpoint.collect(&mut response).await?;
                return Err(endpoint.not_mcp(status, &body));
            }
        };
        let welcome = legacy::welcome(&endpoint.name, &message)?;
        let link = Streamable::new(endpoint.clone(), session_id, welcome.version);
        link.send(legacy::initialized()).await?;
        Ok(Session::new(link, welcome))
    }

    async fn first_answer(&self, mut body: crate::http::Body) -> Result<Message, Fault> {
        let mut decoder = self.endpoint.decoder();
        loop {
            while let Some(event) =
                decoder.next_event().map_err(|error| self.endpoint.too_long(error))?
            {
                if event.data.is_empty() {
                    continue;
                }
                let message = self.endpoint.message(StatusCode::OK, event.data)?;
                if message.id() == Some(&legacy::FIRST_ID.to_string()) {
                    body.finish_later();
                    return Ok(message);
                }
            }
            match body.chunk().await.map_err(|error| self.endpoint.fault(error))? {
                Some(chunk) => decoder.feed(chunk),
                None => return Err(self.endpoint.garbage("the handshake's stream ended early")),
            }
        }
    }

    async fn open_sse(
        &self,
        endpoint: &Arc<Endpoint>,
        abilities: Abilities,
    ) -> Result<Arc<Session>, Fault> {
        let channel = sse::open(endpoint, &self.spec.url).await?;
        legacy::shake_hands(&endpoint.name, channel, abilities).await
    }
}

/// The answers to `initialize` after which an older transport is tried (2025-11-25,
/// transports: backwards compatibility).
fn is_no_handshake(status: StatusCode) -> bool {
    matches!(status.as_u16(), 404 | 405)
}
