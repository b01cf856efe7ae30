//! What one replica holds of the sessions of older revisions: only what is going on right now.
//! Everything that must last is in the sealed token.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{oneshot, watch};
use toolgate_gateway::call::{Answer, Who};
use toolgate_gateway::clock::Timestamp;
use toolgate_gateway::config::SessionLimits;
use toolgate_gateway::seal::Keyring;
use toolgate_gateway::session::{NoSession, Session};
use toolgate_protocol::client::{Client, Level};
use toolgate_protocol::version::Version;

use super::calls::{Calls, Refused, Running};
use super::head::Head;
use super::outlet::{Naming, Outlet};
use super::spread::Spread;

/// Ended streams kept for a client that has not read to the end.
const KEPT_STREAMS: usize = 16;
/// How long they are kept.
const KEPT_FOR: Duration = Duration::from_secs(60);
/// Ended sessions remembered, so that their tokens are refused until they would have expired.
const MOST_ENDED: usize = 100_000;

/// All sessions held here.
pub struct Sessions {
    live: Mutex<HashMap<Box<str>, Arc<Live>>>,
    ended: Mutex<HashMap<Arc<str>, Instant>>,
    limits: SessionLimits,
}

/// One session as it goes on here.
pub struct Live {
    /// What its token says.
    pub session: Session,
    used: Mutex<Instant>,
    latest: Mutex<Option<Who>>,
    level: Mutex<Option<Level>>,
    calls: Arc<Calls>,
    questions: Mutex<HashMap<u64, oneshot::Sender<Answer>>>,
    next: AtomicU64,
    streams: Mutex<HashMap<u64, Arc<Outlet>>>,
    /// The stream for what belongs to no request.
    pub own_stream: Mutex<Option<Arc<Outlet>>>,
    /// Resources whose changes the client wants to hear of, by published URI.
    pub subscribed: Mutex<HashSet<String>>,
    /// Tells the task that follows the servers' announcements to look again.
    pub resubscribe: watch::Sender<()>,
    /// The session at other replicas.
    pub spread: Spread,
}

/// Why a session is not to be had here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// There is none for this caller.
    Unknown,
    /// It cannot be taken up: too many are held.
    NoRoom,
}

impl From<NoSession> for Missing {
    fn from(_: NoSession) -> Missing {
        Missing::Unknown
    }
}

impl Sessions {
    /// No session yet.
    pub fn new(limits: SessionLimits) -> Sessions {
        Sessions { live: Mutex::default(), ended: Mutex::default(), limits }
    }

    /// How many are held.
    pub fn count(&self) -> usize {
        self.lock().len()
    }

    /// Adds a session that has just begun. False when there is no room.
    pub fn begin(&self, token: &str, session: Session) -> bool {
        let mut live = self.lock();
        if live.len() >= self.limits.max {
            return false;
        }
        live.insert(token.into(), Arc::new(Live::new(session)));
        true
    }

    /// Gives an open HTTP+SSE session what its handshake said. False when it has ended.
    pub fn learn(&self, token: &str, session: Session) -> bool {
        let mut all = self.lock();
        let Some(open) = all.get(token) else { return false };
        let mut own = open.own_stream.lock().unwrap_or_else(PoisonError::into_inner);
        let live = Live::new(session);
        *live.own_stream.lock().unwrap_or_else(PoisonError::into_inner) = own.take();
        drop(own);
        all.insert(token.into(), Arc::new(live));
        true
    }

    /// The session of a token; one that began on another replica is taken up here.
    ///
    /// # Errors
    /// When there is no such session for this caller in this toolset, or no room for it.
    pub fn find(&self, token: &str, head: &Head, keys: &Keyring) -> Result<Arc<Live>, Missing> {
        if let Some(live) = self.held(token, head)? {
            return Ok(live);
        }
        let session = self.open(token, head, keys)?;
        let mut all = self.lock();
        if all.len() >= self.limits.max {
            return Err(Missing::NoRoom);
        }
        let live = all.entry(token.into()).or_insert_with(|| Arc::new(Live::new(session)));
        Ok(live.clone())
    }

    /// The session of a token if it is held here already.
    ///
    /// # Errors
    /// When it is somebody else's, or of another toolset.
    pub fn held(&self, token: &str, head: &Head) -> Result<Option<Arc<Live>>, NoSession> {
        let all = self.lock();
        let Some(live) = all.get(token) else { return Ok(None) };
        if live.session.caller != head.caller || live.session.toolset != head.toolset {
            return Err(NoSession::Foreign);
        }
        live.touch();
        Ok(Some(live.clone()))
    }

    /// What a token says, without taking the session up.
    ///
    /// # Errors
    /// When there is no such session for this caller in this toolset.
    pub fn open(&self, token: &str, head: &Head, keys: &Keyring) -> Result<Session, NoSession> {
        let (now, lifetime) = (Timestamp::now(), self.limits.lifetime.duration());
        let toolset = head.toolset.as_deref();
        let session = Session::open(token, &head.caller, toolset, keys, now, lifetime)?;
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        if ended.contains_key(&session.id) {
            return Err(NoSession::Unknown);
        }
        Ok(session)
    }

    /// Ends a session: its streams close, its calls are cancelled, its token is refused.
    pub fn end(&self, token: &str) {
        let Some(live) = self.lock().remove(token) else { return };
        let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        if ended.len() < MOST_ENDED {
            ended.insert(live.session.id.clone(), Instant::now());
        }
        drop(ended);
        live.close();
    }

