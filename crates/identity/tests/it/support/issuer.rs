//! A small authorization server, and the way to it.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use toolgate_identity::fetch::{Failure, Fetch, Request, Response};

use super::Signer;

/// What was asked: the path, the `Authorization` header and the body.
pub type Question = (String, Option<String>, String);

#[derive(Default)]
struct State {
    documents: HashMap<String, (u16, String)>,
    questions: Vec<Question>,
}

/// An issuer that answers with documents. It stops when it is dropped.
pub struct Issuer {
    pub url: String,
    state: Arc<Mutex<State>>,
    task: JoinHandle<()>,
}

impl Drop for Issuer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Issuer {
    /// One with metadata and no keys yet.
    pub async fn start() -> Issuer {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::<Mutex<State>>::default();
        let task = tokio::spawn(serve(listener, Arc::clone(&state)));
        let issuer = Issuer { url, state, task };
        issuer.answer(
            "/.well-known/oauth-authorization-server",
            200,
            json!({"issuer": issuer.url, "jwks_uri": format!("{}/jwks", issuer.url),
                "introspection_endpoint": format!("{}/introspect", issuer.url)}),
        );
        issuer
    }

    /// One that publishes the keys of `signers`.
    pub async fn with_keys(signers: &[&Signer]) -> Issuer {
        let issuer = Issuer::start().await;
        issuer.publish(signers);
        issuer
    }

    pub fn publish(&self, signers: &[&Signer]) {
        let keys: Vec<Value> = signers.iter().map(|signer| signer.jwk()).collect();
        self.answer("/jwks", 200, json!({"keys": keys}));
    }

    pub fn answer(&self, path: &str, status: u16, document: Value) {
        let mut state = self.state.lock().unwrap();
        state.documents.insert(path.to_owned(), (status, document.to_string()));
    }

    /// What was asked at `path` so far.
    pub fn questions(&self, path: &str) -> Vec<Question> {
        let state = self.state.lock().unwrap();
        state.questions.iter().filter(|question| question.0 == path).cloned().collect()
    }

    /// How often the keys were asked for.
    pub fn asked_for_keys(&self) -> usize {
        self.questions("/jwks").len()
    }
}

async fn serve(listener: TcpListener, state: Arc<Mutex<State>>) {
    while let Ok((stream, _)) = listener.accept().await {
        let state = Arc::clone(&state);
        let service = service_fn(move |request: http::Request<Incoming>| {
            let state = Arc::clone(&state);
            async move {
                let (parts, body) = request.into_parts();
                let path = parts.uri.path().to_owned();
                let authorization = parts.headers.get("authorization");
                let authorization = authorization.map(|v| v.to_str().unwrap().to_owned());
                let body = body.collect().await.unwrap().to_bytes();
                let body = String::from_utf8(body.to_vec()).unwrap();
                let mut state = state.lock().unwrap();
                state.questions.push((path.clone(), authorization, body));
                let (status, text) =
                    state.documents.get(&path).cloned().unwrap_or((404, String::new()));
                let answer =
                    http::Response::builder().status(status).body(Full::<Bytes>::from(text));
                Ok::<_, Infallible>(answer.unwrap())
            }
        });
        tokio::spawn(
            hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service),
        );
    }
}

/// Fetches from loopback, a connection a request.
pub struct Loopback;

impl Fetch for Loopback {
    fn fetch(&self, request: Request) -> BoxFuture<'_, Result<Response, Failure>> {
        async move {
            let uri: http::Uri = request.url.parse().unwrap();
            let failure = |error: &dyn std::fmt::Display| Failure(error.to_string());
            let address = uri.authority().unwrap().to_string();
            let stream = TcpStream::connect(&address).await.map_err(|error| failure(&error))?;
            let (mut sender, connection) =
                hyper::client::conn::http1::handshake(TokioIo::new(stream))
                    .await
                    .map_err(|error| failure(&error))?;
            tokio::spawn(connection);
            let method = if request.form.is_some() { "POST" } else { "GET" };
            let mut builder =
                http::Request::builder().method(method).uri(uri.path()).header("host", address);
            if let Some(authorization) = &request.authorization {
                builder = builder.header("authorization", authorization.reveal());
            }
            let body = request.form.map(|form| form.reveal().to_owned()).unwrap_or_default();
            let sent = sender.send_request(builder.body(Full::<Bytes>::from(body)).unwrap());
            let response = sent.await.map_err(|error| failure(&error))?;
            let status = response.status().as_u16();
            let body = response.into_body().collect().await.map_err(|error| failure(&error))?;
            Ok(Response { status, body: body.to_bytes(), headers: http::HeaderMap::new() })
        }
        .boxed()
    }
}
