//! The listener, on loopback alone.

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use http::Request;
use http::header::HOST;
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use toolgate_identity::fetch::Fetch;

use crate::answer::{Answer, document};
use crate::ask::Ask;
use crate::issuer::Issuer;
use crate::settings::Settings;

/// The longest body that is read, in bytes, and how long a client may take with it.
const LONGEST: usize = 64 * 1024;
const PATIENCE: Duration = Duration::from_secs(10);

/// Connections at once.
const MOST: usize = 256;

/// An issuer and where it listens.
pub struct Server {
    issuer: Arc<Issuer>,
    listener: TcpListener,
}

impl Server {
    /// Listens at `address`. The issuer's identifier is the address that came of it.
    ///
    /// # Errors
    /// One sentence, if other machines could reach the address, it is taken, or the settings do
    /// not hold.
    pub async fn bind(
        address: SocketAddr,
        settings: Settings,
        fetch: Arc<dyn Fetch>,
    ) -> Result<Server, String> {
        if !address.ip().is_loopback() {
            return Err(format!(
                "{address} is open to other machines, and here anybody signs in as anybody (write 127.0.0.1:{})",
                address.port()
            ));
        }
        let failed = |error: io::Error| format!("cannot listen on {address}: {error}");
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let bound = listener.local_addr().map_err(failed)?;
        let issuer = Issuer::new(&format!("http://{bound}"), settings, fetch)?;
        Ok(Server { issuer: Arc::new(issuer), listener })
    }

    /// The issuer's identifier.
    pub fn url(&self) -> &str {
        self.issuer.url()
    }

    /// Serves until it is dropped.
    pub async fn serve(self) {
        tracing::warn!(
            issuer = self.url(),
            "a development issuer, not for production: whoever reaches it may sign in as anybody"
        );
        let mut connections = JoinSet::new();
        loop {
            while connections.try_join_next().is_some() {}
            let Ok((stream, _)) = self.listener.accept().await else {
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            };
            if connections.len() < MOST {
                connections.spawn(connection(Arc::clone(&self.issuer), stream));
            }
        }
    }
}

async fn connection(issuer: Arc<Issuer>, stream: TcpStream) {
    let service = service_fn(move |request| {
        let issuer = Arc::clone(&issuer);
        async move { Ok::<_, Infallible>(Box::pin(answer(&issuer, request)).await) }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(PATIENCE);
    let _ = http.serve_connection(TokioIo::new(stream), service).await;
}

async fn answer(issuer: &Issuer, request: Request<Incoming>) -> Answer {
    let (parts, body) = request.into_parts();
    let host = parts.headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    // A foreign page could otherwise reach us under its own name (DNS rebinding).
    if !is_loopback(host) {
        return document(403, &json!({ "error": "this Host is not served here" }));
    }
    let reading = tokio::time::timeout(PATIENCE, Limited::new(body, LONGEST).collect()).await;
    let Ok(Ok(body)) = reading else {
        return document(413, &json!({ "error": "invalid_request" }));
    };
    let body = String::from_utf8_lossy(&body.to_bytes()).into_owned();
    issuer.answer(&Ask::new(parts, body)).await
}

fn is_loopback(authority: &str) -> bool {
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split_once(']').map_or("", |(host, _)| host),
        None => authority.rsplit_once(':').map_or(authority, |(host, _)| host),
    };
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}
