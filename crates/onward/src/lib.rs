//! Who we are to servers, and on whose behalf: what goes with a request beyond the gateway.
//!
//! [`Onwards`] is made from a configuration and gives each server what it is to get: an
//! [`Attach`](toolgate_gateway::onward::Attach), which proves on whose behalf a request comes, and a
//! [`Broker`](toolgate_gateway::onward::Broker), which tells of the request and its caller.

mod broker;
mod exchange;
mod kept;
mod keys;
pub mod links;
pub mod oauth;
mod onwards;
mod own;
mod passed;
pub mod safe;
pub mod sign_in;
mod signed;
pub mod vault;

pub use keys::Keys;
pub use onwards::Onwards;

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::HeaderValue;
use http::header::AUTHORIZATION;
use toolgate_gateway::fault::{Fault, Reason};
use toolgate_gateway::onward::Credential;
use toolgate_identity::dpop::Prover;

/// Seconds since the epoch. On a clock before it everything we sign has expired, which is safe.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// What never comes twice: 128 random bits.
pub fn unique() -> String {
    let mut random = [0; 16];
    getrandom::fill(&mut random).expect("the system gave randomness at start");
    URL_SAFE_NO_PAD.encode(random)
}

/// A token as servers take it.
///
/// # Errors
/// No header can carry it.
pub fn bearer(token: &str) -> Result<Credential, Fault> {
    shown("Bearer", token, None)
}

/// A token that is bound to a key, as servers take it (RFC 9449, section 7.1).
///
/// # Errors
/// No header can carry it.
pub fn bound(token: &str, prover: Arc<Prover>) -> Result<Credential, Fault> {
    shown("DPoP", token, Some(prover))
}

fn shown(scheme: &str, token: &str, prover: Option<Arc<Prover>>) -> Result<Credential, Fault> {
    let value = HeaderValue::from_str(&format!("{scheme} {token}"));
    let mut value = value.map_err(|_| Fault::new(Reason::Refused, "the token is no header"))?;
    value.set_sensitive(true);
    Ok(Credential { name: AUTHORIZATION, value, prover })
}
