//! Addresses: where to listen, and where to connect.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;

use super::{Misfit, word};

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
        address(text).map(Self).ok_or_else(|| Misfit {
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

fn address(text: &str) -> Option<SocketAddr> {
    match text.strip_prefix("localhost:") {
        Some(port) => Some(SocketAddr::from((Ipv4Addr::LOCALHOST, port.parse().ok()?))),
        None => text.parse().ok(),
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
    address(&candidate).map(|_| candidate)
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
        let no_url = || Misfit {
            expected: "an http(s) URL",
            suggestion: with_scheme(text),
            advice: "write https://host/mcp",
        };
        let uri: http::Uri = text.parse().map_err(|_| no_url())?;
        if !matches!(uri.scheme_str(), Some("http" | "https"))
            || uri.host().is_none_or(str::is_empty)
        {
            return Err(no_url());
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

/// The URL that was probably meant by a text that has no scheme.
fn with_scheme(text: &str) -> Option<String> {
    let is_bare = !text.contains("://") && text.starts_with(|c: char| c.is_ascii_alphanumeric());
    let url: Url = is_bare.then(|| format!("https://{text}"))?.parse().ok()?;
    let scheme = if url.is_loopback() { "http" } else { "https" };
    Some(format!("{scheme}://{text}"))
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

word!(Listen, "IP:PORT or localhost:PORT.", r"^\S+:[0-9]{1,5}$", "127.0.0.1:8080", "[::1]:8080");
word!(
    Url,
    "An http or https URL without credentials or fragment.",
    r"^https?://[^\s@#]+$",
    "https://host/mcp"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_counts_as_loopback() {
        for (text, loopback) in [
            ("127.0.0.1:80", true),
            ("127.9.9.9:0", true),
            ("localhost:80", true),
            ("[::1]:80", true),
            ("[::ffff:127.0.0.1]:80", true),
            ("0.0.0.0:80", false),
            ("[::]:80", false),
            ("192.168.0.1:80", false),
        ] {
            assert_eq!(text.parse::<Listen>().unwrap().is_loopback(), loopback, "{text}");
        }
        for (text, loopback) in [
            ("http://localhost/", true),
            ("http://LocalHost:80/", true),
            ("http://a.localhost/", true),
            ("http://[::1]:80/", true),
            ("http://127.0.0.1.example.com/", false),
            ("http://notlocalhost/", false),
        ] {
            assert_eq!(text.parse::<Url>().unwrap().is_loopback(), loopback, "{text}");
        }
    }

    #[test]
    fn a_url_without_a_scheme_gets_the_one_that_was_probably_meant() {
        for (text, expected) in [
            ("api.example.com/v1", Some("https://api.example.com/v1")),
            ("localhost:9000", Some("http://localhost:9000")),
            ("ftp://x", None),
            ("./petstore.yaml", None),
            ("op:secret@host", None),
        ] {
            let misfit = text.parse::<Url>().unwrap_err();
            assert_eq!(misfit.suggestion.as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn an_address_that_is_nearly_right_is_put_right() {
        for (text, expected) in [
            ("8080", Some("127.0.0.1:8080")),
            (":80", Some("127.0.0.1:80")),
            ("0.0.0.0", Some("0.0.0.0:8080")),
            ("http://localhost:80/", Some("localhost:80")),
            ("example.com:80", None),
            ("127.0.0.1:99999", None),
            ("", None),
        ] {
            assert_eq!(
                text.parse::<Listen>().unwrap_err().suggestion.as_deref(),
                expected,
                "{text}"
            );
        }
    }

    #[test]
    fn a_url_is_http_and_carries_no_secret_or_fragment() {
        for text in [
            "",
            "host",
            "/mcp",
            "ftp://h/",
            "http://",
            "http:///x",
            "https://u:p@h/",
            "https://@h/",
            "https://h/#x",
            "https://h h/",
        ] {
            assert!(text.parse::<Url>().is_err(), "{text}");
        }
        assert!("https://h:8443/mcp?x=1".parse::<Url>().unwrap().is_https());
    }
}
