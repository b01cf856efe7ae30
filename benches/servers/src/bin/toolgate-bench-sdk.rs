//! The handler of the official SDK with its own Streamable HTTP, set up as its documentation does,
//! with what is best for it: plain JSON answers, no Nagle, and a program with nothing else in it.
//!
//! `toolgate-bench-sdk PORT STUB`: where it listens and where the API does, on loopback.

#![expect(clippy::print_stderr, reason = "this is how a program complains")]

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use bench_tools::sdk::Bench;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::{StreamableHttpServerConfig, StreamableHttpService};
use tokio::net::TcpListener;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> io::Result<()> {
    let ports: Vec<u16> = std::env::args().skip(1).filter_map(|word| word.parse().ok()).collect();
    let [port, stub] = ports[..] else {
        eprintln!("usage: toolgate-bench-sdk PORT STUB");
        std::process::exit(2);
    };
    let at = |port: u16| SocketAddr::from(([127, 0, 0, 1], port));
    // The published benchmark gives a server one processor.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(serve(at(port), Bench::new(at(stub))))
}

async fn serve(address: SocketAddr, bench: Bench) -> io::Result<()> {
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
