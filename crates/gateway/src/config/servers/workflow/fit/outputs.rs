//! What earlier steps give, as far as the output schemas of their tools say.

use std::collections::BTreeMap;

use jmespath::ast::Ast;
use serde_json::Value;

/// The schemas of outputs.
#[derive(Clone, Default)]
pub(super) struct Outputs<'a> {
    steps: BTreeMap<&'a str, &'a Value>,
    /// Of the call to undo, within `compensate`.
    own: Option<&'a Value>,
}

impl<'a> Outputs<'a> {
    /// A step gives what has this schema.
    pub(super) fn learn(&mut self, step: &'a str, schema: &'a Value) {
        self.steps.insert(step, schema);
    }

    /// The same for what undoes a call that gave what has this schema.
    pub(super) fn undoing(&self, own: Option<&'a Value>) -> Outputs<'a> {
        Outputs { own, ..self.clone() }
    }

    /// The schema of what an expression gives that is a plain path into an output; `None` for any other
    /// and where nothing is said.
    ///
    /// # Errors
    /// The schema rules out that there is anything.
    pub(super) fn at(&self, expression: &str) -> Result<Option<&'a Value>, String> {
        let Ok(compiled) = jmespath::compile(expression) else { return Ok(None) };
        let Some(path) = path(compiled.as_ast()) else { return Ok(None) };
        match path.as_slice() {
            ["output", rest @ ..] => follow(self.own, "the output", rest),
            ["steps", step, "output", rest @ ..] => {
                let whose = format!("the output of the step {step}");
                follow(self.steps.get(step).copied(), &whose, rest)
            }
            _ => Ok(None),
        }
    }
}

/// The names of an expression that is nothing but names with dots between them.
fn path(ast: &Ast) -> Option<Vec<&str>> {
    match ast {
        Ast::Field { name, .. } => Some(vec![name]),
        Ast::Subexpr { lhs, rhs, .. } => {
            let mut names = path(lhs)?;
            names.extend(path(rhs)?);
            Some(names)
        }
        _ => None,
    }
}

fn follow<'a>(
    mut schema: Option<&'a Value>,
    whose: &str,
    path: &[&str],
) -> Result<Option<&'a Value>, String> {
    for name in path {
        let Some(at) = schema else { return Ok(None) };
        schema = at["properties"].get(name);
        if schema.is_none() && is_closed(at) {
            let all = super::names(&at["properties"]);
            return Err(format!("{whose} has no {name} there (there are {all})"));
        }
    }
    Ok(schema)
}

/// Whether there are no members but the properties. Beside `$ref` older drafts see nothing.
fn is_closed(schema: &Value) -> bool {
    let patterns = ["$ref", "patternProperties"].iter().any(|key| schema.get(key).is_some());
    schema["additionalProperties"] == false && !patterns
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_a_schema_rules_out_is_wrong() {
        let id = json!({ "type": "integer" });
        let closed = json!({
            "type": "object",
            "properties": { "id": id, "open": { "type": "object" }, "other": { "$ref": "#/$defs/o" } },
            "additionalProperties": false,
        });
        let mut outputs = Outputs::default();
        outputs.learn("a", &closed);
        let absent = "the output of the step a has no ids there (there are id, open, other)";

        for (expression, expected) in [
            ("steps.a.output.id", Ok(Some(&id))),
            ("steps.a.output", Ok(Some(&closed))),
            ("steps.\"a\".output.\"id\"", Ok(Some(&id))),
            ("steps.a.output.ids", Err(absent.to_owned())),
            ("steps.a.output.open.any", Ok(None)),
            ("steps.a.output.other.any", Ok(None)),
            ("steps.a.output.ids || `1`", Ok(None)),
            ("steps.a.output.ids[0]", Ok(None)),
            ("steps.a.status", Ok(None)),
            ("steps.b.output.ids", Ok(None)),
            ("output.ids", Ok(None)),
        ] {
            assert_eq!(outputs.at(expression), expected, "{expression}");
        }
        let undoing = outputs.undoing(Some(&closed));
        assert_eq!(undoing.at("output.id"), Ok(Some(&id)));
        assert!(undoing.at("output.ids").is_err());
    }
}
