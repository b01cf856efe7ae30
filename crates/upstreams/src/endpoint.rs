//! Requests to one MCP endpoint over HTTP, and what its answers mean.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, HOST, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri};
use http_body_util::Full;
use toolgate_gateway::call::{Caller, Request as Called, Trace, Who};
use toolgate_gateway::fault::{Fault, Reason};
use toolgate_gateway::onward::{Attach, CONTEXT_HEADER, Credential, Onward};
use toolgate_protocol::json::Limits;
use toolgate_protocol::jsonrpc::{Kind, Message};
use toolgate_protocol::sse;

use crate::http::{Body, HttpError, Pool};

pub(crate) const PROTOCOL_VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
pub(crate) const SESSION_ID: HeaderName = HeaderName::from_static("mcp-session-id");
pub(crate) const MCP_METHOD: HeaderName = HeaderName::from_static("mcp-method");
pub(crate) const MCP_NAME: HeaderName = HeaderName::from_static("mcp-name");
pub(crate) const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
const DPOP: HeaderName = HeaderName::from_static("dpop");
const DPOP_NONCE: HeaderName = HeaderName::from_static("dpop-nonce");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const BOTH: HeaderValue = HeaderValue::from_static("application/json, text/event-stream");
const EVENTS: HeaderValue = HeaderValue::from_static("text/event-stream");

/// How much of an answer that is no MCP goes into the log, in bytes.
const EXCERPT: usize = 300;

/// The bounds on what a server may send.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// One reply, in bytes.
    pub reply: usize,
    /// One event of a stream, in bytes.
    pub event: usize,
    /// Nesting and the like.
    pub json: Limits,
}

/// One MCP endpoint.
pub(crate) struct Endpoint {
    pub name: Arc<str>,
    pub pool: Arc<Pool>,
    pub bounds: Bounds,
    pub onward: Onward,
    uri: Uri,
    /// Scheme and authority, as proofs name them.
    origin: Arc<str>,
    headers: HeaderMap,
    /// On whose behalf the session is that this belongs to; of one caller's requests the last.
    whose: Mutex<Option<Who>>,
}

/// What goes in the head of one request, where the server is told who calls.
pub(crate) struct Behalf {
    pub who: Who,
    /// The trace that the request belongs to, for whoever reads no head.
    #[cfg_attr(
        not(feature = "rmcp"),
        expect(dead_code, reason = "handlers in this process read it")
    )]
    pub trace: Trace,
    pub context: Option<HeaderValue>,
}

impl Endpoint {
    /// An endpoint at `url`, with `headers` sent on every request.
    pub fn new(
        name: Arc<str>,
        url: &Uri,
        pool: Arc<Pool>,
        extra: &[(HeaderName, HeaderValue)],
        onward: Onward,
        bounds: Bounds,
    ) -> Endpoint {
        let uri = if pool.target().needs_absolute_form() {
            url.clone()
        } else {
            url.path_and_query()
                .map_or_else(|| Uri::from_static("/"), |path| Uri::from(path.clone()))
        };
        let mut headers = HeaderMap::with_capacity(12);
        // The authority of a URL that parsed is a header value.
        if let Ok(host) = HeaderValue::from_str(&pool.target().authority()) {
            headers.insert(HOST, host);
        }
        for (name, value) in extra {
            headers.insert(name.clone(), value.clone());
        }
        let scheme = url.scheme_str().unwrap_or("https");
        let origin = format!("{scheme}://{}", pool.target().authority()).into();
        Endpoint { name, pool, bounds, onward, uri, origin, headers, whose: Mutex::default() }
    }

    /// The same server at another path, as HTTP+SSE servers name one.
    pub fn at(&self, uri: Uri) -> Endpoint {
        Endpoint {
            name: self.name.clone(),
            pool: self.pool.clone(),
            bounds: self.bounds,
            onward: self.onward.clone(),
            uri,
            origin: self.origin.clone(),
            headers: self.headers.clone(),
            whose: Mutex::new(self.whose()),
        }
    }

