//! Durations and sizes: a whole number and a unit.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::{Misfit, word};

/// A length of time: a whole number and one of `ms`, `s`, `m`, `h`. At most a year.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(Duration);

impl Span {
    const LONGEST: Duration = Duration::from_secs(8760 * 3600);

    /// A span of whole seconds.
    pub const fn seconds(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }

    /// A span of thousandths of seconds.
    pub const fn millis(millis: u64) -> Self {
        Self(Duration::from_millis(millis))
    }

    /// The same as the standard library's type.
    pub const fn duration(self) -> Duration {
        self.0
    }

    /// Whether this is `0s`, which several keys read as "never".
    pub const fn is_zero(self) -> bool {
        self.0.is_zero()
    }
}

impl FromStr for Span {
    type Err = Misfit;

    fn from_str(text: &str) -> Result<Self, Misfit> {
        let misfit = |suggestion| Misfit {
            expected: "a duration",
            suggestion,
            advice: "write a whole number and ms, s, m or h, such as 10s",
        };
        let (digits, unit) = split_number(text);
        let Some(millis) = unit_millis(unit) else { return Err(misfit(likely_span(text))) };
        let span = digits
            .parse::<u64>()
            .ok()
            .and_then(|n| n.checked_mul(millis))
            .map(Duration::from_millis);
        match span {
            Some(span) if span <= Self::LONGEST => Ok(Self(span)),
            Some(_) => Err(misfit(Some("8760h".to_owned()))),
            None => Err(misfit(None)),
        }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0.as_millis();
        match millis {
            0 => f.write_str("0s"),
            n if n % 3_600_000 == 0 => write!(f, "{}h", n / 3_600_000),
            n if n % 60_000 == 0 => write!(f, "{}m", n / 60_000),
            n if n % 1000 == 0 => write!(f, "{}s", n / 1000),
            n => write!(f, "{n}ms"),
        }
    }
}

fn unit_millis(unit: &str) -> Option<u64> {
    Some(match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    })
}

/// What `10 sec`, `1.5s`, `2M`, `1h30m` or a bare `10` most likely mean.
fn likely_span(text: &str) -> Option<String> {
    let mut rest = text.trim();
    let mut total = 0.0_f64;
    while !rest.is_empty() {
        let (number, tail) = split_decimal(rest);
        let tail = tail.trim_start();
        let (unit, tail) =
            tail.split_at(tail.find(|c: char| !c.is_alphabetic()).unwrap_or(tail.len()));
        let millis = match unit.to_ascii_lowercase().as_str() {
            "ms" | "msec" | "millis" | "millisecond" | "milliseconds" => 1.0,
            "" | "s" | "sec" | "secs" | "second" | "seconds" => 1000.0,
            "m" | "min" | "mins" | "minute" | "minutes" => 60_000.0,
            "h" | "hr" | "hrs" | "hour" | "hours" => 3_600_000.0,
            "d" | "day" | "days" => 86_400_000.0,
            _ => return None,
        };
        total += number.parse::<f64>().ok()? * millis;
        rest = tail.trim_start();
    }
    let span = Duration::try_from_secs_f64(total.round() / 1000.0).ok()?;
    (!text.trim().is_empty() && span <= Span::LONGEST).then(|| Span(span).to_string())
}

/// A number of bytes: a whole number and one of `B`, `KiB`, `MiB`, `GiB`. At most 1024 GiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(u64);

impl Size {
    const LARGEST: u64 = 1 << 40;

    /// A size in units of 1024 bytes.
    pub const fn kib(count: u64) -> Self {
        Self(count << 10)
    }

    /// A size in units of 1024² bytes.
    pub const fn mib(count: u64) -> Self {
        Self(count << 20)
    }

