//! Sockets and HTTP/1.1: accept, collect a bounded body, answer in one write.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::service::{Service, empty};

/// Largest request body, in bytes: four times the largest the benchmark sends.
const BODY_LIMIT: usize = 16 * 1024 * 1024;

/// Serves on every address until the process is killed.
///
/// # Errors
/// Fails if an address cannot be bound, or if a listener breaks.
pub(crate) async fn run(
    addresses: impl Iterator<Item = SocketAddr>,
    service: Service,
) -> io::Result<()> {
    let service = Arc::new(service);
    let mut listeners = JoinSet::new();
    for address in addresses {
        let listener = TcpListener::bind(address).await?;
        listeners.spawn(accept(listener, Arc::clone(&service)));
    }
    match listeners.join_next().await {
        Some(Ok(stopped)) => stopped,
        Some(Err(panicked)) => Err(io::Error::other(panicked)),
        None => Ok(()),
    }
}

async fn accept(listener: TcpListener, service: Arc<Service>) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        // Without it an answer may wait 40 ms for the peer's delayed acknowledgement.
        stream.set_nodelay(true)?;
        tokio::spawn(converse(stream, Arc::clone(&service)));
    }
}

async fn converse(stream: TcpStream, service: Arc<Service>) {
    let serve = service_fn(|request| respond(&service, request));
    // A peer that breaks off ends its own connection only; the load generator counts it.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), serve).await;
}

async fn respond(
    service: &Service,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let Ok(body) = Limited::new(body, BODY_LIMIT).collect().await else {
        return Ok(empty(StatusCode::PAYLOAD_TOO_LARGE));
    };
    Ok(service.answer(&head, &body.to_bytes()).await)
}
