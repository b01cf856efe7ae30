//! One built gateway: immutable, swapped whole on reload.

use std::sync::Arc;
use std::time::Duration;

use crate::approval::held::Approvals;
use crate::bind::hidden::hide;
use crate::cache::answers::Cache;
use crate::call::{Reply, Request};
use crate::clock::Timestamp;
use crate::config::bind::Bindings;
use crate::config::{AuditReads, CacheScope, Checked, Kind, Server, ServerLimits, Sessions};
use crate::deadline::Bounds;
use crate::entries::kind_of_list;
use crate::fault::Fault;
use crate::fitting::Fitting;
use crate::metrics::{Counted, Metrics};
use crate::mirrors::Mirrors;
use crate::names::Names;
use crate::offered::Offered;
use crate::parking::lot::Parking;
use crate::pinned::{Pins, listed_by};
use crate::quota::limits::Limits;
use crate::recall::{Kept, Known};
use crate::routing::owners::Owners;
use crate::screening::held::Results;
use crate::screening::schemas::{Schemas, ToolSchemas};
use crate::screening::screen::Screen;
use crate::seal::Keyring;
use crate::store::{Keeping, Shared};
use crate::tasks::origins::Origins;
use crate::tasks::support::Support;
use crate::toolset::Toolset;
use crate::touched::Touched;
use crate::upstream::Upstream;
use crate::usage::{Quotas, Store};
use toolgate_audit::Books;
use toolgate_catalog::canonical::Hash;
use toolgate_catalog::definition::Kind as Listed;
use toolgate_catalog::lock::Lock;
use toolgate_policy::Kind as Named;
use toolgate_protocol::method::Method;
use toolgate_protocol::modern::Hint;

/// One server behind the gateway, with all that is decided about it. A clone is the same server.
#[derive(Clone)]
pub struct Route {
    /// Its name in the configuration.
    pub name: Arc<str>,
    /// The connector.
    pub upstream: Arc<dyn Upstream>,
    /// Its names, both ways.
    pub names: Arc<Names>,
    /// Arguments that the gateway gives to its tools.
    pub(crate) bindings: Arc<Bindings>,
    /// Whether all callers are one to it, so that what it lists for one it lists for all.
    pub shared: bool,
    /// How long it may take.
    pub bounds: Bounds,
    /// How often its tools may be called.
    pub limits: ServerLimits,
    /// Whether the gateway is ready without it.
    pub required: bool,
    /// What clients are told about keeping its results, where it does not say itself.
    pub hint: Hint,
    /// Its definitions as they were approved.
    pub pins: Arc<Pins>,
    /// Arguments of its tools that travel in headers too.
    pub mirrors: Arc<Mirrors>,
    /// What it has listed.
    pub offered: Arc<Offered>,
    /// What its lists are held to, where steps of workflows call its tools.
    pub(crate) fitting: Option<Arc<Fitting>>,
    /// Its tools that run only as tasks.
    pub tasks: Arc<Support>,
    /// What is checked in arguments and done to results; `None` for nothing.
    pub screen: Option<Arc<Screen>>,
    /// What its tools take and give, where that is checked.
    pub schemas: Arc<Schemas>,
    /// Answers of its tools that are kept; `None` for none.
    pub(crate) cache: Option<Arc<Cache>>,
    /// The counts of its calls.
    pub counted: Arc<Counted>,
    /// Whether reads go on that cannot be recorded.
    pub waives_records: bool,
}

impl Route {
    /// The route of a configured server through `upstream`.
    pub fn new(server: &Server, several: bool, upstream: Arc<dyn Upstream>) -> Route {
        Route {
            name: server.name.as_str().into(),
            upstream,
            names: Arc::new(Names::of(server, several)),
            bindings: Arc::new(server.bind.clone()),
            shared: server.sessions == Sessions::Shared,
            bounds: Bounds { silence: server.timeout, total: server.timeout_total },
            limits: server.limits.clone(),
            required: server.required,
            hint: Hint {
                ttl_ms: server.cache_ttl.as_millis() as u64,
                public: server.cache_scope == CacheScope::Public,
            },
            pins: Arc::new(Pins::new(server)),
            mirrors: Arc::default(),
            offered: Arc::default(),
            fitting: None,
            tasks: Arc::default(),
            screen: server.screen.clone(),
            schemas: Arc::default(),
            cache: server
                .cache
                .clone()
                .map(|rules| Arc::new(Cache::new(rules, server.sessions == Sessions::PerSession))),
            counted: Arc::default(),
            waives_records: server.audit_reads == AuditReads::BestEffort,
        }
    }

