//! PostgreSQL. Each call is a transaction of its own, opened for reading unless the tool writes; what
//! is set for a caller ends with it.

mod calendar;
mod numeric;
mod value;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::Value;
use sqlx::error::BoxDynError;
use sqlx::postgres::{
    PgArguments, PgConnectOptions, PgQueryResult, PgSslMode, PgTypeInfo, PgValueRef,
};
use sqlx::{
    Arguments as _, AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _, PgPool,
    Row as _,
};
use toolgate_gateway::config::Secret;
use toolgate_gateway::config::servers::sql::{ParameterType, Pool, ToolRules};

use crate::column::{Column, Kind};
use crate::connection::{DESCRIBED_IN, Driver, Held, is_here, is_spent, pool, within};
use crate::job::{Argument, Job, Outcome};
use crate::kill::Killer;
use crate::trouble::{Failure, Trouble};

/// What undoes whatever a call has done: a lock of the session is the one thing that it does not.
const UNDONE: &str = "ROLLBACK; SELECT pg_advisory_unlock_all()";
/// What forgets whatever lasts beyond a transaction: all of `DISCARD ALL` but that statements stay
/// prepared (manual, DISCARD).
const FORGOTTEN: &str = "CLOSE ALL; SET SESSION AUTHORIZATION DEFAULT; RESET ALL; UNLISTEN *; \
                         SELECT pg_advisory_unlock_all(); DISCARD TEMP; DISCARD SEQUENCES";

/// A server.
pub(crate) struct Postgres {
    pub pool: PgPool,
    killer: Killer<sqlx::Postgres>,
    /// A statement that was prepared before did not fit any more.
    changed: AtomicBool,
}

impl Postgres {
    pub(crate) fn new(url: &Secret, rules: &Pool) -> Result<Postgres, String> {
        let options = options(url.reveal()).ok_or("sql.url: that is no address of PostgreSQL")?;
        let cancel = |connection| format!("SELECT pg_cancel_backend({connection})");
        Ok(Postgres {
            pool: pool(rules, options.clone()),
            killer: Killer::new(options, cancel),
            changed: AtomicBool::new(false),
        })
    }

    pub(crate) async fn run(&self, job: Job) -> Result<Outcome, Failure> {
        let mut held = Held::take(&self.pool).await?;
        let (time, writes) = (job.time, job.writes);
        let again = (!writes && job.recurs).then(|| job.clone());
        let mut ran = within(time, self.work(&mut held, job)).await;
        let is_stale = |failure: &Failure| failure.trouble == Trouble::Statement;
        if let (Some(job), true) = (again, ran.as_ref().is_err_and(is_stale)) {
            ran = within(time, self.afresh(&mut held, job)).await;
            self.changed.fetch_or(ran.is_ok(), Ordering::Relaxed);
        }
        if writes {
            ran = held.commit(ran, time).await;
        }
        // What was prepared afresh is not remembered from before.
        let is_fresh = !writes && ran.as_ref().is_err_and(is_stale);
        if is_spent(&ran) && !is_fresh {
            return ran;
        }
        // Nothing of a caller stays, not even what a function has set.
        let end = if writes && ran.is_ok() { FORGOTTEN } else { UNDONE };
        if within(time, held.run(end)).await.is_ok() {
            held.done();
        }
        ran
    }

    async fn work(&self, held: &mut Held<sqlx::Postgres>, job: Job) -> Result<Outcome, Failure> {
        let begin = AssertSqlSafe(begin(job.writes, job.time));
        let row = held.get()?.fetch_one(begin).await?;
        let watch = self.killer.watch(row.try_get_unchecked(0)?);
        watch.over(answer(held, job).await)
    }

    /// Once more, as if nothing had been prepared: a table may have got other columns since ("cached
    /// plan must not change result type").
    async fn afresh(&self, held: &mut Held<sqlx::Postgres>, job: Job) -> Result<Outcome, Failure> {
        held.run(UNDONE).await?;
        held.get()?.clear_cached_statements().await?;
        self.work(held, job).await
    }

    /// Whether a statement was prepared anew since the last time.
    pub(crate) fn has_changed(&self) -> bool {
        self.changed.swap(false, Ordering::Relaxed)
    }

