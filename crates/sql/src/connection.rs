//! A connection at work: what is the same on every database, and the little that each says for it.

use std::sync::Arc;
use std::time::Duration;

use futures_util::TryStreamExt;
use serde_json::Value;
use sqlx::database::HasStatementCache;
use sqlx::error::BoxDynError;
use sqlx::pool::{PoolConnection, PoolOptions};
use sqlx::{
    AssertSqlSafe, Column as _, ColumnIndex, Connection, Either, Executor, IntoArguments, Row as _,
    SqlSafeStr, Statement as _,
};
use tokio::time::timeout;
use toolgate_gateway::config::servers::sql::Pool;

use crate::collect::Cell;
use crate::column::{Column, Kind};
use crate::job::{Argument, Job, Outcome};
use crate::trouble::{Failure, Trouble};

/// The database ends a statement itself; so long after that we give it up.
const GRACE: Duration = Duration::from_millis(500);
/// How long a database may take to say what it is not asked by a call.
pub(crate) const DESCRIBED_IN: Duration = Duration::from_secs(5);

/// A kind of database, to what is the same on all of them.
pub(crate) trait Driver:
    sqlx::Database<Arguments: IntoArguments<Self>> + HasStatementCache
{
    /// Binds a value to the next placeholder.
    fn bind(arguments: &mut Self::Arguments, value: Argument) -> Result<(), BoxDynError>;

    /// How many rows a statement has changed.
    fn affected(done: &Self::QueryResult) -> u64;

    /// What the values of a column are; `None` if they have no form in JSON.
    fn kind(column: &Self::TypeInfo) -> Option<Kind>;

    /// A value of such a column, and what it is; `None` if it is not what its type says.
    fn value(column: &Self::TypeInfo, raw: Self::ValueRef<'_>) -> Option<(Kind, Value)>;

    /// How a column of another type is written so that it has a form.
    fn as_text(column: &str) -> String {
        format!("CAST({column} AS text)")
    }
}

/// The connections that calls share. None is made before it is needed.
pub(crate) fn pool<D: sqlx::Database>(
    rules: &Pool,
    options: <D::Connection as Connection>::Options,
) -> sqlx::Pool<D> {
    PoolOptions::new()
        .max_connections(rules.max.get())
        .idle_timeout(rules.idle.duration())
        .acquire_timeout(rules.connect.duration())
        .connect_lazy_with(options)
}

/// Whether a database answers.
pub(crate) async fn ping<D: sqlx::Database>(pool: &sqlx::Pool<D>) -> Result<(), Failure> {
    let mut held = Held::take(pool).await?;
    held.get()?.ping().await?;
    held.done();
    Ok(())
}

/// Waits for a database that is to be done after so long, and a little longer than that.
pub(crate) async fn within<T>(
    time: Duration,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let late = || Failure::new(Trouble::Late, "the database does not answer");
    timeout(time + GRACE, work).await.unwrap_or_else(|_| Err(late()))
}

/// Whether a connection on which this came of a call is of no use any more.
pub(crate) fn is_spent<T>(ran: &Result<T, Failure>) -> bool {
    ran.as_ref().is_err_and(|failure| !failure.spares_connection())
}

/// Whether a host is this one, so that nobody stands between.
pub(crate) fn is_here(host: &str) -> bool {
    let address = host.trim_matches(['[', ']']).parse();
    host == "localhost" || address.is_ok_and(|it: std::net::IpAddr| it.is_loopback())
}

/// A connection that is closed unless somebody says that it is as it was: what a call that went away
/// has left on it, nobody else meets.
pub(crate) struct Held<D: sqlx::Database>(Option<PoolConnection<D>>);

impl<D: sqlx::Database> Held<D> {
    /// Takes one from the pool.
    pub(crate) async fn take(pool: &sqlx::Pool<D>) -> Result<Held<D>, Failure> {
        match pool.acquire().await {
            Ok(connection) => Ok(Held(Some(connection))),
            // One limit of time is for both: a connection that is free, and one that is made.
            Err(sqlx::Error::PoolTimedOut)
                if pool.size() < pool.options().get_max_connections() =>
            {
                Err(Failure::new(Trouble::Away, "no connection could be made in time"))
            }
            Err(error) => {
                let failure = Failure::from(error);
                Err(match failure.trouble {
                    Trouble::Lost => Failure::new(Trouble::Away, failure.to_string()),
                    _ => failure,
                })
            }
        }
    }

    /// The connection. It is there until this is dropped.
    pub(crate) fn get(&mut self) -> Result<&mut D::Connection, Failure> {
        match &mut self.0 {
            Some(connection) => Ok(&mut **connection),
            None => Err(Failure::new(Trouble::Lost, "the connection was given back")),
        }
    }

    /// It is as it was, and goes back.
    pub(crate) fn done(mut self) {
        drop(self.0.take());
    }
}

impl<D: Driver> Held<D>
where
    for<'c> &'c mut D::Connection: Executor<'c, Database = D>,
    usize: ColumnIndex<D::Row>,
{
    /// Runs a text of ours.
    pub(crate) async fn run(&mut self, text: impl SqlSafeStr + Send) -> Result<(), Failure> {
        Ok(self.get()?.execute(text.into_sql_str()).await.map(drop)?)
    }

    /// Runs a statement, and takes as many of its rows as are wanted.
    pub(crate) async fn rows(&mut self, job: Job) -> Result<Outcome, Failure> {
        let mut arguments = D::Arguments::default();
        for argument in job.arguments {
            D::bind(&mut arguments, argument).map_err(sqlx::Error::Encode)?;
        }
        let query = sqlx::query_with(AssertSqlSafe(job.sql), arguments).persistent(job.recurs);
        let (mut collector, mut affected) = (job.collector, 0);
        let mut steps = self.get()?.fetch_many(query);
        while let Some(step) = steps.try_next().await? {
            match step {
                Either::Left(done) => affected += D::affected(&done),
                // What writes goes on to its end.
                Either::Right(row) => {
                    if !collector.take(cells::<D>(&row)?) && !job.writes {
                        break;
                    }
                }
            }
        }
        Ok(Outcome { collected: collector.end(), affected })
    }

    /// Makes what was written last, if all went well so far. Until the database has answered that,
    /// nobody knows whether it does.
    pub(crate) async fn commit(
        &mut self,
        ran: Result<Outcome, Failure>,
        time: Duration,
    ) -> Result<Outcome, Failure> {
        let outcome = ran?;
        within(time, self.run("COMMIT")).await.map_err(Failure::while_committing)?;
        Ok(outcome)
    }

    /// The columns of what a statement answers with.
    pub(crate) async fn columns(&mut self, sql: Arc<str>) -> Result<Vec<Column>, Failure> {
        let connection = self.get()?;
        // What was prepared before a change of the schema has the columns from before.
        connection.clear_cached_statements().await?;
        let prepared = connection.prepare(AssertSqlSafe(sql).into_sql_str()).await?;
        let column = |column: &D::Column| {
            let (name, of) = (column.name(), column.type_info());
            let kind = D::kind(of).ok_or_else(|| {
                let write = D::as_text(name);
                let told = format!(
                    "the column {name} is of the type {of}, which has no form in JSON (write {write})"
                );
                Failure::new(Trouble::Type, told)
            })?;
            Ok(Column { name: name.to_owned(), kind })
        };
        prepared.columns().iter().map(column).collect()
    }
}

impl<D: sqlx::Database> Drop for Held<D> {
    fn drop(&mut self) {
        if let Some(connection) = &mut self.0 {
            connection.close_on_drop();
        }
    }
}

fn cells<D: Driver>(row: &D::Row) -> Result<Vec<Cell>, Failure>
where
    usize: ColumnIndex<D::Row>,
{
    let cell = |column: &D::Column| {
        let (name, of) = (column.name(), column.type_info());
        let (kind, value) = D::value(of, row.try_get_raw(column.ordinal())?).ok_or_else(|| {
            Failure::new(Trouble::Type, format!("the column {name} is of the type {of}"))
        })?;
        Ok(Cell { name: name.to_owned(), kind, value })
    };
    row.columns().iter().map(cell).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_pool_is_as_large_and_as_patient_as_it_is_said_to_be() {
        let ours = pool::<sqlx::Sqlite>(&Pool::default(), Default::default());

        let options = ours.options();
        assert_eq!(options.get_max_connections(), 20);
        assert_eq!(options.get_idle_timeout(), Some(Duration::from_secs(30)));
        assert_eq!(options.get_acquire_timeout(), Duration::from_secs(2));
    }

    #[test]
    fn nobody_stands_between_us_and_this_machine_alone() {
        for (host, expected) in [
            ("localhost", true),
            ("127.0.0.1", true),
            ("[::1]", true),
            ("::1", true),
            ("db.example", false),
            ("localhost.example", false),
            ("10.0.0.1", false),
        ] {
            assert_eq!(is_here(host), expected, "{host}");
        }
    }
}
