//! A server in this process as an upstream like any other.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;
use toolgate_gateway::call::{Boxed, Frame, Reply, Request, Who};
use toolgate_gateway::fault::{Fault, Reason};
use toolgate_gateway::upstream::{Description, Interest, Upstream, Vitals, Watch};
use toolgate_protocol::client::Abilities;
use toolgate_protocol::jsonrpc::Message;
use toolgate_protocol::method::Method;
use toolgate_protocol::version::{Era, Version};

use crate::answer::Answer;
use crate::asked::Asked;
use crate::changes::Changes;
use crate::failed::Failed;
use crate::reply::{end, whole};
use crate::running::Running;
use crate::server::{About, Server};
use crate::tasks::Tasks;
use crate::tool::Tools;
use crate::work::Work;

/// A [`Server`] under a name.
pub struct Hosted {
    name: Arc<str>,
    server: Arc<dyn Server>,
    description: Arc<Description>,
    /// How long one request may take.
    total: Duration,
    /// Calls that run as tasks, where the server has any.
    tasks: Option<Tasks>,
}

/// How long one request may take unless somebody says otherwise: the default of a configuration.
const TOTAL: Duration = Duration::from_secs(300);

impl Hosted {
    /// Hosts a server.
    pub fn new(name: &str, server: Arc<dyn Server>) -> Hosted {
        let About { name: own, title, mut capabilities, instructions } = server.about();
        let name: Arc<str> = name.into();
        let has_tasks = server.tasks().is_some_and(Tools::any_as_task);
        let tasks = has_tasks.then(|| Tasks::new(name.clone()));
        if tasks.is_some() {
            capabilities["tasks"] = Tasks::capability();
        }
        let info = json!({ "name": own, "title": title, "version": env!("CARGO_PKG_VERSION") });
        let description = Arc::new(Description {
            era: Era::Legacy,
            version: Version::NEWEST_LEGACY,
            capabilities: capabilities.to_string().into(),
            info: Some(info.to_string().into()),
            instructions,
            ttl_ms: 0,
        });
        Hosted { name, server, description, total: TOTAL, tasks }
    }

    /// The same for a server that is told how long one request may take.
    #[must_use]
    pub fn within(self, total: Duration) -> Hosted {
        Hosted { total, ..self }
    }

    async fn run(&self, request: &Request) -> Result<Reply, Fault> {
        let deadline = Instant::now() + self.total;
        let (asked, sent) = match Asked::new(request, deadline) {
            Ok(asked) => asked,
            Err(failed) => return self.whole(request, Err(failed)),
        };
        if let Some(tasks) = &self.tasks {
            if let Some(reply) = tasks.answer(request, &asked) {
                return reply.or_else(|failed| self.whole(request, Err(failed)));
            }
            match self.kept(request, &asked) {
                Ok(None) => {}
                Ok(Some(kept)) => {
                    let begun = tasks.begin(&self.server, asked, sent, kept, self.total);
                    return self.whole(request, begun.map(Answer::from));
                }
                Err(failed) => return self.whole(request, Err(failed)),
            }
        }
        let work = Work::begin(&self.name, &self.server, asked);
        let id: Box<str> = request.message.id().unwrap_or("null").into();
        let (name, published) = (self.name.clone(), published(request));
        let named = move |failed| as_named(failed, &published);
        let finish = move |answer: Result<Answer, Failed>| match end(&id, answer.map_err(&named)) {
            Ok(end) => Frame::End(end),
            // What a caller may not use is not said to be there.
            Err(fault) if fault.reason == Reason::Unknown => Frame::Fail(fault),
            Err(fault) => Frame::Fail(fault.at(&name)),
        };
        Running::new(work, sent, finish).reply().await
    }

    /// How long a call is kept as a task, if it is to be one.
    fn kept(&self, request: &Request, asked: &Asked) -> Result<Option<Duration>, Failed> {
        match self.server.tasks() {
            Some(tools) if request.method == Method::ToolsCall => Tasks::wanted(asked, tools),
            _ => Ok(None),
        }
    }

    fn whole(&self, request: &Request, answer: Result<Answer, Failed>) -> Result<Reply, Fault> {
        whole(request, answer).map_err(|fault| fault.at(&self.name))
    }
}

/// What the client calls the tool that it asks for.
fn published(request: &Request) -> String {
    request.message.params().and_then(|it| it.get("name")?.string()).unwrap_or_default().into()
}

/// A tool that is not there, or not for this caller, in the gateway's own words.
fn as_named(failed: Failed, published: &str) -> Failed {
    match failed {
        Failed::Refused(refusal) if refusal.of_unknown_tool => {
            Fault::new(Reason::Unknown, format!("unknown tool: {published}")).into()
        }
        failed => failed,
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
        if let Some(tasks) = &self.tasks {
            tasks.close();
        }
        self.server.close()
    }

    fn vitals(&self) -> Vitals {
        self.server.vitals()
    }
}
