//! An answer in frames, each as it goes out.

use super::result::Subject;
use crate::call::{Boxed, Frame, Frames, Request};
use crate::gateway::{Gateway, Route};

/// A reply in frames, screened.
pub(crate) struct Screened<F> {
    inner: F,
    subject: Subject,
}

impl<F: Frames> Screened<F> {
    /// The same frames, or nothing if no rule reads what this server says.
    pub(crate) fn new(
        inner: F,
        gateway: &Gateway,
        route: &Route,
        request: &Request,
    ) -> Result<Screened<F>, F> {
        match route.screen.as_ref().filter(|screen| screen.reads_results()) {
            Some(screen) => {
                Ok(Screened { inner, subject: Subject::of(gateway, route, screen, request) })
            }
            None => Err(inner),
        }
    }

    /// The frame as it goes out; `None` for what a rule refuses, while the call goes on. A
    /// question that is dropped is answered with an error.
    fn screen(&self, frame: Frame) -> Option<Frame> {
        Some(match frame {
            Frame::End(end) => match self.subject.end(end) {
                Ok(end) => Frame::End(end),
                Err(fault) => Frame::Fail(fault),
            },
            Frame::Notification(message) => {
                Frame::Notification(self.subject.notification(message)?)
            }
            Frame::Ask(ask) => Frame::Ask(self.subject.ask(ask)?),
            other => other,
        })
    }
}

impl<F: Frames> Frames for Screened<F> {
    fn next(&mut self) -> Boxed<'_, Option<Frame>> {
        Box::pin(async {
            loop {
                let frame = self.inner.next().await?;
                if let Some(frame) = self.screen(frame) {
                    return Some(frame);
                }
            }
        })
    }
}
