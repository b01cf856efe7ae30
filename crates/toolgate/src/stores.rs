//! What is kept beyond the end of the process.

pub mod usage_file;
