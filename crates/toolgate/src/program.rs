//! The gateway as a library: a program with servers of its own, and everything that the command
//! does around them.

mod builder;
pub(crate) mod error;
pub(crate) mod running;

pub use builder::Builder;
pub use error::Error;
pub use running::Running;

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
