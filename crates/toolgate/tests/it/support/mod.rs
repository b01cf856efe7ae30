//! What the scenarios share: the gateway as a process, clients down to the byte, and servers that
//! do as each test says.

mod authority;
mod bound;
mod client;
mod dev_issuer;
mod example;
mod gateway;
mod hall;
mod identity;
mod issuer;
mod legacy_server;
mod mariadb;
mod modern_server;
mod oauth;
mod oldest;
#[expect(dead_code, reason = "the tests of the audit itself use the rest")]
#[path = "../../../../audit/tests/it/support/postgres.rs"]
mod postgres;
mod prover;
mod proxy;
mod python;
#[path = "../../../../stores/tests/it/support/redis.rs"]
mod redis;
mod server;
mod slow_disk;
mod terminal;
mod trail;
mod wire;

use std::time::Duration;

pub use authority::{Authority, Shown, client as tls_client};
pub use bound::Bound;
pub use client::{Ask, Legacy, Modern, post};
pub use dev_issuer::DevIssuer;
pub use example::{copy, example, is_sound, key_in, run_in};
pub use gateway::{Gateway, free_port};
pub use identity::Identity;
pub use issuer::Issuer;
pub use legacy_server::{legacy, legacy_with, sse};
pub use mariadb::MariaDb;
pub use modern_server::{modern, modern_with, quick};
pub use oauth::metadata;
pub use oldest::Oldest;
pub use postgres::Postgres;
pub use prover::Prover;
pub use proxy::{Conduct, Proxy};
pub use python::Script;
pub use redis::RedisServer;
pub use server::{Call, Reply, Server};
pub use slow_disk::SlowDisk;
pub use terminal::at_a_terminal;
pub use trail::Trail;
pub use wire::{Answer, Wire};

/// Longer than anything here takes, shorter than anybody's patience.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Waits for something that is about to happen, and says what did not.
pub async fn soon<T>(what: &str, happening: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, happening).await {
        Ok(outcome) => outcome,
        Err(_) => panic!("waited {PATIENCE:?} in vain: {what}"),
    }
}
