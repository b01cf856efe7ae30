//! What has a caller, or a session, touched? Labels of the things it used, in a table of fixed size.
//!
//! Two marks stand for each pair of a memory and a label, as in a Bloom filter, so that memory is
//! bounded and nothing is ever forgotten early: where pairs meet by chance, too much counts as
//! touched, never too little. Each replica keeps a table of its own.

use std::hash::{BuildHasher, RandomState};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::who::Who;

/// Marks in the table: one MiB. With a thousand pairs in it one in 17,000 looks touched by chance.
const MARKS: usize = 1 << 18;

/// Whose memory it is. A known caller and its session each have one: a session remembers to its
/// end, for so long may a model hold what it read, and nobody leaves behind what it touched by
/// beginning another session.
#[derive(Clone, Copy, Debug, Hash)]
pub(crate) enum Memory<'a> {
    /// Of the caller with this principal, in whatever session.
    Caller(&'a str),
    /// Of the session with this name.
    Session(&'a str),
}

impl<'a> Memory<'a> {
    /// Those that what this caller uses goes into. Callers who are not known share one name: each
    /// has but its session, and they have their name in common only where there is none.
    pub(crate) fn of(who: &'a Who) -> impl Iterator<Item = Memory<'a>> {
        let session = who.session.as_deref().map(Memory::Session);
        let is_told_apart = session.is_some() && who.caller.is_anonymous();
        let caller = (!is_told_apart).then_some(Memory::Caller(&who.caller.principal));
        session.into_iter().chain(caller)
    }
}

/// The table. Its memory is taken when the first label is touched.
#[derive(Default)]
pub struct Touched {
    /// When each was touched last, in seconds since the epoch; 0 for never.
    marks: OnceLock<Box<[AtomicU32]>>,
    hasher: RandomState,
}

impl Touched {
    /// Notes that a label was touched at this time.
    pub(crate) fn touch(&self, whose: Memory<'_>, label: &str, now: u64) {
        let marks = self.marks.get_or_init(|| (0..MARKS).map(|_| AtomicU32::new(0)).collect());
        for place in self.places(whose, label) {
            if let Some(mark) = marks.get(place) {
                mark.fetch_max(u32::try_from(now).unwrap_or(u32::MAX), Ordering::AcqRel);
            }
        }
    }

    /// Whether it was touched within this many seconds before now.
    pub(crate) fn has(&self, whose: Memory<'_>, label: &str, now: u64, within: u64) -> bool {
        let Some(marks) = self.marks.get() else { return false };
        self.places(whose, label).iter().all(|place| {
            let at = marks.get(*place).map_or(0, |mark| mark.load(Ordering::Acquire));
            at > 0 && now.saturating_sub(u64::from(at)) <= within
        })
    }

    fn places(&self, whose: Memory<'_>, label: &str) -> [usize; 2] {
        let hash = self.hasher.hash_one((whose, label));
        let (first, second) = (hash as usize, (hash >> 32) as usize);
        [first % (MARKS / 2), MARKS / 2 + second % (MARKS / 2)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::Caller;
    use crate::testing::caller;

    const ADA: Memory<'_> = Memory::Caller("ada");

    #[test]
    fn what_was_touched_counts_for_whoever_touched_it_and_for_a_while() {
        let touched = Touched::default();
        assert!(!touched.has(ADA, "private", 100, 60));

        touched.touch(ADA, "private", 100);

        assert!(touched.has(ADA, "private", 160, 60));
        assert!(!touched.has(ADA, "private", 161, 60));
        assert!(!touched.has(Memory::Caller("bob"), "private", 100, 60));
        assert!(!touched.has(Memory::Session("ada"), "private", 100, 60));
        assert!(!touched.has(ADA, "sink", 100, 60));
    }

    #[test]
    fn nothing_is_forgotten_however_many_others_there_are() {
        let touched = Touched::default();
        touched.touch(ADA, "private", 100);

        for other in 0..100_000 {
            touched.touch(Memory::Caller(&format!("other {other}")), "private", 101);
        }

        assert!(touched.has(ADA, "private", 130, 60));
        let marks = touched.marks.get().unwrap();
        assert_eq!(marks.len(), MARKS);
    }

    #[test]
    fn a_known_caller_has_a_memory_beside_its_session_and_an_unknown_one_has_not() {
        let who = |caller: Caller, session: Option<&str>| Who {
            session: session.map(Into::into),
            ..Who::of(caller)
        };
        for (who, expected) in [
            (who(caller("ada"), Some("s")), r#"[Session("s"), Caller("ada")]"#),
            (who(caller("ada"), None), r#"[Caller("ada")]"#),
            (who(Caller::anonymous(), Some("s")), r#"[Session("s")]"#),
            (who(Caller::anonymous(), None), r#"[Caller("anonymous")]"#),
        ] {
            assert_eq!(format!("{:?}", Memory::of(&who).collect::<Vec<_>>()), expected);
        }
    }
}
