//! A database, whichever it is.

use std::sync::Arc;

use serde_json::Value;
use toolgate_gateway::config::servers::sql::{Place, Pool, ToolRules};

use crate::column::{Column, Kind};
use crate::connection::{DESCRIBED_IN, ping, within};
use crate::job::{Argument, Job, Outcome};
use crate::mysql::MySql;
use crate::page::Key;
use crate::postgres::Postgres;
use crate::sqlite::Sqlite;
use crate::trouble::Failure;

/// A database.
pub(crate) enum Database {
    Sqlite(Sqlite),
    Postgres(Postgres),
    MySql(MySql),
}

impl Database {
    /// Nothing is connected to yet.
    ///
    /// # Errors
    /// One sentence, without the address.
    pub(crate) fn new(place: &Place, pool: &Pool, writes: bool) -> Result<Database, String> {
        match place {
            Place::Sqlite(path) => Ok(Database::Sqlite(Sqlite::new(path, pool, writes))),
            Place::Postgres(url) => Ok(Database::Postgres(Postgres::new(url, pool)?)),
            Place::MySql(url) => Ok(Database::MySql(MySql::new(url, pool)?)),
        }
    }

    /// Runs a statement. Dropped, it ends there too.
    pub(crate) async fn run(&self, job: Job) -> Result<Outcome, Failure> {
        let writes = job.writes;
        let ran = match self {
            Database::Sqlite(it) => it.run(job).await,
            Database::Postgres(it) => it.run(job).await,
            Database::MySql(it) => it.run(job).await,
        };
        match writes {
            true => ran.map_err(|failure| failure.while_writing(&self.let_write())),
            false => ran,
        }
    }

    /// What an operator does about a database that can only be read.
    fn let_write(&self) -> String {
        match self {
            Database::Sqlite(it) => {
                format!("let the gateway write {} and its folder", it.file.display())
            }
            Database::Postgres(_) | Database::MySql(_) => {
                "name the server that takes writes in url, not a replica".to_owned()
            }
        }
    }

    /// The columns of what a statement answers with.
    pub(crate) async fn describe(&self, sql: Arc<str>) -> Result<Vec<Column>, Failure> {
        let asked = async {
            match self {
                Database::Sqlite(it) => it.describe(sql).await,
                Database::Postgres(it) => it.describe(sql).await,
                Database::MySql(it) => it.describe(sql).await,
            }
        };
        within(DESCRIBED_IN, asked).await
    }

    /// Whether it answers.
    pub(crate) async fn ping(&self) -> Result<(), Failure> {
        let asked = async {
            match self {
                Database::Sqlite(it) => ping(&it.reads).await,
                Database::Postgres(it) => ping(&it.pool).await,
                Database::MySql(it) => ping(&it.pool).await,
            }
        };
        within(DESCRIBED_IN, asked).await
    }

    /// The text of a tool's statement for this database.
    pub(crate) fn render(&self, tool: &ToolRules) -> String {
        match self {
            Database::Sqlite(_) => crate::sqlite::render(tool),
            Database::Postgres(_) => crate::postgres::render(tool),
            Database::MySql(_) => crate::mysql::render(tool),
        }
    }

    /// The text by which a tool's statement is described; `text`: the one that runs.
    pub(crate) fn sample(&self, tool: &ToolRules, text: String) -> String {
        match self {
            Database::Sqlite(_) | Database::Postgres(_) => text,
            Database::MySql(_) => crate::mysql::sample(tool),
        }
    }

    /// What is bound to the placeholders of a tool's statement, in their order.
    pub(crate) fn bound(&self, tool: &ToolRules, arguments: Vec<Argument>) -> Vec<Argument> {
        match self {
            Database::Sqlite(_) | Database::Postgres(_) => arguments,
            Database::MySql(_) => crate::mysql::bound(tool, &arguments),
        }
    }

