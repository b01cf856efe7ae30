//! The head of a request whose caller is known.

use std::net::IpAddr;
use std::sync::Arc;

use http::HeaderMap;
use toolgate_gateway::call::{Caller, Who};
use toolgate_gateway::config::Secret;

/// What a request says before its body, and who says it.
#[derive(Clone)]
pub struct Head {
    /// As received.
    pub headers: HeaderMap,
    /// Who sends it.
    pub caller: Caller,
    /// The token that proved it, where a server gets something made from it.
    pub token: Option<Arc<Secret>>,
    /// Where it comes from.
    pub address: IpAddr,
    /// The toolset at whose endpoint it came in.
    pub toolset: Option<Arc<str>>,
}

impl Head {
    /// On whose behalf a request is, outside of any session.
    pub fn who(&self) -> Who {
        Who {
            caller: self.caller.clone(),
            session: None,
            token: self.token.clone(),
            address: Some(self.address),
            toolset: self.toolset.clone(),
        }
    }
}
