//! The published benchmark of MCP servers, to be repeated: one set of tools on this library, a stub
//! for what they call, and the virtual users. `toolgate-bench-sdk` has the same tools on the official
//! SDK alone: compiler, allocator and the work of the tools are the same.

mod load;
mod native;
mod stub;

use std::net::SocketAddr;

use bench_tools::sdk::Bench;
use clap::{Parser, Subcommand};
use toolgate::Gateway;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Parser)]
#[command(name = "toolgate-bench-servers", version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// A server of native tools on this library.
    Native(At),
    /// The handler of the official SDK, hosted by this library.
    Hosted(At),
    /// The HTTP API that the tools call.
    Stub(Port),
    /// The virtual users; prints one JSON object.
    Load(load::LoadArgs),
}

#[derive(clap::Args)]
struct Port {
    /// Where to listen, on loopback.
    #[arg(long)]
    port: u16,
}

#[derive(clap::Args)]
struct At {
    #[command(flatten)]
    port: Port,
    /// Where the stub listens, on loopback.
    #[arg(long)]
    stub: u16,
}

impl Port {
    fn address(&self) -> SocketAddr {
        ([127, 0, 0, 1], self.port).into()
    }
}

impl At {
    fn stub(&self) -> SocketAddr {
        ([127, 0, 0, 1], self.stub).into()
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // The published benchmark gives a server one processor.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        match Cli::parse().command {
            Command::Native(at) => {
                let tools = native::toolbox(at.stub()).build()?;
                serve(Gateway::builder().host_native("bench", tools), &at).await
            }
            Command::Hosted(at) => {
                serve(Gateway::builder().host("bench", Bench::new(at.stub())), &at).await
            }
            Command::Stub(port) => Ok(stub::serve(port.address()).await?),
            Command::Load(args) => load::run(args).await,
        }
    })
}

async fn serve(builder: toolgate::Builder, at: &At) -> Result<(), Box<dyn std::error::Error>> {
    let builder = builder.yaml("log: { level: warn }\nservers: []");
    Ok(builder.listen(&at.port.address().to_string()).serve().await?)
}
