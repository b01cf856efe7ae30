//! The gateway as a library: a program with servers of its own, and everything that the command
//! does around them.

mod builder;
mod running;

use std::io;

use toolgate_gateway::config::Problems;

pub use builder::Builder;
pub use running::Running;
pub(crate) use running::{ConfigFile, serve_one};

/// The gateway, built into a program.
///
/// ```no_run
/// use toolgate::Gateway;
/// # use toolgate::{Annotations, Context, Failed, NativeTool};
/// # struct Greet;
/// # impl NativeTool for Greet {
/// #     type Arguments = std::collections::HashMap<String, String>;
/// #     type Output = String;
/// #     const NAME: &'static str = "greet";
/// #     const DESCRIPTION: &'static str = "Greets.";
/// #     const ANNOTATIONS: Annotations = Annotations::READS;
/// #     async fn call(&self, _: Self::Arguments, _: Context) -> Result<String, Failed> {
/// #         Ok("hello".to_owned())
/// #     }
/// # }
/// # async fn run() -> Result<(), toolgate::Error> {
/// let tools = toolgate::Toolbox::new("greeter").tool(Greet);
/// Gateway::builder().host_native("greeter", tools.build()?).serve().await
/// # }
/// ```
#[derive(Debug)]
pub struct Gateway(());

impl Gateway {
    /// A gateway without any server yet.
    pub fn builder() -> Builder {
        Builder::new()
    }
}

/// Why a program's gateway does not serve.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A server cannot be called this.
    #[error("{name:?} cannot name a server: {why}")]
    Name {
        /// The name.
        name: String,
        /// What is wrong with it, and a way out.
        why: String,
    },
    /// A native tool has arguments that cannot be checked.
    #[error(transparent)]
    Schema(#[from] toolgate_hosted::UnusableSchema),
    /// The configuration has problems, each with its line.
    #[error("the configuration has problems:\n{0}")]
    Configuration(Problems),
    /// Something that the configuration names cannot be had.
    #[error("{0}")]
    Start(String),
    /// The address cannot be bound.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: String,
        /// What the system says.
        source: io::Error,
    },
}
