//! What does this gateway offer? The capabilities of everything behind it, told as one.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::join_all;
use toolgate_policy::Kind;
use toolgate_protocol::client::{Abilities, key};
use toolgate_protocol::json::{Document, Limits, Mode, Object, quote};
use toolgate_protocol::modern::SUPPORTED;
use toolgate_protocol::splice::Edits;
use toolgate_protocol::tasks::CANCEL;
use toolgate_protocol::version::{Era, Version};

use crate::call::{Reply, Request, Who};
use crate::deadline::late;
use crate::fault::{Fault, Reason};
use crate::gateway::{Gateway, Route};
use crate::upstream::Description;

/// The instructions of all servers together are cut at this length, in bytes: they end up in
/// the context of a model.
const LONGEST_INSTRUCTIONS: usize = 16 * 1024;
/// Extensions that can be routed among several servers.
const ROUTED_EXTENSIONS: [&str; 2] = ["io.modelcontextprotocol/ui", key::TASKS];

/// What the servers behind the gateway offer together.
struct Offer {
    capabilities: String,
    instructions: Option<String>,
    ttl_ms: u64,
}

impl Offer {
    /// What there is for a caller who has not connected a single server yet. It is asked to do so
    /// when it calls a tool, which a client without a session, or without tools, could not do.
    fn unconnected(instructions: Option<String>) -> Offer {
        Offer { capabilities: r#"{"tools":{}}"#.to_owned(), instructions, ttl_ms: 0 }
    }

    /// The same offer, of a gateway that has resources of its own.
    fn with_resources(mut self) -> Offer {
        let parsed = parsed(&Bytes::copy_from_slice(self.capabilities.as_bytes()));
        let Some(document) = parsed else { return self };
        let Some(all) = document.root().object() else { return self };
        let mut edits = Edits::default();
        if all.get("resources").is_none() {
            edits.set(&all, "resources", "{}");
        }
        let bytes = edits.apply(document.bytes());
        self.capabilities = String::from_utf8_lossy(&bytes).into_owned();
        self
    }
}

impl Gateway {
    /// Answers `server/discover`.
    pub(crate) async fn discover(self: &Arc<Self>, request: &Request) -> Result<Reply, Fault> {
        let offer =
            self.offer(&request.who, request.client.abilities(), request.client.version).await?;
        let instructions = offer
            .instructions
            .map(|text| format!(r#""instructions":{},"#, quote(&text)))
            .unwrap_or_default();
        let result = format!(
            r#"{{"resultType":"complete","supportedVersions":{SUPPORTED},"capabilities":{},{instructions}"ttlMs":{},"cacheScope":"private",{}}}"#,
            offer.capabilities,
            offer.ttl_ms,
            self.signature(),
        );
        self.own_result(request, &result)
    }

    /// The result of `initialize` for a client that has been answered with `version`.
    ///
    /// # Errors
    /// When no server can be reached.
    pub async fn welcome(
        self: &Arc<Self>,
        who: &Who,
        abilities: Abilities,
        version: Version,
    ) -> Result<String, Fault> {
        let offer = self.offer(who, abilities, version).await?;
        let instructions = offer
            .instructions
            .map(|text| format!(r#","instructions":{}"#, quote(&text)))
            .unwrap_or_default();
        Ok(format!(
            r#"{{"protocolVersion":"{version}","capabilities":{},"serverInfo":{}{instructions}}}"#,
            offer.capabilities,
            self.server_info(version),
        ))
    }

    async fn offer(
        self: &Arc<Self>,
        who: &Who,
        abilities: Abilities,
        version: Version,
    ) -> Result<Offer, Fault> {
        let described = match self.describe_all(who, abilities).await {
            Err(fault) if fault.reason == Reason::Unconnected => {
                return Ok(Offer::unconnected(self.own_instructions()));
            }
            described => described?,
        };
        let instructions =
            self.own_instructions().or_else(|| instructions(&self.approved(&described)));
        let offer = match &described[..] {
            [(_, only)] if self.only().is_some() => Offer {
                capabilities: own_capabilities(only, version),
                instructions,
                ttl_ms: only.ttl_ms,
            },
            several => {
                Offer { capabilities: self.merged(several, version), instructions, ttl_ms: 0 }
            }
        };
        Ok(if self.keeps_results() { offer.with_resources() } else { offer })
    }

    /// What the configuration has models told. What it says of the whole gateway is not said of a
    /// part, in which other things do not exist.
    fn own_instructions(&self) -> Option<String> {
        match self.toolset() {
            Some(toolset) => toolset.instructions.clone(),
            None => self.config.instructions.clone(),
        }
    }

    /// What any of several servers has, the gateway has, as far as it is in the toolset.
    fn merged(&self, all: &[(Arc<str>, Arc<Description>)], version: Version) -> String {
        let mut found = Merged::default();
        for (name, description) in all {
            let Some(document) = parsed(&description.capabilities) else { continue };
            let Some(capabilities) = document.root().object() else { continue };
            let may_offer =
                |kind| self.route_named(name).is_some_and(|it| self.may_offer(it, kind));
            found.add(&capabilities, may_offer);
            if may_offer(Kind::Tool) {
                found.tasks |= description.offers_tasks();
                found.cancel |= description.offers_tasks() && description.offers(&CANCEL);
            }
        }
        found.to_json(version)
    }

    /// What servers tell models to do, as far as somebody approved it. In a toolset those speak that
    /// are in it with all their tools: others would speak of what does not exist.
    fn approved(
        &self,
        described: &[(Arc<str>, Arc<Description>)],
    ) -> Vec<(Arc<str>, Option<String>)> {
        let approved = |(name, description): &(Arc<str>, Arc<Description>)| {
            let route = self.route_named(name)?;
            if self.toolset().is_some_and(|toolset| !toolset.has_all_tools(name)) {
                return None;
            }
            let said = description.instructions.as_deref();
            Some((name.clone(), route.pins.instructions(said)))
        };
        described.iter().filter_map(approved).collect()
    }

    /// What every server that answers in time says of itself.
    async fn describe_all(
        self: &Arc<Self>,
        who: &Who,
        abilities: Abilities,
    ) -> Result<Vec<(Arc<str>, Arc<Description>)>, Fault> {
        if let Some(route) = self.only() {
            let description = describe(route, who, abilities).await?;
            return Ok(vec![(route.name.clone(), description)]);
        }
        let asking = (0..self.routes.len()).map(|at| self.describe_or_known(at, who, abilities));
        let (mut all, mut failure) = (Vec::new(), None);
        for (outcome, route) in join_all(asking).await.into_iter().zip(&self.routes) {
            match outcome {
                Ok(description) => all.push((route.name.clone(), description)),
                Err(fault) => {
                    tracing::warn!(server = %route.name, %fault, "left out");
                    failure.get_or_insert(fault);
                }
            }
        }
        match failure {
            Some(fault) if all.is_empty() => Err(fault),
            _ => Ok(all),
        }
    }

    /// What one server says of itself, or said when it last answered.
    async fn describe_or_known(
        self: &Arc<Self>,
        at: usize,
        who: &Who,
        abilities: Abilities,
    ) -> Result<Arc<Description>, Fault> {
        let route = &self.routes[at];
        let caller = (!route.shared).then(|| who.caller.principal.clone());
        let (gateway, who) = (self.clone(), who.clone());
        let asking = async move { gateway.routes[at].upstream.describe(&who, abilities).await };
        let key = (at, abilities, caller);
        Ok(self.known.ask(&route.name, key, route.bounds.silence, asking).await?.0)
    }
}

/// What a server says of itself, within the time that it may take.
pub(crate) async fn describe(
    route: &Route,
    who: &Who,
    abilities: Abilities,
) -> Result<Arc<Description>, Fault> {
    let described = route.upstream.describe(who, abilities);
    match tokio::time::timeout(route.bounds.silence, described).await {
        Ok(outcome) => outcome,
        Err(_) => Err(late(&route.name, route.bounds.silence)),
    }
}

fn parsed(capabilities: &Bytes) -> Option<Document> {
    Document::parse(capabilities.clone(), &Limits::default(), Mode::Trusted).ok()
}

/// The capabilities of the only server, as they are, but for what cannot cross between eras or
/// has no form in the client's revision.
fn own_capabilities(description: &Description, version: Version) -> String {
    let Some(document) = parsed(&description.capabilities) else { return "{}".to_owned() };
    let Some(all) = document.root().object() else { return "{}".to_owned() };
    let mut edits = Edits::default();
    let extensions = all.get("extensions").and_then(|value| value.object());
    let relays_tasks = description.offers_tasks() && version >= Version::V2025_11_25;
    match (description.era, version.era()) {
        (Era::Legacy, Era::Modern) => {
            edits.remove(&all, "tasks");
            match extensions {
                Some(extensions) if relays_tasks => edits.set(&extensions, key::TASKS, "{}"),
                None if relays_tasks => {
                    edits.set(&all, "extensions", format!(r#"{{"{}":{{}}}}"#, key::TASKS));
                }
                _ => {}
            }
        }
        (Era::Legacy, Era::Legacy) if !relays_tasks => edits.remove(&all, "tasks"),
        (Era::Modern, Era::Legacy) => {
            edits.remove(&all, "tasks");
            if let Some(extensions) = extensions {
                edits.remove(&extensions, key::TASKS);
            }
        }
        _ => {}
    }
    String::from_utf8_lossy(&edits.apply(document.bytes())).into_owned()
}

#[derive(Default)]
struct Merged {
    tools: Option<bool>,
    prompts: Option<bool>,
    resources: Option<(bool, bool)>,
    completions: bool,
    logging: bool,
    extensions: Vec<(&'static str, String)>,
    /// Whether a legacy server runs tools as tasks, and whether these can be cancelled.
    tasks: bool,
    cancel: bool,
}

impl Merged {
    /// Adds what one server has, of the kinds that may be offered.
    fn add(&mut self, all: &Object<'_>, may_offer: impl Fn(Kind) -> bool) {
        let flag = |of: &Object<'_>, name| of.get(name).and_then(|v| v.as_bool()) == Some(true);
        let object = |name| all.get(name).and_then(|value| value.object());
        let [tools, prompts, resources] = [Kind::Tool, Kind::Prompt, Kind::Resource].map(may_offer);
        if let Some(tools) = object("tools").filter(|_| tools) {
            self.tools = Some(self.tools == Some(true) || flag(&tools, "listChanged"));
        }
        if let Some(prompts) = object("prompts").filter(|_| prompts) {
            self.prompts = Some(self.prompts == Some(true) || flag(&prompts, "listChanged"));
        }
        if let Some(resources) = object("resources").filter(|_| resources) {
            let (changed, subscribe) = self.resources.unwrap_or_default();
            self.resources = Some((
                changed || flag(&resources, "listChanged"),
                subscribe || flag(&resources, "subscribe"),
            ));
        }
        self.completions |= (prompts || resources) && all.get("completions").is_some();
        self.logging |= all.get("logging").is_some();
        let extensions = object("extensions");
        for name in ROUTED_EXTENSIONS.into_iter().filter(|_| tools) {
            let settings = extensions.as_ref().and_then(|extensions| extensions.get(name));
            if let Some(settings) = settings
                && !self.extensions.iter().any(|(known, _)| *known == name)
            {
                self.extensions.push((name, settings.raw().to_owned()));
            }
        }
    }

    fn to_json(&self, version: Version) -> String {
        let era = version.era();
        let mut parts = Vec::new();
        let changed = |changed: bool| if changed { r#""listChanged":true"# } else { "" };
        if let Some(listed) = self.tools {
            parts.push(format!(r#""tools":{{{}}}"#, changed(listed)));
        }
        if let Some(listed) = self.prompts {
            parts.push(format!(r#""prompts":{{{}}}"#, changed(listed)));
        }
        if let Some((listed, subscribe)) = self.resources {
            let comma = if listed && subscribe { "," } else { "" };
            let subscribe = if subscribe { r#""subscribe":true"# } else { "" };
            parts.push(format!(r#""resources":{{{}{comma}{subscribe}}}"#, changed(listed)));
        }
        if self.completions {
            parts.push(r#""completions":{}"#.to_owned());
        }
        if self.logging {
            parts.push(r#""logging":{}"#.to_owned());
        }
        if self.tasks && version == Version::V2025_11_25 {
            // Without `list`: the lists of several servers are not merged.
            let cancel = if self.cancel { r#""cancel":{},"# } else { "" };
            parts.push(format!(r#""tasks":{{{cancel}"requests":{{"tools":{{"call":{{}}}}}}}}"#));
        }
        let mut extensions: Vec<_> = self
            .extensions
            .iter()
            .filter(|(name, _)| *name != key::TASKS)
            .map(|(name, settings)| format!(r#""{name}":{settings}"#))
            .collect();
        let tasks = self.extensions.iter().find(|(name, _)| *name == key::TASKS);
        if era == Era::Modern && (self.tasks || tasks.is_some()) {
            let settings = tasks.map_or("{}", |(_, settings)| settings);
            extensions.push(format!(r#""{}":{settings}"#, key::TASKS));
        }
        if !extensions.is_empty() {
            parts.push(format!(r#""extensions":{{{}}}"#, extensions.join(",")));
        }
        format!("{{{}}}", parts.join(","))
    }
}

/// The instructions of all servers, each under its name.
fn instructions(described: &[(Arc<str>, Option<String>)]) -> Option<String> {
    if let [(_, only)] = described {
        return only.clone();
    }
    let mut text = String::new();
    for (name, instructions) in described {
        let Some(instructions) = instructions else { continue };
        let part = format!("# {name}\n\n{}\n\n", instructions.trim());
        if text.len() + part.len() > LONGEST_INSTRUCTIONS {
            tracing::warn!(server = %name, "its instructions are left out: together too long");
            continue;
        }
        text.push_str(&part);
    }
    (!text.is_empty()).then(|| text.trim_end().to_owned())
}
