//! What an HTTP answer is made of.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, Response, StatusCode};
use hyper::body::{Frame, SizeHint};
use tokio::sync::mpsc;
use toolgate_gateway::fault::Reason;

/// The body of an answer: whole, or events as they come.
pub enum Body {
    /// Everything at once, so that head and body leave in one write.
    Whole(Bytes),
    /// An event stream. Its task notices the receiver's drop when the client leaves.
    Events(mpsc::Receiver<Bytes>),
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.get_mut() {
            Body::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Body::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Body::Events(events) => {
                events.poll_recv(cx).map(|bytes| bytes.map(|b| Ok(Frame::data(b))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Body::Whole(bytes) if bytes.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Body::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Body::Events(_) => SizeHint::default(),
        }
    }
}

/// An answer.
pub type Answer = Response<Body>;

/// How often an idle stream shows a sign of life.
pub const KEEP_ALIVE: Duration = Duration::from_secs(15);

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const EVENTS: HeaderValue = HeaderValue::from_static("text/event-stream");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
/// Tells reverse proxies not to hold events back (2026-07-28, transports: SSE).
const UNBUFFERED: HeaderName = HeaderName::from_static("x-accel-buffering");

/// A JSON answer.
pub fn json(status: u16, body: Bytes) -> Answer {
    let mut answer = Response::new(Body::Whole(body));
    *answer.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    answer.headers_mut().insert(CONTENT_TYPE, JSON);
    answer
}

/// A stream of events.
pub fn events(events: mpsc::Receiver<Bytes>) -> Answer {
    let mut answer = Response::new(Body::Events(events));
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, EVENTS);
    headers.insert(CACHE_CONTROL, NO_STORE);
    headers.insert(UNBUFFERED, HeaderValue::from_static("no"));
    answer
}

/// An answer that is for one caller alone, and for no cache on the way.
pub fn unshared(mut answer: Answer) -> Answer {
    answer.headers_mut().insert(CACHE_CONTROL, NO_STORE);
    answer
}

/// A plain sentence, for what speaks no MCP.
pub fn text(status: u16, text: impl Into<Bytes>) -> Answer {
    let mut answer = json(status, text.into());
    answer.headers_mut().insert(CONTENT_TYPE, TEXT);
    answer
}

/// An answer without a body.
pub fn empty(status: u16) -> Answer {
    let mut answer = Response::new(Body::Whole(Bytes::new()));
    *answer.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    answer
}

/// The same answer, which says in its record why.
pub fn because(mut answer: Answer, reason: Reason) -> Answer {
    answer.extensions_mut().insert(reason);
    answer
}

/// Why a request was refused with this answer.
pub fn reason_of(answer: &Answer) -> Reason {
    let by_status = || match answer.status().as_u16() {
        401 => Reason::Unauthenticated,
        403 => Reason::Foreign,
        404 => Reason::Unknown,
        405 => Reason::NoMethod,
        413 => Reason::TooLarge,
        429 => Reason::RateLimited,
        500 => Reason::Internal,
        503 => Reason::Overloaded,
        _ => Reason::Invalid,
    };
    answer.extensions().get().copied().unwrap_or_else(by_status)
}

/// An answer's bytes, for transports that have no status.
pub fn bytes_of(answer: Answer) -> Bytes {
    match answer.into_body() {
        Body::Whole(bytes) => bytes,
        Body::Events(_) => Bytes::new(),
    }
}
