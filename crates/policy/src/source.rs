//! One rule: a Cedar policy, what it reads and where it applies.

use std::str::FromStr;
use std::sync::Arc;

use cedar_policy::{Effect, PolicyId, PolicySet};
use miette::Diagnostic;
use serde_json::Value;

use crate::lists::for_lists;
use crate::problem::{Problem, did_you_mean};
use crate::reach::Reach;
use crate::reads::Reads;
use crate::short::Short;

/// The annotations that mean something.
const ANNOTATIONS: [&str; 3] = ["id", "approve", "description"];

/// A policy, ready to be evaluated.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) name: Arc<str>,
    /// Where it stands in the rules, as a JSON pointer.
    pub(crate) path: String,
    pub(crate) text: String,
    pub(crate) permits: bool,
    /// What to ask a person before the permit holds.
    pub(crate) approve: Option<Arc<str>>,
    pub(crate) reads: Reads,
    pub(crate) reach: Reach,
    /// The scopes it asks for.
    pub(crate) scopes: Vec<String>,
    /// The role it permits something to.
    pub(crate) role: Option<String>,
    pub(crate) json: Value,
    /// The form for calls. Its id is the index of the rule.
    pub(crate) call: cedar_policy::Policy,
    /// The form for lists. Its id is the index of the rule.
    pub(crate) list: cedar_policy::Policy,
}

impl Rule {
    /// The rule with this index, of a short form.
    pub(crate) fn of_short(short: Short, index: usize) -> Result<Rule, Problem> {
        let policy = short.text.parse::<cedar_policy::Policy>();
        let policy = policy.map_err(|error| Problem::new(&short.path, explained(&error)))?;
        let mut rule = Rule::new(&policy, short.name, short.path, index)?;
        rule.text = short.text;
        rule.reach = short.reach;
        rule.scopes = short.scopes;
        rule.role = short.role;
        Ok(rule)
    }

    fn new(
        policy: &cedar_policy::Policy,
        name: String,
        path: String,
        index: usize,
    ) -> Result<Rule, Problem> {
        let unreadable = |error: &dyn std::fmt::Display| Problem::new(&path, error.to_string());
        let json = policy.to_json().map_err(|error| unreadable(&error))?;
        let permits = policy.effect() == Effect::Permit;
        let id = PolicyId::new(index.to_string());
        let list = for_lists(&json, permits);
        let list = cedar_policy::Policy::from_json(Some(id.clone()), list);
        Ok(Rule {
            name: name.into(),
            text: policy.to_string(),
            permits,
            approve: policy.annotation("approve").map(Arc::from),
            reads: Reads::of_policy(&json),
            reach: Reach::of_policy(&json),
            scopes: Vec::new(),
            role: permits.then(|| role(&json)).flatten(),
            call: policy.new_id(id),
            list: list.map_err(|error| unreadable(&error))?,
            json,
            path,
        })
    }
}

/// The rules in a text, the first of which has the index `first`.
pub(crate) fn parse(text: &str, place: usize, first: usize) -> Result<Vec<Rule>, Vec<Problem>> {
    let path = format!("/policies/{place}");
    let policies = PolicySet::from_str(text).map_err(|errors| {
        let problem = |error| Problem::new(&path, at_line(text, error));
        errors.iter().map(|error| problem(error as &dyn Diagnostic)).collect::<Vec<_>>()
    })?;
    let mut problems: Vec<Problem> = policies
        .templates()
        .map(|_| {
            Problem::new(
                &path,
                "a policy may not have slots (write out what ?principal or ?resource stand for)",
            )
        })
        .collect();
    let mut rules = Vec::new();
    for (index, policy) in policies.policies().enumerate() {
        problems.extend(annotations(policy, &path));
        let name = match policy.annotation("id") {
            Some(id) if !id.is_empty() => id.to_owned(),
            _ if policies.num_of_policies() == 1 => format!("policies[{place}]"),
            _ => format!("policies[{place}].{index}"),
        };
        match Rule::new(policy, name, path.clone(), first + index) {
            Ok(rule) => rules.push(rule),
            Err(problem) => problems.push(problem),
        }
    }
    if problems.is_empty() { Ok(rules) } else { Err(problems) }
}

fn annotations(policy: &cedar_policy::Policy, path: &str) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (name, _) in policy.annotations() {
        if !ANNOTATIONS.contains(&name) {
            let hint = did_you_mean(name, ANNOTATIONS, "there are @id, @approve and @description");
            problems.push(Problem::new(path, format!("@{name} means nothing{hint}")));
        }
    }
    if policy.annotation("approve").is_some() && policy.effect() == Effect::Forbid {
        let text = "@approve stands on a forbid (put it on a permit: what is forbidden cannot be approved)";
        problems.push(Problem::new(path, text));
    }
    problems
}

/// The role in the scope of a policy.
fn role(policy: &Value) -> Option<String> {
    let entity = policy.get("principal")?.get("entity")?;
    let entity = entity.get("__entity").unwrap_or(entity);
    let kind = entity.get("type")?.as_str()?;
    (kind == "Role").then_some(entity.get("id")?.as_str()?.to_owned())
}

fn at_line(text: &str, error: &dyn Diagnostic) -> String {
    let offset = error.labels().and_then(|mut labels| labels.next()).map(|label| label.offset());
    let before = offset.and_then(|offset| text.as_bytes().get(..offset));
    let said = explained(error);
    match before {
        Some(before) => {
            let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
            format!("line {line}: {said}")
        }
        None => said,
    }
}

/// What Cedar says, with its way out if it has one.
pub(crate) fn explained(error: &dyn Diagnostic) -> String {
    match error.help() {
        Some(help) => format!("{error} ({help})"),
        None => error.to_string(),
    }
}
