//! Networks: one address, or all that begin alike.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;

use super::{Misfit, word};

/// An address, or a network in CIDR notation (RFC 4632), such as `10.0.0.0/8`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network(IpNet);

impl Network {
    /// Whether an address belongs to it.
    pub fn holds(&self, address: IpAddr) -> bool {
        self.0.contains(&address)
    }
}

impl FromStr for Network {
    type Err = Misfit;

    fn from_str(text: &str) -> Result<Self, Misfit> {
        let misfit = |suggestion| Misfit {
            expected: "an address or a network",
            suggestion,
            advice: "write 10.0.0.7, 10.0.0.0/8 or 2001:db8::/32",
        };
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Network(address.into()));
        }
        let network: IpNet = text.parse().map_err(|_| misfit(None))?;
        if network.trunc() != network {
            return Err(misfit(Some(network.trunc().to_string())));
        }
        Ok(Network(network))
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.prefix_len() == self.0.max_prefix_len() {
            return self.0.addr().fmt(f);
        }
        self.0.fmt(f)
    }
}

word!(
    Network,
    "An IP address, or a network in CIDR notation.",
    "^[0-9a-fA-F.:]+(/[0-9]{1,3})?$",
    "10.0.0.7",
    "10.0.0.0/8"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_written_as_they_are_read() {
        for text in ["10.0.0.7", "10.0.0.0/8", "2001:db8::/32", "::1"] {
            assert_eq!(text.parse::<Network>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn an_address_with_more_bits_than_its_network_is_corrected() {
        let misfit = "10.1.2.3/8".parse::<Network>().unwrap_err();
        assert_eq!(misfit.suggestion.as_deref(), Some("10.0.0.0/8"));
        assert!("example.com".parse::<Network>().is_err());
    }
}
