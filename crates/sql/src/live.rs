//! Do the statements fit the database as it is now?

use std::collections::BTreeSet;

use toolgate_gateway::config::servers::sql::{Effect, Place, SqlRules};

use crate::column::Column;
use crate::database::Database;
use crate::tool::Tool;
use crate::trouble::Trouble;

/// What is wrong with a tool, or a table.
#[derive(Debug, PartialEq, Eq)]
pub struct Finding {
    /// Where, from the key `sql` on.
    pub path: String,
    /// What is wrong, for the operator.
    pub text: String,
}

/// Prepares every statement, and runs none.
///
/// # Errors
/// One sentence: the database cannot be asked.
pub async fn check(rules: &SqlRules) -> Result<Vec<Finding>, String> {
    let writes = rules.tools.iter().any(|tool| tool.effect != Effect::Reads);
    let database = Database::new(&rules.place, &rules.pool, writes)?;
    if let Place::Sqlite(file) = &rules.place
        && !file.exists()
    {
        return Err(format!("there is no file {}", file.display()));
    }
    database.ping().await.map_err(|failure| failure.to_string())?;
    let mut findings = Vec::new();
    for rules in &rules.tools {
        let tool = Tool::new(rules.clone(), &database)?;
        let found = match database.describe(tool.sample()).await {
            Ok(columns) => wrong(&tool, &columns, &database),
            Err(failure) if failure.is_passing() => return Err(failure.to_string()),
            Err(failure) => Some(failure.to_string()),
        };
        findings.extend(found.map(|text| Finding { path: format!("tools.{}", rules.name), text }));
    }
    let explored = rules.explore.iter().flat_map(|it| &it.tables).map(|it| ("explore.tables", it));
    let published = rules.schema_resources.iter().map(|it| ("schema_resources", it));
    for (key, table) in published.chain(explored) {
        if let Some(text) = unreadable(table, &database).await? {
            findings.push(Finding { path: key.to_owned(), text });
        }
    }
    database.close().await;
    Ok(findings)
}

/// Why nothing can be read from a table; an error if the database cannot be asked.
async fn unreadable(table: &str, database: &Database) -> Result<Option<String>, String> {
    match database.describe(database.all_of(table).into()).await {
        Err(failure) if failure.is_passing() => Err(failure.to_string()),
        // What its values are in JSON is no matter here.
        Err(failure) if failure.trouble == Trouble::Type => Ok(None),
        Err(failure) => Ok(Some(failure.to_string())),
        Ok(_) => Ok(None),
    }
}

fn wrong(tool: &Tool, columns: &[Column], database: &Database) -> Option<String> {
    let mut seen = BTreeSet::new();
    if let Some(twice) = columns.iter().find(|column| !seen.insert(&column.name)) {
        return Some(format!(
            "two columns are called {} (write AS to tell them apart)",
            twice.name
        ));
    }
    let rules = &tool.rules;
    for name in &rules.page_by {
        let Some(column) = columns.iter().find(|column| column.name == *name) else {
            return Some(format!("page_by: there is no column {name} in the result"));
        };
        if !database.orders(&column.kind) {
            return Some(format!("page_by: values of {name} have no order that pages can have"));
        }
    }
    let unknown = rules.columns.keys().find(|name| !seen.contains(name));
    unknown.map(|name| format!("columns.{name}: there is no such column in the result"))
}
