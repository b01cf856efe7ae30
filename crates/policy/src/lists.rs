//! What a policy says of a list, where arguments and circumstances are not known yet.
//!
//! A permit is widened: what reads the context counts as fulfilled. A forbid is narrowed: what
//! reads the context counts as not fulfilled. So a list holds everything that some call could be
//! allowed for; and nothing else, but for conditions on arguments that contradict each other.

use serde_json::{Value, json};

use crate::reads::Reads;

/// The form of a policy, in JSON, that decides what is listed.
pub(crate) fn for_lists(policy: &Value, permits: bool) -> Value {
    let mut policy = policy.clone();
    let conditions = policy.get_mut("conditions").and_then(Value::as_array_mut);
    for condition in conditions.into_iter().flatten() {
        let unless = condition.get("kind").and_then(Value::as_str) == Some("unless");
        let bound = if permits != unless { Bound::Widest } else { Bound::Narrowest };
        if let Some(body) = condition.get_mut("body") {
            *body = bound.of(body);
        }
    }
    policy
}

/// Which side an expression may err to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Bound {
    /// True if it is true in some context.
    Widest,
    /// True only if it is true in every context.
    Narrowest,
}

impl Bound {
    fn of(self, expression: &Value) -> Value {
        if !Reads::of(expression).context {
            return expression.clone();
        }
        self.split(expression).unwrap_or_else(|| json!({ "Value": self == Bound::Widest }))
    }

    /// The expression with its parts bounded, if it is one of the logical ones.
    fn split(self, expression: &Value) -> Option<Value> {
        let (name, body) = expression.as_object()?.iter().next()?;
        match name.as_str() {
            "&&" | "||" => {
                let (left, right) = (self.of(body.get("left")?), self.of(body.get("right")?));
                Some(json!({ name: { "left": left, "right": right } }))
            }
            "!" => Some(json!({ "!": { "arg": self.opposite().of(body.get("arg")?) } })),
            "if-then-else" => {
                let condition = body.get("if")?;
                let then = self.of(body.get("then")?);
                let otherwise = self.of(body.get("else")?);
                Some(if Reads::of(condition).context {
                    let join = if self == Bound::Widest { "||" } else { "&&" };
                    json!({ join: { "left": then, "right": otherwise } })
                } else {
                    json!({ "if-then-else": { "if": condition, "then": then, "else": otherwise } })
                })
            }
            _ => None,
        }
    }

    fn opposite(self) -> Bound {
        match self {
            Bound::Widest => Bound::Narrowest,
            Bound::Narrowest => Bound::Widest,
        }
    }
}
