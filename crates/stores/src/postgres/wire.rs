//! How PostgreSQL is connected to: a few connections, and the schema when it is not there.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Connection as _, Executor as _, PgConnection, PgPool};
use toolgate_gateway::store::Away;

use crate::Place;
use crate::link::{self, SILENCE};

const SCHEMA: &str = include_str!("schema.sql");
/// The functions of this version, the last of the schema: where it is, all is.
const LAST: &str = "SELECT to_regprocedure('toolgate_prune_1()') IS NOT NULL";
/// Gateways that start together make the schema one after the other.
const LOCK: &str = "SELECT pg_advisory_lock(hashtext('toolgate store'))";
/// Connections of one replica: what waits for locks of others does not hold up the rest.
const CONNECTIONS: u32 = 16;
/// How often what is over is forgotten.
const PRUNE: Duration = Duration::from_secs(60);

pub(super) struct Postgres {
    options: PgConnectOptions,
    pruned: Mutex<Instant>,
}

impl Postgres {
    pub(super) fn of(place: &Place) -> Result<Postgres, String> {
        // The reason would repeat the address, which holds the password.
        let misfit = |_| "expected postgres://USER:PASSWORD@HOST/DATABASE".to_owned();
        let options: PgConnectOptions = place.url.reveal().parse().map_err(misfit)?;
        // What its caller has given up is not worked on for long.
        let silence = SILENCE.as_millis().to_string();
        let options = options.application_name("toolgate").options([
            ("statement_timeout", &*silence),
            ("lock_timeout", &*silence),
            ("default_transaction_isolation", "read committed"),
        ]);
        Ok(Postgres { options, pruned: Mutex::new(Instant::now()) })
    }

    /// Whether it is time to forget what is over.
    fn is_time(&self) -> bool {
        let mut pruned = self.pruned.lock().unwrap_or_else(PoisonError::into_inner);
        let is_time = pruned.elapsed() >= PRUNE;
        if is_time {
            *pruned = Instant::now();
        }
        is_time
    }
}

impl link::Wire for Postgres {
    type Session = PgPool;

    async fn connect(&self) -> Result<PgPool, Away> {
        let mut connection =
            PgConnection::connect_with(&self.options).await.map_err(|error| away(&error))?;
        prepare(&mut connection).await.map_err(|error| away(&error))?;
        let _ = connection.close().await;
        let pool = PgPoolOptions::new()
            .max_connections(CONNECTIONS)
            .acquire_timeout(SILENCE)
            // Each call would ask twice; a connection that is lost is noticed by its error.
            .test_before_acquire(false);
        pool.connect_with(self.options.clone()).await.map_err(|error| away(&error))
    }

    async fn look(&self, pool: &PgPool) -> Result<(), Away> {
        let question = if self.is_time() { "SELECT toolgate_prune_1()" } else { "SELECT 1" };
        let asked = sqlx::query(question).execute(pool).await;
        asked.map(drop).map_err(|error| away(&error))
    }
}

async fn prepare(connection: &mut PgConnection) -> sqlx::Result<()> {
    // Whoever may only use the functions could not even ask for them to be made.
    if sqlx::query_scalar(LAST).fetch_one(&mut *connection).await? {
        return Ok(());
    }
    connection.execute(LOCK).await?;
    // It ends with the connection.
    connection.execute(SCHEMA).await.map(drop)
}

/// What the database or the system said, without what was sent to it.
pub(super) fn away(error: &sqlx::Error) -> Away {
    Away(match error {
        sqlx::Error::Io(error) => error.to_string(),
        sqlx::Error::Database(said) => said.message().to_owned(),
        // It repeats parts of the address, which holds the password.
        sqlx::Error::Configuration(_) => "the address is none of a database".to_owned(),
        sqlx::Error::PoolTimedOut => "no connection is free".to_owned(),
        other => other.to_string(),
    })
}
