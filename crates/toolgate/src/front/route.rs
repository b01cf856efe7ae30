//! Where a request goes: one endpoint for every revision that speaks Streamable HTTP, the two
//! addresses of HTTP+SSE, all of these once more for each toolset, and what operators look at.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request};
use hyper::body::Incoming;
use toolgate_gateway::call::Caller;
use toolgate_gateway::config::Secret;
use toolgate_gateway::fault::Reason;
use toolgate_gateway::gateway::Gateway;
use toolgate_gateway::record::Early;
use toolgate_onward::Onwards;
use toolgate_onward::links::DOCUMENT;
use toolgate_protocol::jsonrpc::{self, codes};
use toolgate_protocol::modern::framing;
use toolgate_protocol::version::Era;

use super::body::{Answer, because, json, reason_of, text, unshared};
use super::connect::{self, Page};
use super::door::{Arrived, Door, METADATA};
use super::endpoint::{Endpoint, Transport};
use super::head::Head;
use super::incoming::{check_content_type, check_framing, is_batch, json_limits, read, scan};
use super::peer::Peer;
use super::{address, admin, legacy, modern, sse};
use crate::app::App;

/// Where servers find the keys of what we sign (as OpenID Connect issuers do).
const JWKS: &str = "/.well-known/jwks.json";

/// How long `/ready` waits for a server.
const READY: Duration = Duration::from_secs(5);

/// Answers one request.
pub async fn route(app: &Arc<App>, peer: &Peer, request: Request<Incoming>) -> Answer {
    let (parts, body) = request.into_parts();
    let (gateway, endpoint, door, onwards, refused) = {
        let serving = app.serving();
        let refused = serving.guard.check(&parts.uri, &parts.headers).err();
        let endpoint = Endpoint::at(parts.uri.path());
        let served = endpoint.and_then(|endpoint| serving.at(endpoint.toolset));
        // A toolset that is not there is nothing.
        let endpoint = endpoint.filter(|_| served.is_some());
        let gateway = served.unwrap_or(&serving.gateway).clone();
        (gateway, endpoint, serving.door.clone(), serving.onwards.clone(), refused)
    };
    let from = From { gateway: gateway.clone(), peer: peer.address, verb: parts.method.clone() };
    // Before anything else, as nothing of a foreign page's request may be acted on.
    if let Some((status, reason)) = refused {
        return from.refuse(None, &parts.headers, because(text(status, reason), Reason::Foreign));
    }
    if let Err(refused) = check_framing(&parts.headers) {
        return from.refuse(None, &parts.headers, refused);
    }
    if let Some(endpoint) = endpoint {
        let path = parts.uri.path();
        let arrived = Arrived { method: &parts.method, path, endpoint: Some(endpoint), peer };
        let closed = door.is_closed();
        let answer = match enter(app, &gateway, &door, arrived, &parts.headers).await {
            Err(refused) => from.refuse(None, &parts.headers, refused),
            Ok((caller, token)) => {
                let headers = parts.headers;
                let proxies = &gateway.config.trusted_proxies;
                let address = address::client(peer.address, &headers, proxies);
                let toolset = gateway.toolset().map(|toolset| toolset.name.clone());
                let head = Head { headers, caller, token, address, toolset };
                let head = app.forwarder.originally(head);
                let query = parts.uri.query().unwrap_or_default();
                let transport = endpoint.transport;
                match speak(app, gateway, &parts.method, transport, query, &head, body).await {
                    Ok(answer) => answer,
                    Err(refused) => from.refuse(Some(&head.caller), &head.headers, refused),
                }
            }
        };
        return if closed { unshared(answer) } else { answer };
    }
    // What is rarely asked for is boxed, so that a call does not carry its weight.
    match (&parts.method, parts.uri.path()) {
        (&Method::GET, "/health") => health(app),
        (&Method::GET, "/ready") => Box::pin(ready(app, &gateway)).await,
        (&Method::GET, "/metrics") if gateway.config.metering.is_served() => metrics(app, &gateway),
        (&Method::GET, path) if path.starts_with(METADATA) => {
            door.metadata(path).unwrap_or_else(nothing)
        }
        (&Method::GET, DOCUMENT) => onwards.links().map_or_else(nothing, connect::document),
        (&Method::GET | &Method::POST, path) if path.starts_with(connect::PAGES) => {
            // Whoever guesses a key is counted by where it comes from.
            let admitted = admit_address(app, &gateway, peer.address, &parts.headers);
            if let Err(refused) = Box::pin(admitted).await {
                return refused;
            }
            let page =
                Page { gateway: &gateway, door: &door, onwards: &onwards, peer: peer.address };
            let serving = page.serve(&parts.method, &parts.uri, &parts.headers, body);
            Box::pin(serving).await.unwrap_or_else(nothing)
        }
        (&Method::GET, JWKS) => key_set(&onwards).unwrap_or_else(nothing),
        (_, path) if path.starts_with(admin::PATH) => {
            let arrived = Arrived { method: &parts.method, path, endpoint: None, peer };
            let (caller, _) = match enter(app, &gateway, &door, arrived, &parts.headers).await {
                Ok(entered) => entered,
                Err(refused) => return from.refuse(None, &parts.headers, refused),
            };
            let decided = admin::serve(&gateway, &caller, &parts.method, path).await;
            unshared(
                decided.unwrap_or_else(|| from.refuse(Some(&caller), &parts.headers, nothing())),
            )
        }
        _ => from.refuse(None, &parts.headers, nothing()),
    }
}