    /// Takes from a page of a list what was not approved, and what the client could not follow, and
    /// learns from the rest.
    pub(crate) fn study(&self, reply: Reply, request: &Request) -> Result<Reply, Fault> {
        let Some(kind) = listed_by(&request.method) else { return Ok(reply) };
        let named = kind_of_list(&request.method);
        let further = request.message.params().is_some_and(|it| it.get("cursor").is_some());
        let (pins, mirrors, tasks) = (self.pins.clone(), self.mirrors.clone(), self.tasks.clone());
        let (schemas, screen) = (self.schemas.clone(), self.screen.clone());
        let client = request.client.clone();
        let (bindings, offered) = (self.bindings.clone(), self.offered.clone());
        let cache = self.cache.clone();
        let fitting = self.fitting.clone().map(|it| (it, self.name.clone(), request.for_record()));
        reply.map_end(move |end| {
            let end = pins.page(kind, further, end)?;
            if kind != Listed::Tool {
                offered.learn(named, &end.message);
                return Ok(end);
            }
            mirrors.learn(&end.message, end.era);
            if let Some((fitting, server, request)) = fitting {
                fitting.page(&server, &request, &end.message);
            }
            if let Some(cache) = cache {
                cache.learn(&end.message);
            }
            let end = match screen {
                Some(screen) => screen.study(&schemas, end)?,
                None => end,
            };
            // Late: all others learn from the whole schemas.
            let end = hide(&bindings, tasks.study(end, &client)?)?;
            offered.learn(named, &end.message);
            Ok(end)
        })
    }

    /// Whether the server has shown that it has this tool: listed it, or answered a call.
    pub(crate) fn has_shown(&self, tool: &str) -> bool {
        self.offered.has_tool(tool) || self.counted.has_tool(tool)
    }

    /// What is known of what a tool takes and gives, by the server's own name.
    pub(crate) fn schema_of(&self, tool: &str) -> Option<Arc<ToolSchemas>> {
        self.schemas.of(tool)
    }

    /// How long an answer to this method may take.
    pub(crate) fn bounds_of(&self, method: &Method) -> Bounds {
        match method {
            // It blocks until the task has ended (2025-11-25, tasks: result retrieval).
            Method::TasksResult => Bounds { silence: self.bounds.total, ..self.bounds },
            _ => self.bounds,
        }
    }
}

/// What outlives a reload: keys, parked calls and counts.
#[derive(Clone)]
pub struct Lasting {
    /// The sealing keys.
    pub keys: Arc<Keyring>,
    /// Calls that wait for their client's answer.
    pub parking: Arc<Parking>,
    /// Counts.
    pub metrics: Arc<Metrics>,
    /// How much of each limit is used.
    pub limits: Arc<Limits>,
    /// What is shared with other replicas.
    pub store: Option<Arc<Shared>>,
    /// Texts that servers of our own keep.
    pub keeping: Arc<Keeping>,
    /// Calls that wait for consent.
    pub approvals: Arc<Approvals>,
    /// What was used within each day and month.
    pub usage: Arc<dyn Store>,
    /// The rest of results that were cut.
    pub results: Arc<Results>,
    /// What callers and sessions have touched.
    pub touched: Arc<Touched>,
    /// The tools that began the tasks we know of.
    pub origins: Arc<Origins>,
}

/// Enough of a hash to tell versions apart.
fn version(hash: &Hash) -> Box<str> {
    let text = hash.to_string();
    text.split(':').next_back().and_then(|digits| digits.get(..12)).unwrap_or_default().into()
}

