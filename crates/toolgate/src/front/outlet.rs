//! A stream of events to a legacy client, that can be picked up again where it broke
//! (2025-11-25, transports: resumability and redelivery).

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::{Notify, mpsc};
use toolgate_protocol::sse::{self, Event};

/// Events that wait for a client that does not read; beyond it the connection is given up, and
/// the client may resume.
const BACKLOG: usize = 256;

/// How events of a stream are named.
#[derive(Clone, Debug)]
pub struct Naming {
    /// The stream, unique within its session.
    pub stream: u64,
    /// What precedes every id; names the replica where there are several.
    pub prefix: Arc<str>,
}

impl Naming {
    /// The id of one event.
    pub fn id(&self, sequence: u64) -> String {
        format!("{}{:x}-{sequence:x}", self.prefix, self.stream)
    }

    /// Reads an id back: stream and sequence.
    pub fn parse(id: &str) -> Option<(u64, u64)> {
        let (_, last) = id.rsplit_once('~').unwrap_or(("", id));
        let (stream, sequence) = last.split_once('-')?;
        Some((u64::from_str_radix(stream, 16).ok()?, u64::from_str_radix(sequence, 16).ok()?))
    }
}

/// One stream. Events are kept for a while, within a byte budget.
pub struct Outlet {
    naming: Naming,
    framing: Framing,
    budget: usize,
    state: Mutex<State>,
    wanted: Notify,
    over: Notify,
    followed: AtomicBool,
}

/// How messages travel.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Framing {
    /// As events.
    Events {
        /// Whether they carry ids, so that the stream can be resumed.
        resumable: bool,
    },
    /// As they are, one a line. The client reads them as long as it lives.
    Lines,
}

struct State {
    client: Option<mpsc::Sender<Bytes>>,
    kept: VecDeque<(u64, Bytes)>,
    bytes: usize,
    next: u64,
    opened: bool,
    ended: Option<Instant>,
}

/// The number of the first message; the priming event, before all others, is number 0.
const FIRST: u64 = 1;

/// How long a client may leave its stream unread.
const STALLED: Duration = Duration::from_secs(30);

/// The pause that we ask for before a client reconnects.
const RETRY: Duration = Duration::from_millis(500);

impl Outlet {
    /// A stream without a client yet.
    pub fn new(naming: Naming, resumable: bool, budget: usize) -> Arc<Outlet> {
        Self::with(naming, Framing::Events { resumable }, budget, None)
    }

    /// The channel of a client on stdio, which is open from the first.
    pub fn lines(client: mpsc::Sender<Bytes>) -> Arc<Outlet> {
        Self::with(Naming { stream: 0, prefix: "".into() }, Framing::Lines, 0, Some(client))
    }

    fn with(
        naming: Naming,
        framing: Framing,
        budget: usize,
        client: Option<mpsc::Sender<Bytes>>,
    ) -> Arc<Outlet> {
        let state = State {
            opened: client.is_some(),
            client,
            kept: VecDeque::new(),
            bytes: 0,
            next: FIRST,
            ended: None,
        };
        Arc::new(Outlet {
            naming,
            framing,
            budget,
            state: Mutex::new(state),
            wanted: Notify::new(),
            over: Notify::new(),
            followed: AtomicBool::new(false),
        })
    }

    fn is_resumable(&self) -> bool {
        self.framing == Framing::Events { resumable: true }
    }

    /// Its number within the session.
    pub fn stream(&self) -> u64 {
        self.naming.stream
    }

    /// Resolves when there is something to stream, or it is wanted for another reason.
    pub async fn wanted(&self) {
        self.wanted.notified().await;
    }

    /// Makes a stream of the answer even though nothing is to be sent yet.
    pub fn want(&self) {
        self.wanted.notify_one();
    }

    /// Whether nothing has been sent yet.
    pub fn has_said_nothing(&self) -> bool {
        self.state().next == FIRST
    }

    /// Connects the client. `prime` sends an event that carries nothing but an id, so that the
    /// stream can be resumed from its beginning (2025-11-25, transports: sending messages).
    pub fn open(&self, prime: bool) -> mpsc::Receiver<Bytes> {
        let mut state = self.state();
        let (client, events) = mpsc::channel(BACKLOG + state.kept.len());
        state.opened = true;
        if prime && self.is_resumable() {
            let event = Event {
                id: Some(self.naming.id(0)),
                retry: Some(RETRY.as_millis() as u64),
                ..Event::default()
            };
            let _ = client.try_send(written(&event));
        }
        for (_, event) in &state.kept {
            let _ = client.try_send(event.clone());
        }
        if state.ended.is_none() {
            state.client = Some(client);
        }
        events
    }

    /// Sends one message, or keeps it for the client to come.
    pub fn send(&self, message: Bytes) {
        if self.framing == Framing::Lines {
            return self.send_line(message);
        }
        let resumable = self.is_resumable();
        let mut state = self.state();
        let sequence = state.next;
        state.next += 1;
        let event = Event {
            id: resumable.then(|| self.naming.id(sequence)),
            event: (!resumable).then(|| "message".to_owned()),
            data: message,
            ..Event::default()
        };
        let event = written(&event);
        let keeps = resumable || !state.opened;
        if keeps {
            state.bytes += event.len();
            state.kept.push_back((sequence, event.clone()));
            while state.bytes > self.budget && state.kept.len() > 1 {
                let dropped = state.kept.pop_front();
                state.bytes -= dropped.map_or(0, |(_, event)| event.len());
            }
        }
        if let Some(client) = &state.client
            && client.try_send(event).is_err()
        {
            // Gone, or too slow: it may come back for the rest.
            state.client = None;
        }
        drop(state);
        self.wanted.notify_one();
    }

