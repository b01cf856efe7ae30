//! The life of a call, in order.

use std::sync::Arc;
use std::time::{Duration, Instant};

use toolgate_protocol::client::key;
use toolgate_protocol::json::quote;
use toolgate_protocol::jsonrpc::{Message, codes};
use toolgate_protocol::method::Method;
use toolgate_protocol::version::{Era, Version};

use crate::approval::{Carried, Consented};
use crate::authorize::{Authorized, Permit};
use crate::cache::Asked;
use crate::call::{End, Frames, Reply, Request};
use crate::context;
use crate::deadline::bounded;
use crate::fault::{Fault, Reason};
use crate::gateway::{Gateway, Route};
use crate::metrics::counting::Measured;
use crate::rewrite::Rewritten;
use crate::screening::{Screened, is_kept};

impl Gateway {
    /// Answers one request of either era. `subscriptions/listen` is not among them: it is no
    /// call, and [`Gateway::subscribe`] serves it.
    ///
    /// # Errors
    /// When no server can be asked, or it fails before it answers.
    pub async fn call(self: &Arc<Self>, mut request: Box<Request>) -> Result<Reply, Fault> {
        context::strip(&request.message, &mut request.edits);
        // What asks servers on the way to its own request is recorded before that.
        let is_kept = request.method == Method::ResourcesRead && is_kept(&request);
        if request.method == Method::Discover || request.method.is_task() || is_kept {
            request.record.reserve().await?;
        }
        // What is rarely asked for is boxed, so that a plain call does not carry its weight.
        match &request.method {
            Method::Discover => return Box::pin(self.discover(&request)).await,
            method if method.is_list() => return Box::pin(self.list(request)).await,
            method if method.is_task() => return Box::pin(self.task(request)).await,
            Method::ResourcesRead if is_kept => return self.read_kept(&request),
            _ => {}
        }
        let route = self.route(&mut request).await?;
        let authorized = self.authorize(route, &request)?;
        self.exists(route, &request).await?;
        let (permit, consent) = match authorized {
            Authorized::Permit(permit) => (permit, Carried::default()),
            Authorized::Ask(asked) => {
                match Box::pin(self.consent(route, &mut request, asked)).await {
                    Ok(Consented::Yes(permit, carried)) => (permit, carried),
                    Ok(Consented::Asked(reply)) => return Ok(*reply),
                    Err(fault) => {
                        self.lasting.metrics.begin(route, &request).fail(&fault, Duration::ZERO);
                        return Err(fault);
                    }
                }
            }
        };
        request.permitted(&permit);
        if request.method != Method::ToolsCall {
            self.definition(route, &request).await?;
            let reply = self.send(&permit, route, &request).await?;
            return self.carry(consent, reply);
        }
        let admitted = match self.admit(route, &request).await {
            Ok(admitted) => admitted,
            Err(fault) => {
                self.lasting.metrics.begin(route, &request).fail(&fault, Duration::ZERO);
                Box::pin(self.keep_consent(consent)).await;
                return Err(fault);
            }
        };
        let bound = self.bind(route, &mut request);
        let reply = match bound {
            Ok(()) => self.call_tool(&permit, route, request).await,
            Err(fault) => {
                self.lasting.metrics.begin(route, &request).fail(&fault, Duration::ZERO);
                Err(fault)
            }
        };
        let reply = admitted.follow(reply).await?;
        self.carry(consent, reply)
    }

    /// Calls a tool: as a task if it must be, with the headers that a modern server checks its
    /// arguments against.
    async fn call_tool(
        self: &Arc<Self>,
        permit: &Permit,
        route: &Route,
        mut request: Box<Request>,
    ) -> Result<Reply, Fault> {
        self.definition(route, &request).await?;
        self.validate(route, &request).await.inspect_err(|fault| {
            self.lasting.metrics.begin(route, &request).fail(fault, Duration::ZERO);
        })?;
        let binds = route.binds(&request);
        // The headers of a call whose arguments were bound are ours.
        let are_its_own = request.client.era() == Era::Modern && !binds;
        if are_its_own {
            route.mirrors.check(&request)?;
        }
        // From here on bytes of the call may leave.
        request.record.reserve().await?;
        let start = Instant::now();
        match self.must_become_task(route, &request).await {
            Ok(false) => {}
            Ok(true) => return Box::pin(self.call_as_task(permit, route, request)).await,
            Err(fault) => {
                // Its server was never reached: a failed call all the same, to be counted as one.
                self.lasting.metrics.begin(route, &request).fail(&fault, start.elapsed());
                return Err(fault);
            }
        }
        if are_its_own {
            return self.send(permit, route, &request).await;
        }
        route.mirrors.renew(&mut request);
        let reply = self.send(permit, route, &request).await?;
        if !is_mismatch(&reply) {
            return route.scrub(&request, reply);
        }
        drop(reply);
        Box::pin(self.call_anew(permit, route, request)).await
    }

