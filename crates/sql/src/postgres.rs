//! PostgreSQL. Each call is a transaction of its own, opened for reading unless the tool writes; what
//! is set for a caller ends with it.

mod calendar;
mod numeric;
mod value;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::TryStreamExt;
use serde_json::Value;
use sqlx::postgres::{PgArguments, PgConnectOptions, PgPoolOptions, PgRow};
use sqlx::{
    Arguments as _, AssertSqlSafe, Column as _, ConnectOptions as _, Connection as _, Either,
    Executor as _, PgPool, Row as _, SqlSafeStr as _, Statement as _,
};
use toolgate_gateway::config::Secret;
use toolgate_gateway::config::servers::sql::{ParameterType, Pool, ToolRules};

use crate::collect::{Cell, Collector};
use crate::column::Column;
use crate::database::{Argument, Held, Job, Outcome, within};
use crate::trouble::{Failure, Trouble};

/// Since this version a server notices, while it computes, that nobody waits for the answer.
const NOTICES: u32 = 140_000;

/// A server.
pub(crate) struct Postgres {
    pool: PgPool,
    /// A statement that was prepared before did not fit any more.
    changed: AtomicBool,
}

impl Postgres {
    pub(crate) fn new(url: &Secret, pool: &Pool) -> Result<Postgres, String> {
        // What is wrong with an address repeats parts of it, and with them the password.
        let options: PgConnectOptions =
            url.reveal().parse().map_err(|_| "sql.url: that is no address of PostgreSQL")?;
        let options = options.application_name("toolgate").disable_statement_logging();
        let pool = PgPoolOptions::new()
            .max_connections(pool.max.get())
            .idle_timeout(pool.idle.duration())
            .acquire_timeout(pool.connect.duration())
            .connect_lazy_with(options);
        Ok(Postgres { pool, changed: AtomicBool::new(false) })
    }

    pub(crate) async fn run(&self, job: Job) -> Result<Outcome, Failure> {
        let mut held = Held::take(&self.pool).await?;
        let (time, writes) = (job.time, job.writes);
        let again = (!writes).then(|| job.clone());
        let mut ran = within(time, work(&mut held, job)).await;
        let is_stale = |failure: &Failure| failure.trouble == Trouble::Statement;
        if let (Some(job), true) = (again, ran.as_ref().is_err_and(is_stale)) {
            ran = within(time, afresh(&mut held, job)).await;
            self.changed.fetch_or(ran.is_ok(), Ordering::Relaxed);
        }
        // What was prepared afresh is not remembered from before.
        let is_spent =
            |failure: &Failure| !failure.spares_connection() && (writes || !is_stale(failure));
        if ran.as_ref().is_err_and(is_spent) {
            return ran;
        }
        if !writes || ran.is_err() {
            // Nothing of a caller stays, not even what a function has set.
            let undone = within(time, async { Ok(held.get()?.execute("ROLLBACK").await?) }).await;
            if undone.is_err() {
                return ran;
            }
        }
        held.done();
        ran
    }

    /// Whether a statement was prepared anew since the last time.
    pub(crate) fn has_changed(&self) -> bool {
        self.changed.swap(false, Ordering::Relaxed)
    }

    pub(crate) async fn describe(&self, sql: Arc<str>) -> Result<Vec<Column>, Failure> {
        let mut held = Held::take(&self.pool).await?;
        let connection = held.get()?;
        // What was prepared before a change of the schema has the columns from before.
        connection.clear_cached_statements().await?;
        let prepared = connection.prepare(AssertSqlSafe(sql).into_sql_str()).await;
        let prepared = prepared.map_err(Failure::from);
        match &prepared {
            Err(failure) if !failure.spares_connection() => {}
            _ => held.done(),
        }
        prepared?
            .columns()
            .iter()
            .map(|column| {
                let kind = value::kind(column.type_info()).ok_or_else(|| {
                    let (name, of) = (column.name(), column.type_info());
                    let told = format!("the column {name} is of the type {of}, which has no form in JSON (write CAST({name} AS text))");
                    Failure::new(Trouble::Type, told)
                })?;
                Ok(Column { name: column.name().to_owned(), kind })
            })
            .collect()
    }

    pub(crate) async fn ping(&self) -> Result<(), Failure> {
        let mut held = Held::take(&self.pool).await?;
        held.get()?.execute("SELECT 1").await?;
        held.done();
        Ok(())
    }

    pub(crate) fn connections(&self) -> (usize, usize) {
        (self.pool.size() as usize, self.pool.num_idle())
    }

    pub(crate) async fn close(&self) {
        self.pool.close().await;
    }
}

