//! How documents of an issuer are fetched: by whoever owns the connections.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use serde::de::DeserializeOwned;
use toolgate_gateway::config::Secret;

/// The longest answer that is read, in bytes.
const LARGEST: usize = 512 * 1024;

/// How long one request may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// One request to an issuer.
#[derive(Clone)]
pub struct Request {
    /// Where to, absolute.
    pub url: String,
    /// A body of `application/x-www-form-urlencoded`, which makes it a POST; otherwise a GET.
    pub form: Option<Secret>,
    /// The value of the `Authorization` header.
    pub authorization: Option<Secret>,
    /// The longest body to read, in bytes; a longer one is a failure.
    pub limit: usize,
    /// How long the whole exchange may take.
    pub timeout: Duration,
}

impl Request {
    pub(crate) fn get(url: impl Into<String>) -> Request {
        Request {
            url: url.into(),
            form: None,
            authorization: None,
            limit: LARGEST,
            timeout: PATIENCE,
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

/// The JSON document that `request` is answered with; anything but 200 is a failure.
pub(crate) async fn document<T: DeserializeOwned>(
    fetch: &dyn Fetch,
    request: Request,
) -> Result<T, Failure> {
    let limit = request.limit;
    // Whatever the implementation does, nothing here waits longer than it said.
    let answered = tokio::time::timeout(request.timeout, fetch.fetch(request)).await;
    let response = answered.map_err(|_| Failure("no answer in time".to_owned()))??;
    if response.status != 200 {
        return Err(Failure(format!("status {}", response.status)));
    }
    if response.body.len() > limit {
        return Err(Failure(format!("more than {limit} bytes")));
    }
    // The parser's own words may quote the document, and with it a secret.
    serde_json::from_slice(&response.body).map_err(|error| {
        Failure(format!("not the JSON expected, line {} column {}", error.line(), error.column()))
    })
}
