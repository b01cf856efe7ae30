//! The life of a call, in order.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Instant;

use toolgate_protocol::client::key;
use toolgate_protocol::json::quote;
use toolgate_protocol::jsonrpc::{Message, codes};
use toolgate_protocol::method::{Method, Target};
use toolgate_protocol::version::Era;

use crate::call::{End, Reply, Request};
use crate::deadline::bounded;
use crate::fault::{Fault, Reason};
use crate::gateway::{Gateway, Route};
use crate::metrics::Measured;
use crate::rewrite::Rewritten;

impl Gateway {
    /// Answers one request of either era. `subscriptions/listen` is not among them: it is no
    /// call, and [`Gateway::subscribe`] serves it.
    ///
    /// # Errors
    /// When no server can be asked, or it fails before it answers.
    pub async fn call(self: &Arc<Self>, mut request: Request) -> Result<Reply, Fault> {
        // What is rarely asked for is boxed, so that a plain call does not carry its weight.
        match &request.method {
            Method::Discover => return Box::pin(self.discover(&request)).await,
            method if method.is_list() => return Box::pin(self.list(request)).await,
            method if method.is_task() => return Box::pin(self.task(request)).await,
            _ => {}
        }
        let route = self.route(&mut request).await?;
        if request.method == Method::ToolsCall {
            return self.call_tool(route, request).await;
        }
        self.send(route, &request).await
    }

    /// Calls a tool: as a task if it must be, with the headers that a modern server checks its
    /// arguments against.
    async fn call_tool(
        self: &Arc<Self>,
        route: &Route,
        mut request: Request,
    ) -> Result<Reply, Fault> {
        let is_modern = request.client.era() == Era::Modern;
        if is_modern {
            route.mirrors.check(&request)?;
        }
        let start = Instant::now();
        match self.must_become_task(route, &request).await {
            Ok(false) => {}
            Ok(true) => return Box::pin(self.call_as_task(route, request)).await,
            Err(fault) => {
                // Its server was never reached: a failed call all the same, to be counted as one.
                self.lasting.metrics.begin(route, &request).fail(&fault, start.elapsed());
                return Err(fault);
            }
        }
        if is_modern {
            return self.send(route, &request).await;
        }
        request.params_headers = route.mirrors.headers(&request);
        let reply = self.send(route, &request).await?;
        match reply {
            Reply::Whole(end) if is_mismatch(&end) => {
                // Refused before it ran, so it may be sent again: what we knew of the tool's
                // schema was old, or nothing yet.
                Box::pin(self.relist(&[route], &request)).await;
                request.params_headers = route.mirrors.headers(&request);
                self.send(route, &request).await
            }
            reply => Ok(reply),
        }
    }

    /// Sends a routed request to its server: measured, bounded in time, its names translated.
    pub(crate) async fn send(&self, route: &Route, request: &Request) -> Result<Reply, Fault> {
        let start = Instant::now();
        let counters = self.lasting.metrics.begin(route, request);
        let bounds = route.bounds_of(&request.method);
        let mut reply = bounded(&route.name, bounds, route.upstream.call(request)).await;
        if request.method == Method::ToolsList {
            reply = reply.and_then(|reply| route.study(reply, &request.client));
        }
        match reply {
            Ok(Reply::Whole(end)) => {
                counters.finish(&end, start.elapsed());
                Ok(Reply::Whole(self.translate(route, request, end)?))
            }
            Ok(reply) => {
                let reply = Measured::new(reply, counters, start);
                if self.is_plain(route) {
                    return Ok(Reply::Stream(Box::new(reply)));
                }
                Ok(Reply::Stream(Box::new(Rewritten::new(reply, self, route, request))))
            }
            Err(fault) => {
                counters.fail(&fault, start.elapsed());
                Err(fault)
            }
        }
    }

    /// Whether what a server answers needs no translation of names.
    pub(crate) fn is_plain(&self, route: &Route) -> bool {
        route.names.leaves_uris_alone() && route.names.leaves_names_alone()
    }

    /// Finds the server of a request and edits the request to that server's own names.
    async fn route(&self, request: &mut Request) -> Result<&Route, Fault> {
        match request.method.target() {
            Target::Tool => self.route_tool(request).await,
            Target::Prompt => self.route_prompt(request),
            Target::Resource => self.route_resource(request),
            Target::Task => self.route_task(request).map(|(route, _)| route),
            Target::Reference => self.route_reference(request),
            Target::Nothing => self.only().ok_or_else(|| {
                Fault::new(
                    Reason::NoMethod,
                    format!("no method \"{}\" here", request.method.as_str()),
                )
            }),
        }
    }

