//! What is answered: documents, pages, errors in the words of RFC 6749, and ways back to a client.

use bytes::Bytes;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION, REFERRER_POLICY,
    WWW_AUTHENTICATE, X_FRAME_OPTIONS,
};
use http::{HeaderName, HeaderValue, Response};
use http_body_util::Full;
use serde_json::{Value, json};

/// An answer.
pub type Answer = Response<Full<Bytes>>;

/// A document, for clients in browsers too.
pub fn document(status: u16, value: &Value) -> Answer {
    let mut answer = whole(status, "application/json", value.to_string());
    let headers = answer.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    answer
}

/// What a browser asks before it lets a page send a request.
pub fn preflight() -> Answer {
    let mut answer = document(204, &Value::Null);
    *answer.body_mut() = Full::default();
    let headers = answer.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST"));
    let allowed =
        HeaderValue::from_static("authorization, content-type, dpop, mcp-protocol-version");
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, allowed);
    answer
}

/// An error of RFC 6749, section 5.2.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    pub error: &'static str,
    pub why: String,
}

impl Failure {
    pub fn new(error: &'static str, why: impl Into<String>) -> Failure {
        Failure { error, why: why.into() }
    }

    pub fn answer(&self) -> Answer {
        let status = if self.error == "invalid_client" { 401 } else { 400 };
        let body = json!({ "error": self.error, "error_description": self.why });
        let mut answer = document(status, &body);
        if status == 401 {
            let basic = HeaderValue::from_static("Basic realm=\"development issuer\"");
            answer.headers_mut().insert(WWW_AUTHENTICATE, basic);
        }
        answer
    }
}

/// A page for people. It may load nothing, run nothing, and stand in nobody's frame.
pub fn page(status: u16, html: String) -> Answer {
    let mut answer = whole(status, "text/html; charset=utf-8", html);
    let headers = answer.headers_mut();
    let policy =
        "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'";
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    answer
}

/// Sends the browser on. `None` if the place cannot stand in a header.
pub fn sent_to(place: &str) -> Option<Answer> {
    // Not 307: that would repeat the form, and what is in it, to the client (RFC 9700, section 4.12).
    let mut answer = whole(303, "text/plain", String::new());
    let headers = answer.headers_mut();
    headers.insert(LOCATION, HeaderValue::from_str(place).ok()?);
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    Some(answer)
}

fn whole(status: u16, kind: &'static str, body: String) -> Answer {
    let mut answer = Response::new(Full::from(body));
    *answer.status_mut() = http::StatusCode::from_u16(status).unwrap_or_default();
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let warning = HeaderName::from_static("x-toolgate-dev-issuer");
    headers.insert(warning, HeaderValue::from_static("not for production"));
    answer
}
