//! A table of lines, in SQLite or PostgreSQL. The writer's thread waits for it, and for nothing
//! longer than a while.

use std::fs::File;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use sha2::{Digest, Sha256};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe, Connection, Executor, Row as _};
use tokio::runtime::Runtime;

use super::rows::Batch;
use crate::config::{Fsync, PostgresRules, SqliteRules};

/// How long the database may take for one batch, and for a connection.
const WAIT: Duration = Duration::from_secs(10);
/// Rows that are read or written with one statement: SQLite takes 32,766 values in one.
const PAGE: usize = 1000;
/// The chain of a database file, which has no other.
const ONLY: &str = "gateway";
/// The table of a database file.
const SQLITE_TABLE: &str = "toolgate_audit";

/// The lines of one chain within a table, and the head beside it. It connects when it is first
/// needed, and again after an error.
pub(crate) struct Table {
    kind: Kind,
    name: String,
    chain: String,
    url: String,
    writes: bool,
    session: Option<Session>,
    /// Held while this process writes to a file.
    lock: Option<File>,
}

/// A connection, and what waits for it.
struct Session {
    connection: AnyConnection,
    runtime: Runtime,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Sqlite(Fsync),
    Postgres,
}

impl Table {
    /// The table of a database file, for this process alone.
    ///
    /// # Errors
    /// The file cannot be opened, or another process writes to it.
    pub(crate) fn sqlite(rules: &SqliteRules) -> io::Result<Table> {
        // SQLite would let the group and others read what it creates.
        open(&rules.path)?;
        let mut lock = rules.path.clone().into_os_string();
        lock.push(".lock");
        let lock = locked(lock.as_ref())?;
        let url = url(&rules.path, "rw")?;
        let mut table = Table::new(Kind::Sqlite(rules.fsync), SQLITE_TABLE, ONLY, url, true);
        table.lock = Some(lock);
        Ok(table)
    }

    /// The table of a database file, to be read.
    ///
    /// # Errors
    /// The path cannot be one of a database.
    pub(crate) fn read_sqlite(path: &Path) -> io::Result<Table> {
        let url = url(path, "ro")?;
        Ok(Table::new(Kind::Sqlite(Fsync::Never), SQLITE_TABLE, ONLY, url, false))
    }

    /// A table of a database server. Nothing is connected to yet.
    ///
    /// # Errors
    /// None in this build; where there are no tables, that.
    pub(crate) fn postgres(rules: &PostgresRules, writes: bool) -> io::Result<Table> {
        let url = rules.url.reveal().to_owned();
        Ok(Table::new(Kind::Postgres, &rules.table, &rules.chain, url, writes))
    }

    fn new(kind: Kind, name: &str, chain: &str, url: String, writes: bool) -> Table {
        sqlx::any::install_default_drivers();
        let (name, chain) = (name.to_owned(), chain.to_owned());
        Table { kind, name, chain, url, writes, session: None, lock: None }
    }

    pub(crate) fn chain(&self) -> &str {
        &self.chain
    }

    /// Adds rows and replaces the head.
    pub(super) fn store(&mut self, batch: &Batch) -> io::Result<()> {
        let (name, chain) = (self.name.clone(), self.chain.clone());
        self.run(async |connection| insert(connection, &name, &chain, batch).await)
    }

    /// The same for a batch that may be stored already.
    pub(super) fn store_once(&mut self, batch: &Batch) -> io::Result<()> {
        let found = self.head()?;
        if found.as_ref() == Some(&batch.head) {
            return Ok(());
        }
        if found != batch.before {
            return Err(io::Error::other("the chain is not as this process left it"));
        }
        self.store(batch)
    }

    /// The head; none if nothing was ever stored.
    pub(crate) fn head(&mut self) -> io::Result<Option<String>> {
        self.text("SELECT head FROM {table}_head WHERE chain = $1")
    }

    /// The newest line.
    pub(super) fn newest(&mut self) -> io::Result<Option<String>> {
        self.text("SELECT line FROM {table} WHERE chain = $1 ORDER BY seq DESC LIMIT 1")
    }

