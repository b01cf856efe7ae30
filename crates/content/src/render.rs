//! What templates write, within a bound.

use std::collections::BTreeMap;

use serde_json::Value;
use toolgate_gateway::config::servers::content::template::{Flaw, Template, Templates};
use toolgate_gateway::fault::{Fault, Reason};
use toolgate_hosted::{Failed, Refusal};

/// Templates that were read, and the most that one of them may write.
pub(crate) struct Renderer {
    templates: Templates,
    /// In bytes.
    most: usize,
}

impl Renderer {
    pub(crate) fn new(templates: Templates, most: usize) -> Renderer {
        Renderer { templates, most }
    }

    /// What a template writes; `what` is what errors call it.
    pub(crate) fn render(
        &self,
        what: &str,
        template: &Template,
        values: &BTreeMap<&str, Value>,
    ) -> Result<String, Failed> {
        let text =
            self.templates.render(template, values).map_err(|flaw| unrendered(what, flaw))?;
        if text.len() > self.most {
            let text = format!("{what} would be longer than {} bytes; ask for less", self.most);
            return Err(Refusal::invalid(text).into());
        }
        Ok(text)
    }
}

/// A run of a template that failed. What it says of the template is for the log alone.
fn unrendered(what: &str, flaw: Flaw) -> Failed {
    if flaw.is_missing {
        let text = format!("{what} needs what is not known of this caller");
        return Fault::new(Reason::Unbound, text).because(flaw).into();
    }
    Fault::new(Reason::Internal, format!("{what} cannot be written")).because(flaw).into()
}