    /// The same endpoint for a session on behalf of `who`.
    pub fn on_behalf(self: &Arc<Self>, who: &Who) -> Arc<Endpoint> {
        if self.onward.attach.is_none() {
            return self.clone();
        }
        let endpoint = self.at(self.uri.clone());
        endpoint.remember(who);
        Arc::new(endpoint)
    }

    fn whose(&self) -> Option<Who> {
        self.whose.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn remember(&self, who: &Who) {
        *self.whose.lock().unwrap_or_else(PoisonError::into_inner) = Some(who.clone());
    }

    /// What is told of a request and its caller, for `_meta` and for the head.
    pub fn tell(&self, request: &Called) -> (Option<String>, Option<Box<Behalf>>) {
        let told = self.onward.broker.as_ref().map(|broker| broker.context(request));
        let (json, context) = told.map_or((None, None), |told| (Some(told.json), told.header));
        let needed = self.onward.attach.is_some() || context.is_some();
        let behalf = needed.then(|| {
            let (who, trace) = (request.who.clone(), request.trace.clone());
            Box::new(Behalf { who, trace, context })
        });
        (json, behalf)
    }

    /// A POST of one message.
    pub fn post(&self, body: Bytes, trace: Option<&Trace>) -> Request<Full<Bytes>> {
        let mut request = self.request(Method::POST, body);
        let headers = request.headers_mut();
        headers.insert(CONTENT_TYPE, JSON);
        headers.insert(ACCEPT, BOTH);
        if let Some(trace) = trace {
            for (name, value) in [(TRACEPARENT, &trace.parent), (TRACESTATE, &trace.state)] {
                if let Some(value) = value.as_deref().and_then(|v| HeaderValue::from_str(v).ok()) {
                    headers.insert(name, value);
                }
            }
        }
        request
    }

    /// A GET of the event stream.
    pub fn get(&self) -> Request<Full<Bytes>> {
        let mut request = self.request(Method::GET, Bytes::new());
        request.headers_mut().insert(ACCEPT, EVENTS);
        request
    }

    /// A DELETE of a session.
    pub fn delete(&self) -> Request<Full<Bytes>> {
        self.request(Method::DELETE, Bytes::new())
    }

    fn request(&self, method: Method, body: Bytes) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = self.headers.clone();
        request
    }

    /// Sends a request on behalf of whose session it is, and waits for the head of the answer.
    pub async fn send(&self, request: Request<Full<Bytes>>) -> Result<Response<Body>, Fault> {
        self.send_for(request, None).await
    }

