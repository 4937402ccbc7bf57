//! The name or address to listen on.

use std::net::{IpAddr, Ipv6Addr};

use super::super::value::{Given, Wrong};
use super::{Rule, toml_string, wrong};

/// A host name or an IP address, without scheme and port.
pub(in crate::config) struct Host;

impl Rule for Host {
    type Value = String;

    fn expected(&self) -> String {
        "a host name or an IP address".to_owned()
    }

    fn read(&self, given: &Given<'_>) -> Result<String, Vec<Wrong>> {
        match given.text() {
            Some(text) if is_address(text) || is_name(text) => Ok(text.to_owned()),
            Some(text) => wrong(given, &self.expected(), advice(text)),
            None => wrong(given, &self.expected(), None),
        }
    }

    fn write(&self, value: &String) -> String {
        toml_string(value)
    }
}

/// Whether it is an IP address.
pub(super) fn is_address(text: &str) -> bool {
    // A link-local address names its interface: fe80::1%eth0.
    let scoped = text.split_once('%').filter(|(_, zone)| !zone.is_empty());
    text.parse::<IpAddr>().is_ok() || scoped.is_some_and(|(address, _)| address.parse::<Ipv6Addr>().is_ok())
}

/// Whether it can be looked up: RFC 1123, and the underscore, which container names have.
pub(super) fn is_name(text: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    };
    // Digits and dots alone are an IP address gone wrong, and some resolvers guess at those.
    let digits = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    text.len() <= 253 && !digits && text.strip_suffix('.').unwrap_or(text).split('.').all(label)
}

fn advice(text: &str) -> Option<&'static str> {
    if text == "*" {
        Some("\"0.0.0.0\" or \"::\" listen on all addresses")
    } else if text.contains("://") {
        Some("without \"ws://\" and port")
    } else if text.starts_with('[') {
        Some("without brackets and port")
    } else if text.contains(':') {
        Some("the port is the setting `port`")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{complaint, text};
    use super::*;

    #[test]
    fn names_and_addresses_are_hosts() {
        for host in
            ["localhost", "127.0.0.1", "::1", "::", "0.0.0.0", "fe80::1%eth0", "a-b.example.org.", "router_1"]
        {
            assert_eq!(Host.read(&text(host)).unwrap(), host);
        }
    }

    #[test]
    fn anything_else_is_refused_with_an_advice_where_there_is_one() {
        for host in ["", " ", "a b", "-a", "a..b", "1.2.3", "256.1.1.1", "::1%", "é"] {
            assert!(Host.read(&text(host)).is_err(), "{host}");
        }
        assert!(complaint(&Host, &text("ws://localhost:9090")).ends_with("without \"ws://\" and port"));
        assert!(complaint(&Host, &text("localhost:9090")).ends_with("the port is the setting `port`"));
        assert!(complaint(&Host, &text("[::1]")).ends_with("without brackets and port"));
        assert!(complaint(&Host, &text("*")).contains("0.0.0.0"));
    }
}
