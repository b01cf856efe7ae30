//! Which server is a request for, and what does that server call the thing?

pub(crate) mod owners;

use std::borrow::Cow;
use std::sync::Arc;

use smallvec::SmallVec;
use toolgate_policy::Kind;
use toolgate_protocol::json::{Span, quote};
use toolgate_protocol::method::{Method, Target};

use crate::call::Request;
use crate::fault::{Fault, Reason};
use crate::gateway::{Gateway, Route};

impl Gateway {
    /// Finds the server of a request and edits the request to that server's own names.
    pub(crate) async fn route(&self, request: &mut Request) -> Result<&Route, Fault> {
        match request.method.target() {
            Target::Tool => self.route_tool(request).await,
            Target::Prompt => self.route_prompt(request),
            Target::Resource => self.route_resource(request),
            Target::Task => self.route_task(request).map(|(route, _)| route),
            Target::Reference => self.route_reference(request),
            Target::Nothing => self.only().ok_or_else(|| no_method(&request.method)),
        }
    }

    async fn route_tool(&self, request: &mut Request) -> Result<&Route, Fault> {
        let name = member(request, "name")?.into_owned();
        let unknown = || unknown(&Method::ToolsCall, &name);
        let candidates: SmallVec<[&Route; 4]> = self.candidates(&name).collect();
        if candidates.iter().any(|route| route.names.is_unknown_cut(&name)) {
            // A name that was cut on another replica, or before a restart.
            Box::pin(self.relist(&candidates, request)).await;
        }
        let mut owners: SmallVec<[(&Route, Arc<str>); 4]> = candidates
            .iter()
            .filter_map(|route| Some((*route, route.names.original_tool(&name)?)))
            .collect();
        if owners.len() > 1 {
            // Nobody is asked about what the caller could not use anyway.
            owners.retain(|(route, tool)| self.shows(&request.who, route, Kind::Tool, tool));
        }
        let (route, original) = match owners.len() {
            0 | 1 => owners.pop().ok_or_else(unknown)?,
            // Prefixes that begin alike: only the servers can tell whose it is.
            _ => {
                let all = owners.into_vec();
                Box::pin(self.owner_of_tool(all, request)).await?.ok_or_else(unknown)?
            }
        };
        rename(request, "name", &name, original);
        Ok(route)
    }

    fn route_prompt(&self, request: &mut Request) -> Result<&Route, Fault> {
        let name = member(request, "name")?.into_owned();
        let (route, original) = self.owner_of_prompt(&name)?;
        rename(request, "name", &name, original);
        Ok(route)
    }

    fn route_resource(&self, request: &mut Request) -> Result<&Route, Fault> {
        let uri = member(request, "uri")?.into_owned();
        let (route, original) =
            self.owner_of_uri(&uri).ok_or_else(|| unknown(&Method::ResourcesRead, &uri))?;
        rename(request, "uri", &uri, original);
        Ok(route)
    }

    /// Which server has the resource with this published URI, and what it calls it.
    pub(crate) fn owner_of_uri(&self, uri: &str) -> Option<(&Route, Arc<str>)> {
        let route = self.routes.get(self.owners.of_uri(uri)?)?;
        Some((route, route.names.original_uri(uri)?.as_ref().into()))
    }

    fn owner_of_prompt<'a>(&'a self, name: &str) -> Result<(&'a Route, Arc<str>), Fault> {
        self.candidates(name)
            .find_map(|route| Some((route, route.names.original_prompt(name)?)))
            .ok_or_else(|| unknown(&Method::PromptsGet, name))
    }

    /// The servers that may have something under this published name, the surest first.
    fn candidates<'a, 'n>(
        &'a self,
        name: &'n str,
    ) -> impl Iterator<Item = &'a Route> + use<'a, 'n> {
        self.owners.of_name(name).filter_map(|at| self.routes.get(at))
    }

    fn route_reference(&self, request: &mut Request) -> Result<&Route, Fault> {
        let (span, reference) = spanned_reference(request)?;
        if let Some(route) = self.only()
            && self.is_plain(route)
        {
            return Ok(route);
        }
        let (route, original) = match &reference {
            Reference::Template(uri) => {
                self.owner_of_uri(uri).ok_or_else(|| reference.unknown())?
            }
            Reference::Prompt(name) => self.owner_of_prompt(name)?,
        };
        request.edits.replace(span, quote(&original));
        Ok(route)
    }
}

/// What a completion is for, by its published name.
pub(crate) enum Reference {
    Prompt(String),
    Template(String),
}

impl Reference {
    /// The answer for what does not exist, or not for this caller.
    pub(crate) fn unknown(&self) -> Fault {
        match self {
            Reference::Prompt(name) => unknown(&Method::PromptsGet, name),
            Reference::Template(_) => Fault::new(Reason::NoResource, "unknown resource template"),
        }
    }
}

/// What a completion is for.
pub(crate) fn reference(request: &Request) -> Result<Reference, Fault> {
    spanned_reference(request).map(|(_, reference)| reference)
}

fn spanned_reference(request: &Request) -> Result<(Span, Reference), Fault> {
    let invalid = |what: &str| Fault::new(Reason::Invalid, what.to_owned());
    let params = request.message.params().ok_or_else(|| invalid("params are missing"))?;
    let reference = params
        .get("ref")
        .and_then(|value| value.object())
        .ok_or_else(|| invalid("params lack \"ref\""))?;
    let text = |name| {
        let value = reference.get(name)?;
        Some((value.span(), value.string()?.into_owned()))
    };
    if let Some((span, uri)) = text("uri") {
        return Ok((span, Reference::Template(uri)));
    }
    let (span, name) = text("name").ok_or_else(|| invalid("ref has neither name nor uri"))?;
    Ok((span, Reference::Prompt(name)))
}

