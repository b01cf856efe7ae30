//! Values of MySQL in JSON, read from the binary form in which they come (Binary Protocol Resultset
//! Row, in the documentation of its source).

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::Value;
use sqlx::mysql::{MySqlTypeInfo, MySqlValueRef};
use sqlx::{Decode, Type, TypeInfo as _};

use crate::column::{Kind, document, long, number, single, unsigned};

/// What values of this type are; `None` for types that we cannot read.
pub(super) fn kind(info: &MySqlTypeInfo) -> Option<Kind> {
    Some(match info.name() {
        "NULL" => Kind::Any,
        // A number: TINYINT(1) holds more than two of them.
        "BOOLEAN" | "TINYINT" | "SMALLINT" | "MEDIUMINT" | "INT" | "YEAR" => Kind::Integer,
        "TINYINT UNSIGNED" | "SMALLINT UNSIGNED" | "MEDIUMINT UNSIGNED" | "INT UNSIGNED" => {
            Kind::Integer
        }
        "BIGINT" | "BIGINT UNSIGNED" | "BIT" => Kind::Long,
        "FLOAT" => Kind::Single,
        "DOUBLE" => Kind::Number,
        "DECIMAL" => Kind::Decimal,
        "DATE" => Kind::Date,
        "TIME" => Kind::Time,
        "TIMESTAMP" => Kind::Timestamp,
        "DATETIME" => Kind::LocalTimestamp,
        "JSON" => Kind::Json,
        "ENUM" | "SET" => Kind::Word,
        "GEOMETRY" => return None,
        // The collation tells texts from bytes, not the name of the type.
        _ if <str as Type<sqlx::MySql>>::compatible(info) => Kind::Text,
        _ => Kind::Bytes,
    })
}

/// The value in JSON; `None` when it is not what its type says.
pub(super) fn json(kind: &Kind, info: &MySqlTypeInfo, raw: MySqlValueRef<'_>) -> Option<Value> {
    // Not `is_null`, which takes a date of zeros for none.
    let Ok(bytes) = <&[u8] as Decode<'_, sqlx::MySql>>::decode(raw) else {
        return Some(Value::Null);
    };
    Some(match kind {
        Kind::Integer | Kind::Long => whole(info, bytes)?,
        Kind::Single => single(f32::from_le_bytes(bytes.try_into().ok()?))?,
        Kind::Number => number(f64::from_le_bytes(bytes.try_into().ok()?)),
        Kind::Decimal | Kind::Text | Kind::Word => std::str::from_utf8(bytes).ok()?.into(),
        Kind::Bytes => BASE64_STANDARD.encode(bytes).into(),
        Kind::Date => moment(bytes)?.0.into(),
        Kind::Timestamp => {
            let (day, time) = moment(bytes)?;
            format!("{day}T{time}Z").into()
        }
        Kind::LocalTimestamp => {
            let (day, time) = moment(bytes)?;
            format!("{day}T{time}").into()
        }
        Kind::Time => span(bytes)?.into(),
        Kind::Json => document(bytes)?,
        _ => return None,
    })
}

fn whole(info: &MySqlTypeInfo, bytes: &[u8]) -> Option<Value> {
    let mut wide = [0; 8];
    if info.name() == "BIT" {
        // The only one whose first byte is the highest.
        wide[8_usize.checked_sub(bytes.len())?..].copy_from_slice(bytes);
        return Some(unsigned(u64::from_be_bytes(wide)));
    }
    let is_unsigned = <u64 as Type<sqlx::MySql>>::compatible(info);
    let is_negative = !is_unsigned && bytes.last()? & 0x80 != 0;
    wide = if is_negative { [0xff; 8] } else { wide };
    wide.get_mut(..bytes.len())?.copy_from_slice(bytes);
    Some(match is_unsigned {
        true => unsigned(u64::from_le_bytes(wide)),
        false => long(i64::from_le_bytes(wide)),
    })
}

/// A day, and a time of it: after a byte of length as many fields as are not zero at the end.
fn moment(bytes: &[u8]) -> Option<(String, String)> {
    let (length, fields) = bytes.split_first()?;
    if fields.len() != usize::from(*length) || fields.len() > 11 {
        return None;
    }
    let mut all = [0; 11];
    all.get_mut(..fields.len())?.copy_from_slice(fields);
    let [y1, y2, month, day, hour, minute, second, fraction @ ..] = all;
    let year = u16::from_le_bytes([y1, y2]);
    let time = clock(u64::from(hour), minute, second, fraction);
    Some((format!("{year:04}-{month:02}-{day:02}"), time))
}

/// A length of time, up to 838 hours in both directions.
fn span(bytes: &[u8]) -> Option<String> {
    let (length, fields) = bytes.split_first()?;
    if fields.len() != usize::from(*length) || fields.len() > 12 {
        return None;
    }
    let mut all = [0; 12];
    all.get_mut(..fields.len())?.copy_from_slice(fields);
    let [negative, d1, d2, d3, d4, hour, minute, second, fraction @ ..] = all;
    let days = u32::from_le_bytes([d1, d2, d3, d4]);
    let sign = if negative == 0 { "" } else { "-" };
    let hours = u64::from(days) * 24 + u64::from(hour);
    Some(format!("{sign}{}", clock(hours, minute, second, fraction)))
}

/// Fractions only where there are some.
fn clock(hours: u64, minute: u8, second: u8, fraction: [u8; 4]) -> String {
    let clock = format!("{hours:02}:{minute:02}:{second:02}");
    match u32::from_le_bytes(fraction) {
        0 => clock,
        micros => format!("{clock}.{micros:06}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_times_have_the_fields_that_were_sent() {
        let shown = |bytes: &[u8]| moment(bytes).map(|(day, time)| format!("{day} {time}"));
        for (bytes, expected) in [
            (&[0][..], Some("0000-00-00 00:00:00")),
            (&[4, 0xea, 7, 1, 31], Some("2026-01-31 00:00:00")),
            (&[7, 0xea, 7, 1, 31, 12, 5, 9], Some("2026-01-31 12:05:09")),
            (&[11, 0xea, 7, 1, 31, 12, 5, 9, 1, 0, 0, 0], Some("2026-01-31 12:05:09.000001")),
            (&[4, 0xea, 7, 1], None),
            (&[12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], None),
            (&[], None),
        ] {
            assert_eq!(shown(bytes).as_deref(), expected, "{bytes:?}");
        }
        for (bytes, expected) in [
            (&[0][..], Some("00:00:00")),
            (&[8, 1, 34, 0, 0, 0, 22, 59, 59], Some("-838:59:59")),
            (&[12, 0, 0, 0, 0, 0, 1, 2, 3, 0x20, 0xa1, 7, 0], Some("01:02:03.500000")),
            (&[8, 1], None),
        ] {
            assert_eq!(span(bytes).as_deref(), expected, "{bytes:?}");
        }
    }
}
