//! What is done to the messages of one server, by its rules.

use std::time::Duration;

use toolgate_screen::clean;
use toolgate_screen::redact;
use toolgate_screen::{Problem, bounds};

use crate::config::screening::{
    Imitation, Markup, Misfits, Screening, SizePolicy, Structured, Unlisted, Validate,
};

/// The rules of one server, ready for use.
#[derive(Debug)]
pub struct Screen {
    pub(super) validate: Validate,
    pub(super) bounds: Option<bounds::Compiled>,
    pub(super) redaction: Option<redact::Compiled>,
    pub(super) clean: clean::Policy,
    pub(super) imitation: Imitation,
    pub(super) size: Option<SizePolicy>,
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

    pub(super) fn validates_arguments(&self) -> bool {
        self.validate.arguments == Some(true)
    }

    pub(super) fn misfits(&self) -> Misfits {
        self.validate.results.unwrap_or_default()
    }

    pub(super) fn refuses_unlisted(&self) -> bool {
        self.validate.unlisted == Some(Unlisted::Refuse)
    }

    pub(super) fn reads_arguments(&self) -> bool {
        self.validates_arguments() || self.bounds.is_some()
    }

    pub(super) fn reads_results(&self) -> bool {
        self.misfits() != Misfits::Pass
            || self.redaction.is_some()
            || self.clean != clean::Policy::default()
            || self.imitation != Imitation::Keep
            || self.size.is_some()
    }

    /// Whether the schemas of tools have to be known.
    pub(super) fn needs_schemas(&self) -> bool {
        self.validates_arguments() || self.misfits() != Misfits::Pass
    }

    /// Whether lists may promise structured results that would then be left out.
    pub(super) fn hides_output_schemas(&self) -> bool {
        self.size.is_some_and(|size| size.structured == Structured::Drop)
    }

    /// How long the rest of what is cut is kept; `None` if it is not.
    pub(super) fn keeps(&self) -> Option<Duration> {
        let size = self.size?;
        (size.over != toolgate_screen::size::Over::Truncate).then(|| size.keep.duration())
    }
}
