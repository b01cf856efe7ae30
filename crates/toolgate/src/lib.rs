//! The public library.

pub mod sample;
