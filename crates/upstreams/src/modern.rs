//! A server of the modern era over HTTP: every request stands alone, so there is no session.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode};
use http_body_util::Full;
use toolgate_gateway::call::{Boxed, End, Frame, Reply, Request, Who};
use toolgate_gateway::fault::Fault;
use toolgate_gateway::onward::CONTEXT_KEY;
use toolgate_protocol::headers;
use toolgate_protocol::jsonrpc::Kind;
use toolgate_protocol::method::Method;
use toolgate_protocol::modern;
use toolgate_protocol::sse;
use toolgate_protocol::version::{Era, Version};

use crate::endpoint::{self, Endpoint, Shape};
use crate::fan::Source;
use crate::http::Body;
use crate::stepped::{Stepped, Steps};

/// A modern HTTP server.
pub(crate) struct Modern {
    pub endpoint: Arc<Endpoint>,
    ids: AtomicU64,
}

impl Modern {
    pub fn new(endpoint: Arc<Endpoint>) -> Modern {
        Modern { endpoint, ids: AtomicU64::new(1) }
    }

    /// An id for a request of our own.
    pub fn next_id(&self) -> String {
        self.ids.fetch_add(1, Ordering::Relaxed).to_string()
    }

    /// Sends a request. The client's own id serves: the answer comes on this exchange alone.
    pub async fn call(&self, request: &Request) -> Result<Reply, Fault> {
        let id = request.message.id().unwrap_or("null");
        let (context, behalf) = self.endpoint.tell(request);
        let post = self.post(request, context.as_deref());
        let mut response = self.endpoint.send_for(post, behalf.as_deref()).await?;
        let status = response.status();
        match endpoint::shape(&response) {
            Shape::Events if status.is_success() => {
                let stream = Stream {
                    endpoint: self.endpoint.clone(),
                    body: Some(response.into_body()),
                    decoder: self.endpoint.decoder(),
                    id: id.into(),
                };
                Ok(Reply::Stream(Box::new(Stepped::new(stream))))
            }
            Shape::Json => {
                let body = self.endpoint.collect(&mut response).await?;
                let message = self.endpoint.message(status, body)?;
                self.endpoint.check_answer(&message, id)?;
                let status = (!status.is_success()).then_some(status.as_u16());
                Ok(Reply::Whole(End { message, era: Era::Modern, status }))
            }
            _ => {
                let body = self.endpoint.collect(&mut response).await?;
                Err(self.endpoint.not_mcp(status, &body))
            }
        }
    }

    /// What goes out for a request.
    fn post(&self, request: &Request, context: Option<&str>) -> http::Request<Full<Bytes>> {
        let mut edits = request.edits.clone();
        let context = context.map(|json| (CONTEXT_KEY, json));
        modern::dress(&request.message, &request.client, context, &mut edits);
        let body = edits.apply(request.message.bytes());
        let mut post = self.endpoint.post(body, Some(&request.trace));
        let headers = post.headers_mut();
        headers.insert(endpoint::PROTOCOL_VERSION, VERSION);
        headers.insert(endpoint::MCP_METHOD, method_value(&request.method));
        if request.method.named_by().is_some()
            && let Some(name) = request.named()
            && let Ok(value) = HeaderValue::from_bytes(headers::encode(&name).as_bytes())
        {
            headers.insert(endpoint::MCP_NAME, value);
        }
        for (name, value) in &request.params_headers {
            if let (Ok(name), Ok(value)) = (
                HeaderName::from_bytes(name.as_bytes()),
                HeaderValue::from_maybe_shared(value.clone()),
            ) {
                headers.insert(name, value);
            }
        }
        post
    }
}

/// A modern server that is listened to on somebody's behalf.
pub(crate) struct Listened {
    pub server: Arc<Modern>,
    pub who: Who,
}

impl Source for Listened {
    fn listen(self: Arc<Self>, mut request: Request) -> Boxed<'static, Result<Reply, Fault>> {
        request.who = self.who.clone();
        Box::pin(async move { self.server.call(&request).await })
    }
}

const VERSION: HeaderValue = HeaderValue::from_static("2026-07-28");
const _: () = assert!(matches!(Version::NEWEST, Version::V2026_07_28));

/// `Mcp-Method`, without an allocation for the methods that are called all day.
fn method_value(method: &Method) -> HeaderValue {
    match method {
        Method::ToolsCall => HeaderValue::from_static("tools/call"),
        Method::ResourcesRead => HeaderValue::from_static("resources/read"),
        other => HeaderValue::from_str(other.as_str())
            .unwrap_or_else(|_| HeaderValue::from_static("unknown")),
    }
}

/// The frames of one streamed answer.
struct Stream {
    endpoint: Arc<Endpoint>,
    body: Option<Body>,
    decoder: sse::Decoder,
    id: Box<str>,
}

impl Steps for Stream {
    async fn step(&mut self) -> Result<Frame, Fault> {
        loop {
            while let Some(event) =
                self.decoder.next_event().map_err(|error| self.endpoint.too_long(error))?
            {
                if let Some(frame) = self.frame(event.data)? {
                    return Ok(frame);
                }
            }
            let Some(body) = &mut self.body else {
                return Err(self.endpoint.garbage("read past the end"));
            };
            match body.chunk().await.map_err(|error| self.endpoint.fault(error))? {
                Some(chunk) => self.decoder.feed(chunk),
                None => return Err(self.endpoint.cut_short()),
            }
        }
    }
}

impl Stream {
    fn frame(&mut self, data: Bytes) -> Result<Option<Frame>, Fault> {
        if data.is_empty() {
            return Ok(None);
        }
        let message = self.endpoint.message(StatusCode::OK, data)?;
        match message.kind() {
            Kind::Notification => Ok(Some(Frame::Notification(message))),
            Kind::Request => {
                // Modern servers never send requests (2026-07-28, base protocol).
                tracing::warn!(server = %self.endpoint.name, "a request from a modern server");
                Ok(None)
            }
            Kind::Result | Kind::Error if message.id() == Some(&self.id) => {
                if let Some(body) = self.body.take() {
                    body.finish_later();
                }
                Ok(Some(Frame::End(End { message, era: Era::Modern, status: None })))
            }
            Kind::Result | Kind::Error => {
                self.endpoint.ignore_stray(&message);
                Ok(None)
            }
        }
    }
}
