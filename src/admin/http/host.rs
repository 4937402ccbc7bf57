//! By which name a request may address the router.
//!
//! A web page from elsewhere can have its own name point to this machine (DNS rebinding), and its scripts may then read
//! what is answered here, for to the browser it is the page's own server. But the browser says the name in the Host
//! header. IP addresses and `localhost` are nobody's to redirect; other names have to be set.

use std::net::IpAddr;

use hyper::header::HOST;
use hyper::{HeaderMap, Uri, Version};

/// Why a request is not answered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum HostError {
    /// There is no Host header, or more than one.
    Unclear,
    /// It is addressed to somebody else.
    Foreign(String),
}

/// Whether a request is for us.
pub(super) fn check(
    headers: &HeaderMap,
    uri: &Uri,
    version: Version,
    hosts: &[String],
) -> Result<(), HostError> {
    let mut named = headers.get_all(HOST).into_iter();
    match (named.next(), named.next()) {
        // Programs of old do not say it, and no browser is as old.
        (None, _) if version == Version::HTTP_10 => {}
        (Some(host), None) => {
            let host = host.to_str().map_err(|_| HostError::Unclear)?;
            is_ours(host, hosts).then_some(()).ok_or_else(|| HostError::Foreign(host.to_owned()))?;
        }
        _ => return Err(HostError::Unclear),
    }
    // A request in the form for a proxy has the name in its first line, which then counts (RFC 9112, 3.2.2).
    match uri.authority() {
        Some(authority) if !is_ours(authority.as_str(), hosts) => {
            Err(HostError::Foreign(authority.to_string()))
        }
        _ => Ok(()),
    }
}

/// `host` is as a Host header has it. A name that is set with a port is meant with that port; all others with any: behind
/// a forwarded port it is another than ours, and a rebound page does not get its name any nearer by it.
fn is_ours(host: &str, hosts: &[String]) -> bool {
    // The last colon of a bare [::1] is inside its brackets.
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => (name, Some(port)),
        _ => (host, None),
    };
    // "localhost." is the same name, written to the root.
    let name = name.strip_suffix('.').unwrap_or(name);
    if hosts.iter().any(|ours| ours.eq_ignore_ascii_case(host) || ours.eq_ignore_ascii_case(name)) {
        return true;
    }
    let is_address = match name.strip_prefix('[').and_then(|name| name.strip_suffix(']')) {
        Some(address) => address.parse::<IpAddr>().is_ok_and(|address| address.is_ipv6()),
        None => name.parse::<IpAddr>().is_ok_and(|address| address.is_ipv4()),
    };
    (is_address || name.eq_ignore_ascii_case("localhost"))
        && port.is_none_or(|port| port.parse::<u16>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(host: Option<&str>, line: &str, version: Version) -> Result<(), HostError> {
        let mut headers = HeaderMap::new();
        if let Some(host) = host {
            headers.insert(HOST, host.parse().unwrap());
        }
        check(
            &headers,
            &line.parse().unwrap(),
            version,
            &["metrics.example.org".to_owned(), "box:80".to_owned()],
        )
    }

    fn is_fine(host: &str) -> bool {
        checked(Some(host), "/", Version::HTTP_11).is_ok()
    }

    #[test]
    fn addresses_and_localhost_are_ours_with_any_port() {
        for host in [
            "127.0.0.1",
            "127.0.0.1:9091",
            "[::1]",
            "[::1]:9091",
            "LocalHost:9091",
            "192.0.2.7",
            "[::1]:80",
            "localhost:1",
            "localhost.",
            "localhost.:8000",
        ] {
            assert!(is_fine(host), "{host}");
        }
        for host in ["localhost:", "localhost:x", "localhost:65536", "localhost..", "localhost:9091:9091"] {
            assert!(!is_fine(host), "{host}");
        }
    }

    #[test]
    fn other_names_are_ours_when_they_are_set() {
        for host in ["metrics.example.org", "METRICS.example.org.:443", "box:80"] {
            assert!(is_fine(host), "{host}");
        }
        for host in
            ["box", "box:81", "rebound.example:9091", "localhost.evil.example", "127.0.0.1.evil.example"]
        {
            assert!(!is_fine(host), "{host}");
        }
    }

    #[test]
    fn what_only_looks_like_an_address_is_a_name() {
        for host in ["", ":9091", "1.2.3", "[::1", "::1", "[127.0.0.1]", "0x7f.1", "127.1", "user@127.0.0.1"]
        {
            assert!(!is_fine(host), "{host}");
        }
    }

    #[test]
    fn the_first_line_counts_too_and_the_header_may_be_missing_only_of_old() {
        let checked = |host, line| checked(host, line, Version::HTTP_11);
        assert_eq!(checked(Some("localhost"), "http://127.0.0.1:9091/healthz"), Ok(()));
        let foreign = HostError::Foreign("evil.example".to_owned());
        assert_eq!(checked(Some("localhost"), "http://evil.example/metrics"), Err(foreign));
        assert_eq!(checked(None, "/"), Err(HostError::Unclear));
        assert_eq!(super::tests::checked(None, "/", Version::HTTP_10), Ok(()));
        let mut twice = HeaderMap::new();
        twice.append(HOST, "localhost".parse().unwrap());
        twice.append(HOST, "evil.example".parse().unwrap());
        let both = check(&twice, &"/".parse().unwrap(), Version::HTTP_11, &[]);
        assert_eq!(both, Err(HostError::Unclear));
    }
}
