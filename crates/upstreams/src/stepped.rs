//! An answer that comes in steps: opened, then one frame after the other, up to one end.

use toolgate_gateway::call::{Boxed, Frame, Frames};
use toolgate_gateway::fault::Fault;

/// What knows the next frame.
pub(crate) trait Steps: Send {
    /// The next frame.
    ///
    /// # Errors
    /// When there will be none any more.
    fn step(&mut self) -> impl Future<Output = Result<Frame, Fault>> + Send;

    /// Hears that a step has failed: nothing more will be asked of it.
    fn failed(&mut self) {}
}

/// Steps as the frames of a reply.
pub(crate) struct Stepped<S> {
    steps: S,
    opened: bool,
    ended: bool,
}

impl<S: Steps> Stepped<S> {
    pub fn new(steps: S) -> Stepped<S> {
        Stepped { steps, opened: false, ended: false }
    }
}

impl<S: Steps> Frames for Stepped<S> {
    fn next(&mut self) -> Boxed<'_, Option<Frame>> {
        Box::pin(async {
            if self.ended {
                return None;
            }
            if !std::mem::replace(&mut self.opened, true) {
                return Some(Frame::Opened);
            }
            let frame = self.steps.step().await.unwrap_or_else(|fault| {
                self.steps.failed();
                Frame::Fail(fault)
            });
            self.ended = matches!(frame, Frame::End(_) | Frame::Fail(_));
            Some(frame)
        })
    }
}
