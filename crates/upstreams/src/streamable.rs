//! A session with a legacy server over Streamable HTTP: each request has its own answer, what
//! the server says unasked comes on a stream of its own.

mod asked;
mod cancel;
mod own;
mod stream;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode};
use tokio::sync::{RwLock, oneshot};
use toolgate_gateway::call::{Answer, Boxed, End, Reply, Request};
use toolgate_gateway::fault::{Fault, Reason};
use toolgate_protocol::jsonrpc::Message;
use toolgate_protocol::version::{Era, Version};

use crate::endpoint::{self, Behalf, Endpoint, Shape};
use crate::http::Body;
use crate::link::{self, Hub, Link, Outbound};
use crate::stepped::Stepped;
use asked::{Asked, Asking, Begun, Early, Posting};
use cancel::CancelGuard;
use own::Listening;
use stream::Stream;

/// How long the end of a session waits for what is still to be said to the server.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// The longest pause that a server's `retry` is honoured for.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// The pause before a stream is opened again where the server named none.
const PAUSE: Duration = Duration::from_secs(1);

/// One session over Streamable HTTP.
pub(crate) struct Streamable {
    endpoint: Arc<Endpoint>,
    session: Option<HeaderValue>,
    version: Version,
    alive: AtomicBool,
    listening: Mutex<Option<Listening>>,
    /// False once the server said that it has no stream for what belongs to no request.
    offers_stream: AtomicBool,
    asking: Arc<Asking>,
    /// Shared by whatever is said to the server in passing, which the end of the session waits for.
    saying: Arc<RwLock<()>>,
}

impl Streamable {
    pub fn new(
        endpoint: Arc<Endpoint>,
        session: Option<HeaderValue>,
        version: Version,
    ) -> Arc<Streamable> {
        Arc::new(Streamable {
            endpoint,
            session,
            version,
            alive: AtomicBool::new(true),
            listening: Mutex::default(),
            offers_stream: AtomicBool::new(true),
            asking: Arc::default(),
            saying: Arc::default(),
        })
    }

    fn sign(&self, request: &mut http::Request<http_body_util::Full<Bytes>>) {
        let headers = request.headers_mut();
        if let Some(session) = &self.session {
            headers.insert(endpoint::SESSION_ID, session.clone());
        }
        // From 2025-06-18 on; older servers ignore it (transports: protocol version header).
        headers.insert(endpoint::PROTOCOL_VERSION, HeaderValue::from_static(self.version.as_str()));
    }

    async fn post(&self, body: Bytes, behalf: Option<&Behalf>) -> Result<Response<Body>, Fault> {
        let mut request = self.endpoint.post(body, None);
        self.sign(&mut request);
        self.endpoint.send_for(request, behalf).await
    }

    /// Resumes a stream after an event, or opens the session's own.
    async fn get(&self, after: Option<&str>) -> Result<Response<Body>, Fault> {
        let mut request = self.endpoint.get();
        self.sign(&mut request);
        if let Some(value) = after.and_then(|id| HeaderValue::from_str(id).ok()) {
            request.headers_mut().insert(endpoint::LAST_EVENT_ID, value);
        }
        self.endpoint.send(request).await
    }

    /// Whether an answer says that the session is over: 404 by the specification (transports:
    /// session management), 400 with a word about sessions by many servers.
    fn is_session_lost(&self, status: StatusCode, body: &[u8]) -> bool {
        self.session.is_some()
            && (status == StatusCode::NOT_FOUND
                || status == StatusCode::BAD_REQUEST
                    && String::from_utf8_lossy(body).to_ascii_lowercase().contains("session"))
    }

    fn lost(&self) -> Fault {
        self.alive.store(false, Ordering::Release);
        let name = &self.endpoint.name;
        Fault::new(Reason::Broken, format!("server \"{name}\" has forgotten the session"))
            .at(name)
            .unsent()
    }

    /// Sends a request and waits for the head of its answer.
    async fn begin(
        self: Arc<Self>,
        outbound: &Outbound,
    ) -> Result<(Response<Body>, CancelGuard), Fault> {
        let mut guard = CancelGuard::new(self.clone(), outbound.id);
        match self.post(outbound.body.clone(), outbound.behalf.as_deref()).await {
            Ok(response) => Ok((response, guard)),
            Err(fault) => {
                guard.disarm();
                Err(fault)
            }
        }
    }

