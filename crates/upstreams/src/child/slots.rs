//! How many processes may live at once?

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A cap on living processes.
#[derive(Clone, Debug)]
pub struct Slots {
    free: Arc<Semaphore>,
    max: usize,
}

impl Slots {
    /// At most `max` processes at a time.
    #[must_use]
    pub fn new(max: usize) -> Self {
        let max = max.min(Semaphore::MAX_PERMITS);
        Self { free: Arc::new(Semaphore::new(max)), max }
    }

    /// Room for one process, until the slot is dropped.
    ///
    /// # Errors
    /// At the cap: waiting would only hide from the caller that a limit is set too low.
    pub fn take(&self) -> Result<Slot, Full> {
        let permit = Arc::clone(&self.free).try_acquire_owned();
        permit.map(Slot).map_err(|_| Full { max: self.max })
    }

    /// How many processes live now.
    #[must_use]
    pub fn live(&self) -> usize {
        self.max - self.free.available_permits()
    }
}

/// The right to run one process.
#[derive(Debug)]
pub struct Slot(#[expect(dead_code, reason = "held for its Drop")] OwnedSemaphorePermit);

/// The cap is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{max} child processes are running already; raise processes.max or lower idle")]
pub struct Full {
    /// The cap.
    pub max: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_process_beyond_the_cap_is_refused_until_another_ends() {
        let slots = Slots::new(2);
        let first = slots.take().unwrap();
        let _second = slots.take().unwrap();

        let refused = slots.take().unwrap_err();
        drop(first);

        assert_eq!(
            refused.to_string(),
            "2 child processes are running already; raise processes.max or lower idle"
        );
        assert_eq!(slots.live(), 1);
        assert!(slots.take().is_ok());
    }
}
