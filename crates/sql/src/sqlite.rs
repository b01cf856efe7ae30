//! SQLite. A file is opened for reading; tools that write have connections of their own.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use futures_util::TryStreamExt;
use serde_json::Value;
use sqlx::sqlite::{SqliteArguments, SqliteConnectOptions, SqlitePoolOptions, SqliteRow};
use sqlx::{
    Arguments as _, AssertSqlSafe, Column as _, ConnectOptions as _, Either, Executor as _,
    Row as _, SqlSafeStr as _, SqlitePool, Statement as _, TypeInfo as _, ValueRef as _,
};
use toolgate_gateway::config::servers::sql::{Pool, ToolRules};

use crate::collect::{Cell, Collector};
use crate::column::{Column, Kind, long, number};
use crate::database::{Argument, Held, Job, Outcome, within};
use crate::trouble::{Failure, Trouble};

/// How long a statement waits for another that writes.
const BUSY: Duration = Duration::from_secs(1);
/// A table may get other columns at any time. What was prepared before that is prepared anew while it
/// runs, and sqlx is not aware of it: it panics at rows of another length. So nothing is remembered,
/// and a transaction that has read the schema holds it until the statement is through.
const READ: &str = "BEGIN; SELECT 1 FROM sqlite_schema LIMIT 1";
const WRITE: &str = "BEGIN IMMEDIATE; SELECT 1 FROM sqlite_schema LIMIT 1";
/// Steps of SQLite's machine between two looks at the time: a few microseconds.
const STEPS: i32 = 1000;

/// A file.
pub(crate) struct Sqlite {
    reads: SqlitePool,
    writes: Option<SqlitePool>,
}

impl Sqlite {
    pub(crate) fn new(path: &Path, pool: &Pool, writes: bool) -> Sqlite {
        let open = || {
            SqliteConnectOptions::new()
                .filename(path)
                .create_if_missing(false)
                .busy_timeout(BUSY)
                .statement_cache_capacity(0)
                .foreign_keys(true)
                // What a stranger wrote into the schema is not run (sqlite.org/security.html).
                .pragma("trusted_schema", "OFF")
                .thread_name(|_| "sqlite".to_owned())
                .disable_statement_logging()
        };
        let options = || {
            SqlitePoolOptions::new()
                .max_connections(pool.max.get())
                .idle_timeout(pool.idle.duration())
                .acquire_timeout(pool.connect.duration())
        };
        let reads = open().read_only(true).pragma("query_only", "ON");
        Sqlite {
            reads: options().connect_lazy_with(reads),
            writes: writes.then(|| options().connect_lazy_with(open())),
        }
    }

    fn pool(&self, writes: bool) -> Result<&SqlitePool, Failure> {
        match (writes, &self.writes) {
            (false, _) => Ok(&self.reads),
            (true, Some(pool)) => Ok(pool),
            (true, None) => Err(Failure::new(Trouble::Writes, "no connection may write")),
        }
    }

    pub(crate) async fn run(&self, job: Job) -> Result<Outcome, Failure> {
        let mut held = Held::take(self.pool(job.writes)?).await?;
        let writes = job.writes;
        let bounds = Bounds::set(&mut held, job.time).await?;
        let ran = within(job.time, work(&mut held, job)).await;
        drop(bounds);
        if ran.as_ref().is_err_and(|failure| !failure.spares_connection()) {
            return ran;
        }
        // Whatever is open is undone; nothing is open if something was written.
        let connection = held.get()?;
        connection.lock_handle().await?.remove_progress_handler();
        let ended = match ran {
            Ok(_) if writes => Ok(()),
            _ => undo(connection).await,
        };
        if ended.is_ok() {
            held.done();
        }
        ran
    }

    pub(crate) async fn describe(&self, sql: Arc<str>) -> Result<Vec<Column>, Failure> {
        let pool = self.writes.as_ref().unwrap_or(&self.reads);
        let mut held = Held::take(pool).await?;
        let statement = held.get()?.prepare(AssertSqlSafe(sql).into_sql_str()).await;
        held.done();
        // SQLite holds itself to no type: any column may have any value.
        let any = |name: &str| Column { name: name.to_owned(), kind: Kind::Any };
        Ok(statement?.columns().iter().map(|column| any(column.name())).collect())
    }

    pub(crate) async fn ping(&self) -> Result<(), Failure> {
        let mut held = Held::take(&self.reads).await?;
        held.get()?.execute("SELECT 1").await?;
        held.done();
        Ok(())
    }