    async fn route_tool(&self, request: &mut Request) -> Result<&Route, Fault> {
        let name = member(request, "name")?.into_owned();
        let unknown = || Fault::new(Reason::Unknown, format!("unknown tool: {name}"));
        let mut candidates: Vec<&Route> =
            self.routes.iter().filter(|route| route.names.may_own(&name)).collect();
        candidates.sort_by_key(|route| std::cmp::Reverse(route.names.prefix_len()));
        if candidates.iter().any(|route| route.names.is_unknown_cut(&name)) {
            // A name that was cut on another replica, or before a restart.
            Box::pin(self.relist(&candidates, request)).await;
        }
        let mut owners =
            candidates.iter().filter_map(|route| Some((*route, route.names.original_tool(&name)?)));
        let (route, original) = match (owners.next(), owners.next()) {
            (None, _) => return Err(unknown()),
            (Some(only), None) => only,
            // Prefixes that begin alike: only the servers can tell whose it is.
            (Some(first), Some(second)) => {
                let all: Vec<_> = [first, second].into_iter().chain(owners).collect();
                Box::pin(self.owner_of_tool(all, request)).await.ok_or_else(unknown)?
            }
        };
        rename(request, "name", &name, original);
        Ok(route)
    }

    fn route_prompt(&self, request: &mut Request) -> Result<&Route, Fault> {
        let name = member(request, "name")?.into_owned();
        let (route, original) = self
            .routes
            .iter()
            .filter(|route| route.names.may_own(&name))
            .max_by_key(|route| route.names.prefix_len())
            .and_then(|route| Some((route, route.names.original_prompt(&name)?)))
            .ok_or_else(|| Fault::new(Reason::Unknown, format!("unknown prompt: {name}")))?;
        rename(request, "name", &name, original);
        Ok(route)
    }

    fn route_resource(&self, request: &mut Request) -> Result<&Route, Fault> {
        let uri = member(request, "uri")?.into_owned();
        let (route, original) = self.owner_of_uri(&uri).ok_or_else(|| {
            Fault::new(Reason::NoResource, format!("unknown resource: {uri}"))
                .with_data(format!(r#"{{"uri":{}}}"#, quote(&uri)))
        })?;
        rename(request, "uri", &uri, original);
        Ok(route)
    }

    /// Which server has the resource with this published URI, and what it calls it.
    pub(crate) fn owner_of_uri(&self, uri: &str) -> Option<(&Route, Arc<str>)> {
        self.routes.iter().find_map(|route| {
            route.names.original_uri(uri).map(|original| (route, original.as_ref().into()))
        })
    }

    fn route_reference(&self, request: &mut Request) -> Result<&Route, Fault> {
        let invalid = |what: &str| Fault::new(Reason::Invalid, what.to_owned());
        let params = request.message.params().ok_or_else(|| invalid("params are missing"))?;
        let reference = params
            .get("ref")
            .and_then(|value| value.object())
            .ok_or_else(|| invalid("params lack \"ref\""))?;
        if let Some(route) = self.only()
            && self.is_plain(route)
        {
            return Ok(route);
        }
        let text =
            |name| reference.get(name).and_then(|value| Some((value.span(), value.string()?)));
        if let Some((span, uri)) = text("uri") {
            let (route, original) = self
                .owner_of_uri(&uri)
                .ok_or_else(|| Fault::new(Reason::NoResource, "unknown resource template"))?;
            request.edits.replace(span, quote(&original));
            return Ok(route);
        }
        let (span, name) = text("name").ok_or_else(|| invalid("ref has neither name nor uri"))?;
        let (route, original) = self
            .routes
            .iter()
            .filter(|route| route.names.may_own(&name))
            .max_by_key(|route| route.names.prefix_len())
            .and_then(|route| Some((route, route.names.original_prompt(&name)?)))
            .ok_or_else(|| Fault::new(Reason::Unknown, "unknown prompt"))?;
        request.edits.replace(span, quote(&original));
        Ok(route)
    }

    /// A result of our own making.
    pub(crate) fn own_result(&self, request: &Request, result: &str) -> Result<Reply, Fault> {
        let id = request.message.id().unwrap_or("null");
        let bytes = toolgate_protocol::jsonrpc::result(id, result);
        let message = Message::scan_reply(bytes, &Default::default()).map_err(|error| {
            Fault::new(Reason::Internal, "a result of our own is malformed").because(error)
        })?;
        Ok(Reply::Whole(End { message, era: Era::Modern, status: None }))
    }

    /// The `_meta` member that names us on results of our own.
    pub(crate) fn signature(&self) -> String {
        format!(r#""_meta":{{"{}":{}}}"#, key::SERVER, self.server_info())
    }

    /// Our `serverInfo`.
    pub fn server_info(&self) -> String {
        let title = self
            .config
            .title
            .as_ref()
            .map(|title| format!(r#","title":{}"#, quote(title)))
            .unwrap_or_default();
        format!(
            r#"{{"name":{}{title},"version":"{}"}}"#,
            quote(&self.config.name),
            env!("CARGO_PKG_VERSION")
        )
    }
}

fn is_mismatch(end: &End) -> bool {
    let code = end.message.error().and_then(|error| error.get("code")?.as_i64());
    end.era == Era::Modern && code == Some(codes::HEADER_MISMATCH)
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