    pub(crate) async fn describe(&self, sql: Arc<str>) -> Result<Vec<Column>, Failure> {
        let mut held = Held::take(&self.pool).await?;
        // Whoever changes the table may be waited for.
        held.run(AssertSqlSafe(begin(false, DESCRIBED_IN))).await?;
        let columns = held.columns(sql).await;
        if !is_spent(&columns) && held.run(UNDONE).await.is_ok() {
            held.done();
        }
        columns
    }
}

impl Driver for sqlx::Postgres {
    fn bind(arguments: &mut PgArguments, value: Argument) -> Result<(), BoxDynError> {
        arguments.add(match value {
            Argument::Null => None,
            Argument::Boolean(it) => Some(it.to_string()),
            Argument::Integer(it) => Some(it.to_string()),
            Argument::Number(it) => Some(it.to_string()),
            Argument::Text(it) => Some(it),
        })
    }

    fn affected(done: &PgQueryResult) -> u64 {
        done.rows_affected()
    }

    fn kind(column: &PgTypeInfo) -> Option<Kind> {
        value::kind(column)
    }

    fn value(column: &PgTypeInfo, raw: PgValueRef<'_>) -> Option<(Kind, Value)> {
        let kind = value::kind(column)?;
        let value = value::json(&kind, &raw)?;
        Some((kind, value))
    }
}

/// Where the server is. What is wrong with an address repeats parts of it, and with them the password.
fn options(url: &str) -> Option<PgConnectOptions> {
    let options: PgConnectOptions = url.parse().ok()?;
    let (host, mode) = (options.get_host(), options.get_ssl_mode());
    // Whoever sits on the network must not decide on the encryption, nor ask for the password in the
    // clear: unless somebody says otherwise, the server is who the address names.
    let is_said = url.contains("sslmode=")
        || url.contains("ssl-mode=")
        || !matches!(mode, PgSslMode::Prefer | PgSslMode::Allow);
    let is_here = options.get_socket().is_some() || host.starts_with('/') || is_here(host);
    let options = match is_said || is_here {
        true => options,
        false => options.ssl_mode(PgSslMode::VerifyFull),
    };
    Some(options.application_name("toolgate").disable_statement_logging())
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

/// What a call begins with. It answers with the number of the connection. A backslash in a text of
/// `explore` was read as the standard reads it, whatever the server is set to.
fn begin(writes: bool, time: Duration) -> String {
    let mode = if writes { "READ WRITE" } else { "READ ONLY" };
    let time = time.as_millis().max(1);
    format!(
        "BEGIN {mode}; SET LOCAL statement_timeout = {time}; \
         SET LOCAL standard_conforming_strings = on; SELECT pg_backend_pid()"
    )
}

async fn answer(held: &mut Held<sqlx::Postgres>, job: Job) -> Result<Outcome, Failure> {
    if !job.settings.is_empty() {
        let calls: Vec<_> = (0..job.settings.len())
            .map(|at| format!("set_config(${}, ${}, true)", 2 * at + 1, 2 * at + 2))
            .collect();
        let mut query = sqlx::query(AssertSqlSafe(format!("SELECT {}", calls.join(", "))));
        for (name, value) in &job.settings {
            query = query.bind(name).bind(value);
        }
        query.execute(held.get()?).await?;
    }
    held.rows(job).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_not_here_has_to_prove_who_it_is_unless_the_address_says_otherwise() {
        for (url, expected) in [
            ("postgres://u:p@db.example/shop", "VerifyFull"),
            ("postgres://u:p@db.example/shop?sslmode=require", "Require"),
            ("postgres://u:p@db.example/shop?sslmode=prefer", "Prefer"),
            ("postgres://u:p@db.example/shop?sslmode=disable", "Disable"),
            ("postgres://u:p@127.0.0.1/shop", "Prefer"),
            ("postgres://u:p@localhost/shop", "Prefer"),
            ("postgres://u@%2Frun%2Fpostgresql/shop", "Prefer"),
            ("postgres:///shop?host=/run/postgresql", "Prefer"),
        ] {
            let mode = options(url).unwrap().get_ssl_mode();
            assert_eq!(format!("{mode:?}"), expected, "{url}");
        }
        assert!(options("shop").is_none());
    }
}
