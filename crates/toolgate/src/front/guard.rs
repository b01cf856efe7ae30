//! Is this request meant for us? Host and Origin, before anything is read (2026-07-28 and older,
//! transports: security warning; DNS rebinding).

use std::net::IpAddr;

use http::HeaderMap;
use http::header::{HOST, ORIGIN};
use toolgate_gateway::config::Checked;

/// Whom we answer to.
pub struct Guard {
    hosts: Vec<String>,
    origins: Vec<String>,
    /// Behind a public address any name may lead to us; then only what is configured binds.
    any_host: bool,
}

impl Guard {
    /// From the configuration.
    pub fn of(config: &Checked) -> Guard {
        let lower = |list: &[String]| list.iter().map(|item| item.to_ascii_lowercase()).collect();
        Guard {
            hosts: lower(&config.allowed_hosts),
            origins: lower(&config.allowed_origins),
            any_host: !config.listen.is_loopback() && config.allowed_hosts.is_empty(),
        }
    }

    /// Whether the request may be served.
    ///
    /// # Errors
    /// One sentence that names the header and the way out.
    pub fn check(&self, headers: &HeaderMap) -> Result<(), &'static str> {
        let mut hosts = headers.get_all(HOST).iter();
        let host = hosts.next().and_then(|host| host.to_str().ok()).unwrap_or_default();
        if hosts.next().is_some() {
            return Err("two Host headers");
        }
        if !self.is_our_host(host) {
            return Err("this Host is not served here (add it to allowed_hosts)");
        }
        match headers.get(ORIGIN) {
            None => Ok(()),
            Some(origin) => {
                let origin = origin.to_str().unwrap_or_default();
                if self.is_trusted_origin(origin) {
                    Ok(())
                } else {
                    Err("this Origin is not trusted here (add it to allowed_origins)")
                }
            }
        }
    }

    fn is_our_host(&self, host: &str) -> bool {
        if self.any_host {
            return !host.is_empty();
        }
        is_loopback_name(host_of(host)) || self.is_listed(host)
    }

    fn is_listed(&self, host: &str) -> bool {
        let host = host.to_ascii_lowercase();
        self.hosts.iter().any(|known| *known == host || *known == host_of(&host))
    }

    fn is_trusted_origin(&self, origin: &str) -> bool {
        let lower = origin.to_ascii_lowercase();
        if self.origins.contains(&lower) {
            return true;
        }
        let rest = lower.strip_prefix("http://").or_else(|| lower.strip_prefix("https://"));
        rest.is_some_and(|host| is_loopback_name(host_of(host)))
    }
}

/// The host without its port.
fn host_of(authority: &str) -> &str {
    if let Some(rest) = authority.strip_prefix('[') {
        return rest.split_once(']').map_or("", |(host, _)| host);
    }
    authority.rsplit_once(':').map_or(authority, |(host, _)| host)
}

fn is_loopback_name(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(host: &str, origin: Option<&str>) -> bool {
        let guard = Guard { hosts: vec!["mcp.corp".into()], origins: vec![], any_host: false };
        let mut headers = HeaderMap::new();
        headers.insert(HOST, host.parse().unwrap());
        if let Some(origin) = origin {
            headers.insert(ORIGIN, origin.parse().unwrap());
        }
        guard.check(&headers).is_ok()
    }

    #[test]
    fn only_our_own_names_are_served() {
        for (host, served) in [
            ("127.0.0.1:8080", true),
            ("localhost", true),
            ("[::1]:8080", true),
            ("mcp.corp", true),
            ("mcp.corp:443", true),
            ("evil.example.com", false),
            ("127.0.0.1.evil.com", false),
            ("localhost.evil.com", false),
        ] {
            assert_eq!(check(host, None), served, "{host}");
        }
    }

    #[test]
    fn a_foreign_page_is_refused_and_no_origin_is_fine() {
        assert!(check("localhost", None));
        assert!(check("localhost", Some("http://localhost:3000")));
        assert!(!check("localhost", Some("http://evil.test")));
        assert!(!check("localhost", Some("null")));
        assert!(!check("localhost", Some("http://localhost.evil.test")));
    }
}
