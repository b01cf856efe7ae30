//! The circumstances of one call.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use cedar_policy::RestrictedExpression;

use crate::arguments;
use crate::kind::Kind;
use crate::types::Field;

/// What of the circumstances the rules for a thing read at all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reading {
    /// The arguments.
    pub arguments: bool,
    /// What the caller has touched.
    pub touched: bool,
}

/// The circumstances of one call. Policies read them as `context`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Context<'a> {
    /// The JSON text of the arguments. None is as good as `{}`.
    pub arguments: Option<&'a [u8]>,
    /// The session, if there is one.
    pub session: Option<&'a str>,
    /// The toolset that was called through, if it was one.
    pub toolset: Option<&'a str>,
    /// Now, in seconds since the epoch.
    pub time: u64,
    /// The address the caller calls from.
    pub ip: Option<IpAddr>,
    /// The protocol revision the caller speaks.
    pub revision: Option<&'a str>,
    /// The labels that the caller has touched.
    pub touched: &'a [Arc<str>],
}

impl Context<'_> {
    /// As Cedar wants it, with only these arguments.
    pub(crate) fn build(
        &self,
        kind: Kind,
        types: &BTreeMap<String, Field>,
    ) -> Result<cedar_policy::Context, String> {
        let mut pairs = Vec::with_capacity(7);
        if kind.has_arguments() {
            let text = self.arguments.filter(|_| !types.is_empty()).unwrap_or(b"{}");
            pairs.push(("arguments".to_owned(), arguments::read(text, types)?));
        }
        let text = |text: &str| RestrictedExpression::new_string(text.to_owned());
        pairs.extend(self.session.map(|session| ("session".to_owned(), text(session))));
        pairs.extend(self.toolset.map(|toolset| ("toolset".to_owned(), text(toolset))));
        pairs.extend(self.revision.map(|revision| ("revision".to_owned(), text(revision))));
        let ip = |ip: IpAddr| RestrictedExpression::new_ip(ip.to_canonical().to_string());
        pairs.extend(self.ip.map(|address| ("ip".to_owned(), ip(address))));
        pairs.push(("time".to_owned(), RestrictedExpression::new_datetime(date(self.time))));
        let touched = self.touched.iter().map(|label| text(label));
        pairs.push(("touched".to_owned(), RestrictedExpression::new_set(touched)));
        cedar_policy::Context::from_pairs(pairs).map_err(|error| error.to_string())
    }
}

/// A time as Cedar reads it: `2026-07-28T12:00:00Z`. Years beyond 9999 count as 9999.
fn date(seconds: u64) -> String {
    const LAST: u64 = 253_402_300_799;
    let seconds = seconds.min(LAST);
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    // Days to civil date: Howard Hinnant, "chrono-compatible low-level date algorithms".
    let shifted = days + 719_468;
    let (era, day) = (shifted / 146_097, shifted % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let of_year = day - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (rest / 3_600, rest / 60 % 60, rest % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_read_as_dates() {
        for (seconds, expected) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_785_240_001, "2026-07-28T12:00:01Z"),
            (u64::MAX, "9999-12-31T23:59:59Z"),
        ] {
            assert_eq!(date(seconds), expected);
        }
    }
}
