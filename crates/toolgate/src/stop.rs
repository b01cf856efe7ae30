//! Has the process been told to stop?

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals that say so, noticed from the moment this exists.
pub struct Stop {
    terminate: Signal,
    interrupt: Signal,
}

impl Stop {
    /// Begins to notice them.
    ///
    /// # Errors
    /// The system does not let us.
    pub fn listen() -> io::Result<Stop> {
        Ok(Stop {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Resolves when one has come.
    pub async fn wanted(mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
