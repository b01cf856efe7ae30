//! Which answer does a request get? Of the rules of both eras, those that a gateway could get wrong.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderMap, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, Response, StatusCode};

use crate::Era;
use crate::answers::{Answers, LEGACY, MODERN, Results, failure, success};
use crate::envelope::Envelope;
use crate::sessions::{Claim, SESSION, Sessions};

const VERSION: &str = "mcp-protocol-version";
const METHOD: &str = "mcp-method";
const NAME: &str = "mcp-name";

type Reply = Response<Full<Bytes>>;

/// What the server says, and the legacy sessions that are open.
#[derive(Debug)]
pub(crate) struct Service {
    era: Era,
    answers: Answers,
    delay: Duration,
    sessions: Sessions,
}

impl Service {
    /// A server whose calls take `delay`.
    pub(crate) fn new(era: Era, answers: Answers, delay: Duration) -> Self {
        let sessions = Sessions::default();
        Self { era, answers, delay, sessions }
    }

    /// The reply to one HTTP request.
    pub(crate) async fn answer(&self, head: &Parts, body: &[u8]) -> Reply {
        if head.uri.path() != "/mcp" {
            return empty(StatusCode::NOT_FOUND);
        }
        match head.method {
            Method::POST => {}
            Method::DELETE if self.era != Era::Modern => return self.end_session(&head.headers),
            _ => return self.not_allowed(),
        }
        let Some(envelope) = Envelope::read(body) else {
            return refuse(b"null", -32700, "not a JSON-RPC request", "");
        };
        let modern = head.headers.get(VERSION).is_some_and(|v| v == MODERN);
        match (modern, self.era) {
            (true, Era::Modern | Era::Both) => self.modern(&head.headers, &envelope).await,
            (false, Era::Legacy | Era::Both) => self.legacy(&head.headers, &envelope).await,
            // Not -32022: that would tell a prober that a modern server is speaking.
            (true, Era::Legacy) => refuse(id(&envelope), -32600, "unsupported version", ""),
            (false, Era::Modern) => unsupported(id(&envelope)),
        }
    }

    async fn modern(&self, headers: &HeaderMap, envelope: &Envelope<'_>) -> Reply {
        let id = id(envelope);
        let mirrored = headers.get(METHOD).map(HeaderValue::as_bytes) == Some(envelope.method);
        if !mirrored || (envelope.method == b"tools/call" && !headers.contains_key(NAME)) {
            return refuse(id, -32020, "headers do not match the body", "");
        }
        let results = &self.answers.modern;
        let result = match envelope.method {
            b"server/discover" => Some(results.greeting.as_str()),
            method => self.result(results, method).await,
        };
        match result {
            Some(result) => json(StatusCode::OK, success(id, result)),
            None => json(StatusCode::NOT_FOUND, unknown_method(id)),
        }
    }

    async fn legacy(&self, headers: &HeaderMap, envelope: &Envelope<'_>) -> Reply {
        let id = id(envelope);
        if envelope.method == b"initialize" {
            return self.open_session(id);
        }
        match self.sessions.claim(headers) {
            Claim::None => return refuse(id, -32600, "no session", ""),
            Claim::Unknown => return empty(StatusCode::NOT_FOUND),
            Claim::Open(_) if envelope.id.is_none() => return empty(StatusCode::ACCEPTED),
            Claim::Open(_) => {}
        }
        let result = match envelope.method {
            b"ping" => Some("{}"),
            method => self.result(&self.answers.legacy, method).await,
        };
        let body = result.map_or_else(|| unknown_method(id), |result| success(id, result));
        json(StatusCode::OK, body)
    }

    /// The result of a method that both eras have.
    async fn result<'a>(&self, results: &'a Results, method: &[u8]) -> Option<&'a str> {
        match method {
            b"tools/list" => Some(&results.list),
            b"tools/call" => {
                if !self.delay.is_zero() {
                    tokio::time::sleep(self.delay).await;
                }
                Some(&results.call)
            }
            _ => None,
        }
    }

    fn open_session(&self, id: &[u8]) -> Reply {
        let greeting = &self.answers.legacy.greeting;
        let mut reply = json(StatusCode::OK, success(id, greeting));
        reply.headers_mut().insert(SESSION, self.sessions.open());
        reply
    }

    fn end_session(&self, headers: &HeaderMap) -> Reply {
        match self.sessions.claim(headers) {
            Claim::None => empty(StatusCode::BAD_REQUEST),
            Claim::Unknown => empty(StatusCode::NOT_FOUND),
            Claim::Open(session) => {
                self.sessions.end(session);
                empty(StatusCode::NO_CONTENT)
            }
        }
    }

    fn not_allowed(&self) -> Reply {
        let allowed = match self.era {
            Era::Modern => "POST",
            Era::Legacy | Era::Both => "POST, DELETE",
        };
        let mut reply = empty(StatusCode::METHOD_NOT_ALLOWED);
        reply.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
        reply
    }
}

fn id<'a>(envelope: &Envelope<'a>) -> &'a [u8] {
    envelope.id.unwrap_or(b"null")
}

fn unsupported(id: &[u8]) -> Reply {
    let data = format!(r#","data":{{"supported":["{MODERN}"],"requested":"{LEGACY}"}}"#);
    refuse(id, -32022, "unsupported version", &data)
}

fn unknown_method(id: &[u8]) -> Bytes {
    failure(id, -32601, "no such method", "")
}

fn refuse(id: &[u8], code: i32, text: &str, more: &str) -> Reply {
    json(StatusCode::BAD_REQUEST, failure(id, code, text, more))
}

fn json(status: StatusCode, body: Bytes) -> Reply {
    let mut reply = Response::new(Full::new(body));
    *reply.status_mut() = status;
    let kind = HeaderValue::from_static("application/json");
    reply.headers_mut().insert(CONTENT_TYPE, kind);
    reply
}

/// A reply without a body.
pub(crate) fn empty(status: StatusCode) -> Reply {
    let mut reply = Response::new(Full::default());
    *reply.status_mut() = status;
    reply
}

#[cfg(test)]
mod tests;