/// The gateway.
pub struct Gateway {
    /// What it was built from.
    pub config: Arc<Checked>,
    /// The part of it that this is; `None` for the whole.
    toolset: Option<Arc<Toolset>>,
    /// The servers behind it, in the order of the configuration.
    pub routes: Vec<Route>,
    /// What outlives it.
    pub lasting: Lasting,
    /// How other replicas reach this one.
    pub replica: Option<Arc<str>>,
    /// Whether callers are told what is left of their limits.
    pub tells_limits: bool,
    /// Whether calls are on the meter.
    pub(crate) meters: bool,
    pub(crate) quotas: Quotas,
    catalog: Option<Box<str>>,
    /// Whether a server gets something made from the tokens of callers.
    pub needs_tokens: bool,
    /// Where requests are recorded, if they are.
    pub audit: Option<Books>,
    /// What is known of the tools that steps of workflows call, where lists tell of some.
    pub fitting: Option<Arc<Fitting>>,
    pub(crate) owners: Owners,
    pub(crate) kept: Kept,
    pub(crate) known: Known,
}

impl Gateway {
    /// A gateway in front of `routes`.
    pub fn new(config: Arc<Checked>, routes: Vec<Route>, lasting: Lasting) -> Gateway {
        let replica = config
            .replica
            .as_ref()
            .map(|replica| replica.url.to_string().trim_end_matches('/').into());
        let quotas = Quotas::of(&config.quotas);
        let has_limits =
            config.rate_limits.are_told() || routes.iter().any(|route| route.limits.are_told());
        let needs_tokens = config.needs_tokens();
        Gateway {
            tells_limits: has_limits || !quotas.is_empty() || config.rate_limits.http_429,
            meters: config.usage.file.is_some() || !quotas.is_empty(),
            quotas,
            config,
            toolset: None,
            catalog: None,
            needs_tokens,
            owners: Owners::of(routes.iter().map(|route| &*route.names)),
            routes,
            lasting,
            replica,
            audit: None,
            fitting: None,
            kept: Kept::default(),
            known: Known::default(),
        }
    }

    /// The same gateway, which holds servers to the definitions that `lock` approves.
    #[must_use]
    pub fn locked(mut self, lock: Option<&Lock>) -> Gateway {
        for (route, server) in self.routes.iter_mut().zip(self.config.servers()) {
            let deviations = self.lasting.metrics.deviations().clone();
            route.pins = Arc::new(Pins::new(server).locked(lock, deviations));
        }
        self.catalog = lock.map(|lock| version(&Hash::of(&lock.to_text())));
        self
    }

    /// Which set of approved definitions this gateway holds servers to: the beginning of the hash
    /// of the lock file. `None` when nothing is pinned.
    pub fn catalog_version(&self) -> Option<&str> {
        self.catalog.as_deref()
    }

    /// The same gateway, which records its requests here.
    #[must_use]
    pub fn audited(self, audit: Option<Books>) -> Gateway {
        Gateway { audit, ..self }
    }

    /// The same gateway, which holds steps of workflows to the lists of these servers.
    #[must_use]
    pub fn fitted(mut self, fitting: Option<Fitting>) -> Gateway {
        self.fitting = fitting.map(Arc::new);
        for route in &mut self.routes {
            route.fitting = self.fitting.clone().filter(|it| it.reads(&route.name));
        }
        self
    }

    /// The part of the same gateway that is in a toolset: nothing else exists there, and what is
    /// sealed there opens nowhere else.
    #[must_use]
    pub fn within(&self, toolset: &Arc<Toolset>) -> Gateway {
        let is_about = |route: &&Route| toolset.is_about(&route.name);
        let routes: Vec<Route> = self.routes.iter().filter(is_about).cloned().collect();
        let keys = Arc::new(self.lasting.keys.within(&toolset.name));
        Gateway {
            config: self.config.clone(),
            toolset: Some(toolset.clone()),
            owners: Owners::of(routes.iter().map(|route| &*route.names)),
            routes,
            lasting: Lasting { keys, ..self.lasting.clone() },
            replica: self.replica.clone(),
            tells_limits: self.tells_limits,
            meters: self.meters,
            quotas: Quotas::of(&self.config.quotas),
            catalog: self.catalog.clone(),
            needs_tokens: self.needs_tokens,
            audit: self.audit.clone(),
            fitting: self.fitting.clone(),
            kept: Kept::default(),
            known: Known::default(),
        }
    }

