//! On whose behalf a request is, and by which way it came.

use std::net::IpAddr;
use std::sync::Arc;

use toolgate_protocol::caller::Caller;
use toolgate_values::Secret;

/// The input to the isolation mode of the server, and to what is good for nobody else.
#[derive(Clone, Debug)]
pub struct Who {
    /// The caller.
    pub caller: Caller,
    /// The client's session with the gateway; modern clients have none.
    pub session: Option<Arc<str>>,
    /// The token that this very request came with, where a server gets something made from it.
    pub token: Option<Arc<Secret>>,
    /// Where the request comes from; a client on stdio has no address.
    pub address: Option<IpAddr>,
    /// The toolset at whose endpoint it came in; calls that it makes came in there, too.
    pub toolset: Option<Arc<str>>,
}

impl Who {
    /// This caller, of whom nothing else is known.
    pub fn of(caller: Caller) -> Who {
        Who { caller, session: None, token: None, address: None, toolset: None }
    }
}
