//! A server in this process as an upstream like any other.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;
use toolgate_gateway::call::{Boxed, End, Frame, Reply, Request, Who};
use toolgate_gateway::fault::{Fault, Reason};
use toolgate_gateway::upstream::{Description, Interest, Upstream, Vitals, Watch};
use toolgate_protocol::client::Abilities;
use toolgate_protocol::jsonrpc::{self, Message};
use toolgate_protocol::version::{Era, Version};

use crate::answer::Answer;
use crate::asked::Asked;
use crate::changes::Changes;
use crate::failed::Failed;
use crate::running::Running;
use crate::server::{About, Server};

/// A [`Server`] under a name.
pub struct Hosted {
    name: Arc<str>,
    server: Arc<dyn Server>,
    description: Arc<Description>,
    /// How long one request may take.
    total: Duration,
}

/// How long one request may take unless somebody says otherwise: the default of a configuration.
const TOTAL: Duration = Duration::from_secs(300);

impl Hosted {
    /// Hosts a server.
    pub fn new(name: &str, server: Arc<dyn Server>) -> Hosted {
        let About { name: own, title, capabilities, instructions } = server.about();
        let info = json!({ "name": own, "title": title, "version": env!("CARGO_PKG_VERSION") });
        let description = Arc::new(Description {
            era: Era::Legacy,
            version: Version::NEWEST_LEGACY,
            capabilities: capabilities.to_string().into(),
            info: Some(info.to_string().into()),
            instructions,
            ttl_ms: 0,
        });
        Hosted { name: name.into(), server, description, total: TOTAL }
    }

    /// The same for a server that is told how long one request may take.
    #[must_use]
    pub fn within(self, total: Duration) -> Hosted {
        Hosted { total, ..self }
    }

    async fn run(&self, request: &Request) -> Result<Reply, Fault> {
        let finish =
            Finish { name: self.name.clone(), id: request.message.id().unwrap_or("null").into() };
        let (asked, sent) = match Asked::new(request, Instant::now() + self.total) {
            Ok(asked) => asked,
            Err(failed) => return finish.end(Err(failed)).map(Reply::Whole),
        };
        let work = self.server.clone().answer(asked);
        let finish = move |answer| match finish.end(answer) {
            Ok(end) => Frame::End(end),
            Err(fault) => Frame::Fail(fault),
        };
        Running::new(work, sent, finish).reply().await
    }
}

/// Makes an answer the end of a reply.
struct Finish {
    name: Arc<str>,
    id: Box<str>,
}

impl Finish {
    fn end(&self, answer: Result<Answer, Failed>) -> Result<End, Fault> {
        let bytes = match answer {
            Ok(answer) => jsonrpc::result(&self.id, answer.json()),
            Err(Failed::Refused(refusal)) => {
                let data = refusal.data.map(|data| data.to_string());
                jsonrpc::error(Some(&self.id), refusal.code, &refusal.message, data.as_deref())
            }
            Err(Failed::Fault(fault)) => return Err(fault.at(&self.name)),
        };
        let message = Message::scan_reply(bytes, &Default::default()).map_err(|error| {
            Fault::new(Reason::Internal, format!("server \"{}\" failed", self.name))
                .because(error)
                .at(&self.name)
        })?;
        Ok(End { message, era: Era::Legacy, status: None })
    }
}

impl Upstream for Hosted {
    fn call<'a>(&'a self, request: &'a Request) -> Boxed<'a, Result<Reply, Fault>> {
        Box::pin(self.run(request))
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
        who: &'a Who,
        _abilities: Abilities,
        interest: Interest,
    ) -> Boxed<'a, Result<Watch, Fault>> {
        let offers = |path: &[&str]| self.description.offers(path);
        let accepted = Interest {
            tools: interest.tools && offers(&["tools", "listChanged"]),
            prompts: interest.prompts && offers(&["prompts", "listChanged"]),
            resources: interest.resources && offers(&["resources", "listChanged"]),
            uris: if offers(&["resources", "subscribe"]) { interest.uris } else { Vec::new() },
            tasks: Vec::new(),
            logs_of: None,
        };
        Box::pin(async move {
            let changes = self.server.changes_for(who).await;
            let accepted = if changes.is_empty() { Interest::default() } else { accepted };
            Ok(Changes::watch(&changes, accepted))
        })
    }

    fn probe(&self) -> Boxed<'_, Result<(), Fault>> {
        self.server.probe()
    }

    fn close(&self) -> Boxed<'_, ()> {
        self.server.close()
    }

    fn vitals(&self) -> Vitals {
        self.server.vitals()
    }
}
