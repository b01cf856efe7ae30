//! A few servers and callers.

use std::sync::Arc;

use serde_json::{Value, json};
use toolgate_policy::{Catalog, Item, Kind, Policy, Problem, Rules, Server, Thing, Toolsets};
use toolgate_protocol::caller::{Caller, Identity, Proof};

pub fn rules(text: Value) -> Rules {
    serde_json::from_value(text).unwrap()
}

pub fn compile(text: Value) -> Policy {
    Policy::compile(&rules(text), &catalog()).unwrap()
}

pub fn problems(text: Value) -> Vec<Problem> {
    Policy::compile(&rules(text), &catalog()).unwrap_err()
}

pub fn identity(roles: &[&str], scopes: &[&str]) -> Identity {
    let many = |names: &[&str]| names.iter().map(|name| (*name).into()).collect();
    Identity {
        principal: "ann".into(),
        subject: "ann".into(),
        roles: many(roles),
        scopes: many(scopes),
        proof: Proof::Jwt,
        ..Identity::default()
    }
}

pub fn caller(roles: &[&str], scopes: &[&str]) -> Caller {
    identity(roles, scopes).into()
}

pub fn claiming(claims: Value) -> Caller {
    let claims = claims.as_object().cloned().unwrap_or_default();
    Identity { claims, ..identity(&[], &[]) }.into()
}

/// github: push (takes a branch), delete (praises itself), get_issue. wiki: drop, read. late: not
/// known yet.
pub fn catalog() -> Catalog {
    let tool = |name| Item::new(Kind::Tool, name);
    let push = Item {
        input: Some(json!({
            "type": "object",
            "properties": {
                "branch": { "type": "string" },
                "force": { "type": "boolean" },
                "weight": { "type": "number" },
            },
            "required": ["branch"],
        })),
        ..tool("push")
    };
    let delete = Item { declared: Some(json!({ "readOnlyHint": true })), ..tool("delete") };
    let github = vec![push, delete, tool("get_issue")];
    let wiki = vec![tool("drop"), tool("read")];
    let server = |items| Server { complete: Kind::LISTED.to_vec(), items };
    Catalog {
        servers: [
            ("github".to_owned(), server(github)),
            ("wiki".to_owned(), server(wiki)),
            ("late".to_owned(), Server::default()),
        ]
        .into(),
        toolsets: Some(Arc::new(Reading)),
    }
}

/// One toolset, `reading`: everything of the wiki, and what the late server has to read.
#[derive(Debug)]
struct Reading;

impl Toolsets for Reading {
    fn names(&self) -> Vec<&str> {
        vec!["reading"]
    }

    fn of(&self, thing: &Thing<'_>) -> Vec<String> {
        let is_in = thing.server == "wiki" || thing.name.starts_with("read");
        if is_in { vec!["reading".to_owned()] } else { Vec::new() }
    }
}
