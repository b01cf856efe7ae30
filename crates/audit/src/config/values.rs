//! Values that are written as one word: durations, sizes, and when to force records to the disk.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// Why a text is not the value that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misfit(&'static str);

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Misfit {}

/// What the words share: text in the file, a `pattern` in the schema. Editors see the file before
/// its references are replaced, so the pattern lets those through.
macro_rules! word {
    ($type:ident, $name:literal, $description:literal, $pattern:literal, $($example:literal),+) => {
        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <String as serde::Deserialize>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }

        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl schemars::JsonSchema for $type {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                $name.into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({
                    "description": $description,
                    "type": "string",
                    "pattern": concat!($pattern, r"|\$\{(env|file):"),
                    "examples": [$($example),+],
                })
            }
        }
    };
}

/// A length of time: a whole number and one of `ms`, `s`, `m`, `h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(Duration);

impl Span {
    /// A span of whole milliseconds.
    pub const fn millis(millis: u64) -> Span {
        Span(Duration::from_millis(millis))
    }

    /// The same as the standard library's type.
    pub const fn duration(self) -> Duration {
        self.0
    }
}

const SPAN: Misfit = Misfit("expected a whole number and ms, s, m or h, such as 10s");

impl FromStr for Span {
    type Err = Misfit;

    fn from_str(text: &str) -> Result<Span, Misfit> {
        let (digits, unit) = split(text);
        let factor = match unit {
            "ms" => 1,
            "s" => 1000,
            "m" => 60_000,
            "h" => 3_600_000,
            _ => return Err(SPAN),
        };
        multiplied(digits, factor).map(Span::millis).ok_or(SPAN)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_millis() {
            0 => f.write_str("0s"),
            n if n % 3_600_000 == 0 => write!(f, "{}h", n / 3_600_000),
            n if n % 60_000 == 0 => write!(f, "{}m", n / 60_000),
            n if n % 1000 == 0 => write!(f, "{}s", n / 1000),
            n => write!(f, "{n}ms"),
        }
    }
}

word!(Span, "AuditSpan", "A whole number and ms, s, m or h.", "^[0-9]+(ms|s|m|h)$", "10s", "24h");

/// A number of bytes: a whole number and one of `B`, `KiB`, `MiB`, `GiB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(u64);

impl Size {
    /// A size in units of 1024² bytes.
    pub const fn mib(count: u64) -> Size {
        Size(count << 20)
    }

    /// The number of bytes.
    pub const fn bytes(self) -> u64 {
        self.0
    }
}

const SIZE: Misfit = Misfit("expected a whole number and B, KiB, MiB or GiB, such as 64MiB");

impl FromStr for Size {
    type Err = Misfit;

    fn from_str(text: &str) -> Result<Size, Misfit> {
        let (digits, unit) = split(text);
        let factor = match unit {
            "B" => 1,
            "KiB" => 1 << 10,
            "MiB" => 1 << 20,
            "GiB" => 1 << 30,
            _ => return Err(SIZE),
        };
        multiplied(digits, factor).map(Size).ok_or(SIZE)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => f.write_str("0B"),
            n if n % (1 << 30) == 0 => write!(f, "{}GiB", n >> 30),
            n if n % (1 << 20) == 0 => write!(f, "{}MiB", n >> 20),
            n if n % (1 << 10) == 0 => write!(f, "{}KiB", n >> 10),
            n => write!(f, "{n}B"),
        }
    }
}

word!(
    Size,
    "AuditSize",
    "A whole number and B, KiB, MiB or GiB.",
    "^[0-9]+(B|KiB|MiB|GiB)$",
    "64MiB"
);

/// When written records are forced to the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fsync {
    /// Before any of them counts as recorded.
    Always,
    /// At most this long after they were written.
    Every(Span),
    /// When the system likes to.
    Never,
}

/// What a process wrote outlives it in any case; the interval bounds what a failing machine takes
/// along, without a disk's delay in each call.
impl Default for Fsync {
    fn default() -> Fsync {
        Fsync::Every(Span::millis(200))
    }
}

const FSYNC: Misfit = Misfit("expected always, never or a duration of at least 1ms, such as 200ms");

impl FromStr for Fsync {
    type Err = Misfit;

    fn from_str(text: &str) -> Result<Fsync, Misfit> {
        match text {
            "always" => Ok(Fsync::Always),
            "never" => Ok(Fsync::Never),
            span => match span.parse::<Span>() {
                Ok(span) if !span.duration().is_zero() => Ok(Fsync::Every(span)),
                _ => Err(FSYNC),
            },
        }
    }
}

impl fmt::Display for Fsync {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fsync::Always => f.write_str("always"),
            Fsync::Every(span) => span.fmt(f),
            Fsync::Never => f.write_str("never"),
        }
    }
}

word!(
    Fsync,
    "AuditFsync",
    "always, never, or a duration.",
    "^(always|never|[0-9]+(ms|s|m|h))$",
    "always",
    "200ms"
);

fn split(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()))
}

fn multiplied(digits: &str, factor: u64) -> Option<u64> {
    digits.parse::<u64>().ok()?.checked_mul(factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_written_the_same() {
        for text in ["0s", "200ms", "10s", "5m", "24h"] {
            assert_eq!(text.parse::<Span>().unwrap().to_string(), text);
        }
        for text in ["0B", "5B", "3KiB", "64MiB", "1GiB"] {
            assert_eq!(text.parse::<Size>().unwrap().to_string(), text);
        }
        for text in ["always", "never", "200ms"] {
            assert_eq!(text.parse::<Fsync>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn other_texts_are_refused() {
        for text in ["", "5", "s", "-1s", "1.5s", "1 s", "99999999999999999999h"] {
            assert_eq!(text.parse::<Span>(), Err(SPAN), "{text}");
        }
        for text in ["", "5", "5MB", "99999999999999999GiB"] {
            assert_eq!(text.parse::<Size>(), Err(SIZE), "{text}");
        }
        for text in ["", "Always", "0s", "interval"] {
            assert_eq!(text.parse::<Fsync>(), Err(FSYNC), "{text}");
        }
    }
}
