//! What expressions see.

use std::collections::BTreeMap;

use jmespath::{Rcvar, Variable};
use serde_json::Value;
use toolgate_gateway::call::Caller;

/// The values under their names: `arguments`, `steps`, `caller`, and `item` and `output` where there
/// are such. A clone shares them.
#[derive(Clone)]
pub(crate) struct Scope {
    roots: BTreeMap<String, Rcvar>,
    steps: BTreeMap<String, Rcvar>,
}

impl Scope {
    /// Before the first step.
    pub fn new(arguments: &Value, caller: &Caller) -> Scope {
        let roots = BTreeMap::from([
            ("arguments".to_owned(), variable(arguments)),
            ("caller".to_owned(), variable(&told(caller))),
        ]);
        Scope { roots, steps: BTreeMap::new() }
    }

    /// The same with what a step came to.
    pub fn learn(&mut self, step: &str, status: &str, output: &Value) {
        let members = BTreeMap::from([
            ("status".to_owned(), Rcvar::new(Variable::String(status.to_owned()))),
            ("output".to_owned(), variable(output)),
        ]);
        self.steps.insert(step.to_owned(), Rcvar::new(Variable::Object(members)));
    }

    /// What a step gave; null if it did not run.
    pub fn output(&self, step: &str) -> Value {
        let output = self.steps.get(step).map(|step| step.get_field("output"));
        output.and_then(|output| serde_json::to_value(&*output).ok()).unwrap_or_default()
    }

    /// The same with a value under another name.
    pub fn with(&self, name: &str, value: &Value) -> Scope {
        let mut scope = self.clone();
        scope.roots.insert(name.to_owned(), variable(value));
        scope
    }

    /// All of it as one value.
    pub fn root(&self) -> Rcvar {
        let mut all = self.roots.clone();
        all.insert("steps".to_owned(), Rcvar::new(Variable::Object(self.steps.clone())));
        Rcvar::new(Variable::Object(all))
    }
}

/// What an expression may know of a caller: what was verified, and no token.
fn told(caller: &Caller) -> Value {
    let identity: &toolgate_protocol::caller::Identity = caller;
    serde_json::json!({
        "principal": &*identity.principal,
        "subject": &*identity.subject,
        "tenant": identity.tenant.as_deref(),
        "actor": identity.actor.as_deref(),
        "roles": texts(&identity.roles),
        "groups": texts(&identity.groups),
        "scopes": texts(&identity.scopes),
        "claims": identity.claims,
    })
}

fn texts(texts: &[std::sync::Arc<str>]) -> Vec<&str> {
    texts.iter().map(|text| &**text).collect()
}

/// JSON for expressions. All of it has a form there.
fn variable(value: &Value) -> Rcvar {
    Rcvar::new(Variable::try_from(value).unwrap_or(Variable::Null))
}
