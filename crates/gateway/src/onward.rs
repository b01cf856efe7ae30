//! How a server learns on whose behalf a request comes: connectors ask, somebody else answers.

use std::sync::Arc;

use http::{HeaderName, HeaderValue, Method};
use toolgate_identity::dpop::Prover;

use crate::call::{Boxed, Request, Who};
use crate::fault::Fault;

/// What stands under our name in `_meta`.
pub const CONTEXT_KEY: &str = "dev.toolgate/context";
/// The same, signed, in the head of a request over HTTP.
pub const CONTEXT_HEADER: HeaderName = HeaderName::from_static("toolgate-context");

/// What goes to one server besides the request itself. Without it: nothing.
#[derive(Clone, Default)]
pub struct Onward {
    /// What proves on whose behalf a request comes.
    pub attach: Option<Arc<dyn Attach>>,
    /// What is told of a request and its caller.
    pub broker: Option<Arc<dyn Broker>>,
}

/// What proves to a server on whose behalf a request comes.
#[derive(Clone, Debug)]
pub struct Credential {
    /// The header that carries it.
    pub name: HeaderName,
    /// Its value, marked as sensitive.
    pub value: HeaderValue,
    /// What proves that we hold the key that it is bound to, if it is bound to one.
    pub prover: Option<Arc<Prover>>,
}

/// The same one is shown, with whatever proof.
impl PartialEq for Credential {
    fn eq(&self, other: &Credential) -> bool {
        self.name == other.name && self.value == other.value
    }
}

impl Credential {
    /// What goes with it in a request, and in no other: the value of `DPoP` (RFC 9449, section 7).
    pub fn proof(&self, method: &Method, url: &str) -> Option<HeaderValue> {
        let token = self.value.to_str().ok()?.strip_prefix("DPoP ")?;
        let proof = self.prover.as_ref()?.proof(method.as_str(), url, Some(token))?;
        HeaderValue::from_str(&proof).ok()
    }
}

/// Finds what proves to a server on whose behalf a request comes.
pub trait Attach: Send + Sync + 'static {
    /// What goes with a request on behalf of `who`, and of nobody else; `None` to find out what
    /// the server asks for.
    ///
    /// # Errors
    /// When there is none to be had; what the caller can do about it.
    fn credential<'a>(&'a self, who: &'a Who) -> Boxed<'a, Result<Option<Credential>, Fault>>;

    /// Hears that the server refused it, with its challenge if it gave one. `Ok` when another may
    /// do better: the request, which was not run, is then sent once more.
    ///
    /// # Errors
    /// When asking again is of no use.
    fn refused<'a>(
        &'a self,
        who: &'a Who,
        refused: Option<&'a Credential>,
        challenge: Option<&'a str>,
    ) -> Boxed<'a, Result<(), Fault>>;

    /// What goes with requests of our own, which are on behalf of nobody, if each caller has
    /// something else to show: nothing then.
    fn is_personal(&self) -> bool;
}

/// Tells a server of a request and its caller.
pub trait Broker: Send + Sync + 'static {
    /// What is told.
    fn context(&self, request: &Request) -> Context;
}

/// What is told of a request and its caller.
pub struct Context {
    /// A JSON object, for `_meta`.
    pub json: String,
    /// The same, signed.
    pub header: Option<HeaderValue>,
}
