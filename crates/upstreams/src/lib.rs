//! Connectors to what stands behind the gateway: remote servers of either era, child processes,
//! built-in servers.

mod channel;
pub mod child;
mod connector;
pub mod egress;
#[cfg(feature = "knowledge")]
mod embeddings;
mod endpoint;
mod fan;
mod host;
pub mod http;
mod legacy;
mod link;
mod listed;
mod listen;
mod made;
mod modern;
mod modern_channel;
mod peers;
mod process;
mod remote;
#[cfg(feature = "rmcp")]
mod rmcp;
mod single;
mod sse;
mod stdio;
mod stepped;
mod streamable;
mod subscriptions;
mod topic;
#[cfg(feature = "api")]
mod wire;

use std::sync::Arc;
use std::time::Duration;

use ::http::{HeaderName, HeaderValue};
use toolgate_content::Content;
use toolgate_files::Files;
use toolgate_gateway::calls::Home;
use toolgate_gateway::config::{Checked, Kind, Limits, Server};
use toolgate_gateway::onward::Onward;
use toolgate_gateway::seal::Keyring;
use toolgate_gateway::store::Keeping;
use toolgate_gateway::upstream::Upstream;
use toolgate_hosted::Hosted;
use toolgate_protocol::json;
use toolgate_state::State;
use toolgate_workflow::Workflow;

use child::{Slots, Spec};
pub use endpoint::Bounds;
pub use host::{Host, Hosts, Native};
use http::Proxies;
pub use made::lacking;
pub use process::{Process, ProcessSpec};
pub use remote::{Remote, RemoteSpec};
#[cfg(feature = "rmcp")]
pub use rmcp::Handler;
#[cfg(feature = "sql")]
pub use toolgate_sql as sql;

/// Sessions with remote servers end after so long without use.
const SESSION_IDLE: Duration = Duration::from_secs(30 * 60);

/// The command of this program that reads a PDF.
pub const READ_PDF: &str = "__read-pdf";
/// The command of this program that does the work of one conversion.
pub const TRANSFORM: &str = "__transform";

/// What all connectors share.
pub struct Shared {
    /// The cap on child processes.
    pub slots: Slots,
    /// The proxies of the environment.
    pub proxies: Proxies,
    /// The servers of this program.
    pub hosts: Hosts,
    /// Where servers find the gateway that runs them, to call tools of it.
    pub home: Home,
    /// The documents that its servers have, for those that take over from them.
    #[cfg(feature = "api")]
    pub documents: toolgate_api::LastGood,
}

impl Shared {
    /// For a configuration, in this process's environment, with the servers of this program.
    pub fn new(config: &Checked, hosts: Hosts) -> Shared {
        Shared {
            slots: Slots::new(config.processes.max),
            proxies: Proxies::from(|name| std::env::var(name).ok()),
            hosts,
            home: Home::default(),
            #[cfg(feature = "api")]
            documents: toolgate_api::LastGood::default(),
        }
    }
}

/// The connector of a configured server. `keys` seal what it hands out to find its way back, and
/// what it has kept in `keeping`.
///
/// # Errors
/// One sentence, when it cannot even be tried.
pub fn connect(
    server: &Server,
    limits: &Limits,
    shared: &Shared,
    onward: Onward,
    keys: &Arc<Keyring>,
    keeping: &Arc<Keeping>,
) -> Result<Arc<dyn Upstream>, String> {
    match &server.kind {
        Kind::Http { url, headers, era, transport } => {
            let headers = headers
                .iter()
                .map(|(name, value)| header(name, value.reveal()))
                .collect::<Result<_, _>>()?;
            let spec = RemoteSpec {
                name: server.name.as_str().into(),
                url: url.uri().clone(),
                headers,
                era: *era,
                transport: *transport,
                sessions: server.sessions,
                idle: SESSION_IDLE,
                bounds: bounds(limits),
                onward,
            };
            Ok(Arc::new(Remote::new(spec, &shared.proxies)?))
        }
        Kind::Stdio { program, arguments, env, inherit_env, cwd, idle, era } => {
            let mut child = Spec::new(server.name.as_str(), program);
            child.args = arguments.iter().map(Into::into).collect();
            child.env = env
                .iter()
                .map(|(name, value)| (name.into(), value.reveal().to_owned().into()))
                .collect();
            child.inherit_env.clone_from(inherit_env);
            child.cwd.clone_from(cwd);
            child.line_limit = limits.line.bytes();
            let spec = ProcessSpec {
                child,
                era: *era,
                sessions: server.sessions,
                idle: *idle,
                limits: json_limits(limits),
                broker: onward.broker,
            };
            Ok(Arc::new(Process::new(spec, shared.slots.clone())))
        }
        Kind::Files(rules) => Ok(hosted(server, Arc::new(Files::open(rules)?))),
        Kind::Sql(rules) => made::sql(server, rules, keys),
        Kind::HttpApi(rules) => made::http(server, rules, limits, shared),
        Kind::OpenApi(rules) => made::openapi(server, rules, limits, shared),
        Kind::Knowledge(rules) => made::knowledge(server, rules, shared),
        Kind::Hosted => {
            let host = shared.hosts.find(&server.name);
            Ok(host.ok_or("this program has no such server")?.upstream(server, limits))
        }
        Kind::Workflow(rules) => {
            let engine = toolgate_workflow::Engine {
                name: server.name.as_str().into(),
                home: shared.home.clone(),
                time: server.timeout_total,
            };
            Ok(hosted(server, Arc::new(Workflow::new(rules, engine)?)))
        }
        Kind::Content(rules) => Ok(hosted(server, Content::open(rules)?)),
        Kind::Transform(rules) => made::transform(server, rules),
        Kind::State(rules) => {
            let state = State::new(server.name.as_str(), rules, keys.clone(), keeping.clone())?;
            Ok(hosted(server, Arc::new(state)))
        }
    }
}

