//! The arguments of a call, held to what the parameters take. The gateway has checked them against
//! the same schema before; whoever reaches this server another way finds it checked here.

use serde_json::{Map, Value};
use toolgate_gateway::config::servers::sql::{ParameterRules, ParameterType};
use toolgate_gateway::fault::{Fault, Reason};

use crate::database::Database;
use crate::day::is_day;
use crate::job::Argument;

/// The values of the parameters, in their order.
///
/// # Errors
/// One of them is not what its parameter takes.
pub(crate) fn read(
    parameters: &[ParameterRules],
    given: &Map<String, Value>,
    database: &Database,
) -> Result<Vec<Argument>, Fault> {
    parameters.iter().map(|parameter| one(parameter, given, database)).collect()
}

fn one(
    parameter: &ParameterRules,
    given: &Map<String, Value>,
    database: &Database,
) -> Result<Argument, Fault> {
    let Some(value) = given.get(&parameter.name).or(parameter.default.as_ref()) else {
        return match parameter.optional {
            true => Ok(Argument::Null),
            false => Err(unfit(parameter, "is missing")),
        };
    };
    if parameter.list.is_none() {
        return scalar(parameter, value, database);
    }
    let elements = value.as_array().ok_or_else(|| unfit(parameter, "is no list"))?;
    for element in elements {
        scalar(parameter, element, database)?;
    }
    Ok(Argument::Text(database.list(elements)))
}

fn scalar(
    parameter: &ParameterRules,
    value: &Value,
    database: &Database,
) -> Result<Argument, Fault> {
    let misfit = || unfit(parameter, "is of another type");
    Ok(match parameter.kind {
        ParameterType::Integer => Argument::Integer(whole(value).ok_or_else(misfit)?),
        ParameterType::Number => Argument::Number(value.as_f64().ok_or_else(misfit)?),
        ParameterType::Boolean => Argument::Boolean(value.as_bool().ok_or_else(misfit)?),
        ParameterType::Date | ParameterType::Timestamp => {
            let text = value.as_str().ok_or_else(misfit)?;
            if !is_day(text) {
                return Err(unfit(parameter, "is no day of the calendar"));
            }
            let sent = match parameter.kind {
                ParameterType::Timestamp => database.timestamp(text),
                _ => Some(text.to_owned()),
            };
            Argument::Text(sent.ok_or_else(|| unfit(parameter, "is no time of a day"))?)
        }
        _ => Argument::Text(value.as_str().ok_or_else(misfit)?.to_owned()),
    })
}

/// JSON does not tell `5` from `5.0` (JSON Schema 2020-12, 6.1.1).
fn whole(value: &Value) -> Option<i64> {
    let of_double = |number: f64| {
        #[expect(clippy::cast_possible_truncation, reason = "whole and below 2^53")]
        (number.fract() == 0.0 && number.abs() < 9e15).then_some(number as i64)
    };
    value.as_i64().or_else(|| value.as_f64().and_then(of_double))
}

fn unfit(parameter: &ParameterRules, how: &str) -> Fault {
    Fault::new(Reason::Arguments, format!("the argument {} {how}", parameter.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_number_is_one_however_it_is_written() {
        for (value, expected) in [
            (Value::from(5), Some(5)),
            (Value::from(5.0), Some(5)),
            (Value::from(5.5), None),
            (Value::from(i64::MAX), Some(i64::MAX)),
            (Value::from(u64::MAX), None),
            (Value::from("5"), None),
        ] {
            assert_eq!(whole(&value), expected, "{value}");
        }
    }
}
