//! Has the process been told to stop?

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::complain;

/// The signals that say so, noticed from the moment this exists.
pub struct Stop {
    terminate: Signal,
    interrupt: Signal,
}

impl Stop {
    /// Begins to notice them. A failure has been told to the user.
    pub fn listen() -> Result<Stop, ()> {
        let listening = signal(SignalKind::terminate()).and_then(|terminate| {
            Ok(Stop { terminate, interrupt: signal(SignalKind::interrupt())? })
        });
        listening.map_err(|error| complain(&format!("no signals: {error}")))
    }

    /// Resolves when one has come.
    pub async fn wanted(mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
