//! Rates: so many within such a time.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::{Misfit, Span, word};

/// How often something may happen: a whole number, a slash and a time, such as `60/m`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    count: u32,
    per: Span,
}

impl Rate {
    /// So many within a minute.
    pub const fn per_minute(count: u32) -> Rate {
        Rate { count, per: Span::seconds(60) }
    }

    /// So many within the same time; at least one.
    #[must_use]
    pub const fn times(self, count: u32) -> Rate {
        Rate { count: if count == 0 { 1 } else { count }, per: self.per }
    }

    /// So many within an hour.
    pub const fn per_hour(count: u32) -> Rate {
        Rate { count, per: Span::seconds(3600) }
    }

    /// How many. At least one.
    pub const fn count(self) -> u32 {
        self.count
    }

    /// Within what time. Never zero.
    pub const fn per(self) -> Duration {
        self.per.duration()
    }
}

impl FromStr for Rate {
    type Err = Misfit;

    fn from_str(text: &str) -> Result<Self, Misfit> {
        let misfit = || Misfit {
            expected: "a rate",
            suggestion: likely_rate(text),
            advice: "write a whole number, a slash and s, m, h, d or a duration, such as 60/m or 30/10s",
        };
        let (count, per) = text.split_once('/').ok_or_else(misfit)?;
        let count: u32 = count.parse().map_err(|_| misfit())?;
        let per: Span = match per {
            "d" => Span::seconds(86_400),
            unit if unit.starts_with(|first: char| first.is_ascii_digit()) => {
                unit.parse().map_err(|_| misfit())?
            }
            unit => format!("1{unit}").parse().map_err(|_| misfit())?,
        };
        if count == 0 || per.is_zero() {
            return Err(misfit());
        }
        Ok(Rate { count, per })
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.per.to_string().as_str() {
            "24h" => write!(f, "{}/d", self.count),
            per => write!(
                f,
                "{}/{}",
                self.count,
                per.strip_prefix('1')
                    .filter(|unit| { unit.starts_with(|first: char| first.is_ascii_alphabetic()) })
                    .unwrap_or(per)
            ),
        }
    }
}

/// What `60 per minute`, `60/min` or `60 / minute` most likely mean.
fn likely_rate(text: &str) -> Option<String> {
    let text = text.trim().to_ascii_lowercase().replace(" per ", "/");
    let (count, unit) = text.split_once('/')?;
    let count: u32 = count.trim().parse().ok().filter(|count| *count > 0)?;
    let unit = match unit.trim() {
        "sec" | "second" | "seconds" => "s",
        "m" | "min" | "minute" | "minutes" => "m",
        "hr" | "hour" | "hours" => "h",
        "day" | "days" => "d",
        _ => return None,
    };
    Some(format!("{count}/{unit}"))
}

word!(
    Rate,
    "How often something may happen: a whole number, a slash, and s, m, h, d or a duration.",
    "^[1-9][0-9]*/([smhd]|ms|[0-9]+(ms|s|m|h))$",
    "60/m",
    "1000/h",
    "30/10s"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_written_as_they_are_read() {
        for text in ["60/m", "1/s", "1000/h", "5000/d", "30/10s", "7/90s", "1/250ms"] {
            assert_eq!(text.parse::<Rate>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_no_rate_says_how_to_write_one() {
        for (text, suggestion) in [
            ("60 per minute", Some("60/m")),
            ("60/min", Some("60/m")),
            ("5/day", Some("5/d")),
            ("0/m", None),
            ("60", None),
            ("x/m", None),
            ("1/0s", None),
            ("-1/m", None),
        ] {
            let misfit = text.parse::<Rate>().unwrap_err();
            assert_eq!(misfit.suggestion.as_deref(), suggestion, "{text}");
        }
    }
}
