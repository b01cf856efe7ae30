//! Databases as servers: each tool is one statement of the configuration.
//!
//! # Why nothing else can be run
//!
//! A statement is written by the operator, read once by the words of its database
//! ([`Statement`](toolgate_gateway::config::servers::sql::Statement)), and prepared alone: arguments
//! travel beside it and are never part of it. Whether it may write is not looked up in its text. A
//! tool that only reads runs in a transaction that the database has opened for reading, and that the
//! gateway rolls back; a file of SQLite is opened for reading besides.

mod answer;
mod arguments;
mod collect;
mod column;
mod connection;
mod database;
mod day;
mod definition;
mod explore;
mod job;
mod kill;
mod live;
mod mysql;
mod page;
mod postgres;
mod resources;
mod server;
mod sqlite;
mod tool;
mod trouble;

pub use live::{Finding, check};
pub use server::{Sql, tools};
