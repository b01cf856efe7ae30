//! Which proxy stands between us and a host? `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`, as
//! curl reads them.

use std::net::IpAddr;

use http::Uri;

/// The proxies of the environment.
#[derive(Clone, Debug, Default)]
pub struct Proxies {
    https: Option<Uri>,
    http: Option<Uri>,
    except: Vec<String>,
}

impl Proxies {
    /// Reads the environment through `variable`; the lower-case name wins.
    pub fn from(variable: impl Fn(&str) -> Option<String>) -> Proxies {
        let read = |name: &str| {
            variable(name)
                .or_else(|| variable(&name.to_ascii_uppercase()))
                .filter(|v| !v.is_empty())
        };
        let proxy = |name: &str| {
            let text = read(name)?;
            let text = if text.contains("://") { text } else { format!("http://{text}") };
            text.parse::<Uri>().ok().filter(|uri| uri.host().is_some())
        };
        let except = read("no_proxy").unwrap_or_default();
        Proxies {
            https: proxy("https_proxy"),
            // Only the lower-case name: in a CGI-like environment HTTP_PROXY is the client's
            // `Proxy` header (httpoxy, CVE-2016-5385).
            http: variable("http_proxy")
                .filter(|value| !value.is_empty())
                .and_then(|_| proxy("http_proxy")),
            except: except.split(',').map(|part| part.trim().to_ascii_lowercase()).collect(),
        }
    }

    /// The proxy for a host, if one is to be used. Loopback is always reached directly.
    pub fn choose(&self, tls: bool, host: &str, port: u16) -> Option<&Uri> {
        let proxy = if tls { self.https.as_ref() } else { self.http.as_ref() }?;
        let host = host.to_ascii_lowercase();
        let address = host.parse::<IpAddr>().ok();
        if host == "localhost" || address.is_some_and(|address| address.is_loopback()) {
            return None;
        }
        let excepted = self.except.iter().any(|rule| matches(rule, &host, address, port));
        (!excepted).then_some(proxy)
    }
}

fn matches(rule: &str, host: &str, address: Option<IpAddr>, port: u16) -> bool {
    if rule == "*" {
        return true;
    }
    if let (Some((net, bits)), Some(address)) = (rule.split_once('/'), address) {
        return in_network(address, net, bits);
    }
    let (rule, only_port) = match rule.rsplit_once(':') {
        Some((name, digits)) if !name.contains(':') => (name, digits.parse::<u16>().ok()),
        _ => (rule, None),
    };
    let rule = rule.trim_start_matches("*.").trim_start_matches('.');
    if rule.is_empty() || only_port.is_some_and(|only| only != port) {
        return false;
    }
    host == rule || host.strip_suffix(rule).is_some_and(|rest| rest.ends_with('.'))
}

fn in_network(address: IpAddr, net: &str, bits: &str) -> bool {
    let (Ok(net), Ok(bits)) = (net.parse::<IpAddr>(), bits.parse::<u32>()) else { return false };
    let (address, net, width) = match (address, net) {
        (IpAddr::V4(a), IpAddr::V4(n)) => (u128::from(a.to_bits()), u128::from(n.to_bits()), 32),
        (IpAddr::V6(a), IpAddr::V6(n)) => (a.to_bits(), n.to_bits(), 128),
        _ => return false,
    };
    let drop = width - bits.min(width);
    drop == 128 || address >> drop == net >> drop
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(except: &str) -> Proxies {
        let except = except.to_owned();
        Proxies::from(move |name| match name {
            "HTTPS_PROXY" => Some("http://proxy.corp:3128".into()),
            "no_proxy" => Some(except.clone()),
            _ => None,
        })
    }

    #[test]
    fn hosts_go_through_the_proxy_unless_excepted() {
        for (except, host, direct) in [
            ("", "api.example.com", false),
            ("example.com", "api.example.com", true),
            (".example.com", "example.com", true),
            ("example.com", "badexample.com", false),
            ("*.example.com", "api.example.com", true),
            ("example.com:8443", "example.com", false),
            ("example.com:443", "example.com", true),
            ("10.0.0.0/8", "10.1.2.3", true),
            ("10.0.0.0/8", "11.1.2.3", false),
            ("*", "anything", true),
            ("", "localhost", true),
            ("", "127.0.0.1", true),
            ("", "::1", true),
        ] {
            let chosen = proxies(except).choose(true, host, 443).is_none();
            assert_eq!(chosen, direct, "no_proxy={except} host={host}");
        }
    }

    #[test]
    fn an_upper_case_http_proxy_is_not_believed() {
        let proxies = Proxies::from(|name| (name == "HTTP_PROXY").then(|| "http://evil:1".into()));

        assert!(proxies.choose(false, "example.com", 80).is_none());
    }
}
