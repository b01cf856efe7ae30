//! From a checked configuration to a gateway.

use std::io;
use std::path::Path;
use std::sync::Arc;

use toolgate_audit::{Books, OtlpRules, Post};
use toolgate_catalog::lock::Lock;
use toolgate_files::Files;
use toolgate_gateway::approval::Approvals;
use toolgate_gateway::config::{
    self, Checked, LockFile, Machine, Problems, Server, Sources as _, Warning, WhenUnavailable,
};
use toolgate_gateway::fitting::Fitting;
use toolgate_gateway::gateway::{Gateway, Lasting, Route};
use toolgate_gateway::parking::Parking;
use toolgate_gateway::quota::Limits;
use toolgate_gateway::seal::Keyring;
use toolgate_gateway::store::{self, Keeping, Waits};
use toolgate_gateway::upstream::Upstream;
use toolgate_gateway::usage::{Memory, Store};
use toolgate_hosted::Hosted;
use toolgate_onward::Onwards;
use toolgate_upstreams::{Hosts, Shared};

use crate::app::App;
use crate::collector::Collector;
use crate::fetch::Fetcher;
use crate::front::Door;
use crate::stores::usage_file::UsageFile;

/// What is served without a configuration. The folder only stands for the embedded files.
const SAMPLE: &str = "servers: [{ name: files, files: { root: . } }]";

/// What a program with servers of its own needs no configuration for.
const HOSTED: &str = "servers: []";

/// Where the content of a gateway comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// The servers of a configuration.
    Configured,
    /// The files built into this program.
    Sample,
}

/// Reads a configuration of a program that has these servers; without a path the servers alone, or
/// the built-in sample where there are none.
///
/// # Errors
/// All its problems.
pub fn load(
    path: Option<&Path>,
    hosts: &Hosts,
) -> Result<(Checked, Vec<Warning>, Content), Problems> {
    let (loaded, content) = match path {
        Some(path) => (config::load_from(path, hosts)?, Content::Configured),
        None if hosts.is_empty() => {
            (config::parse(SAMPLE, Path::new("sample"), &Machine)?, Content::Sample)
        }
        None => (config::parse(HOSTED, Path::new("program"), hosts)?, Content::Configured),
    };
    Ok((loaded.0, loaded.1, content))
}

/// Reads the configuration in `path`, whatever it is for.
///
/// # Errors
/// All its problems.
pub fn read(path: &Path, hosts: &Hosts) -> Result<(Checked, Vec<Warning>), Problems> {
    config::load_from(path, hosts)
}

/// What outlives a reload.
///
/// # Errors
/// When the system has no randomness, or the file of usage cannot be kept.
pub fn lasting(config: &Checked) -> Result<Lasting, String> {
    let secrets = config.keys.iter().map(|key| key.reveal().as_bytes());
    let keys = Keyring::new(secrets).map_err(|error| format!("no randomness: {error}"))?;
    let keys = Arc::new(keys);
    let store = store(config)?;
    let approvals = match &store {
        None => Approvals::new().map_err(|error| format!("no randomness: {error}"))?,
        Some(store) => Approvals::shared(store.clone(), keys.clone()),
    };
    let limits = Arc::<Limits>::default();
    if let Some(store) = &store {
        tokio::spawn(Limits::renew_leases(Arc::downgrade(&limits), store.clone()));
    }
    Ok(Lasting {
        keys,
        parking: Parking::new(config.parking.ttl.duration(), config.parking.max),
        limits,
        results: Arc::default(),
        metrics: Arc::default(),
        usage: usage(config, store.as_ref())?,
        keeping: Arc::new(Keeping::of(store.clone())),
        store,
        approvals: Arc::new(approvals),
        touched: Arc::default(),
        origins: Arc::default(),
    })
}