    /// Intents without an outcome.
    pub(super) fn open(&mut self) -> io::Result<Vec<u64>> {
        let sql = "SELECT seq FROM {table} AS i WHERE chain = $1 AND kind = 'intent' AND NOT EXISTS
            (SELECT 1 FROM {table} AS o WHERE o.chain = i.chain AND o.of_seq = i.seq) ORDER BY seq";
        let rows = self.rows(sql, None)?;
        rows.iter().map(|row| seq(row).map_err(told)).collect()
    }

    /// Lines after this one, in order, at most a page.
    pub(crate) fn page(&mut self, after: u64) -> io::Result<Vec<(u64, String)>> {
        let sql = format!(
            "SELECT seq, line FROM {{table}} WHERE chain = $1 AND seq > $2 ORDER BY seq LIMIT {PAGE}"
        );
        let rows = self.rows(&sql, Some(i64::try_from(after).unwrap_or(i64::MAX)))?;
        let read = |row: &AnyRow| Ok((seq(row)?, row.try_get(1)?));
        rows.iter().map(|row| read(row).map_err(told)).collect()
    }

    /// Forces to the disk what was stored, where storing did not do that.
    pub(super) fn sync(&mut self) -> io::Result<()> {
        match self.kind {
            // What is checkpointed has been forced to the disk, the log first.
            Kind::Sqlite(Fsync::Every(_)) => self.run(async |connection| {
                connection.execute("PRAGMA wal_checkpoint(PASSIVE)").await.map(drop)
            }),
            _ => Ok(()),
        }
    }

    fn text(&mut self, sql: &str) -> io::Result<Option<String>> {
        let rows = self.rows(sql, None)?;
        rows.first().map(|row| row.try_get(0)).transpose().map_err(told)
    }

    fn rows(&mut self, sql: &str, after: Option<i64>) -> io::Result<Vec<AnyRow>> {
        let (sql, chain) = (sql.replace("{table}", &self.name), self.chain.clone());
        self.run(async |connection| {
            let query = sqlx::query(AssertSqlSafe(sql)).bind(chain);
            let query = if let Some(after) = after { query.bind(after) } else { query };
            query.fetch_all(connection).await
        })
    }

    /// Runs something on the connection; after an error there is none, and the next makes one.
    fn run<T>(
        &mut self,
        work: impl AsyncFnOnce(&mut AnyConnection) -> sqlx::Result<T>,
    ) -> io::Result<T> {
        let mut session = match self.session.take() {
            Some(session) => session,
            None => self.connect()?,
        };
        let done = within(&session.runtime, work(&mut session.connection))?;
        self.session = Some(session);
        Ok(done)
    }

    fn connect(&self) -> io::Result<Session> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let connecting = async {
            let mut connection = AnyConnection::connect(&self.url).await?;
            if self.writes {
                self.prepare(&mut connection).await?;
            }
            Ok(connection)
        };
        let connection = within(&runtime, connecting)?;
        Ok(Session { connection, runtime })
    }

    async fn prepare(&self, connection: &mut AnyConnection) -> sqlx::Result<()> {
        match self.kind {
            Kind::Sqlite(fsync) => {
                // With a write-ahead log readers do not hold the writer up, and what was committed
                // outlives the process; FULL forces each commit to the disk.
                let synchronous = match fsync {
                    Fsync::Always => "FULL",
                    Fsync::Every(_) => "NORMAL",
                    Fsync::Never => "OFF",
                };
                let pragmas =
                    format!("PRAGMA journal_mode = WAL; PRAGMA synchronous = {synchronous}");
                connection.execute(AssertSqlSafe(pragmas)).await?;
            }
            Kind::Postgres => self.take_chain(connection).await?,
        }
        let table = &self.name;
        // Whoever may only add rows could not even ask for tables that are there.
        let there = format!("SELECT 1 FROM {table}, {table}_head LIMIT 0");
        match connection.execute(AssertSqlSafe(there)).await {
            Err(sqlx::Error::Database(_)) => {}
            done => return done.map(drop),
        }
        let schema = format!(
            "CREATE TABLE IF NOT EXISTS {table} (
                 chain text NOT NULL, seq bigint NOT NULL, kind text NOT NULL, of_seq bigint,
                 line text NOT NULL, PRIMARY KEY (chain, seq));
             CREATE INDEX IF NOT EXISTS {table}_of ON {table} (chain, of_seq)
                 WHERE of_seq IS NOT NULL;
             CREATE TABLE IF NOT EXISTS {table}_head (chain text PRIMARY KEY, head text NOT NULL)"
        );
        connection.execute(AssertSqlSafe(schema)).await.map(drop)
    }

    /// Two processes would tear a chain apart: it is held until this connection ends.
    async fn take_chain(&self, connection: &mut AnyConnection) -> sqlx::Result<()> {
        // A connection that broke on the way must not hold the chain for the two hours that a
        // server waits by default.
        let alive = "SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5;
            SET tcp_keepalives_count = 3";
        connection.execute(alive).await?;
        let name = Sha256::digest(format!("toolgate audit\0{}\0{}", self.name, self.chain));
        let (first, _) = name.split_first_chunk().unwrap_or((&[0; 8], &[]));
        let lock = sqlx::query("SELECT pg_try_advisory_lock($1)").bind(i64::from_be_bytes(*first));
        if lock.fetch_one(connection).await?.try_get(0)? {
            return Ok(());
        }
        let text = format!(
            "the chain {} is in use by another process (give each gateway a chain of its own)",
            self.chain
        );
        Err(sqlx::Error::Io(io::Error::other(text)))
    }
}

