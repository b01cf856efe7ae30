//! How documents of an issuer are fetched: by whoever owns the connections.

use std::fmt;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{HeaderMap, HeaderName};
use serde::de::DeserializeOwned;
use toolgate_values::Secret;

/// The longest answer that is read, in bytes.
const LARGEST: usize = 512 * 1024;

/// How long one request may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// One request to an issuer.
#[derive(Clone)]
pub struct Request {
    /// Where to, absolute.
    pub url: String,
    /// A body, which makes it a POST; otherwise a GET.
    pub form: Option<Secret>,
    /// Whether the body is JSON rather than `application/x-www-form-urlencoded`.
    pub json: bool,
    /// The value of the `Authorization` header.
    pub authorization: Option<Secret>,
    /// Further headers.
    pub headers: Vec<(HeaderName, Secret)>,
    /// The longest body to read, in bytes; a longer one is a failure.
    pub limit: usize,
    /// How long the whole exchange may take.
    pub timeout: Duration,
}

impl Request {
    /// A GET of `url`, within the usual bounds.
    pub fn get(url: impl Into<String>) -> Request {
        Request {
            url: url.into(),
            form: None,
            json: false,
            authorization: None,
            headers: Vec::new(),
            limit: LARGEST,
            timeout: PATIENCE,
        }
    }

    /// A POST of a form. Values are often secrets, so the whole of it is one.
    pub fn post(url: impl Into<String>, fields: &[(&str, &str)]) -> Request {
        Request { form: Some(Secret::new(form(fields))), ..Request::get(url) }
    }
}

/// Fields as `application/x-www-form-urlencoded` wants them.
pub fn form(fields: &[(&str, &str)]) -> String {
    let mut text = String::new();
    for (name, value) in fields {
        if !text.is_empty() {
            text.push('&');
        }
        encode(&mut text, name);
        text.push('=');
        encode(&mut text, value);
    }
    text
}

/// The `Authorization` of a client with a secret (RFC 6749, section 2.3.1): both are form-encoded
/// before they are joined.
pub fn basic(client_id: &str, secret: &Secret) -> Secret {
    let mut joined = String::new();
    encode(&mut joined, client_id);
    joined.push(':');
    encode(&mut joined, secret.reveal());
    Secret::new(format!("Basic {}", STANDARD.encode(joined)))
}

/// Adds a text with all but the unreserved characters escaped (RFC 3986, section 2.3).
pub fn encode(into: &mut String, text: &str) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            into.push(char::from(byte));
        } else {
            into.push('%');
            into.push(char::from(DIGITS[usize::from(byte >> 4)]));
            into.push(char::from(DIGITS[usize::from(byte & 15)]));
        }
    }
}

/// Bodies and credentials stay out of logs.
impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let method = if self.form.is_some() { "POST" } else { "GET" };
        write!(f, "Request({method} {})", self.url)
    }
}

/// The answer.
#[derive(Clone, Debug)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The body, within the limit.
    pub body: Bytes,
    /// What came before it.
    pub headers: HeaderMap,
}

/// Why there is no answer, for the log.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub struct Failure(pub String);

/// Sends requests to issuers.
///
/// It asks for `application/json`, holds to `limit` and `timeout`, checks addresses as the
/// configuration says, and does not follow redirects: a key that came from elsewhere proves nothing.
pub trait Fetch: Send + Sync {
    /// Sends `request` and reads the whole answer.
    fn fetch(&self, request: Request) -> BoxFuture<'_, Result<Response, Failure>>;
}

/// The answer to `request`, within its bounds, whatever its status.
///
/// # Errors
/// No answer came, or one that is too large.
pub async fn answer(fetch: &dyn Fetch, request: Request) -> Result<Response, Failure> {
    let limit = request.limit;
    // Whatever the implementation does, nothing here waits longer than it said.
    let answered = tokio::time::timeout(request.timeout, fetch.fetch(request)).await;
    let response = answered.map_err(|_| Failure("no answer in time".to_owned()))??;
    if response.body.len() > limit {
        return Err(Failure(format!("more than {limit} bytes")));
    }
    Ok(response)
}

/// The JSON document that `request` is answered with; anything but 200 is a failure.
///
/// # Errors
/// As [`answer`], or it is not that document.
pub async fn document<T: DeserializeOwned>(
    fetch: &dyn Fetch,
    request: Request,
) -> Result<T, Failure> {
    let response = answer(fetch, request).await?;
    if response.status != 200 {
        return Err(Failure(format!("status {}", response.status)));
    }
    read(&response.body)
}

/// A body as JSON.
///
/// # Errors
/// It is not the JSON that was expected.
pub fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Failure> {
    // The parser's own words may quote the document, and with it a secret.
    serde_json::from_slice(body).map_err(|error| {
        Failure(format!("not the JSON expected, line {} column {}", error.line(), error.column()))
    })
}
