//! An HTTP server that a test scripts: what it answers, and what it has seen.

use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::BodyExt;
use hyper::body::{Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};

use super::hall::Hall;
use super::soon;

/// A request as it arrived.
#[derive(Clone)]
pub struct Call {
    pub verb: String,
    pub path: String,
    pub headers: HeaderMap,
    pub body: String,
    pub json: Value,
    pub(super) hall: Arc<Hall>,
}

impl Call {
    /// The method of a request or notification, `response`, or the verb.
    pub fn method(&self) -> &str {
        match self.json["method"].as_str() {
            Some(method) => method,
            None if self.verb == "POST" => "response",
            None => &self.verb,
        }
    }

    /// `params.name`.
    pub fn name(&self) -> &str {
        self.json["params"]["name"].as_str().unwrap_or_default()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The id as it was written.
    pub fn id(&self) -> String {
        self.json["id"].to_string()
    }

    /// The answer with this result, as raw JSON.
    pub fn result(&self, result: &str) -> Reply {
        Reply::json(200, self.result_text(result))
    }

    pub fn result_text(&self, result: &str) -> String {
        format!(r#"{{"jsonrpc":"2.0","id":{},"result":{result}}}"#, self.id())
    }

    /// The answer with this error object, as raw JSON.
    pub fn error(&self, status: u16, error: &str) -> Reply {
        let body = format!(r#"{{"jsonrpc":"2.0","id":{},"error":{error}}}"#, self.id());
        Reply::json(status, body)
    }

    /// The answer as a stream, written by `script`.
    pub fn stream<F>(&self, script: impl FnOnce(Stream) -> F) -> Reply
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (sender, receiver) = mpsc::channel(16);
        tokio::spawn(script(Stream { sender, id: self.id() }));
        Reply::new(200, "text/event-stream", Body::Pieces(receiver))
    }

    /// What the client answers to the request with this id, which the script has sent to it.
    pub async fn answer_to(&self, id: &str) -> Value {
        self.hall.answer_to(id).await
    }
}

impl Call {
    /// Says something on the server's shared stream.
    pub async fn say(&self, json: &str) {
        self.hall.announce(json).await;
    }

    /// What the test announces from here on.
    pub fn listen(&self) -> tokio::sync::broadcast::Receiver<String> {
        self.hall.listen()
    }
}

/// What is answered.
pub struct Reply {
    pub(super) response: Response<Body>,
}

impl Reply {
    pub fn new(status: u16, kind: &str, body: Body) -> Reply {
        let response = Response::builder().status(status).header("content-type", kind);
        Reply { response: response.body(body).unwrap() }
    }

    pub fn json(status: u16, body: impl Into<Bytes>) -> Reply {
        Reply::new(status, "application/json", Body::Whole(Some(body.into())))
    }

    pub fn text(status: u16, kind: &str, body: &str) -> Reply {
        Reply::new(status, kind, Body::Whole(Some(body.to_owned().into())))
    }

    /// A body written by `script`, of this type.
    pub fn pieces<F>(kind: &str, script: impl FnOnce(Stream) -> F) -> Reply
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (sender, receiver) = mpsc::channel(16);
        tokio::spawn(script(Stream { sender, id: "null".into() }));
        Reply::new(200, kind, Body::Pieces(receiver))
    }

    pub fn header(mut self, name: &'static str, value: &str) -> Reply {
        self.response.headers_mut().insert(name, value.parse().unwrap());
        self
    }

    /// The text of a whole body.
    pub(super) fn into_text(self) -> Bytes {
        match self.response.into_body() {
            Body::Whole(body) => body.unwrap_or_default(),
            Body::Pieces(_) => panic!("a stream has no text yet"),
        }
    }
}

/// A body in the making. Dropped, it ends well.
pub struct Stream {
    sender: mpsc::Sender<io::Result<Bytes>>,
    id: String,
}

impl Stream {
    /// Writes these bytes; false when the client has gone.
    pub async fn raw(&self, text: impl Into<Bytes>) -> bool {
        self.sender.send(Ok(text.into())).await.is_ok()
    }

