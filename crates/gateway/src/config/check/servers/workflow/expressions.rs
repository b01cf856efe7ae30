//! Do the expressions of a workflow name what there is where they stand?

use std::collections::{BTreeMap, BTreeSet};

use jmespath::ast::Ast;
use serde_json::Value;

use crate::config::check::{Checks, servers::expression};
use crate::config::problem::{key_path, quote};
use crate::config::servers::workflow::{EXPRESSION, Parameter, Piece, pieces};

/// What an expression can see.
#[derive(Clone)]
pub(super) struct Scope<'a> {
    pub(super) parameters: BTreeSet<&'a str>,
    /// The steps before it.
    pub(super) steps: BTreeSet<&'a str>,
    /// It stands within a step that runs for each entry of a list.
    pub(super) item: bool,
    /// It stands within what undoes a step.
    pub(super) output: bool,
}

impl<'a> Scope<'a> {
    /// Before the first step.
    pub(super) fn of(parameters: &'a BTreeMap<String, Parameter>) -> Scope<'a> {
        let parameters = parameters.keys().map(String::as_str).collect();
        Scope { parameters, steps: BTreeSet::new(), item: false, output: false }
    }

    /// An expression.
    pub(super) fn expression(&self, checks: &mut Checks<'_>, at: &str, text: &str) {
        let compiled = expression(checks, at, text);
        if let Some(message) = compiled.and_then(|it| self.unknown(it.as_ast())) {
            checks.problem(at, message);
        }
    }

    /// A text with expressions in `{{ }}`.
    pub(super) fn text(&self, checks: &mut Checks<'_>, at: &str, text: &str) {
        match pieces(text) {
            Err(message) => checks.problem(at, format!("{message} (write {{{{ EXPRESSION }}}})")),
            Ok(pieces) => {
                for piece in pieces {
                    if let Piece::Expression(text) = piece {
                        self.expression(checks, at, text);
                    }
                }
            }
        }
    }

    /// A value in which `{$: EXPRESSION}` stands for what the expression gives.
    pub(super) fn value(&self, checks: &mut Checks<'_>, at: &str, value: &Value) {
        match value {
            Value::Array(entries) => {
                for (index, entry) in entries.iter().enumerate() {
                    self.value(checks, &format!("{at}[{index}]"), entry);
                }
            }
            Value::Object(members) => match members.get(EXPRESSION) {
                Some(Value::String(text)) if members.len() == 1 => {
                    self.expression(checks, at, text);
                }
                Some(_) => {
                    let message =
                        "an expression is a map with the key $ alone (write {$: EXPRESSION})";
                    checks.problem(at, message);
                }
                None => {
                    for (name, member) in members {
                        self.value(checks, &key_path(at, name), member);
                    }
                }
            },
            _ => {}
        }
    }

    /// What an expression names that is not there.
    fn unknown(&self, ast: &Ast) -> Option<String> {
        match ast {
            Ast::Field { name, .. } => self.unknown_root(name),
            Ast::Subexpr { lhs, rhs, .. } => match (&**lhs, &**rhs) {
                (Ast::Field { name: root, .. }, Ast::Field { name, .. }) => {
                    self.unknown_root(root).or_else(|| self.unknown_member(root, name))
                }
                // What follows looks at what came before, not at all there is.
                _ => self.unknown(lhs),
            },
            Ast::Projection { lhs, .. } => self.unknown(lhs),
            Ast::Comparison { lhs, rhs, .. }
            | Ast::And { lhs, rhs, .. }
            | Ast::Or { lhs, rhs, .. } => self.unknown(lhs).or_else(|| self.unknown(rhs)),
            Ast::Condition { predicate, then, .. } => {
                self.unknown(predicate).or_else(|| self.unknown(then))
            }
            Ast::Flatten { node, .. } | Ast::ObjectValues { node, .. } | Ast::Not { node, .. } => {
                self.unknown(node)
            }
            // An expression that is handed to a function looks at the entries of a list.
            Ast::Function { args, .. } => args.iter().find_map(|arg| self.unknown(arg)),
            Ast::MultiList { elements, .. } => elements.iter().find_map(|it| self.unknown(it)),
            Ast::MultiHash { elements, .. } => {
                elements.iter().find_map(|pair| self.unknown(&pair.value))
            }
            Ast::Expref { .. }
            | Ast::Identity { .. }
            | Ast::Index { .. }
            | Ast::Literal { .. }
            | Ast::Slice { .. } => None,
        }
    }

    fn unknown_root(&self, name: &str) -> Option<String> {
        let all = [
            ("arguments", true),
            ("steps", true),
            ("caller", true),
            ("item", self.item),
            ("output", self.output),
        ];
        match all.iter().find(|(known, _)| *known == name) {
            Some((_, true)) => None,
            Some(("item", _)) => Some("item is there only with for_each (add it)".to_owned()),
            Some(_) => {
                Some("output is there only in compensate (write steps.ID.output)".to_owned())
            }
            None => {
                let seen: Vec<_> = all.iter().filter(|it| it.1).map(|it| it.0).collect();
                let message = format!(
                    "there is no {} here (an expression begins with {})",
                    quote(name),
                    seen.join(", ")
                );
                Some(message)
            }
        }
    }

    fn unknown_member(&self, root: &str, name: &str) -> Option<String> {
        let (known, what) = match root {
            "arguments" => (self.parameters.contains(name), "no parameter is called"),
            "steps" => (self.steps.contains(name), "no earlier step is called"),
            _ => return None,
        };
        let all = if root == "steps" { &self.steps } else { &self.parameters };
        let all = all.iter().copied().collect::<Vec<_>>().join(", ");
        (!known).then(|| match all.is_empty() {
            true => format!("{what} {} (there is none)", quote(name)),
            false => format!("{what} {} (there are {all})", quote(name)),
        })
    }
}