    /// Lets go of what nobody has used for a while. The tokens stay good.
    pub fn sweep(&self) {
        let idle = self.limits.idle.duration();
        let old: Vec<_> = {
            let mut live = self.lock();
            let tokens: Vec<_> = live
                .iter()
                .filter(|(_, live)| live.is_idle(idle))
                .map(|(token, _)| token.clone())
                .collect();
            tokens.iter().filter_map(|token| live.remove(token)).collect()
        };
        for live in old {
            live.close();
        }
        let lifetime = self.limits.lifetime.duration();
        let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        ended.retain(|_, at| at.elapsed() < lifetime);
    }

    /// Closes every stream, for the end of the process.
    pub fn close(&self) {
        let all: Vec<_> = self.lock().drain().map(|(_, live)| live).collect();
        for live in all {
            live.close();
        }
    }

    /// Bytes of one session's events kept for a client that reconnects.
    pub fn replay(&self) -> usize {
        self.limits.replay.bytes()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Box<str>, Arc<Live>>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Live {
    /// A session as it begins here.
    pub fn new(session: Session) -> Live {
        Live {
            session,
            used: Mutex::new(Instant::now()),
            latest: Mutex::default(),
            level: Mutex::default(),
            calls: Arc::default(),
            questions: Mutex::default(),
            next: AtomicU64::new(1),
            streams: Mutex::default(),
            own_stream: Mutex::default(),
            subscribed: Mutex::default(),
            resubscribe: watch::channel(()).0,
            spread: Spread::new(Instant::now()),
        }
    }

    /// The client, with the log level that it set since.
    pub fn client(&self) -> Client {
        let level = *self.level.lock().unwrap_or_else(PoisonError::into_inner);
        Client { log_level: level, ..self.session.client.clone() }
    }

    /// Whether the client knows of events that carry nothing but an id.
    pub fn primes(&self) -> bool {
        self.session.client.version >= Version::V2025_11_25
    }

    /// On whose behalf something is that belongs to no request: whoever sent the latest one.
    pub fn who(&self) -> Who {
        let latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        let session = Some(self.session.id.clone());
        match &*latest {
            Some(who) => Who { session, ..who.clone() },
            None => {
                let toolset = self.session.toolset.clone();
                Who { session, toolset, ..Who::of(self.session.caller.clone()) }
            }
        }
    }

    /// On whose behalf a request with this head is. The caller is the one who sends it: its roles
    /// and scopes may have changed since the session began.
    pub fn who_in(&self, head: &Head) -> Who {
        Who { session: Some(self.session.id.clone()), ..head.who() }
    }

    /// Remembers who sent a request, for what belongs to none.
    pub fn remember(&self, head: &Head) {
        *self.latest.lock().unwrap_or_else(PoisonError::into_inner) = Some(head.who());
    }

    /// Sets the level of log notifications.
    pub fn set_level(&self, level: Level) {
        *self.level.lock().unwrap_or_else(PoisonError::into_inner) = Some(level);
    }

    /// Registers a running request.
    ///
    /// # Errors
    /// When its id is in use, or too many run already.
    pub fn run(&self, id: &str, most: usize) -> Result<Running, Refused> {
        self.calls.run(id, most)
    }

    /// Cancels a running request by its id as raw JSON; false when there is none.
    pub fn cancel(&self, id: &str) -> bool {
        self.calls.cancel(id)
    }

    /// Registers a question to the client: its number, and where the answer comes out.
    pub fn question(&self) -> (u64, oneshot::Receiver<Answer>) {
        let (sender, answer) = oneshot::channel();
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let mut questions = self.questions.lock().unwrap_or_else(PoisonError::into_inner);
        questions.retain(|_, waiting| !waiting.is_closed());
        questions.insert(number, sender);
        (number, answer)
    }

    /// Delivers the client's answer; false when nobody waits for it.
    pub fn answer(&self, number: u64, answer: Answer) -> bool {
        let mut questions = self.questions.lock().unwrap_or_else(PoisonError::into_inner);
        questions.remove(&number).is_some_and(|waiting| waiting.send(answer).is_ok())
    }

    /// A new stream of events to this client.
    pub fn outlet(&self, prefix: &Arc<str>, resumable: bool, budget: usize) -> Arc<Outlet> {
        let stream = self.next.fetch_add(1, Ordering::Relaxed);
        let naming = Naming { stream, prefix: prefix.clone() };
        Outlet::new(naming, resumable, budget)
    }

    /// Keeps a stream so that it can be resumed.
    pub fn keep(&self, stream: u64, outlet: Arc<Outlet>) {
        let mut streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        streams.retain(|_, kept| kept.ended().is_none_or(|at| at.elapsed() < KEPT_FOR));
        if streams.len() >= KEPT_STREAMS {
            let oldest = streams
                .iter()
                .filter_map(|(stream, kept)| Some((*stream, kept.ended()?)))
                .min_by_key(|(_, ended)| *ended);
            if let Some((oldest, _)) = oldest {
                streams.remove(&oldest);
            }
        }
        streams.insert(stream, outlet);
    }

    /// A stream of this session by its number.
    pub fn stream(&self, stream: u64) -> Option<Arc<Outlet>> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner).get(&stream).cloned()
    }

    fn touch(&self) {
        *self.used.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    fn is_idle(&self, idle: Duration) -> bool {
        let used = *self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let streams = || {
            let own = self.own_stream.lock().unwrap_or_else(PoisonError::into_inner);
            own.as_ref().is_some_and(|stream| stream.is_connected())
        };
        used.elapsed() > idle && self.calls.is_empty() && !streams()
    }

    fn close(&self) {
        self.calls.cancel_all();
        self.questions.lock().unwrap_or_else(PoisonError::into_inner).clear();
        if let Some(stream) = self.own_stream.lock().unwrap_or_else(PoisonError::into_inner).take()
        {
            stream.end();
        }
        for (_, stream) in self.streams.lock().unwrap_or_else(PoisonError::into_inner).drain() {
            stream.end();
        }
    }
}