    /// Calls a tool again that was refused before it ran: what we knew of its schema was old, or
    /// nothing yet.
    async fn call_anew(
        self: &Arc<Self>,
        permit: &Permit,
        route: &Route,
        mut request: Box<Request>,
    ) -> Result<Reply, Fault> {
        self.relist(&[route], &request).await;
        route.mirrors.renew(&mut request);
        let reply = self.send(permit, route, &request).await?;
        route.scrub(&request, reply)
    }

    /// Sends a routed request that may be sent to its server: measured, bounded in time, its names
    /// translated. There is no other way to a server.
    pub(crate) async fn send(
        &self,
        permit: &Permit,
        route: &Route,
        request: &Request,
    ) -> Result<Reply, Fault> {
        let asked = self.asked(route, request);
        if let Asked::Before(answer) = asked {
            self.touch(permit, &request.who);
            let end = self.screened(route, request, answer.given_again()?)?;
            return Ok(Reply::Whole(self.translate(route, request, end)?));
        }
        // Whoever asks around before its own turn is recorded now.
        request.record.reserve_for(route, &request.method).await?;
        self.touch(permit, &request.who);
        let start = Instant::now();
        let counters = self.lasting.metrics.begin(route, request);
        let bounds = route.bounds_of(&request.method);
        let mut reply = bounded(&route.name, bounds, route.upstream.call(request)).await;
        if request.method.is_list() {
            reply = reply.and_then(|reply| route.study(reply, request));
        }
        let reply = reply.map(|reply| asked.followed_by(reply));
        match reply {
            Ok(Reply::Whole(end)) => {
                counters.finish(&end, start.elapsed());
                let end = self.screened(route, request, end)?;
                Ok(Reply::Whole(self.translate(route, request, end)?))
            }
            Ok(reply) => {
                let reply = Measured::new(reply, counters, start);
                let reply: Box<dyn Frames> = match Screened::new(reply, self, route, request) {
                    Ok(screened) => Box::new(screened),
                    Err(plain) => Box::new(plain),
                };
                let reply = Reply::Stream(reply);
                if self.is_plain(route) {
                    return Ok(reply);
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
        !self.hides() && route.names.leaves_uris_alone() && route.names.leaves_names_alone()
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
        format!(r#""_meta":{{"{}":{}}}"#, key::SERVER, self.server_info(Version::NEWEST))
    }

    /// Our `serverInfo`, for a client of this revision.
    pub fn server_info(&self, version: Version) -> String {
        let toolset = self.toolset();
        let title = toolset.and_then(|it| it.title.as_ref()).or(self.config.title.as_ref());
        let title = title.map(|title| format!(r#","title":{}"#, quote(title))).unwrap_or_default();
        // Implementations are described since 2025-11-25.
        let described = toolset.filter(|_| version >= Version::V2025_11_25);
        let description = described
            .and_then(|toolset| toolset.description.as_ref())
            .map(|text| format!(r#","description":{}"#, quote(text)))
            .unwrap_or_default();
        format!(
            r#"{{"name":{}{title}{description},"version":{}}}"#,
            quote(&self.config.name),
            quote(self.config.version().unwrap_or(env!("CARGO_PKG_VERSION")))
        )
    }
}

fn is_mismatch(reply: &Reply) -> bool {
    let Reply::Whole(end) = reply else { return false };
    let code = end.message.error().and_then(|error| error.get("code")?.as_i64());
    end.era == Era::Modern && code == Some(codes::HEADER_MISMATCH)
}
