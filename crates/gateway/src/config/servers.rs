//! Servers that are made from configuration alone: one file a kind.

pub mod sql;
