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
    /// Binary floating point of 64 bits; what is no number for JSON is its name.
    Number,
    /// The same of 32 bits.
    Single,
    /// Decimal digits, as text.
    Decimal,
    Text,
    /// One of a few texts, which have an order of their own.
    Word,
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
            Kind::Number | Kind::Single => json!({ "type": ["number", "string", "null"] }),
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
            Kind::Single => "real",
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

/// The same for one without a sign.
pub(crate) fn unsigned(number: u64) -> Value {
    i64::try_from(number).map_or_else(|_| number.to_string().into(), long)
}

/// A number of 32 bits by its own digits, not by those of the double that equals it.
pub(crate) fn single(value: f32) -> Option<Value> {
    match value.is_finite() {
        true => Some(number(value.to_string().parse().ok()?)),
        false => Some(number(f64::from(value))),
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

/// A JSON document as it is; as text where a number of it would lose digits.
pub(crate) fn document(bytes: &[u8]) -> Option<Value> {
    let value: Value = serde_json::from_slice(bytes).ok()?;
    let text = std::str::from_utf8(bytes).ok()?;
    match numbers(text).all(keeps) {
        true => Some(value),
        false => Some(text.into()),
    }
}

/// The numbers of a JSON text that is well formed.
fn numbers(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        loop {
            let begin = rest.find(|c: char| c == '"' || c == '-' || c.is_ascii_digit())?;
            rest = &rest[begin..];
            let is_text = rest.starts_with('"');
            if !is_text {
                let part = |c: char| !matches!(c, '0'..='9' | '-' | '+' | '.' | 'e' | 'E');
                let (number, after) = rest.split_at(rest.find(part).unwrap_or(rest.len()));
                rest = after;
                return Some(number);
            }
            let mut escaped = false;
            let end = rest[1..].find(|c| {
                let ends = c == '"' && !escaped;
                escaped = c == '\\' && !escaped;
                ends
            })?;
            rest = &rest[end + 2..];
        }
    })
}

/// Whether a number is the same after it was read.
fn keeps(text: &str) -> bool {
    if text.parse::<i64>().is_ok() || text.parse::<u64>().is_ok() {
        return true;
    }
    text.parse::<f64>().is_ok_and(|number| digits(text) == digits(&format!("{number:e}")))
}

/// The digits of a number without zeros at its ends, and the power of ten of the last.
fn digits(text: &str) -> Option<(bool, String, i64)> {
    let (mantissa, power) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = format!("{}{fraction}", whole.trim_start_matches('-'));
    let kept = all.trim_end_matches('0');
    let dropped = i64::try_from(all.len() - kept.len()).ok()?;
    let scale = i64::try_from(fraction.len()).ok()?;
    let kept = kept.trim_start_matches('0');
    // Zero has no power.
    let power = power.trim_start_matches('+').parse::<i64>().ok()? - scale + dropped;
    let is_zero = kept.is_empty();
    let is_negative = mantissa.starts_with('-') && !is_zero;
    Some((is_negative, kept.to_owned(), if is_zero { 0 } else { power }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_keeps_the_digits_of_its_numbers() {
        for text in [
            r#"{"a":[1,-2.5,1e3,0.30000000000000004,18446744073709551615],"b\"1.":"0.12345678901234567890"}"#,
            "0.0",
            "-0",
            "[100000,1.50,0.001]",
        ] {
            let plain: Value = serde_json::from_str(text).unwrap();
            assert_eq!(document(text.as_bytes()), Some(plain), "{text}");
        }
        for text in [
            r#"{"a":0.12345678901234567890}"#,
            "[18446744073709551616]",
            "[\"\\\\\",12345678901234567890.5]",
        ] {
            assert_eq!(document(text.as_bytes()), Some(text.into()), "{text}");
        }
        assert_eq!(document(b"{"), None);
    }

    #[test]
    fn a_number_that_readers_would_round_is_text() {
        assert_eq!(long(9_007_199_254_740_991), json!(9_007_199_254_740_991_i64));
        assert_eq!(long(9_007_199_254_740_992), json!("9007199254740992"));
        assert_eq!(long(i64::MIN), json!("-9223372036854775808"));
        assert_eq!(unsigned(7), json!(7));
        assert_eq!(unsigned(u64::MAX), json!("18446744073709551615"));
        assert_eq!(single(0.1), Some(json!(0.1)));
        assert_eq!(number(0.5), json!(0.5));
        assert_eq!(number(f64::NEG_INFINITY), json!("-Infinity"));
    }
}
