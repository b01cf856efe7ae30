//! How many calls, how long, how large, how they ended: per server and tool, for Prometheus.
//!
//! A tool has a label once its server has listed it or answered a call of it without a failure. Until
//! then its calls share one, so that names that callers make up take nothing from those of tools.

pub(crate) mod counting;
mod render;

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use toolgate_audit::Health;
use toolgate_protocol::method::Method;

use crate::config::Metric;
use crate::pinned::Deviations;
use crate::store::Shared;
use crate::usage::{Amount, What};

/// Tools told apart at most; the rest share one label, so that no server can fill the memory
/// of whoever reads the metrics.
const MOST_TOOLS: usize = 5_000;
/// Tenants told apart at most.
const MOST_TENANTS: usize = 200;
/// The label of the tools beyond, and of what nobody knows to be one.
const OTHER: &str = "other";

/// Seconds: from what a loopback call takes to what a person waits.
const SECONDS: [f64; 14] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0];
/// Bytes.
const BYTES: [f64; 8] =
    [256.0, 1024.0, 4096.0, 16384.0, 65536.0, 262_144.0, 1_048_576.0, 16_777_216.0];

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct CallLabels {
    server: Arc<str>,
    method: Arc<str>,
    tool: Arc<str>,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ErrorLabels {
    server: Arc<str>,
    method: Arc<str>,
    tool: Arc<str>,
    category: Arc<str>,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ServerLabels {
    server: Arc<str>,
}

/// The counts of one kind of call, found once.
#[derive(Clone)]
struct Counters {
    calls: Counter,
    seconds: Histogram,
    sizes: Histogram,
    in_flight: Gauge,
    labels: CallLabels,
}

/// The counts of the calls of one server, by method and tool.
#[derive(Default)]
pub struct Counted {
    tools: Known,
    others: OnceLock<Arc<Counters>>,
    methods: Known,
}

impl Counted {
    /// Whether a tool of this name has counts of its own.
    pub(crate) fn has_tool(&self, name: &str) -> bool {
        find(&self.tools, name).is_some()
    }
}

/// A tool that its server has not shown to be one.
struct Unproven {
    metrics: Arc<Metrics>,
    server: Arc<str>,
    counted: Arc<Counted>,
    tool: Box<str>,
}

type Known = RwLock<HashMap<Box<str>, Arc<Counters>>>;

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct UsageLabels {
    tenant: Arc<str>,
    server: Arc<str>,
}

/// All counts of the process.
pub struct Metrics {
    /// What each choice of the configuration shows.
    registries: Vec<(Metric, Registry)>,
    calls: Family<CallLabels, Counter>,
    errors: Family<ErrorLabels, Counter>,
    seconds: Family<CallLabels, Histogram>,
    sizes: Family<CallLabels, Histogram>,
    in_flight: Family<ServerLabels, Gauge>,
    processes: Family<ServerLabels, Gauge>,
    upstream_sessions: Family<ServerLabels, Gauge>,
    idle_connections: Family<ServerLabels, Gauge>,
    sessions: Gauge,
    parked: Gauge,
    deviations: Deviations,
    misfits: Family<ServerLabels, Gauge>,
    tools: Mutex<HashSet<(Arc<str>, Arc<str>)>>,
    usage: UsageFamilies,
    tenants: Mutex<HashSet<Arc<str>>>,
    audit: Audited,
    store: Stored,
    kept: KeptAnswers,
}

/// Questions whose answers may be kept: those answered so, and the others.
#[derive(Clone, Default)]
struct KeptAnswers {
    hits: Family<ServerLabels, Counter>,
    misses: Family<ServerLabels, Counter>,
}

/// How the store that replicas share does.
#[derive(Default)]
struct Stored {
    failures: Counter,
    alone: Counter,
}

impl Stored {
    fn register(&self, registry: &mut Registry) {
        for (name, help, counter) in [
            ("store_failures", "Questions that the shared store did not answer", &self.failures),
            ("store_alone", "Calls counted by this replica alone", &self.alone),
        ] {
            registry.register(name, help, counter.clone());
        }
    }

    fn read(&self, store: &Shared) {
        self.failures.inner().store(store.failures(), Ordering::Relaxed);
        self.alone.inner().store(store.alone(), Ordering::Relaxed);
    }
}

/// What tenants used.
#[derive(Clone, Default)]
struct UsageFamilies {
    calls: Family<UsageLabels, Counter>,
    errors: Family<UsageLabels, Counter>,
    cost: Family<UsageLabels, Counter>,
    bytes: Family<UsageLabels, Counter>,
    seconds: Family<UsageLabels, Counter<f64, AtomicU64>>,
}

/// How the writing of audit records goes.
#[derive(Default)]
struct Audited {
    healthy: Gauge,
    waiting: Gauge,
    written: Counter,
    unrecorded: Counter,
    waived: Counter,
    counted: Counter,
    lost: Counter,
}

impl Audited {
    fn register(&self, registry: &mut Registry) {
        registry.register("audit_healthy", "1 if requests can be recorded", self.healthy.clone());
        registry.register("audit_waiting", "Records to be written", self.waiting.clone());
        for (name, help, counter) in [
            ("audit_lines", "Lines written", &self.written),
            ("audit_unrecorded", "Requests refused for want of a record", &self.unrecorded),
            ("audit_waived", "Reads let through without a record", &self.waived),
            ("audit_counted", "Refusals counted without a record of their own", &self.counted),
            ("audit_lost", "Copies of records that the collector will not have", &self.lost),
        ] {
            registry.register(name, help, counter.clone());
        }
    }

    fn read(&self, health: &Health) {
        self.healthy.set(health.is_good().into());
        self.waiting.set(health.waiting as i64);
        for (counter, value) in [
            (&self.written, health.written),
            (&self.unrecorded, health.unrecorded),
            (&self.waived, health.waived),
            (&self.counted, health.counted),
            (&self.lost, health.lost),
        ] {
            counter.inner().store(value, Ordering::Relaxed);
        }
    }
}

impl Default for Metrics {
    fn default() -> Metrics {
        let mut metrics = Metrics {
            registries: Vec::new(),
            calls: Family::default(),
            errors: Family::default(),
            seconds: Family::new_with_constructor(|| Histogram::new(SECONDS)),
            sizes: Family::new_with_constructor(|| Histogram::new(BYTES)),
            in_flight: Family::default(),
            processes: Family::default(),
            upstream_sessions: Family::default(),
            idle_connections: Family::default(),
            sessions: Gauge::default(),
            parked: Gauge::default(),
            deviations: Deviations::default(),
            misfits: Family::default(),
            tools: Mutex::default(),
            usage: UsageFamilies::default(),
            tenants: Mutex::default(),
            audit: Audited::default(),
            store: Stored::default(),
            kept: KeptAnswers::default(),
        };
        metrics.registries = Metric::ALL.map(|metric| (metric, metrics.registry(metric))).into();
        metrics
    }
}

impl Unproven {
    /// Its counts, now that it is known.
    fn proven(&self) -> Arc<Counters> {
        self.metrics.of_tool(&self.server, &self.counted, &self.tool)
    }
}

impl UsageFamilies {
    fn register(&self, registry: &mut Registry) {
        registry.register("calls", "Calls on the meter", self.calls.clone());
        registry.register("errors", "Those that failed", self.errors.clone());
        registry.register("cost", "What they weighed", self.cost.clone());
        registry.register_with_unit("size", "Calls and answers", Unit::Bytes, self.bytes.clone());
        registry.register_with_unit("time", "How long", Unit::Seconds, self.seconds.clone());
    }
}

impl Metrics {
    fn registry(&self, metric: Metric) -> Registry {
        let mut whole = Registry::with_prefix("toolgate");
        let registry = &mut whole;
        match metric {
            Metric::ToolCalls => {
                registry.register("calls", "Requests sent to servers", self.calls.clone());
                registry.register("in_flight", "Requests at work", self.in_flight.clone());
                let KeptAnswers { hits, misses } = &self.kept;
                registry.register("cache_hits", "Calls answered from the cache", hits.clone());
                let help = "Calls that the cache had no answer for";
                registry.register("cache_misses", help, misses.clone());
            }
            Metric::ErrorRate => {
                registry.register("errors", "Requests that failed", self.errors.clone());
            }
            Metric::Latency => {
                let help = "Time until the end of the answer";
                let seconds = self.seconds.clone();
                registry.register_with_unit("call_duration", help, Unit::Seconds, seconds);
            }
            Metric::Size => {
                let help = "Size of the last message of the answer";
                registry.register_with_unit("reply_size", help, Unit::Bytes, self.sizes.clone());
            }
            Metric::Usage => self.usage.register(registry.sub_registry_with_prefix("usage")),
            Metric::Gateway => self.register_gateway(registry),
        }
        whole
    }

    fn register_gateway(&self, registry: &mut Registry) {
        for (name, help, family) in [
            ("processes", "Child processes", &self.processes),
            ("upstream_sessions", "Sessions with servers", &self.upstream_sessions),
            ("idle_connections", "Idle connections to servers", &self.idle_connections),
        ] {
            registry.register(name, help, family.clone());
        }
        registry.register("sessions", "Sessions of clients held here", self.sessions.clone());
        registry.register("parked_calls", "Calls that wait for a client", self.parked.clone());
        let help = "Definitions that were not as approved";
        registry.register("definition_deviations", help, self.deviations.clone());
        let help = "Things in steps of workflows that do not fit the tools they call";
        registry.register("workflow_problems", help, self.misfits.clone());
        self.audit.register(registry);
        self.store.register(registry);
    }

    fn of_tool(&self, server: &Arc<str>, counted: &Counted, tool: &str) -> Arc<Counters> {
        if !self.has_room_for(server, tool) {
            return self.of_others(server, counted);
        }
        let counters = self.counters(server, Method::ToolsCall.label(), tool);
        remember(&counted.tools, tool, counters)
    }

    fn of_others(&self, server: &Arc<str>, counted: &Counted) -> Arc<Counters> {
        let counters = || Arc::new(self.counters(server, Method::ToolsCall.label(), OTHER));
        counted.others.get_or_init(counters).clone()
    }

    fn has_room_for(&self, server: &Arc<str>, tool: &str) -> bool {
        let mut tools = self.tools.lock().unwrap_or_else(PoisonError::into_inner);
        let known = (server.clone(), Arc::from(tool));
        tools.contains(&known) || (tools.len() < MOST_TOOLS && tools.insert(known))
    }

    fn counters(&self, server: &Arc<str>, method: &str, tool: &str) -> Counters {
        let labels =
            CallLabels { server: server.clone(), method: method.into(), tool: tool.into() };
        Counters {
            calls: self.calls.get_or_create_owned(&labels),
            seconds: self.seconds.get_or_create_owned(&labels),
            sizes: self.sizes.get_or_create_owned(&labels),
            in_flight: self.in_flight.get_or_create_owned(&ServerLabels { server: server.clone() }),
            labels,
        }
    }

    /// What one call of a tool used.
    pub(crate) fn used(&self, what: &What, amount: Amount, took: Duration) {
        let What::Tool { tenant, server, .. } = what else { return };
        let tenant = tenant.as_ref().map_or_else(|| "".into(), |tenant| self.label_of(tenant));
        let labels = UsageLabels { tenant, server: (**server).into() };
        let UsageFamilies { calls, errors, cost, bytes, seconds } = &self.usage;
        for (family, count) in [
            (calls, amount.calls),
            (errors, amount.errors),
            (cost, amount.cost),
            (bytes, amount.bytes),
        ] {
            family.get_or_create(&labels).inc_by(count);
        }
        seconds.get_or_create(&labels).inc_by(took.as_secs_f64());
    }

    fn label_of(&self, tenant: &str) -> Arc<str> {
        let mut tenants = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = tenants.get(tenant) {
            return known.clone();
        }
        if tenants.len() >= MOST_TENANTS {
            return OTHER.into();
        }
        let known = Arc::from(tenant);
        tenants.insert(Arc::clone(&known));
        known
    }

    /// Whether a call that the cache may answer was answered by it.
    pub(crate) fn looked_up(&self, server: &Arc<str>, hit: bool) {
        let KeptAnswers { hits, misses } = &self.kept;
        let family = if hit { hits } else { misses };
        family.get_or_create(&ServerLabels { server: server.clone() }).inc();
    }

    /// Where definitions that were not as approved are counted.
    pub(crate) fn deviations(&self) -> &Deviations {
        &self.deviations
    }
}

fn find(known: &Known, name: &str) -> Option<Arc<Counters>> {
    known.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
}

fn remember(known: &Known, name: &str, counters: Counters) -> Arc<Counters> {
    let mut known = known.write().unwrap_or_else(PoisonError::into_inner);
    known.entry(name.into()).or_insert_with(|| Arc::new(counters)).clone()
}