/// What is shared with other replicas.
///
/// # Errors
/// One sentence: the address is none.
pub fn store(config: &Checked) -> Result<Option<Arc<store::Shared>>, String> {
    let rules = &config.store;
    let Some(url) = rules.url() else { return Ok(None) };
    let place = toolgate_stores::Place {
        url: url.clone(),
        name: rules.name.clone(),
        connect: rules.connect_timeout.duration(),
        keep_days: config.usage.keep_days,
    };
    let backend = toolgate_stores::open(&place).map_err(|error| format!("store: {error}"))?;
    let waits = Waits {
        timeout: rules.timeout.duration(),
        local: rules.when_unavailable == WhenUnavailable::Local,
    };
    Ok(Some(Arc::new(store::Shared::new(backend, waits))))
}

/// Where usage is counted.
fn usage(config: &Checked, shared: Option<&Arc<store::Shared>>) -> Result<Arc<dyn Store>, String> {
    if let Some(shared) = shared {
        return Ok(shared.clone());
    }
    let rules = &config.usage;
    let Some(path) = &rules.file else { return Ok(Arc::new(Memory::default())) };
    let file = UsageFile::open(path, rules.save.duration(), rules.keep_days);
    Ok(file.map_err(|error| format!("usage.file: {error}"))?)
}

/// A process that serves a configuration; nothing is connected to yet.
///
/// # Errors
/// One sentence that names the server or the file.
pub fn app(config: Checked, content: Content, shared: &Shared) -> Result<Arc<App>, String> {
    let lasting = lasting(&config)?;
    let onwards = onwards(&config)?;
    let gateway = gateway(config, content, lasting, shared, &onwards, None)?;
    let door = Door::of(&gateway.config, gateway.lasting.store.as_ref(), None)?;
    let app = App::new(gateway, door, onwards);
    shared.home.lead_to(&app.gateway());
    Ok(app)
}

/// Who we are to the servers of a configuration.
///
/// # Errors
/// One sentence that names the key.
pub fn onwards(config: &Checked) -> Result<Onwards, String> {
    Onwards::of(config, Arc::new(Fetcher::for_servers(config)))
}

/// Builds a gateway; nothing is connected to yet. A server that `previous` serves under the very
/// same configuration keeps its connector, and so its sessions and processes.
///
/// # Errors
/// One sentence that names the server.
pub fn gateway(
    config: Checked,
    content: Content,
    lasting: Lasting,
    shared: &Shared,
    onwards: &Onwards,
    previous: Option<&Gateway>,
) -> Result<Gateway, String> {
    let lock = match content {
        Content::Sample => None,
        Content::Configured => approved(&config)?,
    };
    if lock.is_none() && previous.is_some_and(|previous| previous.catalog_version().is_some()) {
        // Fail closed: whoever deletes a file does not thereby approve everything.
        let path = config.lock().path.display();
        return Err(format!(
            "{path} is gone (restore it, or restart to serve what nobody approved)"
        ));
    }
    let several = config.several();
    let audit = audit(&config, previous.and_then(|previous| previous.audit.as_ref()))?;
    let routes = config
        .servers()
        .iter()
        .map(|server| {
            let upstream = match previous.and_then(|previous| kept(previous, server, &config)) {
                Some(upstream) => upstream,
                None => connect(server, content, &config, shared, onwards, &lasting)?,
            };
            Ok(Route::new(server, several, upstream))
        })
        .collect::<Result<_, String>>()?;
    let gateway = Gateway::new(Arc::new(config), routes, lasting);
    let gateway = gateway.locked(lock.as_ref()).audited(audit);
    let fitting = fitting(&gateway, shared, previous);
    Ok(gateway.fitted(fitting))
}

