//! The HTTP listener: one endpoint for every revision that speaks Streamable HTTP, the two
//! addresses of HTTP+SSE, and what operators look at.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use toolgate_gateway::config;
use toolgate_gateway::gateway::Gateway;
use toolgate_protocol::json::Limits;
use toolgate_protocol::jsonrpc::{self, Message, codes};
use toolgate_protocol::modern::framing;
use toolgate_protocol::version::Era;

use super::body::{Answer, json, text};
use super::{legacy, modern, sse};
use crate::app::App;

/// How long `/ready` waits for a server.
const READY: Duration = Duration::from_secs(5);

/// A listener that is bound but does not serve yet.
pub struct Listener {
    tcp: TcpListener,
    tls: Option<TlsAcceptor>,
}

impl Listener {
    /// Binds the configured address.
    ///
    /// # Errors
    /// When the address cannot be bound, or the certificate not read.
    pub async fn bind(config: &config::Config) -> io::Result<Listener> {
        let tls = config.tls.as_ref().map(super::tls::acceptor).transpose()?;
        let tcp = TcpListener::bind(config.listen.address()).await?;
        Ok(Listener { tcp, tls })
    }

    /// The address that was bound.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.tcp.local_addr()
    }

    /// Whether it speaks TLS.
    pub fn is_tls(&self) -> bool {
        self.tls.is_some()
    }

    /// Serves until draining begins; connections then finish what they are doing.
    pub async fn serve(self, app: Arc<App>) {
        let connections = app.gateway().config.limits.connections;
        let room = Arc::new(Semaphore::new(connections));
        loop {
            let accepted = tokio::select! {
                accepted = self.tcp.accept() => accepted,
                () = app.draining() => return,
            };
            let tcp = match accepted {
                Ok((tcp, _)) => tcp,
                Err(error) => {
                    // Out of file descriptors, most likely: let some connections end.
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            };
            let Ok(permit) = room.clone().try_acquire_owned() else {
                tracing::warn!(connections, "a connection was refused: limits.connections");
                continue;
            };
            let (app, tls) = (app.clone(), self.tls.clone());
            tokio::spawn(async move {
                serve_connection(app, tcp, tls).await;
                drop(permit);
            });
        }
    }
}

async fn serve_connection(app: Arc<App>, tcp: TcpStream, tls: Option<TlsAcceptor>) {
    // Small answers, each waited for: Nagle would add 40 ms to them.
    if tcp.set_nodelay(true).is_err() {
        return;
    }
    let limits = app.gateway().config.limits.clone();
    let service = {
        let app = app.clone();
        service_fn(move |request| {
            let app = app.clone();
            async move { Ok::<_, std::convert::Infallible>(route(&app, request).await) }
        })
    };
    let Some(tls) = tls else {
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new())
            .header_read_timeout(limits.header_time.duration())
            .max_headers(limits.header_count)
            .max_buf_size(limits.headers.bytes().max(8 * 1024));
        let connection = http.serve_connection(TokioIo::new(tcp), service);
        let mut connection = std::pin::pin!(connection);
        tokio::select! {
            _ = connection.as_mut() => return,
            () = app.draining() => connection.as_mut().graceful_shutdown(),
        }
        let _ = connection.await;
        return;
    };
    let handshake = tokio::time::timeout(limits.header_time.duration(), tls.accept(tcp)).await;
    let Ok(Ok(stream)) = handshake else { return };
    let mut http = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
    http.http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_time.duration())
        .max_headers(limits.header_count)
        .max_buf_size(limits.headers.bytes().max(8 * 1024));
    http.http2()
        .timer(TokioTimer::new())
        .max_header_list_size(limits.headers.bytes() as u32)
        .max_concurrent_streams(256);
    let connection = http.serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        _ = connection.as_mut() => return,
        () = app.draining() => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

async fn route(app: &Arc<App>, request: Request<Incoming>) -> Answer {
    let (gateway, refused) = {
        let serving = app.serving();
        (serving.gateway.clone(), serving.guard.check(request.headers()).err())
    };
    // Before anything else, as nothing of a foreign page's request may be acted on.
    if let Some(reason) = refused {
        return text(403, reason);
    }
    match (request.method(), request.uri().path()) {
        (&Method::POST, "/mcp" | "/") => post(app, gateway, request).await,
        (&Method::GET, "/mcp") => legacy::serve_get(app, gateway, request.headers()).await,
        (&Method::DELETE, "/mcp") => legacy::serve_delete(app, request.headers()).await,
        (_, "/mcp") => not_allowed("GET, POST, DELETE"),
        (&Method::GET, "/sse") => sse::open(app, gateway),
        (&Method::POST, "/messages") => sse::post(app, gateway, request).await,
        (&Method::GET, "/health") => health(app),
        (&Method::GET, "/ready") => ready(app, &gateway).await,
        (&Method::GET, "/metrics") if gateway.config.metrics => {
            let text = app.lasting.metrics.render(&gateway, app.sessions.count());
            let mut answer = super::body::text(200, text);
            answer.headers_mut().insert(
                http::header::CONTENT_TYPE,
                HeaderValue::from_static(
                    "application/openmetrics-text; version=1.0.0; charset=utf-8",
                ),
            );
            answer
        }
        _ => text(404, "nothing here: the MCP endpoint is /mcp"),
    }
}

