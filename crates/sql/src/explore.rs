//! `explore`: one SELECT of the model's own, read, held to what is allowed, and written anew.
//!
//! What is not known to be harmless is refused: each kind of expression, each function and each type is
//! on a list. The database gets the text that is written from what was read, so that the two cannot
//! read it differently, in a transaction that cannot write.

mod restriction;
mod rows;

use serde_json::{Value, json};
use toolgate_gateway::config::servers::sql::{Dialect, ExploreRules};
use toolgate_gateway::fault::{Fault, Reason};
use toolgate_hosted::{Annotations, Tool};

/// The longest query, in characters.
const LONGEST: usize = 4000;
/// Characters of the columns of all tables that are told; what is wider is asked for.
const TOLD: usize = 2000;

/// What a model is told of it. `columns` are the names of those of each table, as far as the database
/// told them.
pub(crate) fn tool(rules: &ExploreRules, columns: &[Option<Vec<String>>]) -> Tool {
    let mut left = TOLD;
    let mut all_told = true;
    let tables = rules.tables.iter().zip(columns).map(|(table, columns)| {
        let columns = columns.as_ref().map(|names| names.join(", "));
        match columns.filter(|columns| columns.len() <= left) {
            Some(columns) => {
                left -= columns.len();
                format!("{table} ({columns})")
            }
            None => {
                all_told = false;
                table.clone()
            }
        }
    });
    let tables = tables.collect::<Vec<_>>().join(", ");
    let rest = match all_told {
        true => "",
        false => "; SELECT * FROM a table LIMIT 1 shows its columns",
    };
    let rows = rules.limit.rows;
    Tool {
        name: ExploreRules::NAME.to_owned(),
        title: Some("Explore".to_owned()),
        description: format!(
            "Answers one SELECT of yours over these tables and their columns: {tables}. Use it when \
             no other tool answers the question{rest}. Takes query: joins, subqueries, grouping and \
             the usual functions, but no WITH and no other statement. Returns at most {rows} rows. \
             Changes nothing."
        ),
        input_schema: json!({
            "type": "object",
            "properties": {
                "query": {
                    "type": "string",
                    "minLength": 8,
                    "maxLength": LONGEST,
                    "description": "One SELECT.",
                },
            },
            "required": ["query"],
            "additionalProperties": false,
        }),
        output_schema: Some(json!({
            "type": "object",
            "properties": {
                "rows": { "type": "array", "items": { "type": "object" }, "maxItems": rows },
                "truncated": {
                    "type": "boolean",
                    "description": "There are more rows than these.",
                },
            },
            "required": ["rows", "truncated"],
            "additionalProperties": false,
        })),
        annotations: Annotations::READS,
    }
}

/// The query of a call, as the database gets it.
///
/// # Errors
/// It is not one SELECT of what is allowed; the sentence says what is not.
pub(crate) fn query(
    arguments: &serde_json::Map<String, Value>,
    rules: &ExploreRules,
    dialect: Dialect,
) -> Result<String, Fault> {
    let text = match arguments.get("query") {
        Some(Value::String(text)) if text.chars().count() <= LONGEST && arguments.len() == 1 => {
            text
        }
        _ => return Err(unfit("the argument query is one text of at most 4000 characters")),
    };
    restriction::restricted(text, &rules.tables, dialect).map_err(|why| unfit(&why))
}

/// A query that cannot be answered, and why.
pub(crate) fn unfit(why: &str) -> Fault {
    Fault::new(Reason::Arguments, why)
}
