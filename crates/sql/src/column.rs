//! What a column holds, and how that is written in JSON.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Beyond it a number of many JSON readers loses digits (RFC 8259, section 6).
const EXACT: i64 = (1 << 53) - 1;

/// A column of a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Column {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub kind: Kind,
}

/// What a column holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    Boolean,
    /// At most 32 bits.
    Integer,
    /// At most 64 bits: a number as long as that is exact for everybody, digits beyond.
    Long,
    /// Binary floating point; what is no number for JSON is its name.
    Number,
    /// Decimal digits, as text.
    Decimal,
    Text,
    /// Base64 (RFC 4648, section 4).
    Bytes,
    Date,
    Time,
    /// RFC 3339, in UTC.
    Timestamp,
    /// The same without a zone, as the database has none.
    LocalTimestamp,
    /// ISO 8601.
    Interval,
    Uuid,
    /// Whatever it is.
    Json,
    List(Box<Kind>),
    /// The database does not say, or does not hold itself to what it says.
    Any,
}

impl Kind {
    /// JSON Schema 2020-12. Whether a column is ever null, no database says of a result.
    pub(crate) fn schema(&self) -> Value {
        match self {
            Kind::Boolean => json!({ "type": ["boolean", "null"] }),
            Kind::Integer => json!({ "type": ["integer", "null"] }),
            Kind::Long => json!({ "type": ["integer", "string", "null"] }),
            Kind::Number => json!({ "type": ["number", "string", "null"] }),
            Kind::Json | Kind::Any => json!({}),
            Kind::List(_) => json!({ "type": ["array", "null"] }),
            _ => json!({ "type": ["string", "null"] }),
        }
    }

    /// How it is written, where that is not plain.
    pub(crate) fn note(&self) -> Option<&'static str> {
        Some(match self {
            Kind::Long => "A whole number; as text where it is larger than 2^53.",
            Kind::Decimal => "A decimal number, as text.",
            Kind::Bytes => "Bytes in base64.",
            Kind::Date => "A day, as in 2026-01-31.",
            Kind::Time => "A time of day.",
            Kind::Timestamp => "A point in time in UTC (RFC 3339).",
            Kind::LocalTimestamp => "A date and time without a zone.",
            Kind::Interval => "A length of time (ISO 8601).",
            Kind::Uuid => "A UUID.",
            _ => return None,
        })
    }

    /// The type by which a value of it, written as text, is compared in PostgreSQL; `None` for what
    /// no page begins with.
    pub(crate) fn compared_as(&self) -> Option<&'static str> {
        Some(match self {
            Kind::Integer | Kind::Long => "bigint",
            Kind::Number => "double precision",
            Kind::Decimal => "numeric",
            Kind::Text => "text",
            Kind::Date => "date",
            Kind::Timestamp => "timestamptz",
            Kind::LocalTimestamp => "timestamp",
            Kind::Uuid => "uuid",
            _ => return None,
        })
    }
}

/// A whole number that no reader gets wrong.
pub(crate) fn long(number: i64) -> Value {
    match (-EXACT..=EXACT).contains(&number) {
        true => number.into(),
        false => number.to_string().into(),
    }
}

/// A number, or the name of what is none in JSON.
pub(crate) fn number(number: f64) -> Value {
    match serde_json::Number::from_f64(number) {
        Some(number) => Value::Number(number),
        None if number.is_nan() => "NaN".into(),
        None if number > 0.0 => "Infinity".into(),
        None => "-Infinity".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_readers_would_round_is_text() {
        assert_eq!(long(9_007_199_254_740_991), json!(9_007_199_254_740_991_i64));
        assert_eq!(long(9_007_199_254_740_992), json!("9007199254740992"));
        assert_eq!(long(i64::MIN), json!("-9223372036854775808"));
        assert_eq!(number(0.5), json!(0.5));
        assert_eq!(number(f64::NEG_INFINITY), json!("-Infinity"));
    }
}
