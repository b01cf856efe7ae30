//! Values and texts of the configuration in which expressions stand.

use jmespath::Expression;
use serde_json::{Map, Value};
use toolgate_gateway::config::servers::workflow::{EXPRESSION, Piece, pieces};
use toolgate_gateway::expression;
use toolgate_gateway::fault::{Fault, Reason};

use crate::scope::Scope;

/// An expression.
#[derive(Clone, Debug)]
pub(crate) struct Formula(Expression<'static>);

impl Formula {
    /// Reads an expression.
    ///
    /// # Errors
    /// It is none.
    pub fn new(text: &str) -> Result<Formula, String> {
        expression::compile(text)
            .map(Formula)
            .map_err(|error| format!("not a JMESPath expression: {}", error.reason))
    }

    /// What it gives.
    ///
    /// # Errors
    /// It does not fit what it is applied to, such as a function that gets another type.
    pub fn value(&self, scope: &Scope) -> Result<Value, Fault> {
        let found = self.0.search(scope.root()).map_err(|error| misfit(&error.to_string()))?;
        serde_json::to_value(&*found).map_err(|error| misfit(&error.to_string()))
    }

    /// Whether what it gives counts as true: all but `null`, `false` and what is empty (JMESPath,
    /// "or-expressions").
    ///
    /// # Errors
    /// As [`Formula::value`].
    pub fn holds(&self, scope: &Scope) -> Result<bool, Fault> {
        let found = self.0.search(scope.root()).map_err(|error| misfit(&error.to_string()))?;
        Ok(found.is_truthy())
    }
}

/// The cause names no value, as those may be anybody's.
fn misfit(error: &str) -> Fault {
    let text = "an expression of the workflow does not fit what the steps before it gave";
    Fault::new(Reason::Unfinished, text).because(error.to_owned()).unsent()
}

/// A value in which `{$: EXPRESSION}` stands for what the expression gives.
#[derive(Clone, Debug)]
pub(crate) enum Template {
    Plain(Value),
    Formula(Formula),
    List(Vec<Template>),
    Object(Vec<(String, Template)>),
}

impl Template {
    /// Reads a value.
    ///
    /// # Errors
    /// One of its expressions is none.
    pub fn new(value: &Value) -> Result<Template, String> {
        Ok(match value {
            Value::Array(entries) => {
                Template::List(entries.iter().map(Template::new).collect::<Result<_, _>>()?)
            }
            Value::Object(members) => match members.get(EXPRESSION) {
                Some(Value::String(text)) if members.len() == 1 => {
                    Template::Formula(Formula::new(text)?)
                }
                _ => Template::object(members.iter())?,
            },
            plain => Template::Plain(plain.clone()),
        })
    }

    /// An object of such values.
    ///
    /// # Errors
    /// As [`Template::new`].
    pub fn object<'a>(
        members: impl Iterator<Item = (&'a String, &'a Value)>,
    ) -> Result<Template, String> {
        let members = members.map(|(name, value)| Ok((name.clone(), Template::new(value)?)));
        Ok(Template::Object(members.collect::<Result<_, String>>()?))
    }

    /// The value. Entries whose expression gives null are left out.
    ///
    /// # Errors
    /// As [`Formula::value`].
    pub fn fill(&self, scope: &Scope) -> Result<Value, Fault> {
        Ok(match self {
            Template::Plain(value) => value.clone(),
            Template::Formula(formula) => formula.value(scope)?,
            Template::List(entries) => {
                let mut filled = Vec::with_capacity(entries.len());
                for entry in entries {
                    filled.extend(entry.present(scope)?);
                }
                Value::Array(filled)
            }
            Template::Object(members) => {
                let mut filled = Map::new();
                for (name, member) in members {
                    if let Some(value) = member.present(scope)? {
                        filled.insert(name.clone(), value);
                    }
                }
                Value::Object(filled)
            }
        })
    }

    /// The value of an entry; nothing where its expression gives null.
    fn present(&self, scope: &Scope) -> Result<Option<Value>, Fault> {
        let value = self.fill(scope)?;
        let is_left_out = value.is_null() && matches!(self, Template::Formula(_));
        Ok((!is_left_out).then_some(value))
    }
}

/// A text in which `{{ EXPRESSION }}` stands for what the expression gives.
#[derive(Clone, Debug)]
pub(crate) struct Text(Vec<Result<String, Formula>>);

impl Text {
    /// Reads a text.
    ///
    /// # Errors
    /// One of its expressions is none.
    pub fn new(text: &str) -> Result<Text, String> {
        let pieces = pieces(text)?.into_iter().map(|piece| match piece {
            Piece::Text(text) => Ok(Ok(text.to_owned())),
            Piece::Expression(text) => Formula::new(text).map(Err),
        });
        Ok(Text(pieces.collect::<Result<_, String>>()?))
    }

    /// The text: values that are no text stand in it as JSON.
    ///
    /// # Errors
    /// As [`Formula::value`].
    pub fn fill(&self, scope: &Scope) -> Result<String, Fault> {
        let mut out = String::new();
        for piece in &self.0 {
            match piece {
                Ok(text) => out.push_str(text),
                Err(formula) => match formula.value(scope)? {
                    Value::String(text) => out.push_str(&text),
                    other => out.push_str(&other.to_string()),
                },
            }
        }
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use toolgate_gateway::testing::caller;

    use super::*;

    fn scope() -> Scope {
        let mut scope = Scope::new(&json!({ "name": "a", "tags": ["x", "y"] }), &caller("ada"));
        scope.learn("find", "done", &json!({ "items": [{ "id": 9007199254740993_u64 }] }));
        scope
    }

    #[test]
    fn expressions_give_values_with_their_types_and_null_leaves_an_entry_out() {
        let template = Template::new(&json!({
            "id": { "$": "steps.find.output.items[0].id" },
            "tags": [{ "$": "arguments.tags[1]" }, { "$": "arguments.none" }, "z"],
            "none": { "$": "arguments.none" },
            "null": null,
            "by": { "$": "caller.subject" },
            "plain": "$.not.an.expression",
        }))
        .unwrap();

        let filled = template.fill(&scope()).unwrap();

        let expected = json!({
            "id": 9007199254740993_u64,
            "tags": ["y", "z"],
            "null": null,
            "by": "ada",
            "plain": "$.not.an.expression",
        });
        assert_eq!(filled, expected);
    }

    #[test]
    fn a_text_holds_what_its_expressions_give() {
        let text = Text::new("{{arguments.name}} with {{ arguments.tags }}, {{ none }}").unwrap();

        assert_eq!(text.fill(&scope()).unwrap(), r#"a with ["x","y"], null"#);
    }

    #[test]
    fn what_an_expression_does_not_fit_is_a_fault_without_values() {
        let fault = Formula::new("abs(arguments.name)").unwrap().value(&scope()).unwrap_err();

        assert_eq!(fault.reason, Reason::Unfinished);
        assert!(!fault.message.contains('a') || !fault.message.contains("\"a\""));
    }

    #[test]
    fn what_is_empty_does_not_hold() {
        for (text, expected) in [
            ("arguments.name == 'a'", true),
            ("arguments.none", false),
            ("arguments.tags", true),
            ("arguments.tags[?@ == 'q']", false),
            ("steps.find.output.items[0].id > `1`", true),
        ] {
            assert_eq!(Formula::new(text).unwrap().holds(&scope()).unwrap(), expected, "{text}");
        }
    }
}
