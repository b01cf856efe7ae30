//! What is refused before it is a request: by its host, its credentials, its size, its form.

use std::net::IpAddr;

use toolgate_audit::{Intent, Outcome, Status, Text};

use super::refusals::note;
use crate::call::Caller;
use crate::fault::Reason;
use crate::gateway::Gateway;

/// All that is known of such a request.
pub struct Early<'a> {
    /// Who sent it, if that was found out.
    pub caller: Option<&'a Caller>,
    /// Where it came from.
    pub address: Option<IpAddr>,
    /// The verb of HTTP, or `stdio`.
    pub verb: &'a str,
    /// Why it was refused.
    pub reason: Reason,
}

impl Gateway {
    /// Records a refusal that came before there was a request.
    pub fn refused(&self, early: &Early<'_>) {
        let Some(books) = &self.audit else { return };
        let address = early.address.map(|address| address.to_string());
        let who = match early.caller {
            Some(caller) if !caller.is_anonymous() => &*caller.principal,
            _ => address.as_deref().unwrap_or_default(),
        };
        note(books, &self.lasting.limits, who, early.reason.label(), || {
            let caller = early.caller.cloned().unwrap_or_else(Caller::anonymous);
            let mut intent = Intent::new(caller, early.verb);
            intent.address = address.as_deref().map(Text::from);
            intent.toolset = self.toolset().map(|toolset| Text::from(toolset.name.clone()));
            (intent, Outcome::new(Status::Refused).because(early.reason.label()))
        });
    }
}
