//! Values of PostgreSQL in JSON, read from the binary form in which they come (the functions
//! `*_send` in its source).

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::Value;
use sqlx::postgres::{PgTypeInfo, PgTypeKind, PgValueFormat, PgValueRef};
use sqlx::{TypeInfo as _, ValueRef as _};

use super::{calendar, numeric};
use crate::column::{Kind, document, long, number, single};

/// Dimensions of an array (`MAXDIM`).
const MAX_DIMENSIONS: usize = 6;

/// What values of this type are; `None` for types that we cannot read.
pub(super) fn kind(info: &PgTypeInfo) -> Option<Kind> {
    match info.kind() {
        PgTypeKind::Enum(_) => return Some(Kind::Word),
        PgTypeKind::Domain(inner) => return kind(inner),
        PgTypeKind::Array(inner) => return Some(Kind::List(Box::new(kind(inner)?))),
        PgTypeKind::Simple => {}
        _ => return None,
    }
    Some(match info.name() {
        "BOOL" => Kind::Boolean,
        "INT2" | "INT4" => Kind::Integer,
        "INT8" => Kind::Long,
        "FLOAT4" => Kind::Single,
        "FLOAT8" => Kind::Number,
        "NUMERIC" => Kind::Decimal,
        "TEXT" | "VARCHAR" | "CHAR" | "NAME" | "UNKNOWN" | "XML" | "citext" => Kind::Text,
        "BYTEA" => Kind::Bytes,
        "DATE" => Kind::Date,
        "TIME" => Kind::Time,
        "TIMESTAMPTZ" => Kind::Timestamp,
        "TIMESTAMP" => Kind::LocalTimestamp,
        "INTERVAL" => Kind::Interval,
        "UUID" => Kind::Uuid,
        "JSON" | "JSONB" => Kind::Json,
        _ => return None,
    })
}

/// The value in JSON; `None` when it is not what its type says.
pub(super) fn json(kind: &Kind, raw: &PgValueRef<'_>) -> Option<Value> {
    if raw.is_null() {
        return Some(Value::Null);
    }
    if raw.format() != PgValueFormat::Binary {
        return None;
    }
    let bytes = raw.as_bytes().ok()?;
    read(kind, bytes)
}

fn read(kind: &Kind, bytes: &[u8]) -> Option<Value> {
    Some(match kind {
        Kind::Boolean => (*bytes.first()? != 0).into(),
        Kind::Integer => match *bytes {
            [a, b] => i16::from_be_bytes([a, b]).into(),
            _ => i32::from_be_bytes(bytes.try_into().ok()?).into(),
        },
        Kind::Long => long(i64::from_be_bytes(bytes.try_into().ok()?)),
        Kind::Single => single(f32::from_be_bytes(bytes.try_into().ok()?))?,
        Kind::Number => number(f64::from_be_bytes(bytes.try_into().ok()?)),
        Kind::Decimal => numeric::text(bytes)?.into(),
        Kind::Text | Kind::Word => std::str::from_utf8(bytes).ok()?.into(),
        Kind::Bytes => BASE64_STANDARD.encode(bytes).into(),
        Kind::Date => calendar::date(i32::from_be_bytes(bytes.try_into().ok()?)).into(),
        Kind::Time => calendar::time(i64::from_be_bytes(bytes.try_into().ok()?)).into(),
        Kind::Timestamp => {
            calendar::timestamp(i64::from_be_bytes(bytes.try_into().ok()?), "Z").into()
        }
        Kind::LocalTimestamp => {
            calendar::timestamp(i64::from_be_bytes(bytes.try_into().ok()?), "").into()
        }
        Kind::Interval => {
            let (time, rest) = bytes.split_at_checked(8)?;
            let (days, months) = rest.split_at_checked(4)?;
            calendar::interval(
                i64::from_be_bytes(time.try_into().ok()?),
                i32::from_be_bytes(days.try_into().ok()?),
                i32::from_be_bytes(months.try_into().ok()?),
            )
            .into()
        }
        Kind::Uuid => uuid(bytes.try_into().ok()?).into(),
        // The binary form of jsonb is its text after a version; text never begins with one.
        Kind::Json => document(bytes.strip_prefix(&[1]).unwrap_or(bytes))?,
        Kind::List(inner) => array(inner, bytes)?,
        Kind::Any => return None,
    })
}

fn uuid(bytes: [u8; 16]) -> String {
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

/// Reads numbers off the front.
struct Front<'a>(&'a [u8]);

impl<'a> Front<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn int(&mut self) -> Option<i32> {
        Some(i32::from_be_bytes(self.take(4)?.try_into().ok()?))
    }
}

/// Lists within lists, as many levels as it has dimensions (`array_send`).
fn array(inner: &Kind, bytes: &[u8]) -> Option<Value> {
    let mut front = Front(bytes);
    let dimensions = usize::try_from(front.int()?).ok().filter(|count| *count <= MAX_DIMENSIONS)?;
    front.take(8)?;
    let mut sizes = Vec::with_capacity(dimensions);
    for _ in 0..dimensions {
        sizes.push(usize::try_from(front.int()?).ok()?);
        // Where counting begins is not told.
        front.take(4)?;
    }
    match sizes.as_slice() {
        [] => Some(Value::Array(Vec::new())),
        sizes => level(inner, sizes, &mut front),
    }
}

fn level(inner: &Kind, sizes: &[usize], front: &mut Front<'_>) -> Option<Value> {
    let Some((size, deeper)) = sizes.split_first() else {
        let length = front.int()?;
        return match usize::try_from(length) {
            Ok(length) => read(inner, front.take(length)?),
            Err(_) => Some(Value::Null),
        };
    };
    (0..*size).map(|_| level(inner, deeper, front)).collect::<Option<Vec<_>>>().map(Value::Array)
}
