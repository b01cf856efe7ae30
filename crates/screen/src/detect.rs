//! Which part of a text is a secret, or personal?
//!
//! Nothing here claims to find everything. One pass finds the places where something can begin; a
//! rule is tried only where its keyword stands, and numbers are believed by their checksums.

mod email;
mod inner;
mod jwt;
mod keywords;
mod named;
mod national;
mod numbers;
mod pem;
mod rules;
mod starts;
mod trace;

use std::ops::Range;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

/// A kind of thing to look for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Detector {
    /// Addresses of electronic mail.
    Email,
    /// Phone numbers: with a country code, as written in North America, or in a member named so.
    Phone,
    /// Payment card numbers of known issuers whose check digit is right (Luhn).
    Card,
    /// International bank account numbers whose check digits are right (ISO 13616).
    Iban,
    /// National identity numbers of Brazil, France, Germany, India, Italy, Poland, Spain,
    /// Switzerland, the United Kingdom and the United States.
    NationalId,
    /// Keys and tokens of cloud services, code hosts and other providers, by their shape.
    Token,
    /// Private keys in PEM.
    PrivateKey,
    /// JSON Web Tokens (RFC 7519).
    Jwt,
    /// Passwords inside URLs.
    UrlPassword,
    /// Values of members whose name says password, secret, token or key, if they look random.
    NamedSecret,
    /// The frames of stack traces; the line that says what went wrong stays.
    StackTrace,
    /// URLs and addresses of private networks, and of names that no public resolver knows.
    InternalUrl,
    /// How to reach a database or a queue, as a URL or as pairs with a password.
    ConnectionString,
}

impl Detector {
    /// All of them.
    pub const ALL: [Detector; 13] = [
        Detector::Email,
        Detector::Phone,
        Detector::Card,
        Detector::Iban,
        Detector::NationalId,
        Detector::Token,
        Detector::PrivateKey,
        Detector::Jwt,
        Detector::UrlPassword,
        Detector::NamedSecret,
        Detector::StackTrace,
        Detector::InternalUrl,
        Detector::ConnectionString,
    ];

    /// Its name in configurations and in the mark left in a text.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Detector::Email => "email",
            Detector::Phone => "phone",
            Detector::Card => "card",
            Detector::Iban => "iban",
            Detector::NationalId => "national_id",
            Detector::Token => "token",
            Detector::PrivateKey => "private_key",
            Detector::Jwt => "jwt",
            Detector::UrlPassword => "url_password",
            Detector::NamedSecret => "named_secret",
            Detector::StackTrace => "stack_trace",
            Detector::InternalUrl => "internal_url",
            Detector::ConnectionString => "connection_string",
        }
    }
}

/// A set of detectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Detectors(u16);

impl Detectors {
    /// Every detector.
    #[must_use]
    pub fn all() -> Self {
        Detector::ALL.into_iter().collect()
    }

    /// Whether there is none in it.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether `detector` is in it.
    #[must_use]
    pub fn has(self, detector: Detector) -> bool {
        self.0 & 1 << detector as u16 != 0
    }

    fn any(self, detectors: &[Detector]) -> bool {
        detectors.iter().any(|detector| self.has(*detector))
    }

    pub(crate) fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl FromIterator<Detector> for Detectors {
    fn from_iter<I: IntoIterator<Item = Detector>>(list: I) -> Self {
        Self(list.into_iter().fold(0, |set, detector| set | 1 << detector as u16))
    }
}

/// Something that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// What kind of thing it is.
    pub detector: Detector,
    /// The rule that found it, such as `github-token`.
    pub rule: &'static str,
    /// Where it stands, in bytes of the text.
    pub range: Range<usize>,
}

/// Nothing shorter holds an address, a token or a number: `a@b.io`.
pub(crate) const SHORTEST: usize = 6;

/// All that was found in a text, in its order, none overlapping. A few need no allocation.
pub type Findings = SmallVec<[Found; 4]>;

/// Looks through `text`, which need not be UTF-8. `name` is what the text is called, such as the
/// name of its member, and empty when it has none.
#[must_use]
pub fn find(text: &[u8], name: &str, wanted: Detectors) -> Findings {
    let mut all = Findings::new();
    if text.len() >= SHORTEST {
        let is_phone = wanted.has(Detector::Phone) && numbers::is_named_phone(name, text);
        if is_phone {
            let range = 0..text.len();
            all.push(Found { detector: Detector::Phone, rule: "phone-named", range });
        }
        let by_word = wanted.any(&keywords::Search::DETECTORS);
        let by_digits = wanted.any(&numbers::Search::DETECTORS) && !is_phone;
        let mut words = keywords::Search::new(text, wanted);
        let mut numbers = numbers::Search::new(text, name, wanted);
        match (by_word, by_digits) {
            (true, true) => starts::each(text, |at| {
                words.at(at, &mut all);
                numbers.at(at, &mut all);
            }),
            (true, false) => starts::each(text, |at| words.at(at, &mut all)),
            (false, true) => starts::each(text, |at| numbers.at(at, &mut all)),
            (false, false) => {}
        }
    }
    if wanted.has(Detector::NamedSecret) && named::is_secret(name, text) {
        let range = 0..text.len();
        all.push(Found { detector: Detector::NamedSecret, rule: "named-secret", range });
    }
    if all.len() > 1 {
        merge(&mut all);
    }
    all
}

/// Puts findings in order; what overlaps becomes one, under the name of the one that starts first.
fn merge(all: &mut Findings) {
    all.sort_by_key(|found| (found.range.start, std::cmp::Reverse(found.range.end)));
    let mut merged = Findings::new();
    for found in all.drain(..) {
        match merged.last_mut() {
            Some(last) if found.range.start < last.range.end => {
                last.range.end = last.range.end.max(found.range.end);
            }
            _ => merged.push(found),
        }
    }
    *all = merged;
}

/// Shannon entropy in bits for each byte.
fn entropy(text: &[u8]) -> f64 {
    let mut counts = [0_u32; 256];
    for byte in text {
        if let Some(count) = counts.get_mut(usize::from(*byte)) {
            *count += 1;
        }
    }
    let total = text.len() as f64;
    let share = |count: &u32| f64::from(*count) / total;
    counts.iter().filter(|count| **count > 0).map(share).map(|p| -p * p.log2()).sum()
}

#[cfg(test)]
mod reference;
#[cfg(test)]
mod tests;
