//! The caller's own token, as it came: only where the operator said that both ends are theirs.

use toolgate_gateway::call::{Boxed, Who};
use toolgate_gateway::fault::{Fault, Reason};
use toolgate_gateway::onward::{Attach, Credential};

use crate::bearer;

/// Passes the caller's token on.
pub(crate) struct Passed;

impl Attach for Passed {
    fn credential<'a>(&'a self, who: &'a Who) -> Boxed<'a, Result<Option<Credential>, Fault>> {
        let token = who.token.as_ref().ok_or_else(|| {
            Fault::new(Reason::Refused, "the request came without a token to pass on")
        });
        Box::pin(std::future::ready(token.and_then(|token| bearer(token.reveal()).map(Some))))
    }

    fn refused<'a>(
        &'a self,
        _who: &'a Who,
        _refused: Option<&'a Credential>,
        _challenge: Option<&'a str>,
    ) -> Boxed<'a, Result<(), Fault>> {
        let text = "the server refuses the token that the client sent (sign in again with the scopes it needs)";
        Box::pin(std::future::ready(Err(Fault::new(Reason::Refused, text))))
    }

    fn is_personal(&self) -> bool {
        true
    }
}
