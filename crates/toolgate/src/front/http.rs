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
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use toolgate_gateway::config;
use toolgate_gateway::gateway::Gateway;
use toolgate_protocol::json::Limits;
use toolgate_protocol::jsonrpc::{self, Message, codes};
use toolgate_protocol::modern::framing;
use toolgate_protocol::version::Era;

use super::body::{Answer, json, text};
use super::{connection, legacy, modern, sse};
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

    /// Serves until draining begins; then connections finish what they are doing, and new ones
    /// are refused.
    pub async fn serve(self, app: Arc<App>) {
        let connections = app.gateway().config.limits.connections;
        let room = Arc::new(Semaphore::new(connections));
        loop {
            let accepted = tokio::select! {
                accepted = self.tcp.accept() => accepted,
                () = app.draining() => break,
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
                connection::serve(app, tcp, tls).await;
                drop(permit);
            });
        }
        drop(self.tcp);
        // The last words of an answer may still be on their way to the socket.
        let all = u32::try_from(connections).unwrap_or(u32::MAX);
        let _ = room.acquire_many(all).await;
    }
}

/// Answers one request.
pub(super) async fn route(app: &Arc<App>, request: Request<Incoming>) -> Answer {
    let (gateway, refused) = {
        let serving = app.serving();
        (serving.gateway.clone(), serving.guard.check(request.uri(), request.headers()).err())
    };
    // Before anything else, as nothing of a foreign page's request may be acted on.
    if let Some((status, reason)) = refused {
        return text(status, reason);
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

/// Whether a body is several messages in one array.
pub fn is_batch(body: &[u8]) -> bool {
    body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[')
}

/// Refuses a body that is no plain JSON, before any of it is read.
pub fn check_content_type(headers: &HeaderMap) -> Option<Answer> {
    let content_type = headers
        .get(http::header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let media = content_type.split(';').next().unwrap_or_default().trim();
    // Nothing is unpacked, so nothing can burst (RFC 9110, section 8.4: 415).
    let packed = headers
        .get(http::header::CONTENT_ENCODING)
        .is_some_and(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity"));
    let text = match media.eq_ignore_ascii_case("application/json") {
        true if packed => "the body must not be compressed",
        true => return None,
        false => "the body must be application/json",
    };
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