    /// Writes one event.
    pub async fn message(&self, json: &str) -> bool {
        self.raw(format!("data: {json}\n\n")).await
    }

    /// Writes one event with an id.
    pub async fn numbered(&self, id: &str, json: &str) -> bool {
        self.raw(format!("id: {id}\ndata: {json}\n\n")).await
    }

    /// Writes a request to the client.
    pub async fn question(&self, id: &str, method: &str, params: &str) {
        let json =
            format!(r#"{{"jsonrpc":"2.0","id":"{id}","method":"{method}","params":{params}}}"#);
        self.message(&json).await;
    }

    /// Writes the response.
    pub async fn result(&self, result: &str) {
        let json = format!(r#"{{"jsonrpc":"2.0","id":{},"result":{result}}}"#, self.id);
        self.message(&json).await;
    }

    /// Resolves when the client has gone.
    pub async fn closed(&self) {
        self.sender.closed().await;
    }

    /// Breaks the connection in the middle of the body.
    pub async fn break_off(self) {
        let _ = self.sender.send(Err(io::ErrorKind::ConnectionReset.into())).await;
    }
}

/// The body of an answer.
pub enum Body {
    Whole(Option<Bytes>),
    Pieces(mpsc::Receiver<io::Result<Bytes>>),
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match self.get_mut() {
            Body::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Body::Pieces(pieces) => {
                pieces.poll_recv(cx).map(|piece| piece.map(|piece| piece.map(Frame::data)))
            }
        }
    }
}

/// A running server. It ends with the test.
pub struct Server {
    pub url: String,
    log: Arc<Log>,
    pub(super) hall: Arc<Hall>,
}

struct Log {
    seen: Mutex<Vec<Call>>,
    left: Mutex<Vec<String>>,
    connections: AtomicUsize,
    grown: watch::Sender<usize>,
}

type Script = dyn Fn(Call) -> Pin<Box<dyn Future<Output = Reply> + Send>> + Send + Sync;

impl Server {
    /// A server that answers every request as `script` says.
    pub async fn start<F>(script: impl Fn(Call) -> F + Send + Sync + 'static) -> Server
    where
        F: Future<Output = Reply> + Send + 'static,
    {
        Server::at(0, script).await
    }

    /// One that answers what `known` knows, and the rest as `script` says.
    pub async fn knowing<F>(
        known: impl Fn(&Call) -> Option<Reply> + Send + Sync + 'static,
        script: impl Fn(Call) -> F + Send + Sync + 'static,
    ) -> Server
    where
        F: Future<Output = Reply> + Send + 'static,
    {
        Server::start(move |call| {
            let known = known(&call).ok_or(call).map_err(&script);
            async move {
                match known {
                    Ok(reply) => reply,
                    Err(scripted) => scripted.await,
                }
            }
        })
        .await
    }

    /// One at this port, for what is looked for before it is there.
    pub async fn at<F>(port: u16, script: impl Fn(Call) -> F + Send + Sync + 'static) -> Server
    where
        F: Future<Output = Reply> + Send + 'static,
    {
        let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        let url = format!("http://{}/mcp", listener.local_addr().unwrap());
        let log = Arc::new(Log {
            seen: Mutex::default(),
            left: Mutex::default(),
            connections: AtomicUsize::new(0),
            grown: watch::channel(0).0,
        });
        let hall = Arc::new(Hall::default());
        let script: Arc<Script> = Arc::new(move |call| Box::pin(script(call)));
        tokio::spawn(accept(listener, script, log.clone(), hall.clone()));
        Server { url, log, hall }
    }

    /// Its entry in a configuration, in flow style; `more` as in `", timeout: 1s"`.
    pub fn entry(&self, name: &str, more: &str) -> String {
        format!("{{name: {name}, upstream: \"{}\"{more}}}", self.url)
    }

    /// The first request of this method, past or to come.
    pub async fn seen(&self, method: &str) -> Call {
        self.nth(method, 0).await
    }

    /// The request of this method that came after `earlier` others.
    pub async fn nth(&self, method: &str, earlier: usize) -> Call {
        let find = || {
            let seen = self.log.seen.lock().unwrap();
            seen.iter().filter(|call| call.method() == method).nth(earlier).cloned()
        };
        self.log.wait(&format!("{method} number {earlier} at the server"), find).await
    }

    /// Waits until the client of a request of this method has gone before it was answered.
    pub async fn left(&self, method: &str) {
        let find = || {
            let left = self.log.left.lock().unwrap();
            left.iter().any(|one| one == method).then_some(())
        };
        self.log.wait(&format!("the client of {method} to leave"), find).await;
    }

    /// How many requests of this method came so far.
    pub fn count(&self, method: &str) -> usize {
        self.log.seen.lock().unwrap().iter().filter(|call| call.method() == method).count()
    }

    /// The requests of this method that came so far.
    pub fn all(&self, method: &str) -> Vec<Call> {
        let seen = self.log.seen.lock().unwrap();
        seen.iter().filter(|call| call.method() == method).cloned().collect()
    }

    /// All requests that came so far.
    pub fn every(&self) -> Vec<Call> {
        self.log.seen.lock().unwrap().clone()
    }

    /// Scheme, host and port.
    pub fn origin(&self) -> &str {
        self.url.trim_end_matches("/mcp")
    }

    /// How many clients of this method left before they were answered.
    pub fn gone(&self, method: &str) -> usize {
        self.log.left.lock().unwrap().iter().filter(|one| *one == method).count()
    }

    /// How many connections were made so far.
    pub fn connections(&self) -> usize {
        self.log.connections.load(Ordering::Relaxed)
    }

    /// Says something on the stream that belongs to no request, once somebody listens.
    pub async fn announce(&self, json: &str) {
        soon("somebody who listens", self.hall.announce(json)).await;
    }
}

impl Log {
    async fn wait<T>(&self, what: &str, find: impl Fn() -> Option<T>) -> T {
        let mut grown = self.grown.subscribe();
        let waiting = async {
            loop {
                grown.borrow_and_update();
                if let Some(found) = find() {
                    return found;
                }
                grown.changed().await.unwrap();
            }
        };
        soon(what, waiting).await
    }

    fn note(&self) {
        self.grown.send_modify(|count| *count += 1);
    }
}

async fn accept(listener: TcpListener, script: Arc<Script>, log: Arc<Log>, hall: Arc<Hall>) {
    loop {
        let (tcp, _) = listener.accept().await.unwrap();
        log.connections.fetch_add(1, Ordering::Relaxed);
        let (script, log, hall) = (script.clone(), log.clone(), hall.clone());
        let service = service_fn(move |request| {
            let (script, log, hall) = (script.clone(), log.clone(), hall.clone());
            async move { Ok::<_, Infallible>(serve(request, &script, log, hall).await) }
        });
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(tcp), service));
    }
}

async fn serve(
    request: Request<Incoming>,
    script: &Arc<Script>,
    log: Arc<Log>,
    hall: Arc<Hall>,
) -> Response<Body> {
    let (head, body) = request.into_parts();
    let Ok(body) = body.collect().await else {
        return Reply::text(400, "text/plain", "").response;
    };
    let body = String::from_utf8_lossy(&body.to_bytes()).into_owned();
    let call = Call {
        verb: head.method.to_string(),
        path: head.uri.to_string(),
        headers: head.headers,
        json: serde_json::from_str(&body).unwrap_or_default(),
        body,
        hall,
    };
    let mut leaving = Leaving { log: log.clone(), method: Some(call.method().to_owned()) };
    log.seen.lock().unwrap().push(call.clone());
    log.note();
    let reply = script(call).await;
    leaving.method = None;
    reply.response
}

/// Notes who leaves without having been answered.
struct Leaving {
    log: Arc<Log>,
    method: Option<String>,
}

impl Drop for Leaving {
    fn drop(&mut self) {
        if let Some(method) = self.method.take() {
            self.log.left.lock().unwrap().push(method);
            self.log.note();
        }
    }
}
