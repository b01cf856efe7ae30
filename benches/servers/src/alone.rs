//! The handler with the official SDK's own Streamable HTTP, set up as its documentation does, with
//! what is best for it: plain JSON answers, no Nagle.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::{StreamableHttpServerConfig, StreamableHttpService};
use tokio::net::TcpListener;

use crate::sdk::Bench;

pub async fn serve(address: SocketAddr, stub: SocketAddr) -> io::Result<()> {
    let bench = Bench::new(stub);
    let config = StreamableHttpServerConfig::default().with_json_response(true);
    let sessions = Arc::<LocalSessionManager>::default();
    let service = StreamableHttpService::new(move || Ok(bench.clone()), sessions, config);
    let listener = TcpListener::bind(address).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let service = service.clone();
        let answer = service_fn(move |request| {
            let service = service.clone();
            async move { Ok::<_, std::convert::Infallible>(service.handle(request).await) }
        });
        tokio::spawn(async move {
            let connection = hyper::server::conn::http1::Builder::new();
            // A client that went away is no news.
            let _ = connection.serve_connection(TokioIo::new(stream), answer).await;
        });
    }
}
