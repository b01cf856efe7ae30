//! The columns of tables, as resources.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use toolgate_gateway::fault::Fault;
use toolgate_hosted::{Answer, Failed, Refusal};

use crate::collect::Collector;
use crate::database::Database;
use crate::job::{Argument, Job};

const SCHEME: &str = "sql:///";
/// How long a database may take to say what a table is.
const TIME: Duration = Duration::from_secs(5);
/// Columns of one table.
const MOST: usize = 2000;
const BYTES: usize = 1 << 20;

/// What `resources/read` takes.
#[derive(Deserialize)]
pub(crate) struct Read {
    uri: String,
}

/// The tables that are published.
pub(crate) struct Tables(Vec<String>);

impl Tables {
    pub(crate) fn new(tables: Vec<String>) -> Tables {
        Tables(tables)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn list(&self) -> Answer {
        let resources: Vec<Value> = self
            .0
            .iter()
            .map(|table| {
                json!({
                    "uri": format!("{SCHEME}{table}"),
                    "name": table,
                    "title": format!("Columns of {table}"),
                    "description": "The columns of this table: their names, types, and whether \
                        they may be null.",
                    "mimeType": "application/json",
                })
            })
            .collect();
        json!({ "resources": resources }).into()
    }

    /// The columns of one table, as the database says them now.
    pub(crate) async fn read(&self, read: &Read, database: &Database) -> Result<Answer, Failed> {
        let table = read.uri.strip_prefix(SCHEME);
        let Some(table) = table.and_then(|named| self.0.iter().find(|table| *table == named))
        else {
            return Err(Refusal::no_resource(&read.uri, "no such resource").into());
        };
        let (schema, name) = match table.split_once('.') {
            Some((schema, name)) => (Argument::Text(schema.to_owned()), name),
            None => (Argument::Null, table.as_str()),
        };
        let job = Job {
            sql: columns_of(database).into(),
            arguments: vec![schema, Argument::Text(name.to_owned())],
            settings: Vec::new(),
            writes: false,
            recurs: true,
            time: TIME,
            collector: Collector::new(MOST, BYTES),
        };
        let outcome = database.run(job).await.map_err(|failure| failure.fault(TIME))?;
        if outcome.collected.rows.is_empty() {
            let text = format!("the database has no table {table} any more");
            return Err(Fault::new(toolgate_gateway::fault::Reason::NoResource, text).into());
        }
        let text = json!({ "table": table, "columns": outcome.collected.rows }).to_string();
        let content = json!({ "uri": read.uri, "mimeType": "application/json", "text": text });
        Ok(json!({ "contents": [content] }).into())
    }
}

fn columns_of(database: &Database) -> &'static str {
    match database {
        Database::Sqlite(_) => {
            "SELECT name, type, iif(\"notnull\", 'no', 'yes') AS nullable
             FROM pragma_table_info(?2, coalesce(?1, 'main')) ORDER BY cid"
        }
        Database::Postgres(_) => {
            "SELECT attname::text AS name, format_type(atttypid, atttypmod) AS type,
                    CASE WHEN attnotnull THEN 'no' ELSE 'yes' END AS nullable
             FROM pg_attribute
             WHERE attrelid = to_regclass(coalesce(quote_ident(CAST($1 AS text)) || '.', '')
                                          || quote_ident(CAST($2 AS text)))
               AND attnum > 0 AND NOT attisdropped
             ORDER BY attnum"
        }
        Database::MySql(_) => {
            "SELECT column_name AS name, column_type AS type,
                    IF(is_nullable = 'YES', 'yes', 'no') AS nullable
             FROM information_schema.columns
             WHERE table_schema = COALESCE(?, DATABASE()) AND table_name = ?
             ORDER BY ordinal_position"
        }
    }
}