/// The statement of a tool. Each value travels as text, and the database itself reads it as what the
/// parameter is: no other reading can disagree with that.
pub(crate) fn render(tool: &ToolRules) -> String {
    tool.statement.render(|name| {
        let found = tool.parameters.iter().enumerate().find(|(_, it)| it.name == name);
        let Some((at, parameter)) = found else { return "NULL".to_owned() };
        let list = if parameter.list.is_some() { "[]" } else { "" };
        format!("CAST(CAST(${} AS text) AS {}{list})", at + 1, type_of(parameter.kind))
    })
}

fn type_of(kind: ParameterType) -> &'static str {
    match kind {
        ParameterType::String => "text",
        ParameterType::Integer => "bigint",
        ParameterType::Number => "double precision",
        ParameterType::Decimal => "numeric",
        ParameterType::Boolean => "boolean",
        ParameterType::Date => "date",
        ParameterType::Timestamp => "timestamptz",
        ParameterType::Uuid => "uuid",
    }
}

/// An array as text (manual, 8.15.2), each element quoted.
pub(crate) fn array(elements: &[Value]) -> String {
    let quoted = elements.iter().map(|element| {
        let text = element.as_str().map_or_else(|| element.to_string(), str::to_owned);
        format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
    });
    format!("{{{}}}", quoted.collect::<Vec<_>>().join(","))
}

/// Once more, as if nothing had been prepared: a table may have got other columns since ("cached plan
/// must not change result type").
async fn afresh(held: &mut Held<sqlx::Postgres>, job: Job) -> Result<Outcome, Failure> {
    let connection = held.get()?;
    connection.execute("ROLLBACK").await?;
    connection.clear_cached_statements().await?;
    work(held, job).await
}

async fn work(held: &mut Held<sqlx::Postgres>, job: Job) -> Result<Outcome, Failure> {
    let connection = held.get()?;
    let version = connection.server_version_num().unwrap_or(0);
    connection.execute(AssertSqlSafe(begin(job.writes, job.time, version))).await?;
    if !job.settings.is_empty() {
        let calls: Vec<_> = (0..job.settings.len())
            .map(|at| format!("set_config(${}, ${}, true)", 2 * at + 1, 2 * at + 2))
            .collect();
        let mut query = sqlx::query(AssertSqlSafe(format!("SELECT {}", calls.join(", "))));
        for (name, value) in &job.settings {
            query = query.bind(name).bind(value);
        }
        query.execute(&mut *connection).await?;
    }
    let mut arguments = PgArguments::default();
    for argument in job.arguments {
        let text = match argument {
            Argument::Null => None,
            Argument::Boolean(it) => Some(it.to_string()),
            Argument::Integer(it) => Some(it.to_string()),
            Argument::Number(it) => Some(it.to_string()),
            Argument::Text(it) => Some(it),
        };
        arguments.add(text).map_err(sqlx::Error::Encode)?;
    }
    let query = sqlx::query_with(AssertSqlSafe(job.sql), arguments);
    let (mut collector, mut affected) = (job.collector, 0);
    {
        let mut steps = (&mut *connection).fetch_many(query);
        while let Some(step) = steps.try_next().await? {
            match step {
                Either::Left(done) => affected += done.rows_affected(),
                Either::Right(row) => {
                    // What writes goes on to its end.
                    if !take(&mut collector, &row)? && !job.writes {
                        break;
                    }
                }
            }
        }
    }
    if job.writes {
        // A function may have set what lasts beyond the transaction.
        let ended = connection.execute("COMMIT; RESET ALL").await;
        ended.map_err(|error| Failure::from(error).while_committing())?;
    }
    Ok(Outcome { collected: collector.end(), affected })
}

fn begin(writes: bool, time: Duration, version: u32) -> String {
    let mode = if writes { "READ WRITE" } else { "READ ONLY" };
    let mut sql =
        format!("BEGIN {mode}; SET LOCAL statement_timeout = {}", time.as_millis().max(1));
    if version >= NOTICES {
        sql.push_str("; SET LOCAL client_connection_check_interval = 500");
    }
    sql
}

fn take(collector: &mut Collector, row: &PgRow) -> Result<bool, Failure> {
    let mut cells = Vec::with_capacity(row.len());
    for column in row.columns() {
        let name = column.name();
        let told = || {
            let told = format!("the column {name} is of the type {}", column.type_info());
            Failure::new(Trouble::Type, told)
        };
        let kind = value::kind(column.type_info()).ok_or_else(told)?;
        let raw = row.try_get_raw(column.ordinal())?;
        let value = value::json(&kind, &raw).ok_or_else(told)?;
        cells.push(Cell { name: name.to_owned(), kind, value });
    }
    Ok(collector.take(cells))
}
