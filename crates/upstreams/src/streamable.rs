//! A session with a legacy server over Streamable HTTP: each request has its own answer, what
//! the server says unasked comes on a stream of its own.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode};
use toolgate_gateway::call::{Boxed, End, Frame, Frames, Reply};
use toolgate_gateway::fault::{Fault, Reason};
use toolgate_protocol::jsonrpc::{Kind, Message};
use toolgate_protocol::sse;
use toolgate_protocol::version::{Era, Version};

use crate::endpoint::{self, Endpoint, Shape};
use crate::http::Body;
use crate::link::{self, Hub, Link, Outbound};

/// How often a broken stream is resumed before the call fails.
const RESUMES: u32 = 5;
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
    listening: Mutex<Option<tokio::task::AbortHandle>>,
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

    async fn post(&self, body: Bytes) -> Result<Response<Body>, Fault> {
        let mut request = self.endpoint.post(body, None);
        self.sign(&mut request);
        self.endpoint.send(request).await
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

    async fn answer(
        self: &Arc<Self>,
        outbound: Outbound,
        mut response: Response<Body>,
        guard: CancelGuard,
    ) -> Result<Reply, Fault> {
        let status = response.status();
        if status.is_success() && endpoint::shape(&response) == Shape::Events {
            return Ok(Reply::Stream(Box::new(Stream {
                link: self.clone(),
                guard,
                id: outbound.id.to_string(),
                token: outbound.token,
                may_ask: outbound.may_ask,
                body: Some(response.into_body()),
                decoder: self.endpoint.decoder(),
                last_event: None,
                retry: None,
                resumes: 0,
                opened: false,
                ended: false,
            })));
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
        let id = outbound.id.to_string();
        match message.kind() {
            Kind::Error if message.id().is_none_or(|id| id == "null") => {}
            Kind::Result | Kind::Error if message.id() == Some(&id) => {}
            _ => {
                let what = format!("an answer with id {:?}", message.id());
                return Err(self.endpoint.garbage(what));
            }
        }
        Ok(Reply::Whole(End { message, era: Era::Legacy, status: None }))
    }

    async fn listen_on(self: Arc<Self>, hub: Arc<Hub>) {
        let mut last_event: Option<String> = None;
        let mut pause = PAUSE;
        while self.is_alive() {
            let Ok(mut response) = self.get(last_event.as_deref()).await else {
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
                continue;
            };
            let status = response.status();
            if !status.is_success() || endpoint::shape(&response) != Shape::Events {
                // 405: the server offers no such stream, which it may.
                let body = self.endpoint.collect(&mut response).await.unwrap_or_default();
                if self.is_session_lost(status, &body) {
                    let _ = self.lost();
                }
                return;
            }
            pause = PAUSE;
            let mut decoder = self.endpoint.decoder();
            let body = response.body_mut();
            while let Ok(Some(chunk)) = body.chunk().await {
                decoder.feed(chunk);
                while let Ok(Some(event)) = decoder.next_event() {
                    last_event = event.id.or(last_event);
                    if let Some(retry) = event.retry {
                        pause = Duration::from_millis(retry).min(LONGEST_PAUSE);
                    }
                    if let Ok(message) = self.endpoint.message(StatusCode::OK, event.data) {
                        self.unasked(&hub, message);
                    }
                }
            }
            tokio::time::sleep(pause).await;
        }
    }

    fn unasked(self: &Arc<Self>, hub: &Hub, message: Message) {
        match message.kind() {
            Kind::Notification => hub.publish(&message),
            Kind::Request => {
                let link = self.clone();
                tokio::spawn(async move { link.send(link::unsolicited(&message)).await });
            }
            Kind::Result | Kind::Error => {}
        }
    }
}

impl Link for Streamable {
    fn request(self: Arc<Self>, outbound: Outbound) -> Boxed<'static, Result<Reply, Fault>> {
        Box::pin(async move {
            let guard = CancelGuard { link: Some(self.clone()), id: outbound.id };
            let response = match self.post(outbound.body.clone()).await {
                Ok(response) => response,
                Err(fault) => {
                    guard.disarm();
                    return Err(fault);
                }
            };
            self.answer(outbound, response, guard).await
        })
    }

    fn send(&self, body: Bytes) -> Boxed<'_, Result<(), Fault>> {
        Box::pin(async {
            let mut response = self.post(body).await?;
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
        let mut listening = self.listening.lock().unwrap_or_else(PoisonError::into_inner);
        if listening.as_ref().is_none_or(tokio::task::AbortHandle::is_finished) {
            *listening = Some(tokio::spawn(self.clone().listen_on(hub)).abort_handle());
        }
        drop(listening);
        Box::pin(std::future::ready(()))
    }

    fn is_alive(&self) -> bool {
        self.alive.load(Ordering::Acquire)
    }

    fn close(&self) -> Boxed<'_, ()> {
        Box::pin(async {
            let was_alive = self.alive.swap(false, Ordering::AcqRel);
            let listening = self.listening.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(listening) = listening {
                listening.abort();
            }
            if was_alive && self.session.is_some() {
                let mut request = self.endpoint.delete();
                self.sign(&mut request);
                // The server may refuse (405); the session then dies of age.
                let _ = self.endpoint.send(request).await;
            }
        })
    }
}

