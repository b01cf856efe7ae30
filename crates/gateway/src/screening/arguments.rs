//! Do the arguments of a call keep to the tool's schema and to what the operator allows?

use std::sync::Arc;

use bytes::Bytes;
use toolgate_protocol::json::quote;
use toolgate_protocol::jsonrpc::Message;
use toolgate_screen::schema::Hint;

use super::{Screen, ToolSchemas};
use crate::call::Request;
use crate::config::Misfits;
use crate::fault::{Fault, Reason};
use crate::gateway::{Gateway, Route};
use crate::routing::member;

impl Gateway {
    /// Checks the arguments of a routed call, as they will reach the server.
    ///
    /// # Errors
    /// With what to change.
    pub(crate) async fn validate(&self, route: &Route, request: &Request) -> Result<(), Fault> {
        let Some(screen) = &route.screen else { return Ok(()) };
        if screen.misfits() != Misfits::Pass {
            // When its result has come it is too late to ask.
            let tool = request.named().unwrap_or_default();
            let _ = Box::pin(self.schema_of(route, request, &tool)).await;
        }
        if !screen.reads_arguments() {
            return Ok(());
        }
        let arguments = arguments(request)?;
        if let Some(bounds) = &screen.bounds {
            let tool = member(request, "name")?;
            bounds.check(&tool, &arguments).map_err(|hints| refused(&hints))?;
        }
        if screen.validates_arguments() {
            return Box::pin(self.fits_schema(route, screen, request, &arguments)).await;
        }
        Ok(())
    }

    async fn fits_schema(
        &self,
        route: &Route,
        screen: &Screen,
        request: &Request,
        arguments: &[u8],
    ) -> Result<(), Fault> {
        let tool = request.named().unwrap_or_default();
        let known = self.schema_of(route, request, &tool).await;
        let Err(hints) = check(known.as_ref(), screen, &tool, arguments)? else { return Ok(()) };
        // The server may have changed the tool since it was listed: then what it wants now counts.
        let is_new = || !is_same(route.schema_of(&tool).as_ref(), known.as_ref());
        route.schemas.look(is_new, || self.list_again(route, request)).await;
        let now = route.schema_of(&tool);
        if is_same(now.as_ref(), known.as_ref()) {
            return Err(refused(&hints));
        }
        check(now.as_ref(), screen, &tool, arguments)?.map_err(|hints| refused(&hints))
    }

    /// The schemas of a tool; a server that was not asked yet is asked once.
    pub(super) async fn schema_of(
        &self,
        route: &Route,
        request: &Request,
        tool: &str,
    ) -> Option<Arc<ToolSchemas>> {
        if let Some(known) = route.schema_of(tool) {
            return Some(known);
        }
        let is_known = || route.schema_of(tool).is_some();
        route.schemas.look(is_known, || self.list_again(route, request)).await;
        route.schema_of(tool)
    }

    async fn list_again(&self, route: &Route, request: &Request) {
        self.relist(&[route], request).await;
    }
}

fn is_same(one: Option<&Arc<ToolSchemas>>, other: Option<&Arc<ToolSchemas>>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => Arc::ptr_eq(one, other),
        (one, other) => one.is_none() && other.is_none(),
    }
}

/// The inner error is what to change; the outer one that nobody can say.
fn check(
    known: Option<&Arc<ToolSchemas>>,
    screen: &Screen,
    tool: &str,
    arguments: &[u8],
) -> Result<Result<(), Vec<Hint>>, Fault> {
    let why = match known.map(|schemas| schemas.input()) {
        Some(Ok(schema)) => return Ok(schema.check(arguments)),
        Some(Err(error)) => error.to_string(),
        None => "the server does not list it".to_owned(),
    };
    if screen.refuses_unlisted() {
        let text = format!("tool \"{tool}\" is not called: its schema is not known");
        return Err(Fault::new(Reason::Unchecked, text).because(why));
    }
    tracing::debug!(tool, why, "arguments are passed on unchecked");
    Ok(Ok(()))
}

/// The arguments as they will leave: with what was decided to be changed in them.
pub(crate) fn arguments(request: &Request) -> Result<Bytes, Fault> {
    let none = || Bytes::from_static(b"{}");
    let Some(params) = request.message.params() else { return Ok(none()) };
    let found = params.get("arguments");
    let is_changed = match &found {
        Some(value) => request.edits.touches(value.span()),
        None => !request.edits.is_empty(),
    };
    if !is_changed {
        return Ok(found.map_or_else(none, |value| request.message.slice(value.span())));
    }
    let bytes = request.edits.apply(request.message.bytes());
    let message = Message::scan_reply(bytes, &Default::default()).map_err(|error| {
        Fault::new(Reason::Internal, "an edited request is malformed").because(error)
    })?;
    let value = message.params().and_then(|params| params.get("arguments"));
    Ok(value.map_or_else(none, |value| message.slice(value.span())))
}

/// What the model is told to do about arguments that do not fit.
pub fn refused(hints: &[Hint]) -> Fault {
    let told: Vec<_> = hints.iter().map(Hint::to_string).collect();
    let text = format!("the arguments are not what the tool takes: {}", told.join("; "));
    let hints: Vec<_> = hints.iter().map(hint).collect();
    Fault::new(Reason::Arguments, text).with_hints(format!("[{}]", hints.join(",")))
}

/// One entry of `paramHints`.
fn hint(hint: &Hint) -> String {
    let mut out = format!(
        r#"{{"path":{},"problem":{},"expected":{}"#,
        quote(&hint.pointer),
        quote(&hint.problem),
        quote(&hint.fix)
    );
    if let Some(found) = hint.found {
        out.push_str(&format!(r#","found":"{found}""#));
    }
    if let Some(suggestion) = &hint.suggestion {
        out.push_str(&format!(r#","suggestion":{}"#, quote(suggestion)));
    }
    out.push('}');
    out
}