fn not_allowed(allow: &'static str) -> Answer {
    let mut answer = text(405, "method not allowed");
    answer.headers_mut().insert(http::header::ALLOW, HeaderValue::from_static(allow));
    answer
}

fn health(app: &App) -> Answer {
    let body = format!(
        r#"{{"status":"ok","version":"{}","uptimeSeconds":{}}}"#,
        env!("CARGO_PKG_VERSION"),
        app.started.elapsed().as_secs()
    );
    json(200, body.into())
}

async fn ready(app: &App, gateway: &Gateway) -> Answer {
    if app.is_draining() {
        return json(503, Bytes::from_static(br#"{"status":"draining"}"#));
    }
    let unready = gateway.unready(READY).await;
    if unready.is_empty() {
        return json(200, Bytes::from_static(br#"{"status":"ready"}"#));
    }
    let names: Vec<_> = unready.iter().map(|name| format!("\"{name}\"")).collect();
    json(503, format!(r#"{{"status":"unready","servers":[{}]}}"#, names.join(",")).into())
}

async fn post(app: &Arc<App>, gateway: Arc<Gateway>, request: Request<Incoming>) -> Answer {
    let (head, body) = request.into_parts();
    if let Some(answer) = check_content_type(&head.headers) {
        return answer;
    }
    let limits = &gateway.config.limits;
    let Some(admitted) = app.admit(limits.in_flight) else {
        let text = "the gateway is at its limit of requests; try again in a second";
        let mut answer = json(429, jsonrpc::error(None, codes::INTERNAL_ERROR, text, None));
        answer.headers_mut().insert(http::header::RETRY_AFTER, HeaderValue::from_static("1"));
        return answer;
    };
    let body = match read(body, &head.headers, limits).await {
        Ok(body) => body,
        Err(answer) => return answer,
    };
    let json_limits = json_limits(limits);
    if is_batch(&body) {
        return legacy::serve_batch(app, gateway, &head.headers, body, &json_limits).await;
    }
    let message = match Message::scan(body, &json_limits) {
        Ok(message) => message,
        Err(malformed) => {
            let id = malformed.id();
            let error = jsonrpc::error(id, malformed.code(), &malformed.to_string(), None);
            return json(400, error);
        }
    };
    let version = head.headers.get("mcp-protocol-version").and_then(|value| value.to_str().ok());
    match framing(&message, version) {
        Era::Modern => modern::serve(app, gateway, &head.headers, message, admitted).await,
        Era::Legacy => legacy::serve_post(app, gateway, &head.headers, message, admitted).await,
    }
}

/// The JSON limits of the configuration.
pub fn json_limits(limits: &config::Limits) -> Limits {
    Limits { depth: u16::try_from(limits.nesting).unwrap_or(Limits::DEPTH), ..Limits::default() }
}

fn is_batch(body: &[u8]) -> bool {
    body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[')
}

fn check_content_type(headers: &HeaderMap) -> Option<Answer> {
    let content_type = headers
        .get(http::header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let media = content_type.split(';').next().unwrap_or_default().trim();
    if media.eq_ignore_ascii_case("application/json") {
        return None;
    }
    let text = "the body must be application/json";
    Some(json(415, jsonrpc::error(None, codes::INVALID_REQUEST, text, None)))
}

/// Reads a body within its limits of size and time.
pub async fn read(
    body: Incoming,
    headers: &HeaderMap,
    limits: &config::Limits,
) -> Result<Bytes, Answer> {
    let most = limits.body.bytes();
    let too_large = || {
        let text = format!("the body is larger than {most} bytes");
        json(413, jsonrpc::error(None, codes::INVALID_REQUEST, &text, None))
    };
    let announced = headers.get(http::header::CONTENT_LENGTH).and_then(|v| v.to_str().ok());
    if announced.and_then(|length| length.parse::<usize>().ok()).is_some_and(|length| length > most)
    {
        return Err(too_large());
    }
    let collecting = Limited::new(body, most).collect();
    match tokio::time::timeout(limits.body_time.duration(), collecting).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => Err(too_large()),
        Ok(Err(_)) => {
            let text = "the body ended early";
            Err(json(400, jsonrpc::error(None, codes::PARSE_ERROR, text, None)))
        }
        Err(_) => {
            let text = "the body came too slowly";
            Err(json(408, jsonrpc::error(None, codes::INVALID_REQUEST, text, None)))
        }
    }
}
