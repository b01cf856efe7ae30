//! A server of the modern era on stdio: no session, but one channel for all that goes on.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use toolgate_gateway::call::{Boxed, Reply, Request};
use toolgate_gateway::fault::Fault;
use toolgate_gateway::onward::CONTEXT_KEY;
use toolgate_gateway::upstream::{Description, Interest, Watch};
use toolgate_protocol::modern;

use crate::channel::Channel;
use crate::fan::{Fan, Source};
use crate::link::{Link, Outbound};

/// A modern server behind a shared channel.
pub(crate) struct ModernChannel {
    channel: Arc<Channel>,
    pub description: Arc<Description>,
    ids: AtomicU64,
    fan: Arc<Fan>,
}

impl ModernChannel {
    /// `first_id` is the first id not used for probing.
    pub fn new(
        channel: Arc<Channel>,
        description: Arc<Description>,
        first_id: u64,
    ) -> Arc<ModernChannel> {
        Arc::new(ModernChannel {
            channel,
            description,
            ids: AtomicU64::new(first_id),
            fan: Arc::default(),
        })
    }

    /// Sends a request under an id of our own: many clients share the channel.
    pub async fn call(&self, request: &Request) -> Result<Reply, Fault> {
        let id = self.ids.fetch_add(1, Ordering::Relaxed);
        let mut edits = request.edits.clone();
        let (context, behalf) = self.channel.tell(request);
        let context = context.as_deref().map(|json| (CONTEXT_KEY, json));
        modern::dress(&request.message, &request.client, context, &mut edits);
        if let Some(span) = request.message.id_span() {
            edits.replace(span, id.to_string());
        }
        let token = request.message.meta().and_then(|meta| meta.get("progressToken"));
        if let Some(token) = &token {
            edits.replace(token.span(), id.to_string());
        }
        let outbound = Outbound {
            id,
            body: edits.apply(request.message.bytes()),
            token: token.map(|token| token.raw().into()),
            owner: request.who.session.clone(),
            may_ask: false,
            behalf,
        };
        self.channel.clone().request(outbound).await
    }

    /// Delivers what the server announces.
    pub async fn watch(self: &Arc<Self>, interest: Interest) -> Result<Watch, Fault> {
        self.fan.watch(self.clone(), interest).await
    }

    pub fn is_alive(&self) -> bool {
        self.channel.is_alive()
    }

    /// When it was last used, unless a request is running.
    pub fn idle_since(&self) -> Option<Instant> {
        self.channel.idle_since()
    }

    pub async fn close(&self) {
        self.channel.close().await;
    }
}

impl Source for ModernChannel {
    fn listen(self: Arc<Self>, request: Request) -> Boxed<'static, Result<Reply, Fault>> {
        Box::pin(async move { self.call(&request).await })
    }
}
