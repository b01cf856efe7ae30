//! Is this request meant for us? Host and Origin, before anything is read (2026-07-28 and older,
//! transports: security warning; DNS rebinding).

use std::net::IpAddr;

use http::header::{HOST, ORIGIN};
use http::{HeaderMap, Uri};
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
        let mut hosts: Vec<String> = lower(&config.allowed_hosts);
        // What other replicas send on comes to the address that they know.
        hosts.extend(
            config
                .replica
                .as_ref()
                .and_then(|replica| replica.url.uri().host().map(str::to_ascii_lowercase)),
        );
        let public = config.public_url.as_ref();
        hosts.extend(public.map(|url| url.host().to_ascii_lowercase()));
        let mut origins = lower(&config.allowed_origins);
        // Our own pages post to us.
        origins.extend(public.map(|url| url.to_string().trim_end_matches('/').to_lowercase()));
        Guard {
            hosts,
            origins,
            any_host: !config.listen.is_loopback() && config.allowed_hosts.is_empty(),
        }
    }

    /// Whether the request may be served.
    ///
    /// # Errors
    /// The status, and one sentence that names the header and the way out.
    pub fn check(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), (u16, &'static str)> {
        if !self.is_our_host(named_host(uri, headers)?) {
            return Err((403, "this Host is not served here (add it to allowed_hosts)"));
        }
        let mut origins = headers.get_all(ORIGIN).iter();
        match origins.all(|it| self.is_trusted_origin(it.to_str().unwrap_or_default())) {
            true => Ok(()),
            false => Err((403, "this Origin is not trusted here (add it to allowed_origins)")),
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

/// The one host that a request names. HTTP/2 has it in `:authority`, which arrives here as part of
/// the address, as it does with the absolute form of HTTP/1.1 (RFC 9112, section 3.2.2). Of two that
/// differ, a proxy before us may have believed the other.
fn named_host<'a>(uri: &'a Uri, headers: &'a HeaderMap) -> Result<&'a str, (u16, &'static str)> {
    let mut hosts = headers.get_all(HOST).iter();
    let host = hosts.next().map(|host| host.to_str().unwrap_or_default());
    if hosts.next().is_some() {
        return Err((400, "two Host headers"));
    }
    match (host, uri.authority()) {
        (Some(host), Some(address)) if !host.eq_ignore_ascii_case(address.as_str()) => {
            Err((400, "the Host header differs from the address"))
        }
        (_, Some(address)) => Ok(address.as_str()),
        (host, None) => Ok(host.unwrap_or_default()),
    }
}

/// The host without its port; empty if what follows it is none.
fn host_of(authority: &str) -> &str {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => rest.split_once(']').unwrap_or_default(),
        None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
    };
    let is_port =
        |digits: &str| digits.len() <= 5 && digits.bytes().all(|byte| byte.is_ascii_digit());
    if port.is_empty() || port.strip_prefix(':').is_some_and(is_port) { host } else { "" }
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
        guard.check(&Uri::from_static("/mcp"), &headers).is_ok()
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
            ("localhost:80@evil.com", false),
            ("127.0.0.1:evil.com", false),
            ("[::1]evil.com", false),
            ("[::1", false),
        ] {
            assert_eq!(check(host, None), served, "{host}");
        }
    }

    #[test]
    fn a_host_in_the_address_counts_as_one_in_the_header() {
        let guard = Guard { hosts: vec![], origins: vec![], any_host: false };
        let over_http2 = |address: &str| {
            guard.check(&address.parse().unwrap(), &HeaderMap::new()).map_err(|(status, _)| status)
        };

        assert_eq!(over_http2("https://localhost:8443/mcp"), Ok(()));
        assert_eq!(over_http2("https://evil.test/mcp"), Err(403));
    }

    #[test]
    fn a_foreign_page_is_refused_and_no_origin_is_fine() {
        assert!(check("localhost", None));
        assert!(check("localhost", Some("http://localhost:3000")));
        assert!(!check("localhost", Some("http://evil.test")));
        assert!(!check("localhost", Some("null")));
        assert!(!check("localhost", Some("http://localhost.evil.test")));
        assert!(!check("localhost", Some("http://localhost:80@evil.test")));
    }
}