    /// A point in time (RFC 3339) as it is sent; `None` if there is no such time.
    pub(crate) fn timestamp(&self, text: &str) -> Option<String> {
        match self {
            Database::Sqlite(_) | Database::Postgres(_) => Some(text.to_owned()),
            Database::MySql(_) => crate::mysql::utc(text),
        }
    }

    /// A name in quotes.
    pub(crate) fn quoted(&self, name: &str) -> String {
        match self {
            // As in the standard.
            Database::Sqlite(_) | Database::Postgres(_) => {
                format!("\"{}\"", name.replace('"', "\"\""))
            }
            Database::MySql(_) => crate::mysql::quoted(name),
        }
    }

    /// All rows of a table, which is written as TABLE or SCHEMA.TABLE.
    pub(crate) fn all_of(&self, table: &str) -> String {
        let names: Vec<_> = table.split('.').map(|name| self.quoted(name)).collect();
        format!("SELECT * FROM {}", names.join("."))
    }

    /// How a list is sent.
    pub(crate) fn list(&self, elements: &[Value]) -> String {
        match self {
            Database::Sqlite(_) => Value::from(elements.to_vec()).to_string(),
            Database::Postgres(_) => crate::postgres::array(elements),
            Database::MySql(_) => crate::mysql::list(elements),
        }
    }

    /// A query that answers with this many rows at most, if the database is to be told.
    pub(crate) fn limited(&self, query: String, rows: u32) -> String {
        match self {
            // It computes a row when that is asked for.
            Database::Sqlite(_) => query,
            // Its session is told, as a subquery would lose its order.
            Database::MySql(_) => query,
            Database::Postgres(_) => {
                format!("SELECT * FROM (\n{query}\n) AS toolgate_rows LIMIT {rows}")
            }
        }
    }

    /// Whether values of this kind have an order by which pages can be cut.
    pub(crate) fn orders(&self, kind: &Kind) -> bool {
        match self {
            Database::Sqlite(_) => true,
            Database::Postgres(_) => kind.compared_as().is_some(),
            Database::MySql(_) => crate::mysql::orders(kind),
        }
    }

    /// The condition for the rows after these keys in this order (`<` or `>`), and what is bound to its
    /// placeholders, after so many others; `None` if one has no order that pages can have.
    pub(crate) fn after(
        &self,
        columns: &[String],
        keys: &[Key],
        order: &str,
        others: usize,
    ) -> Option<(String, Vec<Argument>)> {
        let place = |(at, key): (usize, &Key)| {
            let number = others + at + 1;
            Some(match self {
                Database::Postgres(_) => {
                    format!("CAST(CAST(${number} AS text) AS {})", key.kind.compared_as()?)
                }
                _ => format!("?{number}"),
            })
        };
        if let Database::MySql(_) = self {
            return crate::mysql::after(columns, keys, order);
        }
        let places = keys.iter().enumerate().map(place).collect::<Option<Vec<_>>>()?;
        let names: Vec<_> = columns.iter().map(|name| self.quoted(name)).collect();
        let condition = format!("({}) {order} ({})", names.join(", "), places.join(", "));
        Some((condition, keys.iter().map(Key::argument).collect()))
    }

    /// Whether it turned out since the last time to be another than it was.
    pub(crate) fn has_changed(&self) -> bool {
        match self {
            Database::Sqlite(_) | Database::MySql(_) => false,
            Database::Postgres(it) => it.has_changed(),
        }
    }

    /// Connections that are open, and those of them that nobody uses.
    pub(crate) fn connections(&self) -> (usize, usize) {
        match self {
            Database::Sqlite(it) => it.connections(),
            Database::Postgres(it) => (it.pool.size() as usize, it.pool.num_idle()),
            Database::MySql(it) => (it.pool.size() as usize, it.pool.num_idle()),
        }
    }

    /// Closes all connections.
    pub(crate) async fn close(&self) {
        match self {
            Database::Sqlite(it) => it.close().await,
            Database::Postgres(it) => it.pool.close().await,
            Database::MySql(it) => it.pool.close().await,
        }
    }
}