    /// Sends a request on somebody's behalf and waits for the head of the answer, which is none
    /// that refuses our credential: what it would have a client do is not the client's to do.
    pub async fn send_for(
        &self,
        mut request: Request<Full<Bytes>>,
        behalf: Option<&Behalf>,
    ) -> Result<Response<Body>, Fault> {
        if let Some(context) = behalf.and_then(|behalf| behalf.context.clone()) {
            request.headers_mut().insert(CONTEXT_HEADER, context);
        }
        let response = match &self.onward.attach {
            Some(attach) => Box::pin(self.send_with(attach, request, behalf)).await?,
            None => self.exchange(request).await?,
        };
        if response.status() == StatusCode::UNAUTHORIZED {
            return Err(self.refused(response).await);
        }
        Ok(response)
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<Response<Body>, Fault> {
        self.pool.send(request).await.map_err(|error| self.fault(error))
    }

    /// Sends a request with what proves on whose behalf it comes. Refused, which is before it is
    /// run, it is sent once more with another proof.
    async fn send_with(
        &self,
        attach: &Arc<dyn Attach>,
        request: Request<Full<Bytes>>,
        behalf: Option<&Behalf>,
    ) -> Result<Response<Body>, Fault> {
        let who = match behalf {
            Some(behalf) => {
                self.remember(&behalf.who);
                Some(behalf.who.clone())
            }
            None => self.whose(),
        };
        let personal = attach.is_personal();
        let who = who.unwrap_or_else(|| Who::of(Caller::anonymous()));
        if personal && who.caller.is_anonymous() {
            // Our own look at a server to which only callers can prove anything.
            return self.exchange(request).await;
        }
        let ours = |fault: Fault| {
            let fault = fault.at(&self.name).unsent();
            if personal { fault.of_this_caller() } else { fault }
        };
        let credential = attach.credential(&who).await.map_err(ours)?;
        let again = request.clone();
        let response = self.show(request, credential.as_ref()).await?;
        let challenge = challenge(&response);
        let lacks_scope = response.status() == StatusCode::FORBIDDEN
            && challenge.as_deref().is_some_and(|text| text.contains("insufficient_scope"));
        if response.status() != StatusCode::UNAUTHORIZED && !lacks_scope {
            return Ok(response);
        }
        drop(response);
        let refused = credential.as_ref();
        attach.refused(&who, refused, challenge.as_deref()).await.map_err(ours)?;
        let credential = attach.credential(&who).await.map_err(ours)?;
        let response = self.show(again, credential.as_ref()).await?;
        if response.status() == StatusCode::UNAUTHORIZED {
            return Err(ours(self.refused(response).await));
        }
        Ok(response)
    }

    /// Sends a request with this credential. A server that wants a nonce of its own in the proof
    /// has not run the request, which it is sent once more (RFC 9449, section 9).
    async fn show(
        &self,
        mut request: Request<Full<Bytes>>,
        credential: Option<&Credential>,
    ) -> Result<Response<Body>, Fault> {
        let prover = credential.and_then(|credential| credential.prover.as_ref());
        let again = prover.map(|_| request.clone());
        self.put(&mut request, credential);
        let response = self.exchange(request).await?;
        let (Some(prover), Some(mut again)) = (prover, again) else { return Ok(response) };
        if !prover.hear(&self.origin, nonce(&response)) || !wants_nonce(&response) {
            return Ok(response);
        }
        drop(response);
        self.put(&mut again, credential);
        let response = self.exchange(again).await?;
        prover.hear(&self.origin, nonce(&response));
        Ok(response)
    }

    fn put(&self, request: &mut Request<Full<Bytes>>, credential: Option<&Credential>) {
        let Some(credential) = credential else { return };
        let url = format!("{}{}", self.origin, self.uri.path());
        let proof = credential.proof(request.method(), &url);
        let headers = request.headers_mut();
        headers.insert(credential.name.clone(), credential.value.clone());
        if let Some(proof) = proof {
            headers.insert(DPOP, proof);
        }
    }

    /// A server that does not take what we have to show. Its challenge goes no further: it would
    /// have our client fetch a token for somebody else's resource.
    async fn refused(&self, mut response: Response<Body>) -> Fault {
        let body = response.body_mut().collect(self.bounds.reply).await.unwrap_or_default();
        self.not_mcp(StatusCode::UNAUTHORIZED, &body)
    }

    /// The whole body of an answer.
    pub async fn collect(&self, response: &mut Response<Body>) -> Result<Bytes, Fault> {
        let body = response.body_mut().collect(self.bounds.reply).await;
        body.map_err(|error| self.fault(error))
    }

    /// A decoder with this endpoint's bounds.
    pub fn decoder(&self) -> sse::Decoder {
        sse::Decoder::new(sse::Limits { line: self.bounds.event, event: self.bounds.event })
    }

    pub fn fault(&self, error: HttpError) -> Fault {
        let fault = match &error {
            HttpError::Connect { .. } => {
                Fault::new(Reason::Unreachable, format!("cannot reach server \"{}\"", self.name))
            }
            HttpError::Broken(_) => Fault::new(
                Reason::Broken,
                format!("the connection to server \"{}\" broke", self.name),
            ),
            HttpError::TooLarge(limit) => Fault::new(
                Reason::TooLarge,
                format!("server \"{}\" answered more than {limit} bytes", self.name),
            ),
        };
        fault.because(error).at(&self.name)
    }

    /// A stream that broke a limit, and cannot be read on.
    pub fn too_long(&self, error: sse::Error) -> Fault {
        let limit = self.bounds.event;
        let what = format!("server \"{}\" sent an event of more than {limit} bytes", self.name);
        Fault::new(Reason::TooLarge, what).because(error).at(&self.name)
    }

    /// What an answer means that is no JSON-RPC message.
    pub fn not_mcp(&self, status: StatusCode, body: &[u8]) -> Fault {
        let excerpt = String::from_utf8_lossy(&body[..body.len().min(EXCERPT)]).into_owned();
        let (reason, message) = match status.as_u16() {
            401 | 403 => (
                Reason::Refused,
                format!("server \"{}\" refuses the gateway's credentials", self.name),
            ),
            429 => (Reason::Overloaded, format!("server \"{}\" is overloaded", self.name)),
            500..=599 => {
                (Reason::Unreachable, format!("server \"{}\" fails (HTTP {status})", self.name))
            }
            _ => (
                Reason::Garbage,
                format!("server \"{}\" answered what is not MCP (HTTP {status})", self.name),
            ),
        };
        Fault::new(reason, message).because(excerpt.escape_debug().to_string()).at(&self.name)
    }

    /// Reads a JSON answer.
    pub fn message(&self, status: StatusCode, body: Bytes) -> Result<Message, Fault> {
        Message::scan_reply(body.clone(), &self.bounds.json)
            .map_err(|_| self.not_mcp(status, &body))
    }

    /// Checks that a message answers the request with this id, as raw JSON.
    pub fn check_answer(&self, message: &Message, id: &str) -> Result<(), Fault> {
        match message.kind() {
            // An error about a request that could not be read carries no id.
            Kind::Error if message.id().is_none_or(|id| id == "null") => Ok(()),
            Kind::Result | Kind::Error if message.id() == Some(id) => Ok(()),
            _ => Err(self.garbage(format!("an answer with id {:?}", message.id()))),
        }
    }

    /// An answer on a stream that belongs to another request: nobody's fault that can be told.
    pub fn ignore_stray(&self, message: &Message) {
        let id = message.id();
        tracing::warn!(server = %self.name, ?id, "an answer to somebody else's request");
    }

    /// An answer that ended before its result.
    pub fn cut_short(&self) -> Fault {
        let name = &self.name;
        Fault::new(Reason::Broken, format!("server \"{name}\" ended without an answer")).at(name)
    }

    /// An answer that broke the rules of the stream or of JSON-RPC.
    pub fn garbage(&self, what: impl Into<String>) -> Fault {
        let name = &self.name;
        Fault::new(Reason::Garbage, format!("server \"{name}\" answered what is not MCP"))
            .because(what.into())
            .at(name)
    }
}

/// What a server asks for that refuses a credential: its challenges of the schemes that tokens go
/// under, in one list.
fn challenge(response: &Response<Body>) -> Option<String> {
    let values = response.headers().get_all(WWW_AUTHENTICATE).iter();
    let texts = values.filter_map(|value| value.to_str().ok());
    let of_token = |text: &&str| {
        let scheme = text.split([' ', ',']).next().unwrap_or_default();
        scheme.eq_ignore_ascii_case("bearer") || scheme.eq_ignore_ascii_case("dpop")
    };
    let texts: Vec<_> = texts.filter(of_token).collect();
    (!texts.is_empty()).then(|| texts.join(", "))
}

/// The nonce that the next proof is to hold.
fn nonce(response: &Response<Body>) -> Option<&str> {
    response.headers().get(DPOP_NONCE)?.to_str().ok()
}

/// Whether a request was refused for want of a nonce (RFC 9449, section 9).
fn wants_nonce(response: &Response<Body>) -> bool {
    response.status() == StatusCode::UNAUTHORIZED
        && challenge(response).is_some_and(|text| text.contains("use_dpop_nonce"))
}

/// What an answer's Content-Type says it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Json,
    Events,
    Other,
}

/// The shape of an answer.
pub(crate) fn shape(response: &Response<Body>) -> Shape {
    let content_type =
        response.headers().get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    let is = |kind: &[u8]| {
        content_type.len() >= kind.len() && content_type[..kind.len()].eq_ignore_ascii_case(kind)
    };
    if is(b"application/json") {
        Shape::Json
    } else if is(b"text/event-stream") {
        Shape::Events
    } else {
        Shape::Other
    }
}
