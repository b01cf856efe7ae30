//! May this caller do this? Decided anew for each request, before a byte of it leaves.

pub(crate) mod permit;

use std::sync::Arc;
use std::time::Duration;

use toolgate_policy::{Context, Decision, Effect, Kind, Policy, Reading, Thing};
use toolgate_protocol::method::{Method, Target};

use crate::call::{Request, Who};
use crate::fault::{Fault, Reason};
use crate::gateway::{Gateway, Route};
use crate::routing::{Reference, no_method, not_permitted, reference, unknown, unknown_task};
use crate::toolset::Toolset;
use crate::touched::Memory;

pub use permit::{Asked, Permit, Refusal, Ruling};

/// The outcome where nothing is refused.
#[derive(Debug)]
pub(crate) enum Authorized {
    /// It may be sent.
    Permit(Permit),
    /// It may be sent once a person has agreed.
    Ask(Asked),
}

impl Permit {
    /// To read a list of a server, which is filtered before anybody sees it.
    ///
    /// # Errors
    /// When the request is for something else, which would be a mistake of ours.
    pub(crate) fn to_list(request: &Request) -> Result<Permit, Fault> {
        match request.method.is_list() || request.method == Method::TasksList {
            true => Ok(Permit::FREE),
            false => Err(Fault::new(Reason::Internal, "what is no list was sent as one")),
        }
    }
}

impl Gateway {
    /// Decides on a request whose server is known and whose names are that server's own.
    ///
    /// # Errors
    /// When it is refused. What the caller may not know of is refused as if it did not exist.
    pub(crate) fn authorize(&self, route: &Route, request: &Request) -> Result<Authorized, Fault> {
        if let Some(toolset) = self.toolset() {
            is_inside(toolset, route, request)?;
        }
        let Some(policy) = self.config.policy() else {
            return Ok(Authorized::Permit(Permit::FREE));
        };
        match request.method.target() {
            Target::Tool => self.decide(policy, route, request, Kind::Tool),
            Target::Prompt => self.decide(policy, route, request, Kind::Prompt),
            Target::Resource => self.decide(policy, route, request, Kind::Resource),
            Target::Reference => self.complete(policy, route, request),
            Target::Nothing if matches!(request.method, Method::Other(_)) => {
                self.decide(policy, route, request, Kind::Method)
            }
            // Tasks are authorised where their handle is open; what no rule can name is for nobody.
            Target::Task | Target::Nothing => Err(no_method(&request.method)),
        }
    }

    fn decide(
        &self,
        policy: &Policy,
        route: &Route,
        request: &Request,
        kind: Kind,
    ) -> Result<Authorized, Fault> {
        let name = match kind {
            Kind::Method => request.published(),
            _ => request.named().unwrap_or_default(),
        };
        let thing = Thing { kind, server: &route.name, name: &name };
        let caller = &request.who.caller;
        let touched = &mut Vec::new();
        let decision = policy.decide_in(caller, &thing, |reading| {
            self.circumstances(policy, &request.who, Some(request), reading, touched)
        });
        let effect = decision.effect;
        let ruling = Ruling::new(decision, policy);
        match effect {
            Effect::Allow => Ok(Authorized::Permit(Permit::by(ruling))),
            Effect::Approve => Ok(Authorized::Ask(Asked::by(ruling))),
            Effect::Deny => {
                let fault = refused(request, ruling);
                if fault.reason == Reason::Forbidden {
                    self.lasting.metrics.begin(route, request).fail(&fault, Duration::ZERO);
                }
                Err(fault)
            }
        }
    }

    /// Completions are for what the caller's lists show.
    fn complete(
        &self,
        policy: &Policy,
        route: &Route,
        request: &Request,
    ) -> Result<Authorized, Fault> {
        let (reference, kind, name) = completed(route, request)?;
        let thing = Thing { kind, server: &route.name, name: &name };
        match policy.may_see(&request.who.caller, &thing) {
            true => Ok(Authorized::Permit(Permit::FREE)),
            false => Err(reference.unknown()),
        }
    }

    /// Decides whether a caller may go on with a task that a call of this tool began.
    ///
    /// # Errors
    /// When it is refused: then there is no such task.
    pub(crate) fn authorize_task(
        &self,
        route: &Route,
        who: &Who,
        tool: Option<&str>,
    ) -> Result<Permit, Fault> {
        self.authorize_rest(who, tool.map(|tool| Thing::tool(&route.name, tool)), unknown_task)
    }

