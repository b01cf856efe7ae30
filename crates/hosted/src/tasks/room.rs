//! How much of memory the results of tasks take: those of one caller, and all of a server.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes of the results of one caller, and of all, that are kept at once.
const MOST_OF_ONE: usize = 64 << 20;
const MOST: usize = 256 << 20;

/// Bytes that are taken.
type Taken = Arc<AtomicUsize>;

/// What results of one caller are counted in.
#[derive(Clone, Default)]
pub(super) struct Room {
    own: Taken,
    all: Taken,
}

/// Room that a result takes, for as long as this lives.
pub(super) struct Share(Room, usize);

impl Room {
    /// That of another caller of the same server.
    pub fn of_another(&self) -> Room {
        Room { own: Taken::default(), all: self.all.clone() }
    }

    /// Takes so many bytes; `None` where there are not as many left.
    pub fn take(&self, bytes: usize) -> Option<Share> {
        taken(&self.own, bytes, MOST_OF_ONE)?;
        if taken(&self.all, bytes, MOST).is_none() {
            self.own.fetch_sub(bytes, Ordering::Relaxed);
            return None;
        }
        Some(Share(self.clone(), bytes))
    }
}

fn taken(counter: &AtomicUsize, bytes: usize, most: usize) -> Option<usize> {
    counter
        .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |taken| {
            taken.checked_add(bytes).filter(|taken| *taken <= most)
        })
        .ok()
}

impl Drop for Share {
    fn drop(&mut self) {
        let Share(Room { own, all }, bytes) = self;
        own.fetch_sub(*bytes, Ordering::Relaxed);
        all.fetch_sub(*bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_taken_than_there_is_and_what_is_dropped_is_there_again() {
        let rooms: Vec<_> =
            std::iter::successors(Some(Room::default()), |it| Some(it.of_another()))
                .take(MOST / MOST_OF_ONE + 1)
                .collect();
        let mut shares: Vec<_> = rooms.iter().map(|room| room.take(MOST_OF_ONE)).collect();

        assert!(shares.pop().unwrap().is_none(), "all callers together have taken all");
        assert!(rooms[0].take(1).is_none(), "this caller has taken all of its own");
        drop(shares.pop());
        assert!(rooms.last().unwrap().take(MOST_OF_ONE).is_some());
    }
}
