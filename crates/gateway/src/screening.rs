//! What goes in and out of a server: arguments checked, results cleaned and bounded.
//!
//! A server without rules has no [`Screen`], and its messages are never looked at.

mod arguments;
mod frames;
mod kept;
mod log;
mod result;
mod schemas;
mod size;
mod task;

use std::sync::Arc;
use std::time::Duration;

use toolgate_protocol::caller::Caller;
use toolgate_protocol::jsonrpc::Message;
use toolgate_protocol::splice::Edits;
use toolgate_screen::clean;
use toolgate_screen::redact;
use toolgate_screen::{Problem, bounds};

use crate::call::{End, Request};
use crate::config::{
    Imitation, Markup, Misfits, Screening, SizePolicy, Structured, Unlisted, Validate,
};
use crate::fault::Fault;
use crate::gateway::{Gateway, Route};

pub use arguments::refused as refused_arguments;
pub(crate) use arguments::{arguments, refused};
pub(crate) use frames::Screened;
pub use kept::Results;
pub(crate) use kept::is_kept;
pub use log::LogRules;
pub use schemas::{Schemas, ToolSchemas};

/// The rules of one server, ready for use.
#[derive(Debug)]
pub struct Screen {
    validate: Validate,
    bounds: Option<bounds::Compiled>,
    redaction: Option<redact::Compiled>,
    clean: clean::Policy,
    imitation: Imitation,
    size: Option<SizePolicy>,
}

impl Screen {
    /// The rules that are written in `rules`; `None` if none of them does anything.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    pub fn of(rules: &Screening) -> Result<Option<Screen>, Vec<Problem>> {
        let bounds = rules.bounds.compile()?;
        let redaction = rules.redaction.compile()?;
        let clean = clean::Policy {
            characters: rules.characters.unwrap_or_default().treatment(),
            markup: rules.markup == Some(Markup::Defuse),
        };
        let screen = Screen {
            validate: rules.validate,
            bounds: (!rules.bounds.0.is_empty()).then_some(bounds),
            redaction: (!rules.redaction.0.is_empty()).then_some(redaction),
            clean,
            imitation: rules.imitation.unwrap_or_default(),
            size: rules.size,
        };
        let acts = screen.reads_arguments() || screen.reads_results();
        Ok(acts.then_some(screen))
    }

    fn validates_arguments(&self) -> bool {
        self.validate.arguments == Some(true)
    }

    fn misfits(&self) -> Misfits {
        self.validate.results.unwrap_or_default()
    }

    fn refuses_unlisted(&self) -> bool {
        self.validate.unlisted == Some(Unlisted::Refuse)
    }

    fn reads_arguments(&self) -> bool {
        self.validates_arguments() || self.bounds.is_some()
    }

    fn reads_results(&self) -> bool {
        self.misfits() != Misfits::Pass
            || self.redaction.is_some()
            || self.clean != clean::Policy::default()
            || self.imitation != Imitation::Keep
            || self.size.is_some()
    }

    /// Whether the schemas of tools have to be known.
    fn needs_schemas(&self) -> bool {
        self.validates_arguments() || self.misfits() != Misfits::Pass
    }

    /// Whether lists may promise structured results that would then be left out.
    fn hides_output_schemas(&self) -> bool {
        self.size.is_some_and(|size| size.structured == Structured::Drop)
    }

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

    /// How long the rest of what is cut is kept; `None` if it is not.
    fn keeps(&self) -> Option<Duration> {
        let size = self.size?;
        (size.over != toolgate_screen::size::Over::Truncate).then(|| size.keep.duration())
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