/// Tells the server when nobody waits for a request any more: closing the stream alone does not
/// mean that (2025-11-25, transports).
struct CancelGuard {
    link: Option<Arc<Streamable>>,
    id: u64,
}

impl CancelGuard {
    fn disarm(mut self) {
        self.link = None;
    }
}

impl Drop for CancelGuard {
    fn drop(&mut self) {
        let Some(link) = self.link.take() else { return };
        let id = self.id;
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move { link.send(link::cancelled(id)).await });
        }
    }
}

/// The frames of one streamed answer.
struct Stream {
    link: Arc<Streamable>,
    guard: CancelGuard,
    id: String,
    token: Option<Box<str>>,
    may_ask: bool,
    body: Option<Body>,
    decoder: sse::Decoder,
    last_event: Option<String>,
    retry: Option<u64>,
    resumes: u32,
    opened: bool,
    ended: bool,
}

impl Stream {
    async fn step(&mut self) -> Result<Frame, Fault> {
        loop {
            while let Some(event) = self.next_event()? {
                if let Some(frame) = self.frame(event)? {
                    return Ok(frame);
                }
            }
            let Some(body) = &mut self.body else {
                self.resume().await?;
                continue;
            };
            match body.chunk().await {
                Ok(Some(chunk)) => self.decoder.feed(chunk),
                // With an event id the rest can be had later, as a server that wants its
                // connection back relies on (2025-11-25, transports: polling).
                outcome => {
                    self.body = None;
                    if self.last_event.is_none() {
                        return Err(self.cut_short(outcome.err()));
                    }
                    return Ok(Frame::Pause(self.retry.map(Duration::from_millis)));
                }
            }
        }
    }

    fn next_event(&mut self) -> Result<Option<sse::Event>, Fault> {
        self.decoder.next_event().map_err(|error| self.link.endpoint.garbage(error.to_string()))
    }

    async fn resume(&mut self) -> Result<(), Fault> {
        self.resumes += 1;
        if self.resumes > RESUMES {
            return Err(self.cut_short(None));
        }
        let pause = self.retry.map_or(PAUSE, Duration::from_millis).min(LONGEST_PAUSE);
        tokio::time::sleep(pause).await;
        let mut response = self.link.get(self.last_event.as_deref()).await?;
        if !response.status().is_success() || endpoint::shape(&response) != Shape::Events {
            let status = response.status();
            let body = self.link.endpoint.collect(&mut response).await?;
            return Err(self.link.endpoint.not_mcp(status, &body));
        }
        self.decoder = self.link.endpoint.decoder();
        self.body = Some(response.into_body());
        Ok(())
    }

    fn frame(&mut self, event: sse::Event) -> Result<Option<Frame>, Fault> {
        self.last_event = event.id.or(self.last_event.take());
        self.retry = event.retry.or(self.retry);
        if event.data.is_empty() {
            return Ok(None);
        }
        let message = self.link.endpoint.message(StatusCode::OK, event.data)?;
        Ok(match message.kind() {
            Kind::Notification => self.notification(message).map(Frame::Notification),
            Kind::Request => self.question(&message),
            Kind::Result | Kind::Error if message.id() == Some(&self.id) => {
                self.ended = true;
                self.guard.link = None;
                if let Some(body) = self.body.take() {
                    body.finish_later();
                }
                Some(Frame::End(End { message, era: Era::Legacy, status: None }))
            }
            Kind::Result | Kind::Error => {
                tracing::warn!(
                    server = %self.link.endpoint.name,
                    id = ?message.id(),
                    "an answer to somebody else's request"
                );
                None
            }
        })
    }

    fn notification(&self, message: Message) -> Option<Message> {
        match link::progress_id(&message) {
            Some(id) if id.to_string() == self.id => {
                link::with_token(&message, self.token.as_deref()?)
            }
            Some(_) => None,
            None => Some(message),
        }
    }

    fn question(&self, message: &Message) -> Option<Frame> {
        let link = self.link.clone();
        if message.method() == Some("ping") || !self.may_ask {
            let refusal = link::unsolicited(message);
            tokio::spawn(async move { link.send(refusal).await });
            return None;
        }
        let (ask, answered) = link::ask_of(message);
        let id = message.id().unwrap_or("null").to_owned();
        tokio::spawn(async move {
            let response = link::response_to(&id, answered.await);
            if let Err(fault) = link.send(response).await {
                tracing::warn!(%fault, "an answer did not reach the server");
            }
        });
        Some(Frame::Ask(ask))
    }

    fn cut_short(&self, error: Option<crate::http::HttpError>) -> Fault {
        let name = &self.link.endpoint.name;
        let fault =
            Fault::new(Reason::Broken, format!("server \"{name}\" ended without an answer"))
                .at(name);
        match error {
            Some(error) => fault.because(error),
            None => fault,
        }
    }
}

impl Frames for Stream {
    fn next(&mut self) -> Boxed<'_, Option<Frame>> {
        Box::pin(async {
            if self.ended {
                return None;
            }
            if !std::mem::replace(&mut self.opened, true) {
                return Some(Frame::Opened);
            }
            match self.step().await {
                Ok(frame) => Some(frame),
                Err(fault) => {
                    self.ended = true;
                    self.guard.link = None;
                    Some(Frame::Fail(fault))
                }
            }
        })
    }
}
