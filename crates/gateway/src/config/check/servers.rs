//! The kinds of servers that are made from configuration alone.

pub(super) mod sql;
