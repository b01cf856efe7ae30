//! A server in a child process: its lines are the shared channel.

use std::sync::Arc;

use bytes::Bytes;
use toolgate_gateway::call::{Boxed, Request};
use toolgate_gateway::fault::{Fault, Reason};
use toolgate_gateway::onward::Broker;
use toolgate_protocol::json::Limits;
use toolgate_protocol::version::Era;

use crate::channel::{self, Channel, Writer};
use crate::child::{Child, Slots, Spec};
use crate::endpoint::Behalf;
use crate::link;

/// Starts the process and the reading of its lines.
///
/// # Errors
/// When the program cannot be started, or too many run already.
pub(crate) fn start(
    spec: Spec,
    slots: &Slots,
    era: Era,
    limits: Limits,
    broker: Option<Arc<dyn Broker>>,
) -> Result<(Arc<Channel>, Arc<Child>), Fault> {
    let name = spec.name.clone();
    let slot = slots.take().map_err(|full| {
        let what = format!("no process is free for server \"{name}\": too many run already");
        Fault::new(Reason::Overloaded, what).because(full).at(&name).unsent()
    })?;
    let (child, mut lines) = Child::spawn(spec, slot).map_err(|error| {
        Fault::new(Reason::Unreachable, format!("server \"{name}\" cannot be started: {error}"))
            .at(&name)
    })?;
    let child = Arc::new(child);
    let pipe = Pipe { name: name.clone(), child: child.clone(), broker };
    let channel = Channel::new(name.clone(), era, Box::new(pipe), limits);
    let (reader, process) = (channel.clone(), child.clone());
    tokio::spawn(async move {
        while let Some(line) = lines.next().await {
            reader.receive(line);
        }
        let exit = process.wait().await;
        tracing::info!(server = %name, %exit, "the server process ended");
        reader.fail(&link::gone(&name, exit.to_string()));
    });
    Ok((channel, child))
}

/// The writing end of a child.
struct Pipe {
    name: Arc<str>,
    child: Arc<Child>,
    broker: Option<Arc<dyn Broker>>,
}

impl Writer for Pipe {
    /// A line has no head.
    fn write<'a>(
        &'a self,
        body: Bytes,
        _behalf: Option<&'a Behalf>,
    ) -> Boxed<'a, Result<(), Fault>> {
        Box::pin(async {
            self.child
                .send(body)
                .await
                .map_err(|gone| channel::unsent(&self.name, gone.to_string()))
        })
    }

    fn tell(&self, request: &Request) -> (Option<String>, Option<Box<Behalf>>) {
        (self.broker.as_ref().map(|broker| broker.context(request).json), None)
    }

    fn close(&self) -> Boxed<'_, ()> {
        Box::pin(async {
            self.child.shutdown().await;
        })
    }
}
