//! The life of a call: arguments checked, request sent and perhaps sent again, pages gathered.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::LOCATION;
use http::{Request, Response, StatusCode, Uri};
use serde_json::{Map, Value};
use tokio::time::Instant;
use toolgate_gateway::fault::{Fault, Reason};
use toolgate_hosted::{Answer, Asked, Failed};

use crate::answer::{self, Held};
use crate::failure::{of_lost, of_status, pause};
use crate::operation::Operation;
use crate::pages::{LONGEST, Pages};
use crate::request::{Base, Wrong, build, is_safe};
use crate::transport::{Lost, Transport};

/// How often a read is repeated at most.
const RETRIES: u32 = 3;
/// The pause before the first repetition; each one after is twice as long.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// How many redirects within one origin are followed.
const REDIRECTS: usize = 3;
/// What is left of a call's time for its answer.
const REST: Duration = Duration::from_millis(500);

/// What runs operations.
pub struct Engine {
    /// What the API is called in what a model reads.
    pub name: Arc<str>,
    /// What carries requests.
    pub transport: Arc<dyn Transport>,
    /// How long one call may take.
    pub budget: Duration,
}

impl Engine {
    /// Runs one operation.
    pub(crate) async fn run(
        &self,
        base: &Base,
        operation: &Operation,
        arguments: &Map<String, Value>,
        asked: &Asked,
    ) -> Result<Answer, Failed> {
        let outcome = match &operation.answer.pages {
            Some(pages) => self.gather(base, operation, pages, arguments, asked).await,
            None => self.once(base, operation, arguments).await,
        };
        match outcome {
            Ok(answer) => Ok(answer),
            Err(Stop::Told(fault) | Stop::Absent(fault)) => {
                answer::failed(&fault, asked.trace().id())
            }
            Err(Stop::Failed(failed)) => Err(failed),
        }
    }

    /// Runs one operation for what comes back, whatever it is.
    ///
    /// # Errors
    /// [`Stop::Absent`] also for arguments that no request can be made of: they name nothing.
    pub(crate) async fn fetch(
        &self,
        base: &Base,
        operation: &Operation,
        arguments: &Map<String, Value>,
    ) -> Result<Response<Bytes>, Stop> {
        let deadline = Instant::now() + self.budget;
        let request = build(base, operation, arguments, None)
            .map_err(|Wrong(sentence)| Stop::Absent(Fault::new(Reason::Arguments, sentence)))?;
        self.send(operation, request, deadline).await
    }

    async fn once(
        &self,
        base: &Base,
        operation: &Operation,
        arguments: &Map<String, Value>,
    ) -> Result<Answer, Stop> {
        let deadline = Instant::now() + self.budget;
        let request = build(base, operation, arguments, None)?;
        let response = self.send(operation, request, deadline).await?;
        let held = answer::read(&self.name, &operation.answer, &response)?;
        let promises = operation.tool.output_schema.is_some();
        Ok(answer::whole(&self.name, &operation.answer, promises, held)?)
    }

    async fn gather(
        &self,
        base: &Base,
        operation: &Operation,
        pages: &Pages,
        arguments: &Map<String, Value>,
        asked: &Asked,
    ) -> Result<Answer, Stop> {
        let deadline = Instant::now() + self.budget;
        let mut cursor = given_cursor(arguments)?;
        let mut gathered = Vec::new();
        loop {
            let page = cursor.as_deref().map(|cursor| (pages.parameter.as_str(), cursor));
            let request = build(base, operation, arguments, page)?;
            let response = self.send(operation, request, deadline).await?;
            let Held::Json(text) = answer::read(&self.name, &operation.answer, &response)? else {
                let sentence = format!("\"{}\" answered no JSON", self.name);
                return Err(Fault::new(Reason::Misfit, sentence).into());
            };
            let entries = answer::entries(&text);
            cursor = pages.next(cursor.as_deref(), &response, entries);
            gathered.push(text);
            let done = gathered.len() as u64;
            // What is there is worth more than a page that comes too late.
            let late = Instant::now() + self.budget / 2 > deadline;
            if cursor.is_none() || done >= pages.limit || late {
                return Ok(answer::paged(&gathered, cursor.as_deref())?);
            }
            asked.progress(done as f64, Some(pages.limit as f64), None).await;
        }
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
    /// is never repeated, and nothing that cannot be done in time.
    fn repeats(
        &self,
        operation: &Operation,
        response: &Result<Response<Bytes>, Lost>,
        retries: u32,
        deadline: Instant,
    ) -> Option<Duration> {
        if retries >= RETRIES || !is_safe(&operation.method) {
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
    let (scheme, authority) = (from.scheme_str()?, from.authority()?.as_str());
    let target = match target.strip_prefix('/') {
        Some(path) if !path.starts_with(['/', '\\']) => format!("{scheme}://{authority}{target}"),
        _ => target.to_owned(),
    };
    let uri: Uri = target.parse().ok()?;
    let same = uri.scheme_str() == Some(scheme)
        && uri.authority().is_some_and(|it| it.as_str().eq_ignore_ascii_case(authority));
    same.then_some(uri)
}

/// The cursor that the model gives back.
fn given_cursor(arguments: &Map<String, Value>) -> Result<Option<String>, Wrong> {
    match arguments.get("cursor") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.len() <= LONGEST => Ok(Some(text.clone())),
        Some(_) => Err(Wrong("cursor is the next_cursor of the page before".into())),
    }
}

/// Why a call ends early.
pub(crate) enum Stop {
    /// The API answered, or the arguments are wrong: the tool says so.
    Told(Fault),
    /// The API has no such thing (404, 410).
    Absent(Fault),
    /// There is no answer.
    Failed(Failed),
}

impl From<Wrong> for Stop {
    fn from(Wrong(sentence): Wrong) -> Stop {
        Stop::Told(Fault::new(Reason::Arguments, sentence))
    }
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Stop {
        Stop::Failed(fault.into())
    }
}

impl From<Failed> for Stop {
    fn from(failed: Failed) -> Stop {
        Stop::Failed(failed)
    }
}