/// The answer to a request for what does not exist, or not for this caller: there is one text for
/// both.
pub(crate) fn unknown(method: &Method, name: &str) -> Fault {
    match method.target() {
        Target::Prompt => Fault::new(Reason::Unknown, format!("unknown prompt: {name}")),
        Target::Resource => Fault::new(Reason::NoResource, format!("unknown resource: {name}"))
            .with_data(format!(r#"{{"uri":{}}}"#, quote(name))),
        Target::Nothing => not_permitted(name),
        _ => Fault::new(Reason::Unknown, format!("unknown tool: {name}")),
    }
}

/// The answer for a task that does not exist, or not for this caller.
pub(crate) fn unknown_task() -> Fault {
    Fault::new(Reason::Unknown, "unknown task")
}

/// The answer to a method that nobody has here.
pub(crate) fn no_method(method: &Method) -> Fault {
    Fault::new(Reason::NoMethod, format!("no method \"{}\" here", method.as_str()))
}

/// The answer to a method that MCP does not define and no rule permits, whether a server has it or
/// not.
pub(crate) fn not_permitted(name: &str) -> Fault {
    let text = format!("no rule permits the method \"{name}\", which is none of MCP");
    Fault::new(Reason::NoMethod, text)
}

pub(crate) fn member<'a>(request: &'a Request, name: &str) -> Result<Cow<'a, str>, Fault> {
    request
        .message
        .params()
        .and_then(|params| params.get(name)?.string())
        .ok_or_else(|| Fault::new(Reason::Invalid, format!("params lack \"{name}\"")))
}

pub(crate) fn rename(request: &mut Request, member: &str, published: &str, original: Arc<str>) {
    if *original == *published {
        return;
    }
    if let Some(value) = request.message.params().and_then(|params| params.get(member)) {
        request.edits.replace(value.span(), quote(&original));
    }
    request.target = Some(original);
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use toolgate_protocol::version::Version;

    use super::*;
    use crate::testing::{Fake, Said, client, gateway, request, told};

    fn echoing() -> Arc<Fake> {
        let capabilities = json!({ "tools": {}, "prompts": {}, "resources": {} });
        let fake = Fake::new(Version::V2026_07_28, &capabilities)
            .on("tools/call", |_| Said::Result(json!({ "content": [] })))
            .on("prompts/get", |_| Said::Result(json!({ "messages": [] })))
            .on("resources/read", |_| Said::Result(json!({ "contents": [] })))
            .on("tools/list", |_| Said::Result(json!({ "tools": [{ "name": "eu_find" }] })));
        Arc::new(fake)
    }

    /// What each server heard of one request, by the member that names the thing.
    async fn heard(
        servers: &[(&'static str, Arc<Fake>)],
        method: &str,
        member: &str,
        name: &str,
    ) -> Vec<(&'static str, String)> {
        let gateway = gateway(servers, "");
        let client = client(Version::V2026_07_28, &json!({}));
        let params = json!({ member: name });
        let _ = told(gateway.call(request(&client, method, params)).await).await;
        let named = |heard: serde_json::Value| heard["params"][member].as_str().map(str::to_owned);
        servers
            .iter()
            .flat_map(|(server, fake)| {
                fake.heard().into_iter().filter_map(named).map(move |name| (*server, name))
            })
            .collect()
    }

    #[tokio::test]
    async fn the_longest_prefix_that_fits_decides() {
        for (name, expected) in [
            ("crm_find", ("crm", "find")),
            ("billing_find", ("billing", "find")),
            ("billing_eu_find", ("billing_eu", "find")),
        ] {
            let servers = ["crm", "billing", "billing_eu"].map(|name| (name, echoing()));
            let prompts = heard(&servers, "prompts/get", "name", name).await;
            assert_eq!(prompts, [(expected.0, expected.1.to_owned())], "{name}");
        }
    }

    #[tokio::test]
    async fn where_prefixes_begin_alike_the_servers_say_whose_tool_it_is() {
        let servers = ["billing", "billing_eu"].map(|name| (name, echoing()));
        // Both offer "eu_find"; "billing_eu_find" can only be that of "billing".
        let calls = heard(&servers, "tools/call", "name", "billing_eu_find").await;
        assert_eq!(calls, [("billing", "eu_find".to_owned())]);
    }

    #[tokio::test]
    async fn a_uri_leads_to_the_server_in_front_of_the_plus_sign() {
        for (uri, expected) in [
            ("crm-eu+file:///a+b", ("crm_eu", "file:///a+b")),
            ("ui://crm-eu+app/view", ("crm_eu", "ui://app/view")),
        ] {
            let servers = ["crm_eu", "other"].map(|name| (name, echoing()));
            let reads = heard(&servers, "resources/read", "uri", uri).await;
            assert_eq!(reads, [(expected.0, expected.1.to_owned())], "{uri}");
        }
    }

    #[tokio::test]
    async fn what_nobody_owns_reaches_nobody() {
        for name in ["", "crm", "crmfind", "file:///a", "\u{e9}", "nobody+file:///a"] {
            for (method, member) in
                [("tools/call", "name"), ("prompts/get", "name"), ("resources/read", "uri")]
            {
                let servers = ["crm", "other"].map(|name| (name, echoing()));
                assert_eq!(heard(&servers, method, member, name).await, [], "{method} {name}");
            }
        }
    }
}
