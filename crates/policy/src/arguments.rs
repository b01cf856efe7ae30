//! JSON values as policies see them: of the type the policies were checked for, or not at all.
//!
//! - null is no value: the member is absent.
//! - A whole number is a `Long`; beyond 64 bits it cannot be read.
//! - A number with a fraction is a `decimal`, which has four digits after the point; what needs
//!   more cannot be read.
//! - A value of another type than the schema gives cannot be read.
//! - A member that stands twice makes the whole unreadable: others may take the other one. So does
//!   one that differs from what policies read in the case of its letters alone.
//!
//! What a policy would have to read but cannot is denied.

use std::collections::BTreeMap;
use std::fmt;

use cedar_policy::RestrictedExpression;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use toolgate_protocol::json::is_alike;

use crate::types::{Field, Type};

/// The arguments of these names and types, from the JSON text of all.
pub(crate) fn read(
    text: &[u8],
    types: &BTreeMap<String, Field>,
) -> Result<RestrictedExpression, String> {
    let Unique(value) = serde_json::from_slice(text)
        .map_err(|error| format!("the arguments cannot be read: {error}"))?;
    match value {
        Value::Object(members) => {
            told_apart(&members, types, "arguments")?;
            record(&members, types, "arguments")
        }
        Value::Null => record(&Map::new(), types, "arguments"),
        _ => Err("the arguments are no object".to_owned()),
    }
}

/// Refuses a member that some servers take for one that policies read: both may be given.
fn told_apart(
    members: &Map<String, Value>,
    types: &BTreeMap<String, Field>,
    path: &str,
) -> Result<(), String> {
    for name in members.keys().filter(|name| !types.contains_key(*name)) {
        if let Some(known) = types.keys().find(|known| is_alike(name, known)) {
            return Err(format!("{path}.{name} passes for {path}.{known} with some readers"));
        }
    }
    Ok(())
}

/// The members of these names and types; others are left out.
pub(crate) fn record(
    members: &Map<String, Value>,
    types: &BTreeMap<String, Field>,
    path: &str,
) -> Result<RestrictedExpression, String> {
    let mut fields = Vec::new();
    for (name, field) in types {
        if let Some(value) = members.get(name).filter(|value| !value.is_null()) {
            fields.push((name.clone(), expression(value, &field.of, &format!("{path}.{name}"))?));
        }
    }
    RestrictedExpression::new_record(fields).map_err(|error| error.to_string())
}

/// A value as an expression of this type.
fn expression(value: &Value, of: &Type, path: &str) -> Result<RestrictedExpression, String> {
    let found = match (of, value) {
        (Type::Text, Value::String(text)) => Some(RestrictedExpression::new_string(text.clone())),
        (Type::Flag, Value::Bool(flag)) => Some(RestrictedExpression::new_bool(*flag)),
        (Type::Whole, Value::Number(number)) => whole(number).map(RestrictedExpression::new_long),
        (Type::Decimal, Value::Number(number)) => {
            decimal(number).map(RestrictedExpression::new_decimal)
        }
        (Type::List(of), Value::Array(items)) => {
            let items: Result<Vec<_>, String> =
                items.iter().map(|item| expression(item, of, path)).collect();
            Some(RestrictedExpression::new_set(items?))
        }
        (Type::Record(types), Value::Object(members)) => {
            told_apart(members, types, path)?;
            Some(record(members, types, path)?)
        }
        _ => None,
    };
    found.ok_or_else(|| format!("{path} is not a {of} that a policy can read"))
}

/// JSON Schema counts 5.0 as an integer.
fn whole(number: &Number) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let float = || number.as_f64().filter(|float| float.fract() == 0.0 && float.abs() < EXACT);
    number.as_i64().or_else(|| Some(float()? as i64))
}

/// The text of a Cedar decimal: at least one and at most four digits after the point.
fn decimal(number: &Number) -> Option<String> {
    let text = match number.as_i64() {
        Some(whole) => format!("{whole}.0"),
        // The shortest digits that stand for this float, never with an exponent.
        None => format!("{:?}", Plain(number.as_f64()?)),
    };
    let (before, after) = text.split_once('.')?;
    let value: i128 = before.parse().ok()?;
    // Ten-thousandths that a float counts exactly: beyond, other digits were read than were written.
    let fits = value.unsigned_abs() < (1 << 53) / 10_000;
    (fits && (1..=4).contains(&after.len())).then_some(text)
}

struct Plain(f64);

impl fmt::Debug for Plain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.to_string();
        f.write_str(&text)?;
        if text.contains('.') { Ok(()) } else { f.write_str(".0") }
    }
}

/// JSON in which no member stands twice.
struct Unique(Value);

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Unique;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Unique, E> {
        Ok(Unique(Value::Null))
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Unique, E> {
        Ok(Unique(flag.into()))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Unique, E> {
        Ok(Unique(number.into()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Unique, E> {
        Ok(Unique(number.into()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Unique, E> {
        Ok(Unique(number.into()))
    }

    fn visit_str<E>(self, text: &str) -> Result<Unique, E> {
        Ok(Unique(text.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Unique, A::Error> {
        let mut array = Vec::new();
        while let Some(Unique(item)) = items.next_element()? {
            array.push(item);
        }
        Ok(Unique(Value::Array(array)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Unique, A::Error> {
        let mut object = Map::new();
        while let Some((name, Unique(value))) = members.next_entry::<String, Unique>()? {
            if object.insert(name, value).is_some() {
                return Err(A::Error::custom("a member stands twice"));
            }
        }
        Ok(Unique(Value::Object(object)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Number {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn numbers_become_decimals_only_if_nothing_is_lost() {
        for (text, expected) in [
            ("1", Some("1.0")),
            ("-0.5", Some("-0.5")),
            ("1e3", Some("1000.0")),
            ("0.1234", Some("0.1234")),
            ("0.12345", None),
            ("1e-7", None),
            ("1e300", None),
            ("922337203685476.5", None),
            ("900719925473.5", Some("900719925473.5")),
            ("900719925474.5", None),
        ] {
            assert_eq!(decimal(&number(text)).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn whole_numbers_are_read_only_if_exact() {
        for (text, expected) in [
            ("5", Some(5)),
            ("5.0", Some(5)),
            ("5.5", None),
            ("9223372036854775807", Some(i64::MAX)),
            ("9223372036854775808", None),
            ("1e300", None),
        ] {
            assert_eq!(whole(&number(text)), expected, "{text}");
        }
    }

    #[test]
    fn a_member_that_stands_twice_cannot_be_read() {
        assert!(serde_json::from_str::<Unique>(r#"{"a":1,"b":{"c":1,"c":2}}"#).is_err());
        assert!(serde_json::from_str::<Unique>(r#"{"a":1,"b":{"a":1}}"#).is_ok());
    }
}
