//! Which browser pages may connect.
//!
//! A browser lets any page open a WebSocket to any address and only tells the server where the page came from.
//! Unless the server looks, every page that a user visits can talk to the router on that user's own machine
//! (cross-site WebSocket hijacking). Programs that are no browser usually send no `Origin`; some send the address
//! that they connect to.

use std::net::IpAddr;

/// Whether a page of this origin may connect to a router that was addressed as `host`.
///
/// The router's own address is fine only when it is an IP address or `localhost`: a name that an attacker owns may
/// point here (DNS rebinding), and then both headers carry that name.
pub(super) fn is_allowed(origin: &str, host: Option<&str>, allowed: &[String]) -> bool {
    if allowed.iter().any(|entry| entry == "*" || entry.trim_end_matches('/').eq_ignore_ascii_case(origin)) {
        return true;
    }
    let authority = origin.split_once("://").map(|(_, authority)| authority);
    match (authority, host) {
        (Some(authority), Some(host)) => authority.eq_ignore_ascii_case(host) && is_local_name(host),
        _ => false,
    }
}

/// An IP address or `localhost`, with or without a port.
fn is_local_name(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    name.eq_ignore_ascii_case("localhost") || bare.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_from_elsewhere_is_refused_unless_it_is_named() {
        let host = Some("localhost:9090");
        assert!(!is_allowed("https://evil.example", host, &[]));
        assert!(!is_allowed("null", host, &[]));
        assert!(!is_allowed("http://localhost:3000", host, &[]));
        let named = ["https://app.example".to_owned()];
        assert!(is_allowed("https://app.example", host, &named));
        assert!(is_allowed("https://APP.example", host, &named));
        assert!(!is_allowed("https://app.example.evil.example", host, &named));
        assert!(is_allowed("https://evil.example", host, &["*".to_owned()]));
    }

    #[test]
    fn the_address_connected_to_is_fine_when_nobody_else_can_own_its_name() {
        for host in ["localhost:9090", "127.0.0.1:9090", "[::1]:9090", "192.0.2.7"] {
            assert!(is_allowed(&format!("http://{host}"), Some(host), &[]), "{host}");
        }
        assert!(!is_allowed("http://rebound.example:9090", Some("rebound.example:9090"), &[]));
    }

    #[test]
    fn hosts_that_only_look_like_addresses_are_names() {
        for host in [
            "127.0.0.1.evil.example",
            "localhost.evil.example",
            "1.2.3",
            "[::1",
            "::1",
            "",
            "127.0.0.1:80:80",
        ] {
            assert!(!is_allowed(&format!("http://{host}"), Some(host), &[]), "{host}");
        }
    }

    #[test]
    fn an_origin_without_a_host_or_of_another_port_is_from_elsewhere() {
        assert!(!is_allowed("http://127.0.0.1", None, &[]));
        assert!(!is_allowed("127.0.0.1", Some("127.0.0.1"), &[]));
        assert!(!is_allowed("http://127.0.0.1:1", Some("127.0.0.1:2"), &[]));
        assert!(is_allowed("HTTPS://LocalHost:9090", Some("localhost:9090"), &[]));
    }

    #[test]
    fn a_named_origin_may_end_in_a_slash_and_null_must_be_named_too() {
        assert!(is_allowed("https://app.example", None, &["https://app.example/".to_owned()]));
        assert!(is_allowed("null", None, &["null".to_owned()]));
    }
}
