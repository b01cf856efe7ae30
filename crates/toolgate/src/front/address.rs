//! Where does a request come from? The address of the connection, unless that is a proxy's whose
//! word about its own client counts.

use std::net::{IpAddr, Ipv6Addr};

use http::{HeaderMap, HeaderName};
use toolgate_gateway::config::Network;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// More hops than this say nothing that can be trusted.
const MOST_HOPS: usize = 32;

/// The address of the client. Proxies append where they heard from, so the entries are read from
/// the end, for as long as whoever wrote them is trusted: what stands before may be invented.
pub fn client(peer: IpAddr, headers: &HeaderMap, trusted: &[Network]) -> IpAddr {
    let mut client = peer.to_canonical();
    let mut hops = headers
        .get_all(FORWARDED_FOR)
        .iter()
        .rev()
        .flat_map(|value| value.to_str().unwrap_or("?").rsplit(','))
        .take(MOST_HOPS);
    while trusted.iter().any(|network| network.holds(client)) {
        match hops.next().map(|hop| hop.trim().parse::<IpAddr>()) {
            Some(Ok(address)) => client = address.to_canonical(),
            Some(Err(_)) | None => break,
        }
    }
    client
}

/// The address as limits count it: who has one address of version 6 has 2^64 (RFC 6177).
pub fn counted(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn seen(peer: &str, forwarded: &[&str], trusted: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append(FORWARDED_FOR, HeaderValue::from_str(value).unwrap());
        }
        let trusted: Vec<Network> = trusted.iter().map(|text| text.parse().unwrap()).collect();
        client(peer.parse().unwrap(), &headers, &trusted).to_string()
    }

    #[test]
    fn nobody_is_believed_who_is_not_trusted() {
        assert_eq!(seen("203.0.113.9", &["10.0.0.1"], &[]), "203.0.113.9");
        assert_eq!(seen("203.0.113.9", &["10.0.0.1"], &["10.0.0.0/8"]), "203.0.113.9");
    }

    #[test]
    fn a_trusted_proxy_tells_the_address_of_its_client() {
        assert_eq!(seen("10.0.0.7", &["198.51.100.3"], &["10.0.0.0/8"]), "198.51.100.3");
        assert_eq!(seen("10.0.0.7", &["198.51.100.3, 10.0.0.9"], &["10.0.0.0/8"]), "198.51.100.3");
        assert_eq!(
            seen("10.0.0.7", &["198.51.100.3", "10.0.0.9"], &["10.0.0.0/8"]),
            "198.51.100.3"
        );
        assert_eq!(seen("::ffff:10.0.0.7", &["2001:db8::1"], &["10.0.0.7"]), "2001:db8::1");
    }

    #[test]
    fn what_a_client_invents_before_it_changes_nothing() {
        for invented in ["1.2.3.4", "10.0.0.1", "x", "", "1.2.3.4, 5.6.7.8"] {
            let forwarded = format!("{invented}, 198.51.100.3");
            assert_eq!(seen("10.0.0.7", &[&forwarded], &["10.0.0.0/8"]), "198.51.100.3");
        }
    }

    #[test]
    fn a_proxy_that_says_nonsense_is_the_client() {
        assert_eq!(seen("10.0.0.7", &["unknown"], &["10.0.0.0/8"]), "10.0.0.7");
        assert_eq!(seen("10.0.0.7", &[], &["10.0.0.0/8"]), "10.0.0.7");
    }
}
