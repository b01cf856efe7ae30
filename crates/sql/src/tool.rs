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
use crate::database::Database;
use crate::definition::{self, CURSOR};
use crate::job::{Argument, Job};
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
    /// What is prepared to learn of its columns.
    sample: Arc<str>,
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
        let first = |statement: String| match (rules.effect, rules.page_by.is_empty()) {
            (Effect::Writes { .. }, _) => statement,
            (Effect::Reads, true) => database.limited(statement, rules.limit.rows.get() + 1),
            (Effect::Reads, false) => page(&rules, database, &statement, ""),
        };
        let sample = first(database.sample(&rules, statement.clone())).into();
        let first = first(statement.clone()).into();
        Ok(Tool { rules, input, statement, first, sample })
    }

    /// What is prepared to learn of its columns.
    pub(crate) fn sample(&self) -> Arc<str> {
        self.sample.clone()
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
        let asked = arguments::read(&rules.parameters, given, context.database)?;
        let mut arguments = context.database.bound(rules, asked.clone());
        let book =
            Book { server: context.server, tool: &rules.name, who: context.who, arguments: &asked };
        let time = rules.limit.time.duration();
        let sql = match given.get(CURSOR).and_then(Value::as_str) {
            Some(cursor) if !rules.page_by.is_empty() => {
                let after = book.open(context.keys, cursor)?;
                let next = self.next(&after, context.database);
                let (sql, keys) = next.map_err(|it| it.fault(time))?;
                arguments.extend(keys);
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
            recurs: true,
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

    /// The text for the page after these keys, and what is bound to it after the arguments.
    fn next(&self, after: &[Key], database: &Database) -> Result<(String, Vec<Argument>), Failure> {
        let rules = &self.rules;
        let order = if rules.descending { "<" } else { ">" };
        let after = database.after(&rules.page_by, after, order, rules.parameters.len());
        let (condition, keys) = after.ok_or_else(|| {
            let told = "a column of page_by has no order that pages can have";
            Failure::new(Trouble::Type, told)
        })?;
        let condition = format!(" WHERE {condition}");
        Ok((page(rules, database, &self.statement, &condition), keys))
    }

    /// The keys of the last row, after which the next page begins; none if there is no row.
    fn last(&self, collected: &Collected) -> Result<Option<Vec<Key>>, Failure> {
        let Some(Value::Object(row)) = collected.rows.last() else { return Ok(None) };
        let key = |name: &String| {
            match collected.kind(name).zip(row.get(name)) {
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
fn page(rules: &ToolRules, database: &Database, statement: &str, condition: &str) -> String {
    let direction = if rules.descending { " DESC" } else { "" };
    let order: Vec<_> =
        rules.page_by.iter().map(|name| format!("{}{direction}", database.quoted(name))).collect();
    let limit = rules.limit.rows.get() + 1;
    format!(
        "SELECT * FROM (\n{statement}\n) AS toolgate_rows{condition} ORDER BY {} LIMIT {limit}",
        order.join(", ")
    )
}
