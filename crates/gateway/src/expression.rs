//! Expressions over JSON (JMESPath) that tell whole numbers apart: ids of 64 bits are compared digit by
//! digit. The library compares all numbers as floating point, and as equal what differs by less than
//! 2^-52 of their sum: two ids of 19 digits with a few hundred between them would be the same.

use std::cmp::Ordering;
use std::sync::LazyLock;

use jmespath::ast::{Ast, Comparator, KeyValuePair};
use jmespath::functions::{ArgumentType, CustomFunction, Function, Signature};
use jmespath::{Context, Expression, JmespathError, Rcvar, Runtime, SearchResult, Variable};

/// The comparisons, by names that no expression can have.
const COMPARISONS: [(&str, Comparator); 6] = [
    ("==", Comparator::Equal),
    ("!=", Comparator::NotEqual),
    ("<", Comparator::LessThan),
    ("<=", Comparator::LessThanEqual),
    (">", Comparator::GreaterThan),
    (">=", Comparator::GreaterThanEqual),
];

/// The functions of JMESPath, and those that stand in for its comparisons.
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    let mut runtime = Runtime::new();
    runtime.register_builtin_functions();
    for (name, comparator) in COMPARISONS {
        runtime.register_function(name, Box::new(Comparison(comparator)));
    }
    let (any, either) = (ArgumentType::Any, [ArgumentType::Array, ArgumentType::String]);
    let signature = Signature::new(vec![ArgumentType::Union(either.into()), any], None);
    let contains = CustomFunction::new(signature, Box::new(contains));
    runtime.register_function("contains", Box::new(contains));
    runtime
});

/// Reads an expression.
///
/// # Errors
/// It is none.
pub fn compile(text: &str) -> Result<Expression<'static>, JmespathError> {
    Ok(Expression::new(text, exact(jmespath::parse(text)?), &RUNTIME))
}

/// An expression in which functions stand for the comparisons.
fn exact(ast: Ast) -> Ast {
    let boxed = |ast: Box<Ast>| Box::new(exact(*ast));
    let all = |asts: Vec<Ast>| asts.into_iter().map(exact).collect();
    match ast {
        Ast::Comparison { offset, comparator, lhs, rhs } => {
            let name = COMPARISONS.iter().find(|(_, it)| *it == comparator);
            let name = name.map_or("==", |(name, _)| name).to_owned();
            Ast::Function { offset, name, args: vec![exact(*lhs), exact(*rhs)] }
        }
        Ast::Condition { offset, predicate, then } => {
            Ast::Condition { offset, predicate: boxed(predicate), then: boxed(then) }
        }
        Ast::Expref { offset, ast } => Ast::Expref { offset, ast: boxed(ast) },
        Ast::Flatten { offset, node } => Ast::Flatten { offset, node: boxed(node) },
        Ast::Function { offset, name, args } => Ast::Function { offset, name, args: all(args) },
        Ast::MultiList { offset, elements } => Ast::MultiList { offset, elements: all(elements) },
        Ast::MultiHash { offset, elements } => {
            let one = |it: KeyValuePair| KeyValuePair { value: exact(it.value), ..it };
            Ast::MultiHash { offset, elements: elements.into_iter().map(one).collect() }
        }
        Ast::Not { offset, node } => Ast::Not { offset, node: boxed(node) },
        Ast::Projection { offset, lhs, rhs } => {
            Ast::Projection { offset, lhs: boxed(lhs), rhs: boxed(rhs) }
        }
        Ast::ObjectValues { offset, node } => Ast::ObjectValues { offset, node: boxed(node) },
        Ast::And { offset, lhs, rhs } => Ast::And { offset, lhs: boxed(lhs), rhs: boxed(rhs) },
        Ast::Or { offset, lhs, rhs } => Ast::Or { offset, lhs: boxed(lhs), rhs: boxed(rhs) },
        Ast::Subexpr { offset, lhs, rhs } => {
            Ast::Subexpr { offset, lhs: boxed(lhs), rhs: boxed(rhs) }
        }
        leaf @ (Ast::Field { .. }
        | Ast::Identity { .. }
        | Ast::Index { .. }
        | Ast::Literal { .. }
        | Ast::Slice { .. }) => leaf,
    }
}