    async fn answer(
        self: &Arc<Self>,
        outbound: Outbound,
        mut response: Response<Body>,
        mut guard: CancelGuard,
        asked: Option<Asked>,
    ) -> Result<Reply, Fault> {
        let status = response.status();
        if status.is_success() && endpoint::shape(&response) == Shape::Events {
            let stream = Stream::new(self.clone(), guard, asked, outbound, response.into_body());
            return Ok(Reply::Stream(Box::new(Stepped::new(stream))));
        }
        let shape = endpoint::shape(&response);
        let body = self.endpoint.collect(&mut response).await?;
        guard.disarm();
        if self.is_session_lost(status, &body) {
            return Err(self.lost());
        }
        if shape != Shape::Json {
            return Err(self.endpoint.not_mcp(status, &body));
        }
        let message = self.endpoint.message(status, body)?;
        self.endpoint.check_answer(&message, &outbound.id.to_string())?;
        Ok(Reply::Whole(End { message, era: Era::Legacy, status: None }))
    }

    /// Says something that nobody waits for.
    fn say(self: &Arc<Self>, body: impl Future<Output = Bytes> + Send + 'static) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let link = self.clone();
        // None once the session ends: then nobody waits for it either.
        let saying = self.saying.clone().try_read_owned();
        runtime.spawn(async move {
            if let Err(fault) = link.send(body.await).await {
                tracing::warn!(%fault, "a message did not reach the server");
            }
            drop(saying);
        });
    }

    /// Sends the answer to a question as soon as there is one.
    fn respond(self: &Arc<Self>, question: &Message, answered: oneshot::Receiver<Answer>) {
        let id = question.id().unwrap_or("null").to_owned();
        self.say(async move { link::response_to(&id, answered.await) });
    }
}

impl Link for Streamable {
    fn request(self: Arc<Self>, outbound: Outbound) -> Boxed<'static, Result<Reply, Fault>> {
        Box::pin(async move {
            if !outbound.may_ask {
                let (response, guard) = self.clone().begin(&outbound).await?;
                return self.answer(outbound, response, guard, None).await;
            }
            let mut asked = Some(self.asking.register(&outbound));
            let mut posting: Posting = Box::pin(async move {
                let (response, guard) = self.clone().begin(&outbound).await?;
                let begun: Begun = Box::new(move |asked| {
                    Box::pin(async move { self.answer(outbound, response, guard, asked).await })
                });
                Ok(begun)
            });
            tokio::select! {
                biased;
                begun = &mut posting => begun?(asked).await,
                question = asked::next(&mut asked) => {
                    Ok(Reply::Stream(Box::new(Early::new(question, posting, asked))))
                }
            }
        })
    }

    fn tell(&self, request: &Request) -> (Option<String>, Option<Box<Behalf>>) {
        self.endpoint.tell(request)
    }

    fn send(&self, body: Bytes) -> Boxed<'_, Result<(), Fault>> {
        Box::pin(async {
            let mut response = self.post(body, None).await?;
            let status = response.status();
            let body = self.endpoint.collect(&mut response).await?;
            if status.is_success() {
                return Ok(());
            }
            if self.is_session_lost(status, &body) {
                return Err(self.lost());
            }
            Err(self.endpoint.not_mcp(status, &body))
        })
    }

    fn listen(self: Arc<Self>, hub: Arc<Hub>) -> Boxed<'static, ()> {
        self.settle_own(hub)
    }

    fn is_alive(&self) -> bool {
        self.alive.load(Ordering::Acquire)
    }

    fn close(&self) -> Boxed<'_, ()> {
        Box::pin(async {
            let was_alive = self.alive.swap(false, Ordering::AcqRel);
            let listening = self.listening.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(listening) = listening {
                listening.task.abort();
            }
            // A process that ends cuts off what it has not sent.
            let _ = tokio::time::timeout(LAST_WORDS, self.saying.write()).await;
            if was_alive && self.session.is_some() {
                let mut request = self.endpoint.delete();
                self.sign(&mut request);
                // The server may refuse (405); the session then dies of age.
                let _ = self.endpoint.send(request).await;
            }
        })
    }
}
