//! Whole numbers of callers.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, Visitor};

/// A number that is whole however it is written: to JSON Schema `1.0` is an `integer` too (Core, 4.2.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Whole(pub(crate) usize);

impl<'de> Deserialize<'de> for Whole {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Whole, D::Error> {
        deserializer.deserialize_any(Reading)
    }
}

struct Reading;

impl Visitor<'_> for Reading {
    type Value = Whole;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number from 0 on")
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Whole, E> {
        usize::try_from(number).map(Whole).map_err(|_| Reading::unfit(number as f64))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Whole, E> {
        usize::try_from(number).map(Whole).map_err(|_| Reading::unfit(number as f64))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Whole, E> {
        /// Above it not every whole number is one of 64 bits with a point.
        const EXACT: f64 = 9_007_199_254_740_992.0;
        if number.fract() != 0.0 || !(0.0..=EXACT).contains(&number) {
            return Err(Reading::unfit(number));
        }
        Ok(Whole(number as usize))
    }
}

impl Reading {
    fn unfit<E: Error>(number: f64) -> E {
        E::custom(format!("expected a whole number from 0 on, found {number}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_are_whole_however_they_are_written() {
        for (text, number) in [
            ("0", Some(0)),
            ("7", Some(7)),
            ("7.0", Some(7)),
            ("7e2", Some(700)),
            ("-0.0", Some(0)),
            ("7.5", None),
            ("-1", None),
            ("1e30", None),
            ("\"7\"", None),
            ("true", None),
        ] {
            let read = serde_json::from_str::<Whole>(text);
            assert_eq!(read.as_ref().ok().map(|whole| whole.0), number, "{text}");
            let why = read.err().map(|error| error.to_string()).unwrap_or_default();
            assert!(number.is_some() || why.contains("a whole number from 0 on"), "{why}");
        }
    }
}
