//! The way to a server: made anew whenever it is lost.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use toolgate_gateway::store::Away;

/// Between the beginnings of two attempts to connect, and between two looks at what is idle.
const REST: Duration = Duration::from_millis(500);
/// A server that has been silent for so long is given up: the other end may be gone without a word.
pub(crate) const SILENCE: Duration = Duration::from_secs(5);

/// How one kind of server is connected to.
pub(crate) trait Wire: Send + Sync + 'static {
    /// What is shared by all calls.
    type Session: Clone + Send + Sync + 'static;

    /// Connects.
    fn connect(&self) -> impl Future<Output = Result<Self::Session, Away>> + Send;

    /// Looks whether the server answers.
    fn look(&self, session: &Self::Session) -> impl Future<Output = Result<(), Away>> + Send;
}

/// How it stands.
enum State<S> {
    /// The first attempt has not ended.
    Connecting,
    Up(S),
    Down(Away),
}

/// A session that a task keeps up.
pub(crate) struct Link<S> {
    state: watch::Receiver<State<S>>,
    lost: Arc<Notify>,
    keeper: tokio::task::AbortHandle,
}

impl<S: Clone + Send + Sync + 'static> Link<S> {
    /// Begins to connect; an attempt may take so long.
    pub(crate) fn open(wire: impl Wire<Session = S>, patience: Duration) -> Link<S> {
        let (said, state) = watch::channel(State::Connecting);
        let lost = Arc::new(Notify::new());
        let keeper = tokio::spawn(keep(wire, patience, said, lost.clone())).abort_handle();
        Link { state, lost, keeper }
    }

    /// The session. Whoever comes before the first attempt has ended waits for that; later nobody
    /// waits for what may never come.
    pub(crate) async fn session(&self) -> Result<S, Away> {
        let mut state = self.state.clone();
        let known = state.wait_for(|state| !matches!(state, State::Connecting)).await;
        match known.as_deref() {
            Ok(State::Up(session)) => Ok(session.clone()),
            Ok(State::Down(away)) => Err(away.clone()),
            Ok(State::Connecting) | Err(_) => Err(Away("not connected".to_owned())),
        }
    }

    /// Somebody noticed that the session is of no use any more.
    pub(crate) fn lost(&self) {
        self.lost.notify_one();
    }
}

impl<S> Drop for Link<S> {
    fn drop(&mut self) {
        self.keeper.abort();
    }
}

/// Connects, looks whether the server is there, and connects again.
async fn keep<W: Wire>(
    wire: W,
    patience: Duration,
    said: watch::Sender<State<W::Session>>,
    lost: Arc<Notify>,
) {
    loop {
        let begun = Instant::now();
        let connected = tokio::time::timeout(patience, wire.connect()).await;
        let late = || Err(Away("cannot connect in time".to_owned()));
        match connected.unwrap_or_else(|_| late()) {
            Ok(session) => {
                // What was noticed of another session says nothing of this one.
                pin!(lost.notified()).enable();
                said.send_replace(State::Up(session.clone()));
                let why = watch_over(&wire, &session, &lost).await;
                said.send_replace(State::Down(why));
                // One that accepts connections and drops them is not asked without a pause.
                tokio::time::sleep_until(begun + REST).await;
            }
            Err(away) => {
                said.send_replace(State::Down(away));
                tokio::time::sleep(REST).await;
            }
        }
    }
}

/// Looks after a session until it is of no use any more.
async fn watch_over<W: Wire>(wire: &W, session: &W::Session, lost: &Notify) -> Away {
    loop {
        tokio::select! {
            () = lost.notified() => return Away("the connection is lost".to_owned()),
            () = tokio::time::sleep(REST) => {}
        }
        match tokio::time::timeout(SILENCE, wire.look(session)).await {
            Ok(Ok(())) => {}
            Ok(Err(away)) => return away,
            Err(_) => return Away("silent for too long".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    /// A server that accepts every connection; each has a number.
    struct Accepting(Arc<AtomicU32>);

    impl Wire for Accepting {
        type Session = u32;

        async fn connect(&self) -> Result<u32, Away> {
            Ok(self.0.fetch_add(1, Ordering::Relaxed) + 1)
        }

        async fn look(&self, _: &u32) -> Result<(), Away> {
            Ok(())
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_drops_what_it_accepts_is_not_asked_without_a_pause() {
        let connected = Arc::new(AtomicU32::new(0));
        let link = Link::open(Accepting(connected.clone()), SILENCE);

        for _ in 0..1000 {
            link.lost();
            tokio::time::sleep(Duration::from_millis(5)).await;
        }

        let connected = connected.load(Ordering::Relaxed);
        assert!((9..=11).contains(&connected), "in five seconds: {connected}");
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_noticed_of_the_last_session_does_not_end_the_next() {
        let connected = Arc::new(AtomicU32::new(0));
        let link = Link::open(Accepting(connected.clone()), SILENCE);
        assert_eq!(link.session().await.unwrap(), 1);

        link.lost();
        tokio::task::yield_now().await;
        // Calls that were on their way in the old session.
        link.lost();
        tokio::time::sleep(REST * 4).await;

        assert_eq!(link.session().await.unwrap(), 2);
    }
}
