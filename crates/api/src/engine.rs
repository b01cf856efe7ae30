//! How a request is sent: perhaps again, and where it is redirected to.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::LOCATION;
use http::{Request, Response, StatusCode, Uri};
use serde_json::{Map, Value};
use tokio::time::Instant;
use toolgate_gateway::fault::{Fault, Reason};

use crate::failure::{of_lost, of_status, pause};
use crate::method::is_safe;
use crate::operation::Operation;
use crate::request::{Base, build};
use crate::transport::{Lost, Transport};
use crate::wrong::Wrong;

/// How often a request is repeated at most.
const RETRIES: u32 = 3;
/// The pause before the first repetition; each one after is twice as long.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// How many redirects within one origin are followed.
const REDIRECTS: usize = 3;
/// What is left of a call's time for its answer.
pub(crate) const REST: Duration = Duration::from_millis(500);

/// What is asked of an API.
#[derive(Clone, Copy)]
pub(crate) struct Question<'a> {
    pub base: &'a Base,
    pub operation: &'a Operation,
    pub arguments: &'a Map<String, Value>,
}

/// What runs operations.
pub struct Engine {
    /// What the API is called in what a model reads.
    pub name: Arc<str>,
    /// What carries requests.
    pub transport: Arc<dyn Transport>,
    /// How long one call may take.
    pub budget: Duration,
    /// How much of an API's answers goes into one answer, in bytes.
    pub largest: usize,
}

impl Engine {
    /// When a call that begins now has to have its answer.
    pub(crate) fn deadline(&self) -> Instant {
        Instant::now() + self.budget
    }

    /// What the API answers, whatever it is; `page` is the query parameter that asks for one.
    ///
    /// # Errors
    /// The API says that it failed, or there is no answer.
    pub(crate) async fn fetch(
        &self,
        question: Question<'_>,
        page: Option<(&str, &str)>,
        deadline: Instant,
    ) -> Result<Response<Bytes>, Stop> {
        let Question { base, operation, arguments } = question;
        let request = build(base, operation, arguments, page)?;
        self.send(operation, request, deadline).await
    }

    /// Sends a request, again where that changes nothing and can help, and follows redirects
    /// within the origin.
    async fn send(
        &self,
        operation: &Operation,
        mut request: Request<Bytes>,
        deadline: Instant,
    ) -> Result<Response<Bytes>, Stop> {
        let (mut retries, mut redirects) = (0, 0);
        loop {
            let response = self.transport.send(request.clone()).await;
            if let Some(wait) = self.repeats(operation, &response, retries, deadline) {
                retries += 1;
                tokio::time::sleep(wait).await;
                continue;
            }
            let response =
                response.map_err(|lost| Stop::from(of_lost(&self.name, operation, lost)))?;
            if response.status().is_success() {
                return Ok(response);
            }
            match followed(operation, &request, &response) {
                Some(uri) if redirects < REDIRECTS => {
                    redirects += 1;
                    *request.uri_mut() = uri;
                }
                _ => {
                    let fault = of_status(&self.name, operation, &response);
                    return Err(match response.status() {
                        StatusCode::NOT_FOUND | StatusCode::GONE => Stop::Absent(fault),
                        _ => Stop::Told(fault),
                    });
                }
            }
        }
    }

    /// The pause before the request is sent again; `None` if it is not. What may change something
    /// is not repeated unless twice is no more than once, and nothing that cannot be done in time.
    fn repeats(
        &self,
        operation: &Operation,
        response: &Result<Response<Bytes>, Lost>,
        retries: u32,
        deadline: Instant,
    ) -> Option<Duration> {
        if retries >= RETRIES || !operation.repeats() {
            return None;
        }
        let wanted = match response {
            Ok(response) => match response.status().as_u16() {
                429 | 502 | 503 | 504 => pause(response.headers()),
                _ => return None,
            },
            Err(Lost::Unreachable(_) | Lost::Broken(_)) => None,
            Err(Lost::TooLarge(_)) => return None,
        };
        let wait = wanted.unwrap_or_default().max(FIRST_PAUSE * 2_u32.pow(retries));
        (Instant::now() + wait + REST < deadline).then_some(wait)
    }
}

/// Where a redirect leads, if it stays within the origin and what is asked stays the same. What
/// carries credentials goes nowhere else.
fn followed(
    operation: &Operation,
    request: &Request<Bytes>,
    response: &Response<Bytes>,
) -> Option<Uri> {
    let is_redirect = matches!(
        response.status(),
        StatusCode::MOVED_PERMANENTLY
            | StatusCode::FOUND
            | StatusCode::TEMPORARY_REDIRECT
            | StatusCode::PERMANENT_REDIRECT
    );
    if !is_redirect || !is_safe(&operation.method) {
        return None;
    }
    let target = response.headers().get(LOCATION)?.to_str().ok()?;
    let from = request.uri();
    let (scheme, authority) = (from.scheme_str()?, from.authority()?);
    let target = match target.strip_prefix('/') {
        Some(path) if !path.starts_with(['/', '\\']) => format!("{scheme}://{authority}{target}"),
        _ => target.to_owned(),
    };
    let uri: Uri = target.parse().ok()?;
    let same = uri.scheme_str() == Some(scheme)
        && uri.authority().is_some_and(|it| it.as_str().eq_ignore_ascii_case(authority.as_str()));
    // With the host as it is written here: each other case of its letters would be a pool of
    // connections of its own.
    let path = uri.path_and_query().filter(|_| same)?.clone();
    let uri = Uri::builder().scheme(scheme).authority(authority.clone()).path_and_query(path);
    uri.build().ok()
}

/// Why a call ends early.
pub(crate) enum Stop {
    /// No request can be made of the arguments.
    Wrong(Fault),
    /// The API answered that it failed.
    Told(Fault),
    /// The API has no such thing (404, 410).
    Absent(Fault),
    /// There is no answer, or none of use.
    Failed(Fault),
}

impl From<Wrong> for Stop {
    fn from(Wrong(sentence): Wrong) -> Stop {
        Stop::Wrong(Fault::new(Reason::Arguments, sentence))
    }
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Stop {
        Stop::Failed(fault)
    }
}

impl From<Stop> for Fault {
    fn from(stop: Stop) -> Fault {
        match stop {
            Stop::Wrong(fault) | Stop::Told(fault) | Stop::Absent(fault) | Stop::Failed(fault) => {
                fault
            }
        }
    }
}
