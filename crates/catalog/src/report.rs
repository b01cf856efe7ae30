//! A report for people, for programs, and for code scanning.

mod json;
mod sarif;
mod table;

pub use json::json;
pub use sarif::sarif;
pub use table::table;