/// One of the comparisons (JMESPath, "comparator-expression").
struct Comparison(Comparator);

impl Function for Comparison {
    fn evaluate(&self, given: &[Rcvar], _: &mut Context<'_>) -> SearchResult {
        let [left, right] = given else { return Ok(Rcvar::new(Variable::Null)) };
        let is = match self.0 {
            Comparator::Equal => same(left, right),
            Comparator::NotEqual => !same(left, right),
            // Only numbers have an order.
            _ if !(left.is_number() && right.is_number()) => {
                return Ok(Rcvar::new(Variable::Null));
            }
            Comparator::LessThan => order(left, right).is_lt(),
            Comparator::LessThanEqual => order(left, right).is_le(),
            Comparator::GreaterThan => order(left, right).is_gt(),
            Comparator::GreaterThanEqual => order(left, right).is_ge(),
        };
        Ok(Rcvar::new(Variable::Bool(is)))
    }
}

/// JMESPath, "contains".
fn contains(given: &[Rcvar], _: &mut Context<'_>) -> SearchResult {
    let [subject, search] = given else { return Ok(Rcvar::new(Variable::Null)) };
    let is = match (&**subject, &**search) {
        (Variable::Array(items), _) => items.iter().any(|item| same(item, search)),
        (Variable::String(text), Variable::String(part)) => text.contains(&**part),
        _ => false,
    };
    Ok(Rcvar::new(Variable::Bool(is)))
}

/// Whether two values are equal. Numbers with a point are compared as the library does.
fn same(left: &Variable, right: &Variable) -> bool {
    match (left, right) {
        (Variable::Number(_), Variable::Number(_)) => match (whole(left), whole(right)) {
            (Some(left), Some(right)) => left == right,
            _ => left == right,
        },
        (Variable::Array(left), Variable::Array(right)) => {
            left.len() == right.len()
                && left.iter().zip(right).all(|(left, right)| same(left, right))
        }
        (Variable::Object(left), Variable::Object(right)) => {
            let mut both = left.iter().zip(right);
            left.len() == right.len()
                && both.all(|((key, left), (other, right))| key == other && same(left, right))
        }
        _ => left == right,
    }
}

/// The order of two numbers.
fn order(left: &Variable, right: &Variable) -> Ordering {
    match (whole(left), whole(right)) {
        (Some(left), Some(right)) => left.cmp(&right),
        _ => left.cmp(right),
    }
}

/// A whole number of at most 64 bits.
fn whole(value: &Variable) -> Option<i128> {
    let Variable::Number(number) = value else { return None };
    number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn ids_of_64_bits_that_differ_are_not_equal() {
        let data = json!({
            "a": 1_790_000_000_000_000_001_u64, "b": 1_790_000_000_000_000_300_u64,
            "max": u64::MAX, "min": i64::MIN, "half": 0.5, "two": 2, "real": 2.0,
            "list": [1_790_000_000_000_000_001_u64], "text": "two",
        });
        for (text, expected) in [
            ("a == b", json!(false)),
            ("a != b", json!(true)),
            ("a < b", json!(true)),
            ("a >= b", json!(false)),
            ("b > a && b >= a && a <= a", json!(true)),
            ("a == `1790000000000000001`", json!(true)),
            ("contains(list, b)", json!(false)),
            ("contains(list, a)", json!(true)),
            ("contains(text, 'w')", json!(true)),
            ("list == [b]", json!(false)),
            ("{ x: a } == { x: b }", json!(false)),
            ("{ x: a } == { x: a }", json!(true)),
            ("list[?@ == `1790000000000000300`]", json!([])),
            ("list[?!(@ != `1790000000000000001`)] | length(@)", json!(1)),
            ("map(&(@ == `1790000000000000300`), list)", json!([false])),
            ("max > min", json!(true)),
            ("half == `0.5` && two == real && two < `2.5`", json!(true)),
            ("a < text", json!(null)),
            ("text == 'two' && none == `null` && two != text", json!(true)),
        ] {
            let found = compile(text).unwrap().search(&data).unwrap();
            assert_eq!(serde_json::to_value(&*found).unwrap(), expected, "{text}");
        }
        assert!(compile("a ==").is_err());
        assert!(compile("contains(`1`, a)").unwrap().search(&data).is_err());
    }
}