    /// Waits while the client does not keep up, so that what reads the server does not either. A
    /// client that stays behind is given up by the next message.
    pub async fn room(&self) {
        let (client, opened) = {
            let state = self.state();
            (state.client.clone(), state.opened)
        };
        match client {
            Some(client) => drop(tokio::time::timeout(STALLED, client.reserve()).await),
            // Somebody has to open the stream first.
            None if !opened => tokio::task::yield_now().await,
            None => {}
        }
    }

    fn send_line(&self, message: Bytes) {
        let mut state = self.state();
        let Some(client) = &state.client else { return };
        match client.try_send(message) {
            Ok(()) => {}
            // There is no coming back on this channel, so a client that does not read loses the
            // message and not its session.
            Err(mpsc::error::TrySendError::Full(_)) => {
                tracing::warn!("the client does not read: a message to it is dropped");
            }
            Err(mpsc::error::TrySendError::Closed(_)) => state.client = None,
        }
    }

    /// A sign of life that is no event. A pipe needs none.
    pub fn keep_alive(&self) {
        if self.framing == Framing::Lines {
            return;
        }
        let mut line = bytes::BytesMut::new();
        sse::comment(&mut line, "");
        let mut state = self.state();
        if let Some(client) = &state.client
            && client.try_send(line.freeze()).is_err()
        {
            state.client = None;
        }
    }

    /// Closes the connection while the call goes on; the client comes back for the rest.
    pub fn pause(&self) {
        if self.is_resumable() {
            self.state().client = None;
        }
    }

    /// Nothing more will come.
    pub fn end(&self) {
        let mut state = self.state();
        state.client = None;
        state.ended = Some(Instant::now());
        drop(state);
        self.over.notify_one();
    }

    /// Resolves when nothing more will come.
    pub async fn over(&self) {
        self.over.notified().await;
    }

    /// Whether somebody fills this stream with what the servers announce.
    pub fn is_followed(&self) -> bool {
        self.followed.load(Ordering::Acquire)
    }

    /// Marks whether somebody fills this stream with what the servers announce; tells whether
    /// somebody did so far.
    pub fn set_followed(&self, followed: bool) -> bool {
        self.followed.swap(followed, Ordering::AcqRel)
    }

    /// Whether a client is connected now.
    pub fn is_connected(&self) -> bool {
        self.state().client.as_ref().is_some_and(|client| !client.is_closed())
    }

    /// Since when it has ended.
    pub fn ended(&self) -> Option<Instant> {
        self.state().ended
    }

    /// Connects a client that has seen everything up to `after`.
    pub fn resume(&self, after: u64) -> mpsc::Receiver<Bytes> {
        let mut state = self.state();
        let missed: Vec<_> = state
            .kept
            .iter()
            .filter(|(sequence, _)| *sequence > after)
            .map(|(_, event)| event.clone())
            .collect();
        let (client, events) = mpsc::channel(BACKLOG + missed.len());
        for event in missed {
            let _ = client.try_send(event);
        }
        if state.ended.is_none() {
            state.client = Some(client);
        }
        events
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One event as it travels.
pub fn written(event: &Event) -> Bytes {
    let mut out = bytes::BytesMut::with_capacity(event.data.len() + 64);
    sse::write(&mut out, event);
    out.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outlet() -> Arc<Outlet> {
        Outlet::new(Naming { stream: 7, prefix: "".into() }, true, 1 << 20)
    }

    fn drain(events: &mut mpsc::Receiver<Bytes>) -> Vec<String> {
        let mut all = Vec::new();
        while let Ok(event) = events.try_recv() {
            all.push(String::from_utf8(event.to_vec()).unwrap());
        }
        all
    }

    #[test]
    fn a_client_that_comes_back_gets_exactly_what_it_missed() {
        let outlet = outlet();
        let mut first = outlet.open(true);
        outlet.send("1".into());
        drop(drain(&mut first));
        drop(first);
        outlet.send("2".into());
        outlet.send("3".into());

        let mut again = outlet.resume(1);

        let missed = drain(&mut again);
        assert_eq!(missed.len(), 2);
        assert!(missed[0].contains("data: 2") && missed[1].contains("data: 3"));
    }

    #[test]
    fn the_priming_event_comes_first_and_carries_no_data() {
        let outlet = outlet();
        let mut events = outlet.open(true);

        let first = &drain(&mut events)[0];
        assert!(first.contains("id: 7-0") && first.contains("retry: 500"), "{first}");
    }

    #[test]
    fn a_client_that_saw_only_the_priming_event_gets_all_that_was_sent_before_it_came() {
        let outlet = outlet();
        outlet.send("early".into());
        drop(outlet.open(true));

        let missed = drain(&mut outlet.resume(0));

        assert!(missed.len() == 1 && missed[0].contains("data: early"), "{missed:?}");
    }

    #[test]
    fn ids_read_back_with_and_without_a_replica() {
        for prefix in ["", "token~"] {
            let naming = Naming { stream: 0xabc, prefix: prefix.into() };
            assert_eq!(Naming::parse(&naming.id(31)), Some((0xabc, 31)));
        }
        assert_eq!(Naming::parse("nonsense"), None);
    }

    #[test]
    fn what_is_kept_stays_within_the_budget() {
        let outlet = Outlet::new(Naming { stream: 1, prefix: "".into() }, true, 100);
        for _ in 0..50 {
            outlet.send("x".repeat(20).into());
        }
        assert!(outlet.state().bytes <= 100);
    }
}
