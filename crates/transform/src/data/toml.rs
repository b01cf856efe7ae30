//! TOML 1.1.

use serde_json::Value;

use crate::done::{Done, Losses, Wrong};

pub(super) fn read(text: &str) -> Result<Done<Value>, Wrong> {
    let table: ::toml::Table = ::toml::from_str(text).map_err(|error| {
        let offset = error.span().map_or(0, |span| span.start);
        Wrong::at(text, offset, error.message())
    })?;
    let mut losses = Losses::default();
    if text.contains('#') {
        losses.add("comments, if there are any, are left out");
    }
    let value = plain(::toml::Value::Table(table), &mut losses);
    Ok(losses.with(value))
}

fn plain(value: ::toml::Value, losses: &mut Losses) -> Value {
    match value {
        ::toml::Value::String(text) => text.into(),
        ::toml::Value::Integer(number) => number.into(),
        ::toml::Value::Float(number) if !number.is_finite() => {
            losses.add("nan and infinities are written as texts");
            number.to_string().into()
        }
        ::toml::Value::Float(number) => number.into(),
        ::toml::Value::Boolean(it) => it.into(),
        ::toml::Value::Datetime(moment) => {
            losses.add("dates and times are written as texts");
            moment.to_string().into()
        }
        ::toml::Value::Array(items) => {
            items.into_iter().map(|item| plain(item, losses)).collect::<Vec<_>>().into()
        }
        ::toml::Value::Table(members) => {
            let members = members.into_iter().map(|(name, value)| (name, plain(value, losses)));
            Value::Object(members.collect())
        }
    }
}

pub(super) fn write(value: &Value) -> Result<Done<String>, Wrong> {
    if !value.is_object() {
        return Err(Wrong::new("TOML is made of an object; this is none"));
    }
    let mut losses = Losses::default();
    let table =
        stated(value, &mut losses)?.unwrap_or_else(|| ::toml::Value::Table(::toml::Table::new()));
    let text = ::toml::to_string(&table).map_err(|error| Wrong(error.to_string()))?;
    Ok(losses.with(text))
}

/// The same in TOML; nothing for `null`.
fn stated(value: &Value, losses: &mut Losses) -> Result<Option<::toml::Value>, Wrong> {
    Ok(Some(match value {
        Value::Null => {
            losses.add("members that are null are left out: TOML has no null");
            return Ok(None);
        }
        Value::Bool(it) => (*it).into(),
        Value::String(text) => text.as_str().into(),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(number), _) => number.into(),
            (None, _) if number.is_u64() => {
                return Err(Wrong(format!("{number} is larger than the integers of TOML")));
            }
            (None, Some(number)) => number.into(),
            (None, None) => return Err(Wrong(format!("{number} is no number of TOML"))),
        },
        Value::Array(items) => {
            let mut list = Vec::with_capacity(items.len());
            for item in items {
                let item = stated(item, losses)?
                    .ok_or_else(|| Wrong::new("a list holds null, which TOML has not"))?;
                list.push(item);
            }
            ::toml::Value::Array(list)
        }
        Value::Object(members) => {
            let mut table = ::toml::Table::new();
            for (name, value) in members {
                if let Some(value) = stated(value, losses)? {
                    table.insert(name.clone(), value);
                }
            }
            ::toml::Value::Table(table)
        }
    }))
}
