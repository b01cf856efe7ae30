//! What a tool answers with.

use serde_json::json;
use toolgate_gateway::config::servers::sql::Limit;
use toolgate_gateway::fault::{Fault, Reason};
use toolgate_hosted::{Content, ToolResult};

use crate::collect::Stop;
use crate::job::Outcome;

/// The rows of a call, and where to go on.
///
/// # Errors
/// A row alone is larger than an answer may be.
pub(crate) fn of(
    limit: &Limit,
    writes: bool,
    outcome: Outcome,
    next: Option<String>,
) -> Result<ToolResult, Fault> {
    let Outcome { collected, affected } = outcome;
    if collected.rows.is_empty() && collected.stopped == Some(Stop::Bytes) && !writes {
        let text = format!("one row alone is larger than {}", limit.bytes);
        return Err(Fault::new(Reason::TooLarge, text).unsent());
    }
    let mut value = json!({
        "rows": collected.rows,
        "truncated": collected.stopped.is_some(),
    });
    if writes {
        value["affected"] = affected.into();
    }
    let notice = match (collected.stopped, &next) {
        (None, _) => None,
        (Some(_), Some(_)) => Some("There are more: call again with next_cursor as cursor.".into()),
        (Some(Stop::Rows), None) => {
            let most = limit.rows;
            Some(format!("These are the first {most} rows; ask for less to see the others."))
        }
        (Some(Stop::Bytes), None) => {
            let most = limit.bytes;
            Some(format!("These are the rows within {most}; ask for less to see the others."))
        }
    };
    if let Some(next) = next {
        value["next_cursor"] = next.into();
    }
    let mut result = ToolResult::structured(value);
    result.content.extend(notice.map(|notice: String| Content::text(notice)));
    Ok(result)
}
