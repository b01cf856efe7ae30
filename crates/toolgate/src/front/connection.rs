//! One client's connection, for as long as the client keeps it open.
//!
//! Thousands of them are idle at any time. So this task holds nothing but the connection: what a
//! request needs is allocated when it comes, and gone when it is answered.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;

use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use toolgate_gateway::call::Boxed;
use toolgate_gateway::config::Limits;

use super::body::Answer;
use super::peer::Peer;
use super::route::route;
use crate::app::App;

/// Streams of one HTTP/2 connection at a time.
const MOST_STREAMS: u32 = 256;
/// hyper's smallest bound on the head of a request.
const LEAST_BUFFER: usize = 8 * 1024;

/// Serves one connection until it ends, or draining begins and its last request is answered.
pub async fn serve(app: Arc<App>, tcp: TcpStream, peer: IpAddr, tls: Option<TlsAcceptor>) {
    // Small answers, each waited for: Nagle would add 40 ms to them.
    if tcp.set_nodelay(true).is_err() {
        return;
    }
    match tls {
        None => plain(app, tcp, peer).await,
        // Boxed: its state is several times that of a plain connection.
        Some(tls) => Box::pin(encrypted(app, tcp, peer, tls)).await,
    }
}

async fn plain(app: Arc<App>, tcp: TcpStream, peer: IpAddr) {
    let http = http1(&app.gateway().config.limits);
    let peer = Peer::plain(peer);
    let connection = http.serve_connection(TokioIo::new(tcp), service_fn(answering(&app, peer)));
    drop(http);
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        _ = connection.as_mut() => return,
        () = app.draining() => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

async fn encrypted(app: Arc<App>, tcp: TcpStream, peer: IpAddr, tls: TlsAcceptor) {
    let limits = app.gateway().config.limits.clone();
    let handshake = tokio::time::timeout(limits.header_time.duration(), tls.accept(tcp)).await;
    let Ok(Ok(stream)) = handshake else { return };
    let mut http = auto::Builder::new(TokioExecutor::new());
    http.http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_time.duration())
        .max_headers(limits.header_count)
        .max_buf_size(limits.headers.bytes().max(LEAST_BUFFER));
    http.http2()
        .timer(TokioTimer::new())
        .max_header_list_size(limits.headers.bytes() as u32)
        .max_concurrent_streams(MOST_STREAMS);
    let peer = Peer::encrypted(peer, stream.get_ref().1);
    let connection = http.serve_connection(TokioIo::new(stream), service_fn(answering(&app, peer)));
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        _ = connection.as_mut() => return,
        () = app.draining() => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

fn http1(limits: &Limits) -> http1::Builder {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(limits.header_time.duration())
        .max_headers(limits.header_count)
        .max_buf_size(limits.headers.bytes().max(LEAST_BUFFER));
    http
}

/// What answers the requests of a connection. The future is boxed because hyper keeps room for
/// it with each connection, idle or not: it is many times larger than all the rest.
fn answering(
    app: &Arc<App>,
    peer: Peer,
) -> impl Fn(Request<Incoming>) -> Boxed<'static, Result<Answer, Infallible>> + use<> {
    let app = app.clone();
    move |request| {
        let (app, peer) = (app.clone(), peer.clone());
        Box::pin(async move { Ok(route(&app, &peer, request).await) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size_of_future<A, B, C, D, F>(_: impl Fn(A, B, C, D) -> F) -> usize {
        size_of::<F>()
    }

    #[test]
    fn an_idle_connection_is_small() {
        // The buffers of hyper come on top of it.
        let size = size_of_future(serve);

        assert!(size < 2048, "{size} bytes");
    }
}