/// What steps of workflows are held to while they serve. What the previous gateway knew of a server is
/// still known, where nothing is another that decides what of its lists is let through.
fn fitting(gateway: &Gateway, shared: &Shared, previous: Option<&Gateway>) -> Option<Fitting> {
    let fitting = Fitting::of(&gateway.config, &|server| shared.hosts.tools(server))?;
    let Some((previous, former)) = previous.and_then(|it| Some((it, it.fitting.as_ref()?))) else {
        return Some(fitting);
    };
    let route_in = |gateway: &Gateway, name: &str| {
        let route = gateway.routes.iter().find(|route| *route.name == *name)?;
        Some(route.upstream.clone())
    };
    let is_same = |name: &str| match (route_in(previous, name), route_in(gateway, name)) {
        (Some(one), Some(other)) => Arc::ptr_eq(&one, &other),
        _ => false,
    };
    let same_catalog = previous.catalog_version() == gateway.catalog_version();
    Some(fitting.after(former, |name| same_catalog && is_same(name)))
}

/// The definitions that were approved; `None` when nothing is pinned.
///
/// # Errors
/// What is wrong with the lock file, each problem on its line.
pub fn approved(config: &Checked) -> Result<Option<Lock>, String> {
    let LockFile { path, named } = config.lock();
    match path.try_exists() {
        Ok(false) if *named => {
            Err(format!("{} does not exist (make it with toolgate lock)", path.display()))
        }
        Ok(false) => Ok(None),
        _ => Lock::load(path).map(Some).map_err(|problems| {
            let lines: Vec<_> =
                problems.iter().map(|problem| format!("{}:{problem}", path.display())).collect();
            lines.join("\n")
        }),
    }
}

/// Where requests are recorded. What the previous gateway writes goes on being written.
fn audit(config: &Checked, previous: Option<&Books>) -> Result<Option<Books>, String> {
    let Some(rules) = &config.audit else { return Ok(None) };
    let plan = rules.compile().map_err(|problems| {
        let texts: Vec<_> = problems.into_iter().map(|problem| problem.text).collect();
        format!("audit: {}", texts.join("; "))
    })?;
    let post = |rules: &OtlpRules| -> io::Result<Arc<dyn Post>> {
        Ok(Collector::of(rules).map_err(io::Error::other)?)
    };
    let books = Books::open(&plan, previous, post).map_err(|error| format!("audit: {error}"))?;
    Ok(Some(books))
}

fn connect(
    server: &Server,
    content: Content,
    config: &Checked,
    shared: &Shared,
    onwards: &Onwards,
    lasting: &Lasting,
) -> Result<Arc<dyn Upstream>, String> {
    match content {
        Content::Sample => {
            let files = Files::embedded(crate::sample::FILES);
            Ok(Arc::new(Hosted::new(server.name.as_str(), Arc::new(files))))
        }
        Content::Configured => {
            let onward = onwards.of_server(server);
            onward
                .and_then(|onward| {
                    let Lasting { keys, keeping, .. } = lasting;
                    let limits = &config.limits;
                    toolgate_upstreams::connect(server, limits, shared, onward, keys, keeping)
                })
                .map_err(|error| format!("server {}: {error}", server.name.as_str()))
        }
    }
}

/// The connector of an unchanged server.
fn kept(previous: &Gateway, server: &Server, config: &Checked) -> Option<Arc<dyn Upstream>> {
    if previous.config.limits != config.limits {
        return None;
    }
    let at = previous.config.servers().iter().position(|known| known.name == server.name)?;
    let known = &previous.config.servers()[at];
    // What we sign with, and under which name, goes into what a server is shown.
    let signs = server.context || server.onwards.is_signed();
    let same_signature = previous.config.signing == config.signing
        && previous.config.issuer() == config.issuer()
        && known.timeout_total == server.timeout_total;
    // What runs in this process is told its time when it is made.
    let same_time = matches!(server.kind, config::Kind::Http { .. } | config::Kind::Stdio { .. })
        || (known.timeout == server.timeout && known.timeout_total == server.timeout_total);
    (known.kind == server.kind
        && same_time
        && known.sessions == server.sessions
        && known.onwards == server.onwards
        && known.context == server.context
        && (!signs || same_signature)
        && (!matches!(server.onwards, config::Onwards::Vault(_))
            || previous.config.vault == config.vault
                && previous.config.public_url == config.public_url))
        .then(|| previous.routes[at].upstream.clone())
}