    /// The number of bytes, as what it bounds is held in memory.
    pub fn bytes(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl FromStr for Size {
    type Err = Misfit;

    fn from_str(text: &str) -> Result<Self, Misfit> {
        let misfit = |suggestion| Misfit {
            expected: "a size",
            suggestion,
            advice: "write a whole number and B, KiB, MiB or GiB, such as 8MiB",
        };
        let (digits, unit) = split_number(text);
        let shift = match unit {
            "B" => 0,
            "KiB" => 10,
            "MiB" => 20,
            "GiB" => 30,
            _ => return Err(misfit(likely_size(text))),
        };
        let bytes = digits.parse::<u64>().ok().and_then(|n| n.checked_mul(1 << shift));
        match bytes {
            Some(bytes) if bytes <= Self::LARGEST => Ok(Self(bytes)),
            Some(_) => Err(misfit(Some("1024GiB".to_owned()))),
            None => Err(misfit(None)),
        }
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            n if n > 0 && n % (1 << 30) == 0 => write!(f, "{}GiB", n >> 30),
            n if n > 0 && n % (1 << 20) == 0 => write!(f, "{}MiB", n >> 20),
            n if n > 0 && n % (1 << 10) == 0 => write!(f, "{}KiB", n >> 10),
            n => write!(f, "{n}B"),
        }
    }
}

/// What `64 KB`, `8M`, `1.5GiB` or a bare `1048576` most likely mean.
fn likely_size(text: &str) -> Option<String> {
    let (number, unit) = split_decimal(text.trim());
    let scale: f64 = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" | "byte" | "bytes" => 1.0,
        "k" | "kb" | "kib" => 1024.0,
        "m" | "mb" | "mib" => 1_048_576.0,
        "g" | "gb" | "gib" => 1_073_741_824.0,
        _ => return None,
    };
    let bytes = (number.parse::<f64>().ok()? * scale).round();
    let fits = bytes >= 0.0 && bytes <= Size::LARGEST as f64;
    fits.then(|| Size(bytes as u64).to_string())
}

fn split_number(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()))
}

fn split_decimal(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len()))
}

word!(
    Span,
    "A whole number and a unit: ms, s, m or h.",
    r"^[0-9]+(ms|s|m|h)$",
    "500ms",
    "2s",
    "5m",
    "1h"
);
word!(
    Size,
    "A whole number and a unit: B, KiB, MiB or GiB.",
    r"^[0-9]+(B|KiB|MiB|GiB)$",
    "64KiB",
    "8MiB"
);

#[cfg(test)]
mod tests {
    use super::*;

    fn suggestion<T: FromStr<Err = Misfit> + fmt::Debug>(text: &str) -> Option<String> {
        text.parse::<T>().unwrap_err().suggestion
    }

    #[test]
    fn durations_and_sizes_are_printed_as_they_are_written() {
        for text in ["0s", "1ms", "1500ms", "2s", "90s", "5m", "1h", "8760h"] {
            assert_eq!(text.parse::<Span>().unwrap().to_string(), text);
        }
        for text in ["0B", "1B", "1023B", "1KiB", "64KiB", "8MiB", "1GiB", "1024GiB"] {
            assert_eq!(text.parse::<Size>().unwrap().to_string(), text);
        }
        assert_eq!("120s".parse::<Span>().unwrap().to_string(), "2m");
        assert_eq!("8MiB".parse::<Size>().unwrap().bytes(), 8_388_608);
    }

    #[test]
    fn what_was_probably_meant_is_suggested() {
        let spans = [
            ("10", "10s"),
            ("10 sec", "10s"),
            ("2M", "2m"),
            ("1.5s", "1500ms"),
            ("1h30m", "90m"),
            ("2 days", "48h"),
            ("9000h", "8760h"),
        ];
        for (text, expected) in spans {
            assert_eq!(suggestion::<Span>(text).as_deref(), Some(expected), "{text}");
        }
        let sizes = [
            ("64KB", "64KiB"),
            ("8 MiB", "8MiB"),
            ("1048576", "1MiB"),
            ("1.5g", "1536MiB"),
            ("1000", "1000B"),
        ];
        for (text, expected) in sizes {
            assert_eq!(suggestion::<Size>(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn nonsense_is_refused_without_a_suggestion() {
        for text in
            ["", "s", "-1s", "soon", "1x", "1..5s", "\u{665}s", "99999999999999999999999999h"]
        {
            assert_eq!(suggestion::<Span>(text), None, "{text}");
        }
        for text in ["", "MiB", "-1B", "1 XiB", "1.2.3MiB"] {
            assert_eq!(suggestion::<Size>(text), None, "{text}");
        }
    }
}