    /// The toolset that this is; `None` for the whole gateway.
    pub fn toolset(&self) -> Option<&Arc<Toolset>> {
        self.toolset.as_ref()
    }

    /// Whether some of what servers offer may be hidden: by rules, or as what is outside
    /// the toolset.
    pub(crate) fn hides(&self) -> bool {
        self.toolset.is_some() || self.config.policy().is_some()
    }

    /// Whether anything of this kind of a server could be shown here at all.
    pub(crate) fn may_offer(&self, route: &Route, kind: Named) -> bool {
        self.toolset.as_ref().is_none_or(|toolset| toolset.has_any(&route.name, kind))
    }

    /// The one server there is; `None` when there are several, and in a toolset, where not even one
    /// server is there as it is.
    pub fn only(&self) -> Option<&Route> {
        match (&self.toolset, &self.routes[..]) {
            (None, [only]) => Some(only),
            _ => None,
        }
    }

    /// What clients are told about keeping results, where the only server does not say itself.
    pub fn hint(&self) -> Hint {
        let hint = self.only().map_or(Hint::NONE, |route| route.hint);
        Hint { public: hint.public && !self.hides(), ..hint }
    }

    /// The server of this name.
    pub(crate) fn route_named(&self, name: &str) -> Option<&Route> {
        self.routes.iter().find(|route| *route.name == *name)
    }

    /// The sealing keys.
    pub fn keys(&self) -> &Keyring {
        &self.lasting.keys
    }

    /// Now.
    pub fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    /// Probes every required server, all at once.
    ///
    /// Returns the names of those that cannot be reached.
    pub async fn unready(&self, within: Duration) -> Vec<Arc<str>> {
        let probes: Vec<_> = self
            .routes
            .iter()
            .filter(|route| route.required)
            .map(|route| {
                let (name, upstream) = (route.name.clone(), route.upstream.clone());
                tokio::spawn(async move {
                    let probed = tokio::time::timeout(within, upstream.probe()).await;
                    match probed {
                        Ok(Ok(())) => None,
                        Ok(Err(fault)) => {
                            tracing::warn!(%fault, server = %name, "not ready");
                            Some(name)
                        }
                        Err(_) => {
                            tracing::warn!(server = %name, "not ready: no answer to the probe");
                            Some(name)
                        }
                    }
                })
            })
            .collect();
        let mut unready = Vec::new();
        for probe in probes {
            if let Ok(Some(name)) = probe.await {
                unready.push(name);
            }
        }
        unready
    }

    /// Ends all connections and processes.
    pub async fn close(&self) {
        self.close_except(&[]).await;
    }

    /// Ends those that another gateway does not go on with.
    pub async fn close_except(&self, kept: &[Arc<dyn Upstream>]) {
        let is_over =
            |route: &&Route| !kept.iter().any(|upstream| Arc::ptr_eq(upstream, &route.upstream));
        // Those that call others go first: what they still have to undo, the others have to do.
        let (callers, others): (Vec<_>, Vec<_>) =
            self.routes.iter().filter(is_over).partition(|route| self.calls_others(route));
        self.close_all(callers).await;
        self.close_all(others).await;
    }

    fn calls_others(&self, route: &Route) -> bool {
        let is_it = |server: &&Server| server.name.as_str() == &*route.name;
        let server = self.config.servers().iter().find(is_it);
        server.is_some_and(|server| matches!(server.kind, Kind::Workflow(_)))
    }

    async fn close_all(&self, routes: Vec<&Route>) {
        let closing: Vec<_> = routes
            .iter()
            .map(|route| {
                let upstream = route.upstream.clone();
                tokio::spawn(async move { upstream.close().await })
            })
            .collect();
        for closing in closing {
            let _ = closing.await;
        }
    }
}
