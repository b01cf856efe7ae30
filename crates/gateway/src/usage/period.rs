//! Days and months, in UTC.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::clock::Timestamp;
pub use crate::config::Every;

const DAY: u64 = 86_400;

/// One day or one month.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Period {
    /// A day, by its number since 1970-01-01.
    Day(u32),
    /// A month, by its number since 1970-01.
    Month(u32),
}

impl Period {
    /// The one that `now` lies in.
    pub fn of(every: Every, now: Timestamp) -> Period {
        let day = u32::try_from(now.seconds() / DAY).unwrap_or(u32::MAX);
        match every {
            Every::Day => Period::Day(day),
            Every::Month => {
                let (year, month, _) = date(day);
                Period::Month((year - 1970) * 12 + month - 1)
            }
        }
    }

    /// How long it lasts from `now` on; zero when it is over.
    pub fn left(self, now: Timestamp) -> Duration {
        Duration::from_secs(self.end().saturating_sub(now.seconds()))
    }

    /// How long it is.
    pub fn length(self) -> Duration {
        let begin = match self {
            Period::Day(day) => u64::from(day),
            Period::Month(month) => u64::from(first_of(month)),
        };
        Duration::from_secs(self.end().saturating_sub(begin * DAY))
    }

    fn end(self) -> u64 {
        DAY * match self {
            Period::Day(day) => u64::from(day) + 1,
            Period::Month(month) => u64::from(first_of(month.saturating_add(1))),
        }
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Period::Day(day) => {
                let (year, month, day) = date(*day);
                write!(f, "{year:04}-{month:02}-{day:02}")
            }
            Period::Month(month) => write!(f, "{:04}-{:02}", 1970 + month / 12, month % 12 + 1),
        }
    }
}

impl FromStr for Period {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Period, Self::Err> {
        const MISFIT: &str = "expected a day such as 2026-11-28 or a month such as 2026-11";
        let mut parts = text.split('-').map(str::parse::<u32>);
        let mut next = || parts.next().and_then(Result::ok);
        let (year, month, day) = (next().ok_or(MISFIT)?, next().ok_or(MISFIT)?, next());
        if !(1970..=9999).contains(&year) || !(1..=12).contains(&month) {
            return Err(MISFIT);
        }
        let number = (year - 1970) * 12 + month - 1;
        let period = match day {
            None => Period::Month(number),
            Some(day) => Period::Day(first_of(number) + day.checked_sub(1).ok_or(MISFIT)?),
        };
        if period.to_string() == text { Ok(period) } else { Err(MISFIT) }
    }
}

impl Serialize for Period {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Period {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Period, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// The first day of a month, as a number since 1970-01-01.
fn first_of(month: u32) -> u32 {
    let (year, month) = (1970 + month / 12, month % 12);
    let leaps = |year: u32| year / 4 - year / 100 + year / 400;
    let lengths = [31, 28 + u32::from(is_leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let before: u32 = lengths.iter().take(month as usize).sum();
    (year - 1970) * 365 + leaps(year - 1) - leaps(1969) + before
}

fn is_leap(year: u32) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

/// Year, month and day.
fn date(day: u32) -> (u32, u32, u32) {
    // No month is shorter than 28 days or longer than 31: the guess is never too early.
    let day = day.min(2_932_896);
    let mut month = day / 28;
    while first_of(month) > day {
        // A month is at most 31 days: this many steps back at least are needed.
        month -= ((first_of(month) - day) / 31).max(1);
    }
    (1970 + month / 12, month % 12 + 1, day - first_of(month) + 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    #[test]
    fn days_and_months_are_those_of_utc() {
        for (seconds, day, month, left) in [
            (0, "1970-01-01", "1970-01", 31 * DAY),
            (951_782_399, "2000-02-28", "2000-02", DAY + 1),
            (951_782_400, "2000-02-29", "2000-02", DAY),
            (1_796_083_199, "2026-11-30", "2026-11", 1),
            (1_796_083_200, "2026-12-01", "2026-12", 31 * DAY),
            (4_107_542_399, "2100-02-28", "2100-02", 1),
        ] {
            let (of_day, of_month) = (Every::Day, Every::Month);
            assert_eq!(Period::of(of_day, at(seconds)).to_string(), day);
            assert_eq!(Period::of(of_month, at(seconds)).to_string(), month);
            assert_eq!(Period::of(of_month, at(seconds)).left(at(seconds)).as_secs(), left);
        }
    }

    #[test]
    fn what_is_no_day_is_not_read() {
        for text in ["", "2026", "2026-13", "2026-00", "2026-02-29", "2026-1-1", "1969-12-31"] {
            assert!(text.parse::<Period>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_period_is_read_as_it_is_written(seconds in 0..250_000_000_000_u64) {
            for every in [Every::Day, Every::Month] {
                let period = Period::of(every, at(seconds));
                prop_assert_eq!(period.to_string().parse(), Ok(period));
                prop_assert!(period.left(at(seconds)) <= period.length());
                prop_assert!(!period.left(at(seconds)).is_zero());
            }
        }
    }
}
