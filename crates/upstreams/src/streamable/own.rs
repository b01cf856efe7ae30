//! The session's own stream: what the server says outside of requests, for as long as the session
//! lasts (2025-11-25, transports: listening for messages from the server).

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use http::StatusCode;
use tokio::sync::watch;
use toolgate_gateway::call::Boxed;
use toolgate_protocol::jsonrpc::{Kind, Message};

use super::{LONGEST_PAUSE, PAUSE, Streamable};
use crate::endpoint::{self, Shape};
use crate::http::Body;
use crate::link::{self, Hub, Link};

/// How long calls wait for the session's own stream: a server may ask there before it answers.
const OPEN: Duration = Duration::from_millis(500);

/// The task that reads the session's own stream.
pub(super) struct Listening {
    pub task: tokio::task::AbortHandle,
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
    /// Opens the stream unless it is open already; resolves when the server has said whether it
    /// has one, or was given time enough to say so.
    pub(super) fn settle_own(self: Arc<Self>, hub: Arc<Hub>) -> Boxed<'static, ()> {
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
}
