//! A session with a legacy server over Streamable HTTP: each request has its own answer, what
//! the server says unasked comes on a stream of its own.

mod asked;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode};
use tokio::sync::{oneshot, watch};
use toolgate_gateway::call::{Answer, Boxed, End, Frame, Frames, Reply};
use toolgate_gateway::fault::{Fault, Reason};
use toolgate_protocol::jsonrpc::{Kind, Message};
use toolgate_protocol::sse;
use toolgate_protocol::version::{Era, Version};

use crate::endpoint::{self, Endpoint, Shape};
use crate::http::Body;
use crate::link::{self, Hub, Link, Outbound};
use asked::{Asked, Asking, Begun, Early, Posting};

/// How often a broken stream is resumed before the call fails.
const RESUMES: u32 = 5;
/// The longest pause that a server's `retry` is honoured for.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// The pause before a stream is opened again where the server named none.
const PAUSE: Duration = Duration::from_secs(1);
/// How long calls wait for the session's own stream: a server may ask there before it answers.
const OPEN: Duration = Duration::from_millis(500);

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
}

/// The task that reads the session's own stream.
struct Listening {
    task: tokio::task::AbortHandle,
    /// Whether the server has opened the stream, or said that it will not.
    settled: watch::Receiver<bool>,
    /// Until when calls wait for that.
    until: Instant,
}

/// Why the session's own stream is not there.
enum NoStream {
    Now,
    Never,
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

