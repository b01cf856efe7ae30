//! May this be called as it is defined now? Where nobody has looked yet, we look first.

use std::borrow::Cow;

use toolgate_catalog::definition::Kind;
use toolgate_protocol::json::quote;
use toolgate_protocol::jsonrpc;
use toolgate_protocol::method::Method;
use toolgate_screen::schema::Compiled;

use super::Admission;
use crate::authorize::Permit;
use crate::call::Request;
use crate::fanout::refused;
use crate::fault::{Fault, Reason};
use crate::gateway::{Gateway, Route};
use crate::screening;

/// Pages that are read; a list that goes on is taken as read, so that a call waits no longer.
const MOST_PAGES: usize = 1000;

impl Gateway {
    /// Refuses what is not as approved.
    ///
    /// # Errors
    /// When it is hidden, when its arguments do not keep to what was approved, or when nobody can
    /// tell because its server does not.
    pub(crate) async fn definition(&self, route: &Route, request: &Request) -> Result<(), Fault> {
        let Some((kind, name)) = subject(route, request) else { return Ok(()) };
        let mut admission = route.pins.admits(kind, &name);
        if matches!(admission, Admission::Unlisted) {
            // Once for each server and list, so all other calls need no room for it.
            Box::pin(self.survey(route, request, kind)).await?;
            admission = route.pins.admits(kind, &name);
        }
        match admission {
            Admission::Granted | Admission::Unlisted => Ok(()),
            Admission::Hidden => Err(hidden(kind, request)),
            Admission::AsApproved(definition, schema) => {
                let schema = schema.filter(|_| kind == Kind::Tool);
                if kind != Kind::Tool || definition.member("inputSchema").is_none() {
                    return Ok(());
                }
                let unchecked = "the tool has changed, and the schema that was approved cannot be checked against (ask the operator to run toolgate approve)";
                let schema = schema.ok_or_else(|| Fault::new(Reason::Invalid, unchecked))?;
                keeps_to(schema, request)
            }
        }
    }

    /// Reads a list to its end. What the pins make of it is remembered as it passes.
    async fn survey(&self, route: &Route, request: &Request, kind: Kind) -> Result<(), Fault> {
        let method = match kind {
            Kind::Tool => Method::ToolsList,
            Kind::Prompt => Method::PromptsList,
            Kind::Resource => Method::ResourcesList,
            Kind::Template => Method::TemplatesList,
            // They are in no list.
            Kind::Instructions => return Ok(()),
        };
        let mut params = "{}".to_owned();
        for _ in 0..MOST_PAGES {
            let page = request.asking(method.clone(), &params)?;
            // Fail closed: a definition that nobody can see is not the approved one.
            let end =
                self.send(&Permit::to_list(&page)?, route, &page).await.map_err(Fault::unsent)?;
            let end = end.end().await.map_err(Fault::unsent)?;
            if end.message.kind() == jsonrpc::Kind::Error {
                return Err(refused(route, &end.message).unsent());
            }
            let next = end.message.result_object();
            let next = next.and_then(|result| result.get("nextCursor")?.string());
            let Some(next) = next else { break };
            params = format!(r#"{{"cursor":{}}}"#, quote(&next));
        }
        route.pins.write().complete(kind);
        Ok(())
    }
}

/// What a request names, by its server's own name.
fn subject<'a>(route: &Route, request: &'a Request) -> Option<(Kind, Cow<'a, str>)> {
    match request.method {
        Method::ToolsCall => Some((Kind::Tool, request.named()?)),
        Method::PromptsGet => Some((Kind::Prompt, request.named()?)),
        Method::Complete => {
            let reference = request.message.params()?.get("ref")?.object()?;
            let text = |name| reference.get(name)?.string();
            if let Some(uri) = text("uri") {
                return Some((Kind::Template, route.names.original_uri(&uri)?.into_owned().into()));
            }
            let name = route.names.original_prompt(&text("name")?)?;
            Some((Kind::Prompt, Cow::Owned(name.as_ref().to_owned())))
        }
        _ => None,
    }
}

/// The same words as for what never was there.
fn hidden(kind: Kind, request: &Request) -> Fault {
    if kind == Kind::Template {
        return Fault::new(Reason::NoResource, "unknown resource template");
    }
    let params = request.message.params();
    let named = params.as_ref().and_then(|params| match params.get("ref") {
        Some(reference) => reference.object()?.get("name")?.string(),
        None => params.get("name")?.string(),
    });
    Fault::new(Reason::Unknown, format!("unknown {kind}: {}", named.unwrap_or_default()))
}

fn keeps_to(schema: &Compiled, request: &Request) -> Result<(), Fault> {
    schema.check(&screening::arguments(request)?).map_err(|hints| screening::refused(&hints))
}
