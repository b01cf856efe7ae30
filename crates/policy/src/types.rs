//! The type that an argument has in policies, from its JSON Schema.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

use crate::rules::ValueType;

/// How deep the schema of one argument is followed. What lies deeper has no type.
const DEEPEST: usize = 4;

/// A type of values that Cedar can compare.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Type {
    Text,
    Whole,
    Decimal,
    Flag,
    List(Box<Type>),
    Record(BTreeMap<String, Field>),
}

impl From<ValueType> for Type {
    fn from(of: ValueType) -> Type {
        match of {
            ValueType::Text => Type::Text,
            ValueType::Whole => Type::Whole,
            ValueType::Flag => Type::Flag,
            ValueType::Texts => Type::List(Box::new(Type::Text)),
        }
    }
}

/// A member of a record.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Field {
    pub(crate) of: Type,
    pub(crate) required: bool,
}

/// The members of a JSON Schema of objects, as far as they have a type that policies can read.
pub(crate) fn fields(schema: &Value) -> BTreeMap<String, Field> {
    members(schema, DEEPEST)
}

fn members(schema: &Value, depth: usize) -> BTreeMap<String, Field> {
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else {
        return BTreeMap::new();
    };
    let required = schema.get("required").and_then(Value::as_array);
    let is_required = |name: &str| {
        required.is_some_and(|names| names.iter().any(|one| one.as_str() == Some(name)))
    };
    properties
        .iter()
        .filter_map(|(name, schema)| {
            let (of, nullable) = read(schema, depth)?;
            Some((name.clone(), Field { of, required: is_required(name) && !nullable }))
        })
        .collect()
}

/// The type, and whether null is also allowed.
fn read(schema: &Value, depth: usize) -> Option<(Type, bool)> {
    let depth = depth.checked_sub(1)?;
    let (name, nullable) = match schema.get("type")? {
        Value::String(name) => (name.as_str(), false),
        Value::Array(names) => {
            let mut others = names.iter().filter_map(Value::as_str).filter(|name| *name != "null");
            let (name, None) = (others.next()?, others.next()) else { return None };
            (name, names.iter().any(|name| name.as_str() == Some("null")))
        }
        _ => return None,
    };
    let of = match name {
        "string" => Type::Text,
        "integer" => Type::Whole,
        "number" => Type::Decimal,
        "boolean" => Type::Flag,
        "array" => Type::List(Box::new(read(schema.get("items")?, depth)?.0)),
        "object" => Type::Record(members(schema, depth)),
        _ => return None,
    };
    Some((of, nullable))
}

/// As the Cedar schema writes it.
impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Type::Text => f.write_str("String"),
            Type::Whole => f.write_str("Long"),
            Type::Decimal => f.write_str("decimal"),
            Type::Flag => f.write_str("Bool"),
            Type::List(of) => write!(f, "Set<{of}>"),
            Type::Record(fields) => {
                f.write_str("{ ")?;
                for (name, field) in fields {
                    let optional = if field.required { "" } else { "?" };
                    write!(f, "{name:?}{optional}: {}, ", field.of)?;
                }
                f.write_str("}")
            }
        }
    }
}