/// A server in this process, which is told how long a request may take.
fn hosted(server: &Server, made: Arc<dyn toolgate_hosted::Server>) -> Arc<dyn Upstream> {
    Arc::new(Hosted::new(server.name.as_str(), made).within(server.timeout_total))
}

fn header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), String> {
    let bad = |_| format!("header {name}: not a header name and value");
    let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad(()))?;
    let mut value = HeaderValue::from_str(value).map_err(|_| bad(()))?;
    value.set_sensitive(true);
    Ok((name, value))
}

fn json_limits(limits: &Limits) -> json::Limits {
    json::Limits {
        depth: u16::try_from(limits.nesting).unwrap_or(json::Limits::DEPTH),
        ..json::Limits::default()
    }
}

fn bounds(limits: &Limits) -> Bounds {
    Bounds { reply: limits.reply.bytes(), event: limits.event.bytes(), json: json_limits(limits) }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::{Value, json};
    use toolgate_gateway::config::{self, Fixed};
    use toolgate_gateway::testing::{Fake, Said, client, gateway, request};
    use toolgate_protocol::version::Version;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_task_takes_as_long_as_the_configuration_lets_it() {
        let text = "{ name: api, upstream: 'http://127.0.0.1:9' }, { name: flow, timeout_total: 30m, \
                    workflow: { tools: { go: { description: Goes on., task: required, steps: \
                    [{ id: s, call: api.do, retry: { attempts: 2, after: 10m } }] } } } }";
        let text = format!("servers: [{text}]");
        let (config, _) = config::parse(&text, Path::new("/t.yaml"), &Fixed::default()).unwrap();
        let mut is_first = true;
        let api = Fake::new(Version::NEWEST_LEGACY, &json!({ "tools": {} }));
        let api = api.on("tools/call", move |_| {
            let busy = json!({ "category": "overloaded", "retryable": true, "sideEffect": "none" });
            match std::mem::take(&mut is_first) {
                true => Said::Result(json!({
                    "content": [], "isError": true, "_meta": { "dev.toolgate/error": busy },
                })),
                false => Said::Result(json!({ "content": [] })),
            }
        });
        let serving = gateway(&[("api", Arc::new(api))], "");
        let shared = Shared::new(&config, Hosts::default());
        shared.home.lead_to(&serving);
        let keys = Arc::new(Keyring::new([]).unwrap());
        let [_, flow] = config.servers() else { panic!("two servers") };
        let limits = &config.limits;
        let flow = connect(flow, limits, &shared, Onward::default(), &keys, &Arc::default());
        let flow = flow.unwrap();
        let told = async |method: &str, params: Value| {
            let request = request(&client(Version::V2025_11_25, &json!({})), method, params);
            let end = flow.call(&request).await.unwrap().end().await.unwrap();
            serde_json::from_slice::<Value>(end.message.bytes()).unwrap()["result"].clone()
        };

        let begun = told("tools/call", json!({ "name": "go", "arguments": {}, "task": {} })).await;
        let id = begun["task"]["taskId"].clone();
        let result = told("tasks/result", json!({ "taskId": id })).await;

        assert_eq!(result["structuredContent"]["status"], "done", "{result}");
    }
}
