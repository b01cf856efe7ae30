//! Real servers in folders of their own.

#[expect(dead_code, reason = "the scenarios through the binary use the rest")]
mod redis;

#[expect(dead_code, reason = "the tests of the audit use the rest")]
#[path = "../../../../audit/tests/it/support/postgres.rs"]
mod postgres;

mod same;

pub use postgres::Postgres as PostgresServer;
pub use redis::RedisServer;
pub use same::{are_those_of_memory, bucket, going_on, is_used_again, place, take_what_there_is};