    /// Decides whether a caller may have the rest of what it began with this thing: what a task
    /// brings, what was kept of a result.
    ///
    /// # Errors
    /// When it is refused, in the words of `gone`.
    pub(crate) fn authorize_rest(
        &self,
        who: &Who,
        thing: Option<Thing<'_>>,
        gone: impl Fn() -> Fault,
    ) -> Result<Permit, Fault> {
        if !self.hides() {
            return Ok(Permit::FREE);
        }
        // Fail closed: what comes of a thing that nobody remembers is nobody's.
        let thing = thing.ok_or_else(&gone)?;
        if self.toolset().is_some_and(|toolset| !toolset.has(&thing)) {
            return Err(gone());
        }
        let Some(policy) = self.config.policy() else { return Ok(Permit::FREE) };
        let touched = &mut Vec::new();
        let decision = policy.may_go_on(&who.caller, &thing, |reading| {
            self.circumstances(policy, who, None, reading, touched)
        });
        let (effect, ruling) = (decision.effect, Ruling::new(decision, policy));
        match effect {
            Effect::Deny => Err(gone().refused(Refusal { scopes: Vec::new(), ruling })),
            // What needed a person's consent has it: it began.
            Effect::Allow | Effect::Approve => Ok(Permit::by(ruling)),
        }
    }

    /// Decides on a notification that MCP does not define. Nobody is asked: it has no answer, and
    /// so no place for a question.
    ///
    /// # Errors
    /// When it is refused.
    pub(crate) fn authorize_notification(
        &self,
        route: &Route,
        who: &Who,
        method: &Method,
    ) -> Result<Permit, Fault> {
        let Some(policy) = self.config.policy() else { return Ok(Permit::FREE) };
        let touched = &mut Vec::new();
        let thing = Thing::method(&route.name, method.as_str());
        let decision = policy.decide_in(&who.caller, &thing, |reading| {
            self.circumstances(policy, who, None, reading, touched)
        });
        let (effect, ruling) = (decision.effect, Ruling::new(decision, policy));
        match effect {
            Effect::Allow => Ok(Permit::by(ruling)),
            Effect::Deny | Effect::Approve => {
                Err(not_permitted(method.as_str()).refused(Refusal { scopes: Vec::new(), ruling }))
            }
        }
    }

    /// Whether a list may show this thing of a server to a caller.
    pub(crate) fn shows(&self, who: &Who, route: &Route, kind: Kind, name: &str) -> bool {
        let thing = Thing { kind, server: &route.name, name };
        self.toolset().is_none_or(|toolset| toolset.has(&thing))
            && self.config.policy().is_none_or(|policy| policy.may_see(&who.caller, &thing))
    }

    /// Notes what a request touches that is about to be sent.
    pub(crate) fn touch(&self, permit: &Permit, who: &Who) {
        let Some(ruling) = permit.ruling() else { return };
        let now = self.now().seconds();
        for label in &ruling.decision().labels {
            Memory::of(who).for_each(|memory| self.lasting.touched.touch(memory, label, now));
        }
    }

    /// What rules may read of the circumstances; what none of them reads is not looked for.
    fn circumstances<'a>(
        &'a self,
        policy: &Policy,
        who: &'a Who,
        request: Option<&'a Request>,
        reading: Reading,
        touched: &'a mut Vec<Arc<str>>,
    ) -> Context<'a> {
        let now = self.now().seconds();
        if reading.touched {
            let has = |label: &str| {
                let table = &self.lasting.touched;
                Memory::of(who).any(|memory| table.has(memory, label, now, self.span_of(memory)))
            };
            touched.extend(policy.labels().filter(|label| has(label)).cloned());
        }
        let arguments = request.filter(|_| reading.arguments).and_then(|request| {
            let arguments = request.message.params()?.get("arguments")?;
            Some(arguments.raw().as_bytes())
        });
        Context {
            arguments,
            session: who.session.as_deref(),
            toolset: self.toolset().map(|toolset| &*toolset.name),
            time: now,
            ip: who.address,
            revision: request.map(|request| request.client.version.as_str()),
            touched,
        }
    }

    /// How long what was touched counts, in seconds: in a session as long as it lives.
    fn span_of(&self, memory: Memory<'_>) -> u64 {
        let span = match memory {
            Memory::Session(_) => Some(self.config.sessions.lifetime),
            Memory::Caller(_) => self.config.policy.as_ref().map(|own| own.window),
        };
        span.map_or(0, |span| span.duration().as_secs())
    }
}

