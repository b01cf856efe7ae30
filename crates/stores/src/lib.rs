//! What replicas share, in Redis or PostgreSQL: one file each, and one way to open them.

#[cfg(any(feature = "postgres", feature = "redis"))]
mod buckets;
#[cfg(any(feature = "postgres", feature = "redis"))]
mod counters;
#[cfg(any(feature = "postgres", feature = "redis"))]
mod link;
#[cfg(feature = "postgres")]
pub mod postgres;
#[cfg(feature = "redis")]
pub mod redis;

use std::sync::Arc;
use std::time::Duration;

use toolgate_gateway::store::Backend;
use toolgate_values::Secret;

/// Where the store is, and how it is used.
#[derive(Clone, Debug)]
pub struct Place {
    /// Its address, with the password.
    pub url: Secret,
    /// What tells this deployment apart from others in the same place.
    pub name: String,
    /// How long a connection may take to come about.
    pub connect: Duration,
    /// How long the days of usage are kept.
    pub keep_days: u32,
}

/// The one at this address: its scheme says what it is. Nothing is connected to yet; it connects by
/// itself, and again whenever the connection is lost.
///
/// # Errors
/// One sentence, without the address: it is none, or this program was built without such a store.
pub fn open(place: &Place) -> Result<Arc<dyn Backend>, String> {
    match place.url.reveal().split_once(':').map(|(scheme, _)| scheme) {
        #[cfg(feature = "redis")]
        Some("redis" | "rediss") => Ok(redis::Redis::open(place)?),
        #[cfg(not(feature = "redis"))]
        Some("redis" | "rediss") => Err("this program was built without Redis".to_owned()),
        #[cfg(feature = "postgres")]
        Some("postgres" | "postgresql") => Ok(postgres::Postgres::open(place)?),
        #[cfg(not(feature = "postgres"))]
        Some("postgres" | "postgresql") => {
            Err("this program was built without PostgreSQL".to_owned())
        }
        _ => {
            Err("expected an address that begins with redis://, rediss:// or postgres://"
                .to_owned())
        }
    }
}
