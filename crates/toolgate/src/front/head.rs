//! The head of a request whose caller is known.

use http::HeaderMap;
use toolgate_gateway::call::Caller;

/// What a request says before its body, and who says it.
#[derive(Clone)]
pub struct Head {
    /// As received.
    pub headers: HeaderMap,
    /// Who sends it.
    pub caller: Caller,
}