/// Whom a refusal is recorded of.
struct From {
    gateway: Arc<Gateway>,
    peer: IpAddr,
    verb: Method,
}

impl From {
    /// Records what was refused before it was a request with a record of its own.
    fn refuse(&self, caller: Option<&Caller>, headers: &HeaderMap, answer: Answer) -> Answer {
        let proxies = &self.gateway.config.trusted_proxies;
        self.gateway.refused(&Early {
            caller,
            address: Some(address::client(self.peer, headers, proxies)),
            verb: self.verb.as_str(),
            reason: reason_of(&answer),
        });
        answer
    }
}

/// Who sends a request, if it may be served at all.
async fn enter(
    app: &App,
    gateway: &Gateway,
    door: &Door,
    arrived: Arrived<'_>,
    headers: &HeaderMap,
) -> Result<(Caller, Option<Arc<Secret>>), Answer> {
    let refused = match door.enter(headers, arrived).await {
        Ok(caller) if !caller.is_anonymous() => {
            let needed = gateway.needs_tokens;
            let token = needed.then(|| door.token(headers, &caller)).flatten();
            return Ok((caller, token));
        }
        Ok(caller) => Ok(caller),
        Err(refused) => Err(refused),
    };
    // Who is not known is counted by where it comes from: guessing has a limit, too.
    admit_address(app, gateway, arrived.peer.address, headers).await?;
    refused.map(|caller| (caller, None))
}

/// Answers a request of a client that speaks MCP. An error is what was refused before it had a
/// record of its own.
async fn speak(
    app: &Arc<App>,
    gateway: Arc<Gateway>,
    method: &Method,
    transport: Transport,
    query: &str,
    head: &Head,
    body: Incoming,
) -> Result<Answer, Answer> {
    match (method, transport) {
        (&Method::POST, Transport::Streamable | Transport::Root) => {
            post(app, gateway, head, body).await
        }
        (&Method::GET, Transport::Streamable) => {
            Box::pin(legacy::serve_get(app, gateway, head)).await
        }
        (&Method::DELETE, Transport::Streamable) => {
            Box::pin(legacy::serve_delete(app, &gateway, head)).await
        }
        (_, Transport::Streamable) => Err(not_allowed("GET, POST, DELETE")),
        (&Method::GET, Transport::Stream) => Box::pin(sse::open(app, gateway, head)).await,
        (&Method::POST, Transport::Messages) => {
            Box::pin(sse::post(app, gateway, head, query, body)).await
        }
        _ => Err(nothing()),
    }
}

