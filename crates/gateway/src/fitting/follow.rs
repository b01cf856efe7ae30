//! Lists of servers in this process that come by themselves: documents that are loaded while others
//! serve. Nobody elsewhere is asked for them.

use std::sync::{Arc, Weak};

use toolgate_protocol::client::{Abilities, Client};
use toolgate_protocol::jsonrpc::{self, Message};
use toolgate_protocol::method::Method;
use toolgate_protocol::version::Version;

use crate::call::{Caller, Request, Who};
use crate::config::Kind;
use crate::gateway::Gateway;
use crate::upstream::Interest;

/// Every client is shown what a document says, whatever it can do.
fn abilities() -> Abilities {
    Abilities::from_bits(u8::MAX).without(Abilities::TASKS)
}

impl Gateway {
    /// Looks at what documents describe of the tools that steps call, now and whenever they change,
    /// for as long as this gateway is there.
    pub fn follow_documents(self: &Arc<Self>) {
        let Some(fitting) = &self.fitting else { return };
        let mut followers = super::lock(&fitting.followers);
        for (at, server) in self.config.servers().iter().enumerate() {
            if matches!(server.kind, Kind::OpenApi(_)) && fitting.reads(server.name.as_str()) {
                followers.spawn(follow(Arc::downgrade(self), at));
            }
        }
    }
}

async fn follow(gateway: Weak<Gateway>, at: usize) {
    let who = Who::of(Caller::anonymous());
    // Before the first look, so that no change goes unseen.
    let watch = {
        let Some(upstream) = gateway.upgrade().map(|it| it.routes[at].upstream.clone()) else {
            return;
        };
        let interest = Interest { tools: true, ..Interest::default() };
        upstream.watch(&who, abilities(), interest).await
    };
    let Ok(mut watch) = watch else { return };
    loop {
        let Some(gateway) = gateway.upgrade() else { return };
        let Some(request) = request(&who) else { return };
        let route = &gateway.routes[at];
        // A document that is still to come is announced.
        if route.upstream.probe().await.is_ok() {
            gateway.read_whole(route, &request).await;
        }
        drop(gateway);
        if watch.events.recv().await.is_none() {
            return;
        }
    }
}

fn request(who: &Who) -> Option<Request> {
    let version = Version::NEWEST_LEGACY;
    let capabilities = abilities().declare(version).into();
    let client = Client { version, capabilities, info: None, log_level: None };
    let body = jsonrpc::request("\"own\"", Method::ToolsList.as_str(), "{}");
    let message = Message::scan(body, &Default::default()).ok()?;
    Some(Request::new(message, Method::ToolsList, client, who.clone()))
}