/// Refuses what is not in the toolset as if it did not exist, whether it does or not.
fn is_inside(toolset: &Toolset, route: &Route, request: &Request) -> Result<(), Fault> {
    let kind = match request.method.target() {
        Target::Tool => Kind::Tool,
        Target::Prompt => Kind::Prompt,
        Target::Resource => Kind::Resource,
        Target::Reference => {
            let (reference, kind, name) = completed(route, request)?;
            let thing = Thing { kind, server: &route.name, name: &name };
            return if toolset.has(&thing) { Ok(()) } else { Err(reference.unknown()) };
        }
        // Tasks are looked at where their handle is open; what is in no list is in no toolset.
        Target::Task | Target::Nothing => return Err(no_method(&request.method)),
    };
    let name = request.named().unwrap_or_default();
    match toolset.has(&Thing { kind, server: &route.name, name: &name }) {
        true => Ok(()),
        false => Err(unknown(&request.method, &request.published())),
    }
}

/// What a completion is for, by its server's own name.
fn completed(route: &Route, request: &Request) -> Result<(Reference, Kind, Arc<str>), Fault> {
    let reference = reference(request)?;
    let (kind, name) = match &reference {
        Reference::Prompt(name) => (Kind::Prompt, route.names.original_prompt(name)),
        Reference::Template(uri) => {
            let original = route.names.original_uri(uri).map(|uri| uri.as_ref().into());
            (Kind::Resource, original)
        }
    };
    let name = name.ok_or_else(|| reference.unknown())?;
    Ok((reference, kind, name))
}

/// The answer to a request that is refused.
fn refused(request: &Request, ruling: Ruling) -> Fault {
    let decision = ruling.decision();
    if let Some(error) = &decision.error {
        tracing::warn!(rules = ?decision.rules, error, "denied: a rule could not be evaluated");
    }
    let published = request.published();
    let fault = match decision.visible {
        true => Fault::new(Reason::Forbidden, sentence(&published, request, decision)),
        false => unknown(&request.method, &published),
    };
    let needed = decision.missing().is_some_and(|missing| !missing.scopes.is_empty());
    let scopes = if needed { &decision.required[..] } else { &[] };
    let scopes = scopes.iter().map(|scope| scope.as_str().into()).collect();
    fault.refused(Refusal { scopes, ruling })
}

/// What is missing, as far as the caller may be told.
fn sentence(published: &str, request: &Request, decision: &Decision) -> String {
    let Some(missing) = decision.missing() else {
        let why: Vec<&str> = decision.told.iter().map(|why| &**why).collect();
        return match &why[..] {
            [] => format!("\"{published}\" is not permitted like this"),
            why => format!("\"{published}\" is not permitted like this: {}", why.join("; ")),
        };
    };
    let mut parts = Vec::new();
    if !missing.scopes.is_empty() {
        let plural = if missing.scopes.len() == 1 { "scope" } else { "scopes" };
        let held: Vec<&str> = request.who.caller.scopes.iter().map(|scope| &**scope).collect();
        let held = if held.is_empty() { "none".to_owned() } else { held.join(" ") };
        parts.push(format!("the {plural} {} (held: {held})", missing.scopes.join(" ")));
    }
    match &missing.roles[..] {
        [] => {}
        [role] => parts.push(format!("the role {role}")),
        roles => parts.push(format!("one of the roles {}", roles.join(", "))),
    }
    format!("\"{published}\" needs {}", parts.join(" and "))
}

/// Refuses what only a person could permit, where nobody can be asked.
pub(crate) fn nobody_to_ask(request: &Request, asked: Asked) -> Fault {
    let what = asked.questions().join("; ");
    let text = format!("\"{}\" needs the consent of a person: {what}", request.published());
    let refusal = Refusal { scopes: Vec::new(), ruling: asked.into_ruling() };
    Fault::new(Reason::Forbidden, text).refused(refusal)
}

#[cfg(test)]
mod tests;