    /// Sends a request and waits for the head of its answer.
    async fn begin(
        self: Arc<Self>,
        outbound: &Outbound,
    ) -> Result<(Response<Body>, CancelGuard), Fault> {
        let guard = CancelGuard { link: Some(self.clone()), id: outbound.id };
        match self.post(outbound.body.clone()).await {
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
        guard: CancelGuard,
        asked: Option<Asked>,
    ) -> Result<Reply, Fault> {
        let status = response.status();
        if status.is_success() && endpoint::shape(&response) == Shape::Events {
            return Ok(Reply::Stream(Box::new(Stream {
                link: self.clone(),
                guard,
                asked,
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

    /// Reads the session's own stream for as long as the session lasts.
    async fn listen_on(self: Arc<Self>, hub: Arc<Hub>, settled: watch::Sender<bool>) {
        let mut last_event: Option<String> = None;
        let mut pause = PAUSE;
        let mut was_away = false;
        while self.is_alive() {
            let had_one = *settled.borrow();
            match self.own_stream(last_event.as_deref(), had_one).await {
                Ok(body) => {
                    settled.send_replace(true);
                    // Without an event id the server replays nothing: while it was away, anything
                    // may have changed. Whoever listens begins anew and looks again.
                    if was_away && last_event.is_none() {
                        hub.close();
                    }
                    was_away = false;
                    let opened = Instant::now();
                    match self.read_own(body, &mut last_event, &hub).await {
                        Some(retry) => pause = retry.min(LONGEST_PAUSE),
                        // What lasted was cut by whatever stands between: back at once. A
                        // server that ends each stream at once is not pressed.
                        None if opened.elapsed() > PAUSE => continue,
                        None => {}
                    }
                }
                Err(NoStream::Never) => {
                    settled.send_replace(true);
                    return;
                }
                Err(NoStream::Now) => was_away = true,
            }
            tokio::time::sleep(pause).await;
            pause = if was_away { (pause * 2).min(LONGEST_PAUSE) } else { PAUSE };
        }
    }

    /// Opens the stream. `had_one` tells a session that is lost from a server that has none.
    async fn own_stream(&self, last_event: Option<&str>, had_one: bool) -> Result<Body, NoStream> {
        let mut response = self.get(last_event).await.map_err(|_| NoStream::Now)?;
        let status = response.status();
        if status.is_success() && endpoint::shape(&response) == Shape::Events {
            return Ok(response.into_body());
        }
        let body = self.endpoint.collect(&mut response).await.unwrap_or_default();
        // Servers without such a stream say 405, and some 404, which then says nothing of the
        // session.
        if had_one && self.is_session_lost(status, &body) {
            let _ = self.lost();
        }
        let passing = status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS;
        if passing {
            return Err(NoStream::Now);
        }
        // 405: the server offers no such stream, which it may.
        self.offers_stream.store(false, Ordering::Relaxed);
        Err(NoStream::Never)
    }

    /// Reads a stream to its end; the pause that the server asks for before the next.
    async fn read_own(
        self: &Arc<Self>,
        mut body: Body,
        last_event: &mut Option<String>,
        hub: &Hub,
    ) -> Option<Duration> {
        let mut retry = None;
        let mut decoder = self.endpoint.decoder();
        while let Ok(Some(chunk)) = body.chunk().await {
            decoder.feed(chunk);
            loop {
                let event = match decoder.next_event() {
                    Ok(Some(event)) => event,
                    Ok(None) => break,
                    Err(error) => {
                        // What it says on is no more than the rest of this. To resume before it
                        // would bring it back, so the stream begins anew, and who listens too.
                        tracing::warn!(server = %self.endpoint.name, %error, "its stream is cut");
                        *last_event = None;
                        hub.close();
                        return retry;
                    }
                };
                *last_event = event.id.or(last_event.take());
                retry = event.retry.map(Duration::from_millis).or(retry);
                if let Ok(message) = self.endpoint.message(StatusCode::OK, event.data) {
                    self.unasked(hub, message);
                }
            }
        }
        retry
    }

    fn unasked(self: &Arc<Self>, hub: &Hub, message: Message) {
        match message.kind() {
            Kind::Notification => hub.publish(message),
            Kind::Request => {
                let asked = (message.method() != Some("ping"))
                    .then(|| self.asking.ask(&self.endpoint.name, &message))
                    .flatten();
                match asked {
                    Some(answered) => self.respond(&message, answered),
                    None => {
                        let link = self.clone();
                        tokio::spawn(async move { link.send(link::unsolicited(&message)).await });
                    }
                }
            }
            Kind::Result | Kind::Error => {}
        }
    }

    /// Sends the answer to a question as soon as there is one.
    fn respond(self: &Arc<Self>, question: &Message, answered: oneshot::Receiver<Answer>) {
        let id = question.id().unwrap_or("null").to_owned();
        let link = self.clone();
        tokio::spawn(async move {
            let response = link::response_to(&id, answered.await);
            if let Err(fault) = link.send(response).await {
                tracing::warn!(%fault, "an answer did not reach the server");
            }
        });
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
        if !self.offers_stream.load(Ordering::Relaxed) {
            return Box::pin(std::future::ready(()));
        }
        let mut listening = self.listening.lock().unwrap_or_else(PoisonError::into_inner);
        if listening.as_ref().is_some_and(|reading| reading.task.is_finished()) {
            *listening = None;
        }
        let current = listening.get_or_insert_with(|| {
            let (settle, settled) = watch::channel(false);
            let task = tokio::spawn(self.clone().listen_on(hub, settle)).abort_handle();
            Listening { task, settled, until: Instant::now() + OPEN }
        });
        if *current.settled.borrow() {
            return Box::pin(std::future::ready(()));
        }
        let (mut settled, until) = (current.settled.clone(), current.until);
        drop(listening);
        Box::pin(async move {
            // A server that does not say in time is not waited for again.
            let settling = settled.wait_for(|settled| *settled);
            let _ = tokio::time::timeout_at(until.into(), settling).await;
        })
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
    asked: Option<Asked>,
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
            let chunk = tokio::select! {
                biased;
                chunk = body.chunk() => chunk,
                question = asked::next(&mut self.asked) => return Ok(question),
            };
            match chunk {
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
        self.decoder.next_event().map_err(|error| self.link.endpoint.too_long(error))
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
        self.link.respond(message, answered);
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
