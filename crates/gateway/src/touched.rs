//! What has a session touched? Labels of the things it used, in a table of fixed size.
//!
//! Two marks stand for each pair of a session and a label, as in a Bloom filter, so that memory is
//! bounded and nothing is ever forgotten early: where pairs meet by chance, too much counts as
//! touched, never too little. Each replica keeps a table of its own.

use std::hash::{BuildHasher, RandomState};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// Marks in the table: one MiB. With a thousand pairs in it one in 17,000 looks touched by chance.
const MARKS: usize = 1 << 18;

/// The table. Its memory is taken when the first label is touched.
#[derive(Default)]
pub struct Touched {
    /// When each was touched last, in seconds since the epoch; 0 for never.
    marks: OnceLock<Box<[AtomicU32]>>,
    hasher: RandomState,
}

impl Touched {
    /// Notes that a session has touched a label at this time.
    pub(crate) fn touch(&self, session: &str, label: &str, now: u64) {
        let marks = self.marks.get_or_init(|| (0..MARKS).map(|_| AtomicU32::new(0)).collect());
        for place in self.places(session, label) {
            if let Some(mark) = marks.get(place) {
                mark.fetch_max(u32::try_from(now).unwrap_or(u32::MAX), Ordering::AcqRel);
            }
        }
    }

    /// Whether it has touched it within this many seconds before now.
    pub(crate) fn has(&self, session: &str, label: &str, now: u64, within: u64) -> bool {
        let Some(marks) = self.marks.get() else { return false };
        self.places(session, label).iter().all(|place| {
            let at = marks.get(*place).map_or(0, |mark| mark.load(Ordering::Acquire));
            at > 0 && now.saturating_sub(u64::from(at)) <= within
        })
    }

    fn places(&self, session: &str, label: &str) -> [usize; 2] {
        let hash = self.hasher.hash_one((session, label));
        let (first, second) = (hash as usize, (hash >> 32) as usize);
        [first % (MARKS / 2), MARKS / 2 + second % (MARKS / 2)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_touched_counts_for_its_session_and_for_a_while() {
        let touched = Touched::default();
        assert!(!touched.has("ada", "private", 100, 60));

        touched.touch("ada", "private", 100);

        assert!(touched.has("ada", "private", 160, 60));
        assert!(!touched.has("ada", "private", 161, 60));
        assert!(!touched.has("bob", "private", 100, 60));
        assert!(!touched.has("ada", "sink", 100, 60));
    }

    #[test]
    fn nothing_is_forgotten_however_many_others_there_are() {
        let touched = Touched::default();
        touched.touch("ada", "private", 100);

        for other in 0..100_000 {
            touched.touch(&format!("other {other}"), "private", 101);
        }

        assert!(touched.has("ada", "private", 130, 60));
        let marks = touched.marks.get().unwrap();
        assert_eq!(marks.len(), MARKS);
    }
}
