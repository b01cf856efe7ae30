//! One tool at work.

use std::sync::Arc;

use serde_json::{Map, Value};
use toolgate_gateway::call::Who;
use toolgate_gateway::config::servers::sql::{Effect, ToolRules};
use toolgate_gateway::fault::{Fault, Reason};
use toolgate_gateway::screening::refused_arguments;
use toolgate_gateway::seal::Keyring;
use toolgate_hosted::ToolResult;
use toolgate_screen::schema::Compiled;

use crate::collect::{Collected, Collector};
use crate::database::{Database, Job};
use crate::definition::{self, CURSOR};
use crate::page::{Book, Key};
use crate::trouble::{Failure, Trouble};
use crate::{answer, arguments};

/// A tool.
pub(crate) struct Tool {
    pub rules: ToolRules,
    input: Compiled,
    /// The statement for this database.
    statement: String,
    /// What is run for the first page, or for the only one.
    first: Arc<str>,
}

/// What a call takes with it besides its arguments.
pub(crate) struct Context<'a> {
    pub server: &'a str,
    pub who: &'a Who,
    pub database: &'a Database,
    pub keys: &'a Keyring,
    pub settings: Vec<(String, String)>,
}

impl Tool {
    /// # Errors
    /// One sentence: its arguments cannot be described.
    pub(crate) fn new(rules: ToolRules, database: &Database) -> Result<Tool, String> {
        let input = Compiled::new(definition::input(&rules).to_string().as_bytes())
            .map_err(|error| format!("sql.tools.{}: {error}", rules.name))?;
        let statement = database.render(&rules);
        let first = match (rules.effect, rules.page_by.is_empty()) {
            (Effect::Writes { .. }, _) => statement.clone(),
            (Effect::Reads, true) => {
                database.limited(statement.clone(), rules.limit.rows.get() + 1)
            }
            (Effect::Reads, false) => page(&rules, &statement, ""),
        };
        Ok(Tool { rules, input, statement, first: first.into() })
    }

    /// What is run first.
    pub(crate) fn first(&self) -> Arc<str> {
        self.first.clone()
    }

    /// Runs it.
    pub(crate) async fn call(
        &self,
        given: &Map<String, Value>,
        context: Context<'_>,
    ) -> Result<ToolResult, Fault> {
        let rules = &self.rules;
        let text = serde_json::to_vec(given).map_err(|error| {
            Fault::new(Reason::Internal, "the arguments cannot be written").because(error)
        })?;
        self.input.check(&text).map_err(|hints| refused_arguments(&hints))?;
        let mut arguments = arguments::read(&rules.parameters, given, context.database)?;
        let asked = arguments.clone();
        let book = Book {
            server: context.server,
            tool: &rules.name,
            caller: &context.who.caller,
            arguments: &asked,
        };
        let time = rules.limit.time.duration();
        let sql = match given.get(CURSOR).and_then(Value::as_str) {
            Some(cursor) if !rules.page_by.is_empty() => {
                let after = book.open(context.keys, cursor)?;
                let sql = self.next(&after, context.database).map_err(|it| it.fault(time))?;
                arguments.extend(after.iter().map(Key::argument));
                sql.into()
            }
            _ => self.first.clone(),
        };
        let most = usize::try_from(rules.limit.rows.get()).unwrap_or(usize::MAX);
        let job = Job {
            sql,
            arguments,
            settings: context.settings,
            writes: rules.effect != Effect::Reads,
            time,
            collector: Collector::new(most, rules.limit.bytes.bytes()),
        };
        let outcome = context.database.run(job).await.map_err(|failure| failure.fault(time))?;
        let next = match outcome.collected.stopped {
            Some(_) if !rules.page_by.is_empty() => {
                let after = self.last(&outcome.collected).map_err(|it| it.fault(time))?;
                after.map(|after| book.seal(context.keys, after))
            }
            _ => None,
        };
        answer::of(&rules.limit, rules.effect != Effect::Reads, outcome, next)
    }

    /// The text for the page after these keys.
    fn next(&self, after: &[Key], database: &Database) -> Result<String, Failure> {
        let count = self.rules.parameters.len();
        let keys: Vec<_> = after
            .iter()
            .enumerate()
            .map(|(at, key)| {
                database.key(count + at + 1, &key.kind).ok_or_else(|| {
                    Failure::new(
                        Trouble::Type,
                        "a column of page_by has no order that pages can have",
                    )
                })
            })
            .collect::<Result<_, _>>()?;
        let order = if self.rules.descending { "<" } else { ">" };
        let names: Vec<_> = self.rules.page_by.iter().map(|name| quoted(name)).collect();
        let condition = format!(" WHERE ({}) {order} ({})", names.join(", "), keys.join(", "));
        Ok(page(&self.rules, &self.statement, &condition))
    }

    /// The keys of the last row, after which the next page begins; none if there is no row.
    fn last(&self, collected: &Collected) -> Result<Option<Vec<Key>>, Failure> {
        let Some(Value::Object(row)) = collected.rows.last() else { return Ok(None) };
        let key = |name: &String| {
            let at = row.keys().position(|column| column == name);
            let found = at.and_then(|at| Some((collected.kinds.get(at)?, row.get(name)?)));
            match found {
                Some((kind, value)) if !value.is_null() => {
                    Ok(Key { kind: kind.clone(), value: value.clone() })
                }
                // Rows would be left out without a word.
                _ => Err(Failure::new(Trouble::Type, format!("no value of {name} to page by"))),
            }
        };
        self.rules.page_by.iter().map(key).collect::<Result<_, _>>().map(Some)
    }
}

/// A page of the statement's rows.
fn page(rules: &ToolRules, statement: &str, condition: &str) -> String {
    let direction = if rules.descending { " DESC" } else { "" };
    let order: Vec<_> =
        rules.page_by.iter().map(|name| format!("{}{direction}", quoted(name))).collect();
    let limit = rules.limit.rows.get() + 1;
    format!(
        "SELECT * FROM (\n{statement}\n) AS toolgate_rows{condition} ORDER BY {} LIMIT {limit}",
        order.join(", ")
    )
}

/// A name in quotes, as in the standard.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
