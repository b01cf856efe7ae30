//! `/admin/approvals`: where persons decide on the calls of others.
//!
//! Fail closed: without authentication, without roles that may decide, and for everybody who has
//! none of them, there is nothing here.

use http::Method;
use serde_json::{Value, json};
use toolgate_gateway::approval::{Decided, Pending};
use toolgate_gateway::call::Caller;
use toolgate_gateway::fault::Reason;
use toolgate_gateway::gateway::Gateway;

use super::body::{Answer, json as answer};

/// Where it is.
pub const PATH: &str = "/admin/approvals";

/// Answers a request of whoever may decide; nothing for anybody else.
pub async fn serve(
    gateway: &Gateway,
    caller: &Caller,
    method: &Method,
    path: &str,
) -> Option<Answer> {
    let rules = &gateway.config.approvals;
    let may_decide = !caller.is_anonymous()
        && caller.roles.iter().any(|role| rules.roles.iter().any(|known| **role == **known));
    if !may_decide {
        return None;
    }
    let rest = path.strip_prefix(PATH)?;
    let words: Vec<&str> = rest.split('/').skip(1).collect();
    let table = &gateway.lasting.approvals.table;
    match (method, &words[..]) {
        (&Method::GET, []) => {
            let all = match table.list(caller, gateway.now()).await {
                Ok(all) => all,
                Err(fault) => return Some(said(503, &json!({ "error": fault.message }))),
            };
            let all: Vec<Value> = all.iter().map(to_json).collect();
            Some(said(200, &json!({ "approvals": all })))
        }
        (&Method::GET, [id]) => {
            let all = match table.list(caller, gateway.now()).await {
                Ok(all) => all,
                Err(fault) => return Some(said(503, &json!({ "error": fault.message }))),
            };
            let one = all.iter().find(|pending| *pending.id == **id)?;
            Some(said(200, &to_json(one)))
        }
        (&Method::POST, [id, word @ ("grant" | "refuse")]) => {
            Some(decide(gateway, caller, id, *word == "grant").await)
        }
        _ => None,
    }
}

async fn decide(gateway: &Gateway, caller: &Caller, id: &str, agrees: bool) -> Answer {
    let decided = match gateway.decide_on(id, caller, agrees).await {
        Ok(decided) => decided,
        Err(fault) => {
            tracing::error!(id, by = %caller.principal, %fault, "a decision was not recorded");
            let error = match fault.reason {
                Reason::Unrecorded => {
                    "the decision cannot be recorded, so it does not count; try again"
                }
                _ => &fault.message,
            };
            return said(503, &json!({ "error": error }));
        }
    };
    let state = if agrees { "granted" } else { "refused" };
    match decided {
        Decided::Done => {
            tracing::info!(id, by = %caller.principal, "consent {state}");
            said(200, &json!({ "id": id, "state": state }))
        }
        Decided::Own => {
            tracing::warn!(id, by = %caller.principal, "consent to a call of one's own was refused");
            said(403, &json!({ "error": "nobody decides on a call of their own" }))
        }
        Decided::Unknown => {
            said(404, &json!({ "error": "no such call waits (it was decided on, or has ended)" }))
        }
    }
}

fn said(status: u16, value: &Value) -> Answer {
    answer(status, value.to_string().into())
}

fn to_json(pending: &Pending) -> Value {
    json!({
        "id": pending.id,
        "state": pending.state,
        "caller": *pending.subject,
        "tenant": pending.tenant.as_deref(),
        "server": *pending.server,
        "tool": *pending.tool,
        "arguments": pending.arguments,
        "questions": pending.questions.iter().map(|why| &**why).collect::<Vec<_>>(),
        "asked": pending.asked,
        "ends": pending.ends,
    })
}
