//! Servers that run inside the gateway: values in and out, no wire between.
//!
//! A [`Server`] answers one request at a time, as often as it is asked at once. [`Hosted`] makes it
//! an upstream like any other: policy, limits, screening and records are the gateway's and come
//! before it. What it writes is in the shape of 2025-11-25 without the fields of an era, which the
//! fronts add.

mod answer;
pub mod apart;
mod asked;
mod changes;
mod completion;
mod context;
mod failed;
mod native;
mod reply;
mod running;
mod schema;
mod server;
pub mod sheet;
mod tasks;
mod tool;
mod toolbox;
mod upstream;
mod weight;
mod work;

pub use answer::{Answer, Content, ToolResult, contents, failure};
pub use asked::{Asked, Called, Paged};
pub use changes::{Change, Changes};
pub use completion::{Begun, Completing, Reference};
pub use context::{Context, Progress};
pub use failed::{Failed, Refusal};
pub use native::{NativeTool, Output, Structured};
pub use server::{About, Server};
pub use tool::{Annotations, TaskSupport, Tool, Tools};
pub use toolbox::{Toolbox, UnusableSchema};
pub use upstream::Hosted;
pub use weight::{MOST_VALUES, is_bearable, values};
