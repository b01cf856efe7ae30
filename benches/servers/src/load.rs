//! The virtual users: in each iteration one session for each tool, as the published benchmark has
//! them. Every answer is checked; a wrong one is a failure, however fast.

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use serde_json::{Value, json};

use bench_tools::wire::Wire;

const VERSION: &str = "2025-11-25";

#[derive(clap::Args)]
pub struct LoadArgs {
    /// Where the server listens, on loopback.
    #[arg(long)]
    port: u16,
    /// Virtual users; each has a connection of its own.
    #[arg(long, default_value_t = 10)]
    users: usize,
    /// What a user waits after each iteration, in milliseconds.
    #[arg(long, default_value_t = 100)]
    think_ms: u64,
    /// How long users begin iterations.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
}

/// What happened.
#[derive(Default)]
struct Tally {
    times: Vec<Duration>,
    failures: usize,
    /// The first one, for whoever reads the report.
    failure: Option<String>,
}

pub async fn run(args: LoadArgs) -> Result<(), Box<dyn std::error::Error>> {
    let address: SocketAddr = ([127, 0, 0, 1], args.port).into();
    let (think, begun) = (Duration::from_millis(args.think_ms), Instant::now());
    let until = begun + Duration::from_secs(args.seconds);
    let steps = Arc::new(steps());
    let users = (0..args.users).map(|_| {
        let steps = steps.clone();
        tokio::spawn(async move {
            let mut user = User { wire: Wire::to(address), tally: Tally::default() };
            while Instant::now() < until {
                for step in &*steps {
                    user.session(step).await;
                }
                tokio::time::sleep(think).await;
            }
            user.tally
        })
    });
    let mut all = Tally::default();
    for user in users.collect::<Vec<_>>() {
        let tally = user.await?;
        all.times.extend(tally.times);
        all.failures += tally.failures;
        all.failure = all.failure.or(tally.failure);
    }
    writeln!(io::stdout(), "{}", report(all, begun.elapsed()))?;
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "numbers of requests")]
fn report(mut all: Tally, elapsed: Duration) -> Value {
    all.times.sort_unstable();
    let at = |share: f64| {
        let index = (all.times.len() as f64 * share) as usize;
        all.times.get(index.min(all.times.len().saturating_sub(1))).map_or(0.0, micros)
    };
    let count = all.times.len();
    let total: Duration = all.times.iter().sum();
    json!({
        "requests": count,
        "failures": all.failures,
        "failure": all.failure,
        "seconds": elapsed.as_secs_f64(),
        "mean_us": micros(&total) / count.max(1) as f64,
        "p50_us": at(0.5),
        "p99_us": at(0.99),
    })
}

fn micros(time: &Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

/// One request in a session of its own, and what its answer has to say.
struct Step {
    method: &'static str,
    params: Value,
    expected: &'static str,
}

fn steps() -> Vec<Step> {
    let call = |name: &str, arguments: Value, expected| Step {
        method: "tools/call",
        params: json!({ "name": name, "arguments": arguments }),
        expected,
    };
    vec![
        call("calculate_fibonacci", json!({ "n": 10 }), "55"),
        call("fetch_external_data", json!({ "endpoint": "data" }), "external service"),
        call("process_json_data", json!({ "data": { "name": "ada", "age": 36 } }), "ADA"),
        call("simulate_database_query", json!({ "query": "select", "delay_ms": 10 }), "ran select"),
        Step { method: "tools/list", params: json!({}), expected: "simulate_database_query" },
    ]
}

struct User {
    wire: Wire,
    tally: Tally,
}

impl User {
    async fn session(&mut self, step: &Step) {
        let hello = json!({
            "protocolVersion": VERSION,
            "capabilities": {},
            "clientInfo": { "name": "load", "version": "1" },
        });
        let welcome = self.post(None, Some(0), "initialize", &hello, VERSION).await;
        let session = welcome.as_ref().and_then(|it| it.headers().get("mcp-session-id")).cloned();
        if session.is_none() {
            self.fail("no session");
            return;
        }
        let session = session.as_ref();
        self.post(session, None, "notifications/initialized", &json!({}), "").await;
        self.post(session, Some(1), step.method, &step.params, step.expected).await;
        let mut end = Request::new(Full::default());
        *end.method_mut() = Method::DELETE;
        self.send(session, end, "").await;
    }

    async fn post(
        &mut self,
        session: Option<&HeaderValue>,
        id: Option<u32>,
        method: &str,
        params: &Value,
        expected: &str,
    ) -> Option<Response<Bytes>> {
        let mut message = json!({ "jsonrpc": "2.0", "method": method, "params": params });
        if let Some(id) = id {
            message["id"] = json!(id);
        }
        let mut request = Request::new(Full::from(message.to_string()));
        *request.method_mut() = Method::POST;
        let headers = request.headers_mut();
        headers.insert("content-type", HeaderValue::from_static("application/json"));
        let both = HeaderValue::from_static("application/json, text/event-stream");
        headers.insert("accept", both);
        self.send(session, request, expected).await
    }

    async fn send(
        &mut self,
        session: Option<&HeaderValue>,
        mut request: Request<Full<Bytes>>,
        expected: &str,
    ) -> Option<Response<Bytes>> {
        *request.uri_mut() = http::Uri::from_static("/mcp");
        if let Some(session) = session {
            let headers = request.headers_mut();
            headers.insert("mcp-session-id", session.clone());
            headers.insert("mcp-protocol-version", HeaderValue::from_static(VERSION));
        }
        let begun = Instant::now();
        let answer = self.wire.send(request).await;
        self.tally.times.push(begun.elapsed());
        match wrong(&answer, expected) {
            None => answer.ok(),
            Some(wrong) => {
                self.fail(&wrong);
                None
            }
        }
    }

    fn fail(&mut self, why: &str) {
        self.tally.failures += 1;
        self.tally.failure.get_or_insert_with(|| why.to_owned());
    }
}

/// What is wrong with an answer, if anything is.
fn wrong(answer: &io::Result<Response<Bytes>>, expected: &str) -> Option<String> {
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => return Some(error.to_string()),
    };
    let body = String::from_utf8_lossy(answer.body());
    // A server may refuse to end sessions (2025-11-25, transports: session management).
    let may_refuse = expected.is_empty() && answer.status() == StatusCode::METHOD_NOT_ALLOWED;
    let is_well = (answer.status().is_success() || may_refuse)
        && body.contains(expected)
        && !body.contains("\"isError\":true")
        && !body.contains("\"error\":{");
    (!is_well).then(|| format!("{}: {body}", answer.status()))
}