    pub(crate) fn connections(&self) -> (usize, usize) {
        let pools = [Some(&self.reads), self.writes.as_ref()].into_iter().flatten();
        pools.fold((0, 0), |(open, idle), pool| {
            (open + pool.size() as usize, idle + pool.num_idle())
        })
    }

    pub(crate) async fn close(&self) {
        self.reads.close().await;
        if let Some(writes) = &self.writes {
            writes.close().await;
        }
    }
}

/// The statement of a tool with numbered placeholders.
pub(crate) fn render(tool: &ToolRules) -> String {
    tool.statement.render(|name| {
        let at = tool.parameters.iter().position(|parameter| parameter.name == name);
        // The checks hold that there is one; none would be a statement that does not prepare.
        at.map_or_else(|| "?".to_owned(), |at| format!("?{}", at + 1))
    })
}

/// Ends what SQLite computes when the time is over, or when nobody waits for it any more.
struct Bounds(Arc<AtomicBool>);

impl Bounds {
    async fn set(held: &mut Held<sqlx::Sqlite>, time: Duration) -> Result<Bounds, Failure> {
        let gone = Arc::new(AtomicBool::new(false));
        let (seen, end) = (gone.clone(), Instant::now() + time);
        let mut handle = held.get()?.lock_handle().await?;
        handle.set_progress_handler(STEPS, move || {
            !seen.load(Ordering::Relaxed) && Instant::now() < end
        });
        Ok(Bounds(gone))
    }
}

impl Drop for Bounds {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

async fn work(held: &mut Held<sqlx::Sqlite>, job: Job) -> Result<Outcome, Failure> {
    let connection = held.get()?;
    connection.execute(if job.writes { WRITE } else { READ }).await?;
    let mut arguments = SqliteArguments::default();
    for argument in job.arguments {
        let added = match argument {
            Argument::Null => arguments.add(None::<String>),
            Argument::Boolean(it) => arguments.add(it),
            Argument::Integer(it) => arguments.add(it),
            Argument::Number(it) => arguments.add(it),
            Argument::Text(it) => arguments.add(it),
        };
        added.map_err(sqlx::Error::Encode)?;
    }
    let query = sqlx::query_with(AssertSqlSafe(job.sql), arguments);
    let (mut collector, mut affected) = (job.collector, 0);
    {
        let mut steps = (&mut *connection).fetch_many(query);
        while let Some(step) = steps.try_next().await? {
            match step {
                Either::Left(done) => affected += done.rows_affected(),
                // What writes goes on to its end.
                Either::Right(row) => {
                    if !take(&mut collector, &row)? && !job.writes {
                        break;
                    }
                }
            }
        }
    }
    if job.writes {
        connection
            .execute("COMMIT")
            .await
            .map_err(Failure::from)
            .map_err(Failure::while_committing)?;
    }
    Ok(Outcome { collected: collector.end(), affected })
}

async fn undo(connection: &mut sqlx::SqliteConnection) -> Result<(), Failure> {
    match connection.execute("ROLLBACK").await {
        // There was nothing to undo.
        Err(sqlx::Error::Database(_)) => Ok(()),
        done => Ok(done.map(drop)?),
    }
}

fn take(collector: &mut Collector, row: &SqliteRow) -> Result<bool, Failure> {
    let cells = row.columns().iter().map(|column| {
        let (kind, value) = cell(row, column.ordinal())?;
        Ok(Cell { name: column.name().to_owned(), kind, value })
    });
    Ok(collector.take(cells.collect::<sqlx::Result<_>>()?))
}

/// By what the value is, whatever its column was declared as.
fn cell(row: &SqliteRow, at: usize) -> sqlx::Result<(Kind, Value)> {
    let raw = row.try_get_raw(at)?;
    if raw.is_null() {
        return Ok((Kind::Any, Value::Null));
    }
    let name = raw.type_info().name().to_owned();
    Ok(match name.as_str() {
        "INTEGER" => (Kind::Long, long(row.try_get_unchecked(at)?)),
        "REAL" => (Kind::Number, number(row.try_get_unchecked(at)?)),
        "BLOB" => {
            let bytes: Vec<u8> = row.try_get_unchecked(at)?;
            (Kind::Bytes, BASE64_STANDARD.encode(bytes).into())
        }
        _ => {
            let bytes: Vec<u8> = row.try_get_unchecked(at)?;
            (Kind::Text, String::from_utf8_lossy(&bytes).into_owned().into())
        }
    })
}
