//! HTTP/1.1 towards upstreams: pooled connections, driven by the task that uses them.
//!
//! A connection is not given to a task of its own, as HTTP clients usually do: whoever sends a
//! request polls the connection along with the answer. That saves two task switches a call,
//! which is a good part of what a small call costs, and it makes cancelling plain: dropping the
//! response drops the connection.

mod body;
mod connect;
mod proxy;

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::HOST;
use http::{HeaderValue, Request, Response, Uri};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;

pub use body::Body;
pub use connect::{Origin, Target};
pub use proxy::Proxies;

use connect::Stream;

/// Idle connections kept for one upstream.
const MOST_IDLE: usize = 128;
/// Servers commonly close idle connections after 5 s to 75 s; a closed one is noticed anyway,
/// so this bounds only what idle upstreams cost.
const IDLE: Duration = Duration::from_secs(30);
/// How long connecting, with TLS and a proxy's handshake, may take.
const CONNECT: Duration = Duration::from_secs(5);

/// Why an HTTP exchange failed, and so whether the request may have been seen.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// No connection: the upstream has seen nothing.
    #[error("cannot connect to {authority}: {cause}")]
    Connect {
        /// Host and port.
        authority: String,
        /// What the system said.
        cause: std::io::Error,
    },
    /// The connection ended or broke before the answer was whole.
    #[error("the connection broke: {0}")]
    Broken(#[from] hyper::Error),
    /// The body is larger than the limit, in bytes.
    #[error("the reply is larger than {0} bytes")]
    TooLarge(usize),
}

/// The connections to one origin.
pub struct Pool {
    target: Target,
    idle: Mutex<VecDeque<Box<Connection>>>,
}

/// One connection with its state machine.
struct Connection {
    sender: http1::SendRequest<Full<Bytes>>,
    driver: http1::Connection<TokioIo<Stream>, Full<Bytes>>,
    idle_since: Instant,
}

impl Pool {
    /// A pool without connections yet.
    pub fn new(target: Target) -> Arc<Pool> {
        Arc::new(Pool { target, idle: Mutex::new(VecDeque::new()) })
    }

    /// Where it connects to.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// How many connections are idle.
    pub fn idle_count(&self) -> usize {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Sends a request and waits for the head of the answer.
    ///
    /// # Errors
    /// When no connection could be made, or it broke before the head came. A request that a
    /// closed connection never took is sent once more on a new one.
    pub async fn send(
        self: &Arc<Self>,
        mut request: Request<Full<Bytes>>,
    ) -> Result<Response<Body>, HttpError> {
        while let Some(connection) = self.take_idle() {
            match self.exchange(connection, request).await {
                Ok(response) => return Ok(response),
                // The connection closed before it took the request: nothing was sent.
                Err((_, Some(unsent))) => request = unsent,
                Err((error, None)) => return Err(error.into()),
            }
        }
        let connection = Box::pin(self.connect()).await?;
        self.exchange(connection, request).await.map_err(|(error, _)| error.into())
    }

    /// Sends a request, whose URI is absolute, and waits for the whole answer, of at most `limit`
    /// bytes. Redirects are answers like any other.
    ///
    /// # Errors
    /// As [`Pool::send`], and when the answer is larger.
    pub async fn fetch(
        self: &Arc<Self>,
        request: Request<Bytes>,
        limit: usize,
    ) -> Result<Response<Bytes>, HttpError> {
        let (mut head, body) = request.into_parts();
        // The authority of a URL that parsed is a header value.
        if let Ok(host) = HeaderValue::from_str(&self.target.authority()) {
            head.headers.insert(HOST, host);
        }
        if !self.target.needs_absolute_form() {
            let path = head.uri.path_and_query().cloned();
            head.uri = path.map_or_else(|| Uri::from_static("/"), Uri::from);
        }
        let request = Request::from_parts(head, Full::new(body));
        let mut response = self.send(request).await?;
        let body = collect(&mut response, limit).await?;
        Ok(response.map(|_| body))
    }

    async fn exchange(
        self: &Arc<Self>,
        mut connection: Box<Connection>,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Body>, (hyper::Error, Option<Request<Full<Bytes>>>)> {
        let mut answer = std::pin::pin!(connection.sender.try_send_request(request));
        let driver = &mut connection.driver;
        let mut driving = true;
        let outcome = poll_fn(|cx| {
            if let Poll::Ready(outcome) = answer.as_mut().poll(cx) {
                return Poll::Ready(outcome);
            }
            if driving {
                driving = Pin::new(&mut *driver).poll(cx).is_pending();
            }
            // The driver may just have read the head: look before waiting for a wake-up.
            answer.as_mut().poll(cx)
        })
        .await;
        match outcome {
            Ok(response) => {
                let pool = self.clone();
                let driving = driving.then_some(connection);
                Ok(response.map(|incoming| Body::new(incoming, driving, pool)))
            }
            Err(mut error) => {
                let unsent = error.take_message();
                Err((error.into_error(), unsent))
            }
        }
    }

    fn take_idle(&self) -> Option<Box<Connection>> {
        loop {
            // Newest first: the oldest ones then age out.
            let mut connection =
                self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop_back()?;
            if connection.idle_since.elapsed() < IDLE && connection.is_open() {
                return Some(connection);
            }
        }
    }

    /// Takes back a connection whose answer has been read to the end.
    fn give_back(&self, mut connection: Box<Connection>) {
        if !connection.is_open() || !connection.sender.is_ready() {
            return;
        }
        connection.idle_since = Instant::now();
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        while idle.front().is_some_and(|oldest| oldest.idle_since.elapsed() >= IDLE) {
            idle.pop_front();
        }
        if idle.len() < MOST_IDLE {
            idle.push_back(connection);
        }
    }

    async fn connect(&self) -> Result<Box<Connection>, HttpError> {
        let failed = |cause| HttpError::Connect { authority: self.target.authority(), cause };
        let stream = tokio::time::timeout(CONNECT, self.target.connect())
            .await
            .unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()))
            .map_err(failed)?;
        let (sender, driver) = http1::Builder::new()
            .max_headers(128)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|error| failed(std::io::Error::other(error)))?;
        Ok(Box::new(Connection { sender, driver, idle_since: Instant::now() }))
    }

    /// Closes what is idle.
    pub fn close(&self) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

impl Connection {
    /// Lets the connection see what has arrived; false when it has closed.
    fn is_open(&mut self) -> bool {
        let mut cx = Context::from_waker(std::task::Waker::noop());
        Pin::new(&mut self.driver).poll(&mut cx).is_pending() && !self.sender.is_closed()
    }
}

/// The body of an answer that is not a stream, up to `limit` bytes.
///
/// # Errors
/// When it is larger, or the connection breaks.
pub async fn collect(response: &mut Response<Body>, limit: usize) -> Result<Bytes, HttpError> {
    response.body_mut().collect(limit).await
}

/// The type of hyper's incoming body, named once.
type Raw = Incoming;
