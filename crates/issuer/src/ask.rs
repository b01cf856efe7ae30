//! A request, read whole: its path, headers, and parameters that stand once each.

use std::collections::BTreeMap;

use http::request::Parts;
use http::{HeaderMap, Method};

/// A request.
pub struct Ask {
    /// GET, POST or OPTIONS.
    pub method: Method,
    /// Its path.
    pub path: String,
    /// Its query, as it came.
    pub query: String,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: String,
}

impl Ask {
    /// From its head and body.
    pub fn new(parts: Parts, body: String) -> Ask {
        Ask {
            path: parts.uri.path().to_owned(),
            query: parts.uri.query().unwrap_or_default().to_owned(),
            method: parts.method,
            headers: parts.headers,
            body,
        }
    }

    /// The parameters of the query.
    pub fn query(&self) -> Option<Parameters> {
        Parameters::read(&self.query)
    }

    /// The parameters of a form.
    pub fn form(&self) -> Option<Parameters> {
        Parameters::read(&self.body)
    }
}

/// Parameters. A value stands once (RFC 6749, section 3.1), `resource` and `audience` any number of times
/// (RFC 8707, section 2; RFC 8693, section 2.1), as do the boxes of our own page.
#[derive(Clone, Debug, Default)]
pub struct Parameters(BTreeMap<String, Vec<String>>);

impl Parameters {
    /// `None` if one stands twice.
    fn read(text: &str) -> Option<Parameters> {
        let mut all = BTreeMap::<_, Vec<_>>::new();
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            all.entry(decoded(name)).or_default().push(decoded(value));
        }
        let several = |name: &str| matches!(name, "resource" | "audience" | "grant");
        let sound = all.iter().all(|(name, values)| values.len() == 1 || several(name));
        sound.then_some(Parameters(all))
    }

    /// The value; one that is empty counts as absent.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.first().map(String::as_str).filter(|value| !value.is_empty())
    }

    /// All values.
    pub fn all(&self, name: &str) -> &[String] {
        self.0.get(name).map_or(&[], Vec::as_slice)
    }
}

/// `application/x-www-form-urlencoded` undone.
pub fn decoded(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, tail)) = rest.split_first() {
        let digits = tail.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let escaped = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        rest = match (byte, escaped) {
            (b'%', Some(byte)) => {
                out.push(byte);
                tail.get(2..).unwrap_or_default()
            }
            (b'+', _) => {
                out.push(b' ');
                tail
            }
            _ => {
                out.push(*byte);
                tail
            }
        };
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Text as a value in a query.
pub fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_decoded_and_stand_once() {
        let read = Parameters::read("a=x+y%2Bz&resource=1&resource=2&e=&b").unwrap();

        assert_eq!(read.get("a"), Some("x y+z"));
        assert_eq!(read.all("resource"), ["1", "2"]);
        assert_eq!((read.get("e"), read.get("b"), read.get("c")), (None, None, None));
        assert!(Parameters::read("a=1&a=1").is_none());
        assert_eq!(decoded("%zz%4"), "%zz%4");
        assert_eq!(decoded(&encoded("a b&=é+%")), "a b&=é+%");
    }
}
