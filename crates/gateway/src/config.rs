//! What did the operator ask for, and can it be done?

mod checked;
mod entry;
mod problem;
mod secret;
mod tree;
mod values;

pub use checked::{Checked, Kind, Server, Tools};
pub use entry::{CacheScope, EraChoice, Sessions, Transport};
pub use problem::{Problem, Problems, Warning};
pub use secret::Secret;
pub use tree::{
    Config, Level, Limits, Log, LogFormat, Parking, Processes, Replica, SessionLimits, Tls,
};
pub use values::{Listen, Misfit, Name, Size, Span, Url};
