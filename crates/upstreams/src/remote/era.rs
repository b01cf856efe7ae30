//! Which era does a server over HTTP speak, and does it still?

use std::sync::Arc;

use toolgate_gateway::call::{Reply, Who};
use toolgate_gateway::config::{EraChoice, Transport};
use toolgate_gateway::fault::{Fault, Reason};
use toolgate_gateway::upstream::Description;
use toolgate_protocol::jsonrpc::codes;

use super::Server;
use crate::listen::{self, Probe};

/// What was found out.
pub(super) enum Era {
    Modern(Arc<Description>),
    Legacy,
}

impl Server {
    /// Which era does it speak? (2026-07-28, versioning: client behaviour over HTTP.)
    pub(super) async fn find_out(&self, who: &Who) -> Result<Era, Fault> {
        let known_legacy =
            self.spec.era == EraChoice::Legacy || self.spec.transport == Transport::Sse;
        if known_legacy {
            return Ok(Era::Legacy);
        }
        let mut found = self.discover(who).await?;
        if let Probe::Again = found {
            found = self.discover(who).await?;
        }
        match found {
            Probe::Modern(description) => {
                tracing::info!(server = %self.endpoint.name, era = "modern", "found out the era");
                Ok(Era::Modern(Arc::new(description)))
            }
            Probe::Legacy if self.spec.era == EraChoice::Modern => {
                let name = &self.endpoint.name;
                Err(Fault::new(
                    Reason::Garbage,
                    format!("server \"{name}\" is configured as modern but does not answer so"),
                )
                .at(name))
            }
            Probe::Legacy => {
                tracing::info!(server = %self.endpoint.name, era = "legacy", "found out the era");
                Ok(Era::Legacy)
            }
            Probe::Again => Err(listen::undecided(&self.endpoint.name)),
        }
    }

    async fn discover(&self, who: &Who) -> Result<Probe, Fault> {
        let mut request = listen::discover(&self.modern.next_id())?;
        request.who = who.clone();
        let outcome = match self.modern.call(&request).await {
            Ok(reply) => reply.end().await,
            Err(fault) => Err(fault),
        };
        match outcome {
            Ok(end) => listen::read_probe(&self.endpoint.name, &end.message),
            // Whatever it answered was no JSON-RPC: an older server, or none at all, which the
            // handshake will tell.
            Err(fault) if fault.reason == Reason::Garbage => Ok(Probe::Legacy),
            Err(fault) => Err(fault),
        }
    }
}

/// Whether an answer shows that another server stands there now: it refuses with an error that
/// no modern server uses, or answers what is no JSON-RPC.
pub(super) fn is_no_longer_modern(outcome: &Result<Reply, Fault>) -> bool {
    match outcome {
        Ok(Reply::Whole(end)) if end.status.is_some() => {
            let code = end.message.error().and_then(|error| error.get("code")?.as_i64());
            matches!(code, Some(codes::INVALID_REQUEST) | Some(-32_019..=-32_000))
        }
        Ok(_) => false,
        Err(fault) => matches!(fault.reason, Reason::Garbage | Reason::Unreachable),
    }
}
