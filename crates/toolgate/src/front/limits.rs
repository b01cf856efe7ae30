//! What a client is told of its limits in the head of an answer.

use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use toolgate_gateway::config::RateLimits;
use toolgate_gateway::gateway::Gateway;
use toolgate_gateway::quota::{Standing, Told};

use super::body::Answer;

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const STATE: HeaderName = HeaderName::from_static("ratelimit");

/// Where a call is to tell of limits, if there are any to tell of.
pub fn standing(gateway: &Gateway) -> Option<Arc<Standing>> {
    gateway.tells_limits.then(Arc::default)
}

/// Tells what is left, and when to come back.
pub fn tell(answer: &mut Answer, standing: Option<&Standing>, limits: &RateLimits) {
    let Some(standing) = standing else { return };
    if let Some(told) = standing.told() {
        write(answer.headers_mut(), &told);
    }
    if let Some(wait) = standing.wait() {
        answer.headers_mut().insert(http::header::RETRY_AFTER, wait.into());
        if limits.http_429 && answer.status() == StatusCode::OK {
            *answer.status_mut() = StatusCode::TOO_MANY_REQUESTS;
        }
    }
}

/// The header fields of draft-ietf-httpapi-ratelimit-headers-11.
fn write(headers: &mut HeaderMap, told: &Told) {
    for (name, value) in [(POLICY, told.policy()), (STATE, told.state())] {
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(name, value);
        }
    }
}
