//! A minimal MCP server of both eras: what the gateway and nginx have behind them in the benchmark.
//!
//! It answers in a few microseconds, so that what is measured is the process in front of it.

mod answers;
mod envelope;
mod server;
mod service;
mod sessions;

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use clap::{Parser, ValueEnum};

use answers::{Answers, Text};
use service::Service;

/// Which revisions of the protocol the server speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Era {
    /// 2026-07-28 only.
    Modern,
    /// 2025-11-25 only.
    Legacy,
    /// Either, decided by each request.
    Both,
}

/// A minimal MCP server of both eras, on loopback.
#[derive(Debug, Parser)]
#[command(name = "toolgate-bench-upstream", version)]
struct Options {
    /// Port to listen on; given several times, the one process plays several upstreams.
    #[arg(long = "port", required = true)]
    ports: Vec<u16>,
    /// Which revisions to speak.
    #[arg(long, value_enum, default_value = "both")]
    era: Era,
    /// How many tools to list.
    #[arg(long, default_value_t = 10)]
    tools: usize,
    /// Length of the text each call returns, in bytes.
    #[arg(long, default_value_t = 64)]
    body: usize,
    /// What that text is made of.
    #[arg(long, value_enum, default_value = "letters")]
    text: Text,
    /// How long each call takes, in milliseconds.
    #[arg(long, default_value_t = 0)]
    delay_ms: u64,
}

// One thread: the benchmark gives the upstream one core, which it shares with the load generator.
#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let options = Options::parse();
    let answers = Answers::new(options.tools, options.body, options.text);
    let delay = Duration::from_millis(options.delay_ms);
    let service = Service::new(options.era, answers, delay);
    let addresses = options.ports.iter().map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, *port)));
    server::run(addresses, service).await
}
