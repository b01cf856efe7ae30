//! What goes in and out of a server: arguments checked, results cleaned and bounded.
//!
//! A server without rules has no [`Screen`], and its messages are never looked at.

mod arguments;
mod brought;
mod frames;
pub(crate) mod held;
mod kept;
mod log;
mod result;
pub(crate) mod schemas;
pub(crate) mod screen;
mod size;
mod task;

use std::sync::Arc;

use toolgate_protocol::caller::Caller;
use toolgate_protocol::jsonrpc::Message;
use toolgate_protocol::splice::Edits;

use crate::call::{End, Request};
use crate::fault::Fault;
use crate::gateway::{Gateway, Route};

pub use arguments::refused as refused_arguments;
pub(crate) use arguments::{arguments, refused};
pub(crate) use frames::Screened;
pub use held::Results;
pub(crate) use kept::is_kept;
pub use log::LogRules;
pub use schemas::{Schemas, ToolSchemas};
pub use screen::Screen;

impl Screen {
    /// Learns from a page of the server's tools, and takes from it what is not kept.
    pub(crate) fn study(&self, schemas: &Schemas, end: End) -> Result<End, Fault> {
        if self.needs_schemas() {
            schemas.learn(&end.message);
        }
        if !self.hides_output_schemas() {
            return Ok(end);
        }
        let mut edits = Edits::default();
        let tools = end.message.result_object().and_then(|result| result.get("tools")?.items());
        for tool in tools.into_iter().flatten().filter_map(|tool| tool.object()) {
            edits.remove(&tool, "outputSchema");
        }
        end.edited(&edits)
    }
}

impl Gateway {
    /// Does to the end of a call what the rules of its server say.
    ///
    /// # Errors
    /// When a rule refuses it.
    pub(crate) fn screened(
        &self,
        route: &Route,
        request: &Request,
        end: End,
    ) -> Result<End, Fault> {
        match &route.screen {
            Some(screen) if screen.reads_results() => {
                result::Subject::of(self, route, screen, request).end(end)
            }
            _ => Ok(end),
        }
    }

    /// Does to what a server tells outside of any call what its rules say; `None` when a rule
    /// refuses it.
    pub(crate) fn screened_event(
        &self,
        route: &Route,
        caller: &Caller,
        message: Arc<Message>,
    ) -> Option<Arc<Message>> {
        let Some(screen) = route.screen.as_ref().filter(|screen| screen.reads_results()) else {
            return Some(message);
        };
        // What the rules found is told nowhere: the record of the subscription ended when it stood.
        let subject = result::Subject::of_event(self, route, screen, caller, &message);
        subject.notification(Arc::unwrap_or_clone(message)).map(Arc::new)
    }

    /// Whether anything of a result may be kept for a later look.
    pub(crate) fn keeps_results(&self) -> bool {
        let keeps = |route: &Route| route.screen.as_ref().is_some_and(|s| s.keeps().is_some());
        self.routes.iter().any(keeps)
    }
}
