//! A built-in server as an upstream: values in and out, no wire between.

use std::sync::Arc;

use serde_json::Value;
use tokio::sync::mpsc;
use toolgate_gateway::call::{Boxed, End, Reply, Request, Who};
use toolgate_gateway::fault::{Fault, Reason};
use toolgate_gateway::upstream::{Description, Interest, Upstream, Vitals, Watch};
use toolgate_protocol::client::Abilities;
use toolgate_protocol::jsonrpc::{self, Message};
use toolgate_protocol::version::{Era, Version};

use super::files::Files;

/// A files server in this process.
pub struct Hosted {
    name: Arc<str>,
    files: Files,
    description: Arc<Description>,
}

impl Hosted {
    /// Hosts `files` under a server name.
    pub fn new(name: &str, files: Files) -> Hosted {
        let (capabilities, info, instructions) = files.describe();
        let description = Arc::new(Description {
            era: Era::Legacy,
            version: Version::NEWEST_LEGACY,
            capabilities: capabilities.to_string().into(),
            info: Some(info.to_string().into()),
            instructions: Some(instructions),
            ttl_ms: 0,
        });
        Hosted { name: name.into(), files, description }
    }

    async fn answer(&self, request: &Request) -> Result<Reply, Fault> {
        let broken = |error: String| {
            Fault::new(Reason::Internal, format!("server \"{}\" failed", self.name))
                .because(error)
                .at(&self.name)
        };
        let bytes = request.edits.apply(request.message.bytes());
        let mut message: Value =
            serde_json::from_slice(&bytes).map_err(|error| broken(error.to_string()))?;
        let params = message.get_mut("params").map_or(Value::Null, Value::take);
        let id = request.message.id().unwrap_or("null");
        let answer = match self.files.answer(request.method.as_str(), &params).await {
            Ok(result) => jsonrpc::result(id, &result.to_string()),
            Err(refusal) => {
                let data = refusal.data.map(|data| data.to_string());
                jsonrpc::error(Some(id), refusal.code, &refusal.message, data.as_deref())
            }
        };
        let message = Message::scan_reply(answer, &Default::default())
            .map_err(|error| broken(error.to_string()))?;
        // In the shape without the fields of an era, which the fronts add.
        Ok(Reply::Whole(End { message, era: Era::Legacy, status: None }))
    }
}

impl Upstream for Hosted {
    fn call<'a>(&'a self, request: &'a Request) -> Boxed<'a, Result<Reply, Fault>> {
        Box::pin(self.answer(request))
    }

    fn describe<'a>(
        &'a self,
        _who: &'a Who,
        _abilities: Abilities,
    ) -> Boxed<'a, Result<Arc<Description>, Fault>> {
        Box::pin(std::future::ready(Ok(self.description.clone())))
    }

    fn notify<'a>(
        &'a self,
        _who: &'a Who,
        _abilities: Abilities,
        _message: &'a Message,
    ) -> Boxed<'a, Result<(), Fault>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn watch<'a>(
        &'a self,
        _who: &'a Who,
        _abilities: Abilities,
        _interest: Interest,
    ) -> Boxed<'a, Result<Watch, Fault>> {
        // It announces nothing yet; the sender lives in the guard, so the watch stays open.
        let (sender, events) = mpsc::channel(1);
        let accepted = Interest::default();
        Box::pin(std::future::ready(Ok(Watch { accepted, events, guard: Box::new(sender) })))
    }

    fn probe(&self) -> Boxed<'_, Result<(), Fault>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn close(&self) -> Boxed<'_, ()> {
        Box::pin(std::future::ready(()))
    }

    fn vitals(&self) -> Vitals {
        Vitals::default()
    }
}