/// Counts a request whose caller is not known against the limit of where it comes from.
async fn admit_address(
    app: &App,
    gateway: &Gateway,
    peer: IpAddr,
    headers: &HeaderMap,
) -> Result<(), Answer> {
    let Some(rate) = gateway.config.rate_limits.ip else { return Ok(()) };
    let address = address::client(peer, headers, &gateway.config.trusted_proxies);
    let (limits, address) = (&app.lasting.limits, address::counted(address));
    let admitted = match &app.lasting.store {
        None => limits.admit_address(rate, address),
        Some(store) => Box::pin(limits.admit_address_shared(store, rate, address)).await,
    };
    admitted.map_err(|fault| {
        let data = fault.structured("");
        let error = jsonrpc::error(None, fault.reason.code(), &fault.message, Some(&data));
        let status = if fault.reason == Reason::Unavailable { 503 } else { 429 };
        let mut answer = json(status, error);
        let wait = fault.retry_after.unwrap_or_default().as_secs().max(1);
        answer.headers_mut().insert(http::header::RETRY_AFTER, wait.into());
        answer
    })
}

fn nothing() -> Answer {
    text(404, "nothing here: the MCP endpoint is /mcp")
}

/// The public halves of what we sign with, for whoever asks.
fn key_set(onwards: &Onwards) -> Option<Answer> {
    let mut answer = json(200, onwards.key_set()?.to_string().into());
    // A new key is published for as long before it may be unknown to somebody.
    let kept = HeaderValue::from_static("public, max-age=300");
    answer.headers_mut().insert(http::header::CACHE_CONTROL, kept);
    Some(answer)
}

fn not_allowed(allow: &'static str) -> Answer {
    let mut answer = text(405, "method not allowed");
    answer.headers_mut().insert(http::header::ALLOW, HeaderValue::from_static(allow));
    answer
}

fn metrics(app: &App, gateway: &Gateway) -> Answer {
    let mut answer = text(200, app.lasting.metrics.render(gateway, app.sessions.count()));
    answer.headers_mut().insert(
        http::header::CONTENT_TYPE,
        HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8"),
    );
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
    // A request that cannot be recorded is refused, so there is nothing to be ready for.
    let recorded = gateway.audit.as_ref().is_none_or(|audit| audit.health().is_good());
    // Nor is there where nothing can be counted.
    let counted = match &app.lasting.store {
        None => true,
        Some(store) => store.is_there().await,
    };
    if unready.is_empty() && recorded && counted {
        return json(200, Bytes::from_static(br#"{"status":"ready"}"#));
    }
    let names: Vec<_> = unready.iter().map(|name| format!("\"{name}\"")).collect();
    let audit = if recorded { "" } else { r#","audit":"failing""# };
    let store = if counted { "" } else { r#","store":"away""# };
    let names = names.join(",");
    json(503, format!(r#"{{"status":"unready","servers":[{names}]{audit}{store}}}"#).into())
}

async fn post(
    app: &Arc<App>,
    gateway: Arc<Gateway>,
    head: &Head,
    body: Incoming,
) -> Result<Answer, Answer> {
    check_content_type(&head.headers)?;
    let limits = &gateway.config.limits;
    let Some(admitted) = app.admit(limits.in_flight) else {
        let text = "the gateway is at its limit of requests; try again in a second";
        let mut answer = json(429, jsonrpc::error(None, codes::INTERNAL_ERROR, text, None));
        answer.headers_mut().insert(http::header::RETRY_AFTER, HeaderValue::from_static("1"));
        return Err(because(answer, Reason::Overloaded));
    };
    let body = read(body, &head.headers, limits).await?;
    let json_limits = json_limits(limits);
    if is_batch(&body) {
        let serving = legacy::serve_batch(app, gateway, head, body, &json_limits);
        return Box::pin(serving).await;
    }
    let message = scan(body, &json_limits)?;
    let version = head.headers.get("mcp-protocol-version").and_then(|value| value.to_str().ok());
    match framing(&message, version) {
        Era::Modern => modern::serve(app, gateway, head, message, admitted).await,
        Era::Legacy => legacy::serve_post(app, gateway, head, message, admitted).await,
    }
}
