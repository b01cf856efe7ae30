//! What `rmcp` takes for its wire.

use std::convert::Infallible;
use std::sync::Weak;

use ::rmcp::RoleServer;
use ::rmcp::model::ClientJsonRpcMessage;
use ::rmcp::service::{RxJsonRpcMessage, TxJsonRpcMessage};
use tokio::sync::mpsc;

use crate::channel::Channel;

/// One conversation, as the handler's side sees it.
pub(crate) struct Transport {
    incoming: mpsc::Receiver<ClientJsonRpcMessage>,
    /// Not kept alive from here: when nobody talks to the handler any more, its conversation ends.
    outgoing: Weak<Channel>,
}

impl Transport {
    pub(super) fn new(
        incoming: mpsc::Receiver<ClientJsonRpcMessage>,
        outgoing: Weak<Channel>,
    ) -> Transport {
        Transport { incoming, outgoing }
    }
}

impl ::rmcp::transport::Transport<RoleServer> for Transport {
    type Error = Infallible;

    fn send(
        &mut self,
        item: TxJsonRpcMessage<RoleServer>,
    ) -> impl Future<Output = Result<(), Infallible>> + Send + 'static {
        // At once and in order: there is nothing to wait for.
        if let Some(channel) = self.outgoing.upgrade() {
            match serde_json::to_vec(&item) {
                Ok(bytes) => channel.receive(bytes.into()),
                Err(error) => tracing::error!(%error, "a message of a server cannot be written"),
            }
        }
        std::future::ready(Ok(()))
    }

    async fn receive(&mut self) -> Option<RxJsonRpcMessage<RoleServer>> {
        self.incoming.recv().await
    }

    async fn close(&mut self) -> Result<(), Infallible> {
        self.incoming.close();
        Ok(())
    }
}
