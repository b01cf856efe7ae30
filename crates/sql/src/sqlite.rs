//! SQLite. A file is opened for reading; tools that write have connections of their own.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::Value;
use sqlx::error::BoxDynError;
use sqlx::sqlite::{
    SqliteArguments, SqliteConnectOptions, SqliteQueryResult, SqliteTypeInfo, SqliteValueRef,
};
use sqlx::{
    Arguments as _, ConnectOptions as _, Decode, Executor as _, SqlitePool, TypeInfo as _,
    ValueRef as _,
};
use toolgate_gateway::config::servers::sql::{Pool, ToolRules};

use crate::column::{Column, Kind, long, number};
use crate::connection::{Driver, Held, is_spent, pool, within};
use crate::job::{Argument, Job, Outcome};
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
    pub file: Box<Path>,
    pub reads: SqlitePool,
    writes: Option<SqlitePool>,
}

impl Sqlite {
    pub(crate) fn new(path: &Path, rules: &Pool, writes: bool) -> Sqlite {
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
        let reads = open().read_only(true).pragma("query_only", "ON");
        let writes = writes.then(|| pool(rules, open()));
        Sqlite { file: path.into(), reads: pool(rules, reads), writes }
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
        let (time, writes) = (job.time, job.writes);
        let bounds = Bounds::set(&mut held, time).await?;
        let mut ran = within(time, work(&mut held, job)).await;
        drop(bounds);
        if is_spent(&ran) {
            return ran;
        }
        held.get()?.lock_handle().await?.remove_progress_handler();
        if writes {
            ran = held.commit(ran, time).await;
        }
        // Whatever is open is undone; nothing is open if something was written.
        let is_closed = writes && ran.is_ok();
        if is_closed || !is_spent(&ran) && undo(&mut held).await.is_ok() {
            held.done();
        }
        ran
    }

    pub(crate) async fn describe(&self, sql: Arc<str>) -> Result<Vec<Column>, Failure> {
        let mut held = Held::take(self.writes.as_ref().unwrap_or(&self.reads)).await?;
        let columns = held.columns(sql).await;
        held.done();
        columns
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
    held.run(if job.writes { WRITE } else { READ }).await?;
    held.rows(job).await
}

async fn undo(held: &mut Held<sqlx::Sqlite>) -> Result<(), Failure> {
    match held.get()?.execute("ROLLBACK").await {
        // There was nothing to undo.
        Err(sqlx::Error::Database(_)) => Ok(()),
        done => Ok(done.map(drop)?),
    }
}

impl Driver for sqlx::Sqlite {
    fn bind(arguments: &mut SqliteArguments, value: Argument) -> Result<(), BoxDynError> {
        match value {
            Argument::Null => arguments.add(None::<String>),
            Argument::Boolean(it) => arguments.add(it),
            Argument::Integer(it) => arguments.add(it),
            Argument::Number(it) => arguments.add(it),
            Argument::Text(it) => arguments.add(it),
        }
    }

    fn affected(done: &SqliteQueryResult) -> u64 {
        done.rows_affected()
    }

    /// SQLite holds itself to no type: any column may have any value.
    fn kind(_: &SqliteTypeInfo) -> Option<Kind> {
        Some(Kind::Any)
    }

    fn value(_: &SqliteTypeInfo, raw: SqliteValueRef<'_>) -> Option<(Kind, Value)> {
        if raw.is_null() {
            return Some((Kind::Any, Value::Null));
        }
        let name = raw.type_info().name().to_owned();
        Some(match name.as_str() {
            "INTEGER" => (Kind::Long, long(decoded(raw)?)),
            "REAL" => (Kind::Number, number(decoded(raw)?)),
            "BLOB" => (Kind::Bytes, BASE64_STANDARD.encode(decoded::<&[u8]>(raw)?).into()),
            _ => (Kind::Text, String::from_utf8_lossy(decoded(raw)?).into_owned().into()),
        })
    }
}

fn decoded<'r, T: Decode<'r, sqlx::Sqlite>>(raw: SqliteValueRef<'r>) -> Option<T> {
    T::decode(raw).ok()
}

#[cfg(test)]
mod tests {
    use sqlx::Connection as _;

    use super::*;
    use crate::collect::Collector;
    use crate::database::Database;
    use toolgate_gateway::config::servers::sql::Place;

    /// A file with a table of one row, and a connection of somebody else to it.
    async fn table(file: &Path) -> sqlx::SqliteConnection {
        let options = SqliteConnectOptions::new().filename(file).create_if_missing(true);
        let mut other = options.connect().await.unwrap();
        other.execute("CREATE TABLE t (id INTEGER); INSERT INTO t VALUES (1)").await.unwrap();
        other
    }

    fn insert(time: Duration) -> Job {
        Job {
            sql: "INSERT INTO t VALUES (2)".into(),
            arguments: Vec::new(),
            settings: Vec::new(),
            writes: true,
            recurs: true,
            time,
            collector: Collector::new(1, 100),
        }
    }

    #[tokio::test]
    async fn a_file_that_can_only_be_read_is_named_to_the_operator() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.sqlite");
        table(&file).await.close().await.unwrap();
        // A format that is too new to be written (sqlite.org/fileformat2.html, 1.3.3). No right keeps
        // a test from writing that runs as root.
        let mut bytes = std::fs::read(&file).unwrap();
        bytes[18] = 3;
        std::fs::write(&file, bytes).unwrap();
        let database = Database::new(&Place::Sqlite(file.clone()), &Pool::default(), true).unwrap();

        let time = Duration::from_secs(5);
        let failure = database.run(insert(time)).await.err().unwrap();

        let way_out = format!("let the gateway write {} and its folder", file.display());
        assert!(failure.to_string().contains(&way_out), "{failure}");
        let fault = failure.fault(time);
        assert!(fault.message.contains("can only be read"), "{}", fault.message);
        assert!(!fault.message.contains("sqlite"), "{}", fault.message);
    }

    /// Whoever reads holds back what another wants to make last.
    #[tokio::test]
    async fn nobody_says_that_nothing_has_changed_while_a_commit_is_not_answered() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.sqlite");
        let mut reader = table(&file).await;
        let sqlite = Sqlite::new(&file, &Pool::default(), true);
        reader.execute("BEGIN; SELECT id FROM t").await.unwrap();

        let time = Duration::from_millis(50);
        let late = sqlite.run(insert(time)).await.err().unwrap();

        assert_eq!((late.trouble, late.committing), (Trouble::Late, true));
        let told = late.fault(time).structured("");
        assert!(told.contains(r#""sideEffect":"unknown""#), "{told}");
        reader.execute("ROLLBACK").await.unwrap();
        reader.close().await.unwrap();
    }
}