/// The chain is free for another process at once, not when the server notices.
impl Drop for Table {
    fn drop(&mut self) {
        if let Some(Session { connection, runtime }) = self.session.take() {
            let _ = within(&runtime, connection.close());
        }
    }
}

async fn insert(
    connection: &mut AnyConnection,
    table: &str,
    chain: &str,
    batch: &Batch,
) -> sqlx::Result<()> {
    let mut transaction = connection.begin().await?;
    for rows in batch.rows.chunks(PAGE) {
        let values: Vec<_> = (0..rows.len())
            .map(|at| {
                format!("($1, ${}, ${}, ${}, ${})", 4 * at + 2, 4 * at + 3, 4 * at + 4, 4 * at + 5)
            })
            .collect();
        let sql = format!(
            "INSERT INTO {table} (chain, seq, kind, of_seq, line) VALUES {}",
            values.join(", ")
        );
        let mut query = sqlx::query(AssertSqlSafe(sql)).bind(chain);
        for row in rows {
            query = query.bind(row.seq).bind(&row.kind).bind(row.of).bind(&row.line);
        }
        query.execute(&mut *transaction).await?;
    }
    let sql = format!(
        "INSERT INTO {table}_head (chain, head) VALUES ($1, $2)
         ON CONFLICT (chain) DO UPDATE SET head = excluded.head"
    );
    let query = sqlx::query(AssertSqlSafe(sql)).bind(chain).bind(&batch.head);
    query.execute(&mut *transaction).await?;
    transaction.commit().await
}

fn seq(row: &AnyRow) -> sqlx::Result<u64> {
    row.try_get::<i64, _>(0).map(i64::unsigned_abs)
}

fn within<T>(runtime: &Runtime, work: impl Future<Output = sqlx::Result<T>>) -> io::Result<T> {
    let late = || io::Error::new(io::ErrorKind::TimedOut, "the database does not answer");
    runtime.block_on(async {
        tokio::time::timeout(WAIT, work).await.map_err(|_| late())?.map_err(told)
    })
}

/// What the database said, without what was sent to it.
fn told(error: sqlx::Error) -> io::Error {
    match error {
        sqlx::Error::Io(error) => error,
        sqlx::Error::Database(said) => io::Error::other(said.message().to_owned()),
        // It repeats parts of the url, which holds the password.
        sqlx::Error::Configuration(_) => io::Error::other("the url is no address of a database"),
        other => io::Error::other(other),
    }
}

/// The url of a database file.
fn url(path: &Path, mode: &str) -> io::Result<String> {
    let text = path.to_str().ok_or_else(|| io::Error::other("the path is no text"))?;
    // What would end the path of a url, or begin an escape.
    let text = text.replace('%', "%25").replace('?', "%3F").replace('#', "%23");
    Ok(format!("sqlite://{text}?mode={mode}"))
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = std::fs::OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}

/// The file that says that somebody writes. SQLite's own locks would let two writers take turns.
fn locked(path: &Path) -> io::Result<File> {
    let file = open(path)?;
    flock(&file, FlockOperation::NonBlockingLockExclusive).map_err(|_| {
        let path = path.with_extension("");
        io::Error::other(format!("{} is in use by another process", path.display()))
    })?;
    Ok(file)
}
