//! One rule: a Cedar policy, what it reads and where it applies.

use std::str::FromStr;
use std::sync::Arc;

use cedar_policy::{Effect, PolicyId, PolicySet};
use miette::Diagnostic;
use serde_json::Value;

use crate::kind::{Kind, Thing};
use crate::known::Known;
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
    /// Whether it only turns what another permit allows into a question.
    pub(crate) only_asks: bool,
    /// What it says of itself.
    pub(crate) description: Option<Arc<str>>,
    /// Whether a short form stands for it, which is right by construction.
    pub(crate) short: bool,
    /// The line where it begins in its text; 0 if there is only one.
    pub(crate) line: usize,
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
        rule.only_asks = short.only_asks;
        rule.short = true;
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
            only_asks: false,
            description: policy.annotation("description").map(Arc::from),
            short: false,
            line: 0,
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

impl Rule {
    /// Whether it has something to say of a thing. A permit that is not meant for it can still
    /// turn what another one allows into a question.
    pub(crate) fn applies(&self, thing: &Thing<'_>, known: &Known) -> bool {
        self.reach.admits(thing, known) && (self.decides(thing.kind) || self.approve.is_some())
    }

    /// Whether it decides on things of this kind by itself, and does not only ask.
    pub(crate) fn decides(&self, kind: Kind) -> bool {
        !self.permits || (!self.only_asks && self.reach.means(kind))
    }
}

/// The rules in a text, the first of which has the index `first`.
pub(crate) fn parse(text: &str, place: usize, first: usize) -> Result<Vec<Rule>, Vec<Problem>> {
    let path = format!("/policies/{place}");
    let policies = PolicySet::from_str(text).map_err(|errors| {
        let problem =
            |error: &dyn Diagnostic| Problem::new(&path, explained(error)).at(line_of(text, error));
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
    let lines = lines_of(text);
    let mut policies: Vec<_> = policies.policies().collect();
    policies.sort_by_key(|policy| place_of(policy));
    for (index, policy) in policies.iter().copied().enumerate() {
        let line = lines.get(index).copied().filter(|_| text.contains('\n')).unwrap_or(0);
        problems.extend(annotations(policy, &path).into_iter().map(|problem| problem.at(line)));
        let name = match policy.annotation("id") {
            Some(id) if !id.is_empty() => id.to_owned(),
            _ if policies.len() == 1 => format!("policies[{place}]"),
            _ => format!("policies[{place}].{index}"),
        };
        match Rule::new(policy, name, path.clone(), first + index) {
            Ok(rule) => rules.push(Rule { line, ..rule }),
            Err(problem) => problems.push(problem.at(line)),
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

/// The place of a policy in its text, from the id that the parser gave it.
fn place_of(policy: &cedar_policy::Policy) -> usize {
    let id: &str = policy.id().as_ref();
    id.strip_prefix("policy").and_then(|place| place.parse().ok()).unwrap_or(usize::MAX)
}

/// The line that the parser complains of; 0 if it names none.
fn line_of(text: &str, error: &dyn Diagnostic) -> usize {
    let offset = error.labels().and_then(|mut labels| labels.next()).map(|label| label.offset());
    let before = offset.and_then(|offset| text.as_bytes().get(..offset));
    before.map_or(0, |before| before.iter().filter(|byte| **byte == b'\n').count() + 1)
}

/// The lines on which the policies of a text that parses begin: where `permit` or `forbid` stands
/// outside of strings, comments and brackets.
fn lines_of(text: &str) -> Vec<usize> {
    let mut lines = Vec::new();
    for (index, line) in Outside::of(text).enumerate() {
        let words = line.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == '@'));
        let begins = words.filter(|word| matches!(*word, "permit" | "forbid")).count();
        lines.extend(std::iter::repeat_n(index + 1, begins));
    }
    lines
}

/// The lines of a text with strings, comments and what is in brackets taken out.
struct Outside<'a> {
    lines: std::str::Lines<'a>,
    depth: usize,
    quoted: bool,
}

impl<'a> Outside<'a> {
    fn of(text: &'a str) -> Outside<'a> {
        Outside { lines: text.lines(), depth: 0, quoted: false }
    }
}

impl Iterator for Outside<'_> {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        let mut chars = self.lines.next()?.chars().peekable();
        let mut kept = String::new();
        while let Some(c) = chars.next() {
            match c {
                '\\' if self.quoted => _ = chars.next(),
                '"' => self.quoted = !self.quoted,
                _ if self.quoted => {}
                '/' if chars.peek() == Some(&'/') => break,
                '(' | '{' | '[' => {
                    self.depth += 1;
                    kept.push(' ');
                }
                ')' | '}' | ']' => self.depth = self.depth.saturating_sub(1),
                _ if self.depth == 0 => kept.push(c),
                _ => {}
            }
        }
        Some(kept)
    }
}

/// What Cedar says, with its way out if it has one.
pub(crate) fn explained(error: &dyn Diagnostic) -> String {
    match error.help() {
        Some(help) => format!("{error} ({help})"),
        None => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_where_policies_begin_are_found_whatever_strings_and_comments_say() {
        let text = "// permit (\n@id(\"forbid (\")\npermit (principal, action, resource)\n\
                    when { principal.subject == \"permit (\\\"\" };\nforbid (principal,\n\
                    action, resource); permit (principal, action, resource);";

        assert_eq!(lines_of(text), [3, 5, 6]);
    }
}
