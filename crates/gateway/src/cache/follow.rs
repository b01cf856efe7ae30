//! What becomes of the answer to a call: kept, or the end of what was kept before.

use std::sync::Arc;

use toolgate_catalog::canonical::Hash;

use super::answers::{Answer, Cache};
use crate::call::{Boxed, Frame, Frames, Reply};

/// How a call stands to what was answered before.
pub(crate) enum Asked {
    /// Nothing of it is kept, nor does it change anything.
    Plainly,
    /// It was answered before.
    Before(Arc<Answer>),
    /// It was not, and its answer may be kept.
    Now(Place),
    /// It may change what was answered.
    Writes(Writing),
}

impl Asked {
    /// The reply, from which is kept what may be.
    pub(crate) fn followed_by(self, reply: Reply) -> Reply {
        match self {
            Asked::Plainly | Asked::Before(_) => reply,
            Asked::Now(place) => match reply {
                Reply::Whole(end) => {
                    place.cache.keep(place.name, &end, place.begun);
                    Reply::Whole(end)
                }
                reply => Reply::Stream(Box::new(Followed { reply, place: Some(place) })),
            },
            Asked::Writes(writing) => reply.with(writing),
        }
    }
}

/// Where an answer will be kept.
pub(crate) struct Place {
    cache: Arc<Cache>,
    name: Hash,
    /// What had been written when its call began.
    begun: u64,
}

impl Place {
    pub(super) fn new(cache: &Arc<Cache>, name: Hash) -> Place {
        Place { cache: cache.clone(), name, begun: cache.begun() }
    }
}

/// A call at work that may change what was answered. Nothing is kept meanwhile.
pub(crate) struct Writing(Arc<Cache>);

impl Writing {
    pub(super) fn begin(cache: &Arc<Cache>) -> Writing {
        cache.written(|at_work| at_work + 1);
        Writing(cache.clone())
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        self.0.written(|at_work| at_work.saturating_sub(1));
    }
}

/// A reply in frames whose end is kept.
struct Followed {
    reply: Reply,
    place: Option<Place>,
}

impl Frames for Followed {
    fn next(&mut self) -> Boxed<'_, Option<Frame>> {
        Box::pin(async {
            let frame = self.reply.next().await?;
            match &frame {
                // What somebody said to that is part of the answer.
                Frame::Ask(_) => self.place = None,
                Frame::End(end) => {
                    if let Some(place) = self.place.take() {
                        place.cache.keep(place.name, end, place.begun);
                    }
                }
                _ => {}
            }
            Some(frame)
        })
    }
}
