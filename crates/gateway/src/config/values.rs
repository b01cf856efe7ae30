//! Values that are written as one word: durations, sizes, addresses, URLs and names.
//!
//! Each parses once, here, for the file's checker, for the schema's `pattern` and for serde alike.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// Why a text is not the value that was asked for. It never quotes the text, which may be a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misfit {
    /// What would have fitted, such as `a duration`.
    pub expected: &'static str,
    /// How to write what was probably meant. Derived from the text, so not for secrets.
    pub suggestion: Option<String>,
    /// A way out that holds for every text.
    pub advice: &'static str,
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {} ({})", self.expected, self.advice)
    }
}

/// A length of time: a whole number and one of `ms`, `s`, `m`, `h`. At most a year.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(Duration);

impl Span {
    const LONGEST: Duration = Duration::from_secs(8760 * 3600);

    /// A span of whole seconds.
    pub const fn seconds(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
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

/// Where the gateway listens: `IP:PORT`, or `localhost:PORT`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listen(SocketAddr);

impl Listen {
    /// The address to bind.
    pub const fn address(self) -> SocketAddr {
        self.0
    }

    /// Whether only this machine can connect.
    pub fn is_loopback(self) -> bool {
        self.0.ip().to_canonical().is_loopback()
    }
}

impl Default for Listen {
    fn default() -> Self {
        Self(SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)))
    }
}

impl FromStr for Listen {
    type Err = Misfit;

    fn from_str(text: &str) -> Result<Self, Misfit> {
        let named = text.strip_prefix("localhost:").and_then(|port| port.parse().ok());
        let address = match named {
            Some(port) => Some(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)),
            None => text.parse().ok(),
        };
        address.map(Self).ok_or_else(|| Misfit {
            expected: "an address and port",
            suggestion: likely_listen(text),
            advice: "write IP:PORT or localhost:PORT, such as 127.0.0.1:8080",
        })
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What `:8080`, `8080`, `http://127.0.0.1:8080` or `127.0.0.1` most likely mean.
fn likely_listen(text: &str) -> Option<String> {
    let bare = text
        .trim()
        .trim_start_matches("http://")
        .trim_start_matches("https://")
        .trim_end_matches('/');
    let candidate = match bare.strip_prefix(':').unwrap_or(bare).parse::<u16>() {
        Ok(port) => format!("127.0.0.1:{port}"),
        Err(_) => match bare.parse::<IpAddr>() {
            Ok(ip) => SocketAddr::new(ip, 8080).to_string(),
            Err(_) => bare.to_owned(),
        },
    };
    candidate.parse::<Listen>().ok().map(|_| candidate)
}

/// An absolute `http` or `https` URL without credentials or fragment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Url(http::Uri);

impl Url {
    /// The URL as the HTTP client takes it.
    pub const fn uri(&self) -> &http::Uri {
        &self.0
    }

    /// The host, without port; an IPv6 address keeps its brackets.
    pub fn host(&self) -> &str {
        self.0.host().unwrap_or_default()
    }

    /// Whether the bytes travel encrypted.
    pub fn is_https(&self) -> bool {
        self.0.scheme() == Some(&http::uri::Scheme::HTTPS)
    }

    /// Whether the host is this machine by name or address.
    pub fn is_loopback(&self) -> bool {
        let host = self.host().trim_start_matches('[').trim_end_matches(']');
        let by_name = host.eq_ignore_ascii_case("localhost")
            || host.to_ascii_lowercase().ends_with(".localhost");
        by_name || host.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback())
    }
}

impl FromStr for Url {
    type Err = Misfit;

    fn from_str(text: &str) -> Result<Self, Misfit> {
        let misfit = |expected, advice| Misfit { expected, suggestion: None, advice };
        // `http::Uri` drops a fragment without a word, so look before parsing.
        if text.contains('#') {
            return Err(misfit("a URL without a fragment", "remove # and what follows it"));
        }
        let uri: http::Uri =
            text.parse().map_err(|_| misfit("an http(s) URL", "write https://host/mcp"))?;
        if !matches!(uri.scheme_str(), Some("http" | "https"))
            || uri.host().is_none_or(str::is_empty)
        {
            return Err(misfit("an http(s) URL", "write https://host/mcp"));
        }
        if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
            return Err(misfit(
                "a URL without credentials",
                "send them in headers, such as Authorization: ${env:TOKEN}",
            ));
        }
        Ok(Self(uri))
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The name of a server: a letter, then at most 31 letters, digits, `_` or `-`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name(String);

impl Name {
    pub(super) const LONGEST: usize = 32;

    /// The name as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Name {
    type Err = Misfit;

    fn from_str(text: &str) -> Result<Self, Misfit> {
        let starts = text.starts_with(|c: char| c.is_ascii_alphabetic());
        let continues = text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
        if starts && continues && text.len() <= Self::LONGEST {
            return Ok(Self(text.to_owned()));
        }
        Err(Misfit {
            expected: "a name",
            suggestion: None,
            advice: "start with a letter, then use at most 31 letters, digits, _ or -",
        })
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What the words share: text in the file, a `pattern` in the schema.
macro_rules! word {
    ($type:ident, $description:literal, $pattern:literal, $($example:literal),+) => {
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
            }
        }

        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl JsonSchema for $type {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({
                    "description": $description,
                    "type": "string",
                    "pattern": $pattern,
                    "examples": [$($example),+],
                })
            }
        }
    };
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
word!(Listen, "IP:PORT or localhost:PORT.", r"^\S+:[0-9]{1,5}$", "127.0.0.1:8080", "[::1]:8080");
word!(
    Url,
    "An http or https URL without credentials or fragment.",
    r"^https?://[^\s@#]+$",
    "https://host/mcp"
);
word!(
    Name,
    "A letter, then at most 31 letters, digits, _ or -.",
    r"^[A-Za-z][A-Za-z0-9_-]{0,31}$",
    "github"
);
