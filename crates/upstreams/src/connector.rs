//! What a server over HTTP and one in a child process have in common: whoever calls talks to a
//! peer, which is found or started first.

use std::sync::Arc;

use toolgate_gateway::call::{Boxed, Reply, Request, Who};
use toolgate_gateway::fault::Fault;
use toolgate_gateway::upstream::{Description, Interest, Upstream, Vitals, Watch};
use toolgate_protocol::client::Abilities;
use toolgate_protocol::jsonrpc::Message;

use crate::peers::Peer;

/// How one kind of server is reached.
pub(crate) trait Reach: Send + Sync + 'static {
    /// Sends one request, to another peer if the first turns out not to be there any more.
    fn call(
        self: &Arc<Self>,
        request: &Request,
    ) -> impl Future<Output = Result<Reply, Fault>> + Send;

    /// Whom this caller talks to.
    fn peer(
        self: &Arc<Self>,
        who: &Who,
        abilities: Abilities,
    ) -> impl Future<Output = Result<Arc<Peer>, Fault>> + Send;

    /// Hears that a peer gave nothing to listen to.
    fn doubt(&self, _peer: &Peer, _fault: &Fault) {}

    /// Whether it can be reached now.
    fn probe(self: &Arc<Self>) -> impl Future<Output = Result<(), Fault>> + Send;

    /// Ends all that is there, in an orderly way.
    fn close(&self) -> impl Future<Output = ()> + Send;

    /// What is alive.
    fn vitals(&self) -> Vitals;
}

/// A server that is reached in its way.
pub struct Connector<R>(Arc<R>);

impl<R> Connector<R> {
    pub(crate) fn of(reach: R) -> Connector<R> {
        Connector(Arc::new(reach))
    }
}

impl<R: Reach> Upstream for Connector<R> {
    fn call<'a>(&'a self, request: &'a Request) -> Boxed<'a, Result<Reply, Fault>> {
        Box::pin(self.0.call(request))
    }

    fn describe<'a>(
        &'a self,
        who: &'a Who,
        abilities: Abilities,
    ) -> Boxed<'a, Result<Arc<Description>, Fault>> {
        Box::pin(async move { Ok(self.0.peer(who, abilities).await?.description()) })
    }

    fn notify<'a>(
        &'a self,
        who: &'a Who,
        abilities: Abilities,
        message: &'a Message,
    ) -> Boxed<'a, Result<(), Fault>> {
        Box::pin(async move { self.0.peer(who, abilities).await?.notify(message).await })
    }

    fn watch<'a>(
        &'a self,
        who: &'a Who,
        abilities: Abilities,
        interest: Interest,
    ) -> Boxed<'a, Result<Watch, Fault>> {
        Box::pin(async move {
            let peer = self.0.peer(who, abilities).await?;
            peer.watch(interest).await.inspect_err(|fault| self.0.doubt(&peer, fault))
        })
    }

    fn probe(&self) -> Boxed<'_, Result<(), Fault>> {
        Box::pin(self.0.probe())
    }

    fn close(&self) -> Boxed<'_, ()> {
        Box::pin(self.0.close())
    }

    fn vitals(&self) -> Vitals {
        self.0.vitals()
    }
}
