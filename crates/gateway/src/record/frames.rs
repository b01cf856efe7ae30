//! A reply in frames, recorded when it ends.

use super::Record;
use crate::call::{Boxed, Frame, Frames, Reply};

pub(super) struct Recorded {
    reply: Reply,
    record: Record,
}

impl Recorded {
    pub(super) fn new(reply: Reply, record: Record) -> Recorded {
        Recorded { reply, record }
    }
}

impl Frames for Recorded {
    fn next(&mut self) -> Boxed<'_, Option<Frame>> {
        Box::pin(async {
            let frame = self.reply.next().await;
            match &frame {
                Some(Frame::End(end)) => self.record.ended(end),
                Some(Frame::Fail(fault)) => self.record.failed(fault),
                _ => {}
            }
            frame
        })
    }
}
