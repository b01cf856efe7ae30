//! The state of a task, with what it brings along.

use bytes::Bytes;
use toolgate_protocol::json::{Document, Limits, Mode, Span};
use toolgate_protocol::jsonrpc::Kind;
use toolgate_protocol::method::Method;
use toolgate_protocol::splice::Edits;

use super::result::Subject;
use crate::fault::{Fault, Reason};

/// What of a state is the outcome of the call that began the task (tasks extension, getting tasks).
const BROUGHT: [(&str, Kind); 2] = [("result", Kind::Result), ("error", Kind::Error)];

impl Subject {
    /// A task's state as it goes out. The outcome in it is looked at as if the call had ended with
    /// it, and the rest of the state by itself.
    pub(super) fn state(&self, came: Bytes) -> Result<Bytes, Fault> {
        let brought = brought(&came);
        if brought.is_empty() {
            return self.part(&self.method, came, Kind::Result, false);
        }
        let (mut bare, mut outcomes) = (Edits::default(), Vec::new());
        for Brought { member, kind, span, is_error } in brought {
            let outcome = came.slice(span.range());
            outcomes.push((member, self.part(&Method::ToolsCall, outcome, kind, is_error)?));
            bare.replace(span, "null");
        }
        let bare = bare.apply(&came);
        with(self.part(&self.method, bare, Kind::Result, false)?, outcomes)
    }
}

struct Brought {
    member: &'static str,
    kind: Kind,
    span: Span,
    is_error: bool,
}

fn brought(state: &Bytes) -> Vec<Brought> {
    let parsed = Document::parse(state.clone(), &Limits::default(), Mode::Trusted);
    let Some(state) = parsed.as_ref().ok().and_then(|parsed| parsed.root().object()) else {
        return Vec::new();
    };
    let found = BROUGHT.into_iter().filter_map(|(member, kind)| {
        let outcome = state.get(member)?.object()?;
        let failed = || outcome.get("isError").and_then(|is| is.as_bool()) == Some(true);
        Some(Brought {
            member,
            kind,
            span: outcome.span(),
            is_error: kind == Kind::Error || failed(),
        })
    });
    found.collect()
}

fn with(state: Bytes, outcomes: Vec<(&'static str, Bytes)>) -> Result<Bytes, Fault> {
    let document = Document::parse(state, &Limits::default(), Mode::Trusted).map_err(|error| {
        Fault::new(Reason::Internal, "a screened task is malformed").because(error)
    })?;
    let Some(state) = document.root().object() else { return Ok(document.bytes().clone()) };
    let mut edits = Edits::default();
    for (member, outcome) in outcomes {
        // A rule may have taken it out of the state.
        if let Some(place) = state.get(member) {
            edits.replace(place.span(), outcome);
        }
    }
    Ok(edits.apply(document.bytes()))
}
