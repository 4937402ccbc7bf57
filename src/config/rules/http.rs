//! Where the HTTP side listens, and by which names it may be addressed.

use std::fmt;
use std::net::IpAddr;

use super::super::value::{Given, Value, Wrong};
use super::host::{is_address, is_name};
use super::{Rule, list, toml_list, toml_string, wrong};

/// An address to listen on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Endpoint {
    /// A host name or an IP address without brackets; "localhost" is both loopback addresses.
    pub host: String,
    /// The TCP port; 0 takes a free one.
    pub port: u16,
}

impl Endpoint {
    /// Whether only programs on this machine can reach it.
    pub fn is_loopback(&self) -> bool {
        is_localhost(&self.host) || self.host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port } = self;
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}

fn is_localhost(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
}

/// An address with its port, a port alone, which means loopback, or "" for none.
pub(in crate::config) struct ListenOn;

impl Rule for ListenOn {
    type Value = Option<Endpoint>;

    fn expected(&self) -> String {
        "an address with a port such as \"127.0.0.1:9091\", a port alone for loopback, or \"\"".to_owned()
    }

    fn read(&self, given: &Given<'_>) -> Result<Option<Endpoint>, Vec<Wrong>> {
        if let Value::Integer(port) = given.value {
            return match u16::try_from(port) {
                Ok(port) => Ok(Some(on_loopback(port))),
                Err(_) => wrong(given, &self.expected(), Some("ports are 0 to 65535")),
            };
        }
        match given.text() {
            Some("") => Ok(None),
            Some(text) => match endpoint(text) {
                Some(endpoint) => Ok(Some(endpoint)),
                None => wrong(given, &self.expected(), advice(text)),
            },
            None => wrong(given, &self.expected(), None),
        }
    }

    fn write(&self, value: &Option<Endpoint>) -> String {
        toml_string(&value.as_ref().map(ToString::to_string).unwrap_or_default())
    }
}

fn on_loopback(port: u16) -> Endpoint {
    Endpoint { host: "localhost".to_owned(), port }
}

fn endpoint(text: &str) -> Option<Endpoint> {
    let (host, port) = text.rsplit_once(':').unwrap_or(("", text));
    let is_digits = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    let port = port.parse().ok().filter(|_| is_digits)?;
    if host.is_empty() {
        return Some(on_loopback(port));
    }
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    // Without brackets nobody could tell an IPv6 address from its port.
    let is_one = match bare {
        Some(address) => address.contains(':') && is_address(address),
        None => !host.contains(':') && (is_address(host) || is_name(host)),
    };
    is_one.then(|| Endpoint { host: bare.unwrap_or(host).to_owned(), port })
}

fn advice(text: &str) -> Option<&'static str> {
    if text.contains("://") {
        Some("without \"http://\" and path")
    } else if text.starts_with('*') {
        Some("\"0.0.0.0:9091\" or \"[::]:9091\" listen on all addresses")
    } else if is_address(text) && text.contains(':') {
        Some("an IPv6 address stands in brackets, and a port after it: \"[::1]:9091\"")
    } else if is_address(text) || is_name(text) || text.ends_with(']') {
        Some("the port is missing")
    } else {
        None
    }
}

/// Names that a request's Host header may have, with or without a port.
pub(in crate::config) struct HostNames;

const ONE: &str = "a host name such as \"metrics.example.org\", with or without a port";

impl Rule for HostNames {
    type Value = Vec<String>;

    fn expected(&self) -> String {
        "a list of host names such as \"metrics.example.org\", with or without a port".to_owned()
    }

    fn read(&self, given: &Given<'_>) -> Result<Vec<String>, Vec<Wrong>> {
        list::read(given, &self.expected(), |item| {
            item.text().and_then(host_name).ok_or_else(|| complaint(item))
        })
    }

    fn write(&self, value: &Vec<String>) -> String {
        toml_list(value)
    }
}

fn host_name(text: &str) -> Option<String> {
    let (name, port) = match text.rsplit_once(':') {
        Some((name, port)) => (name, Some(port)),
        None => (text, None),
    };
    let is_port = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok();
    (is_name(name) && port.is_none_or(is_port)).then(|| text.to_ascii_lowercase())
}

fn complaint(item: &Given<'_>) -> Wrong {
    let wrong = item.not(ONE);
    match item.text() {
        Some(text) if text.contains("://") => wrong.because("without scheme and path"),
        Some(text) if text.contains('*') => {
            wrong.because("there are no patterns: any name would let in any web page (DNS rebinding)")
        }
        Some(text) if is_address(text.trim_matches(['[', ']'])) => {
            wrong.because("IP addresses are fine without being listed")
        }
        _ => wrong,
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{complaint, integer, text};
    use super::*;

    fn read(written: &str) -> String {
        ListenOn.read(&text(written)).unwrap().unwrap().to_string()
    }

    #[test]
    fn an_address_has_a_port_and_a_port_alone_means_loopback() {
        for address in
            ["127.0.0.1:9091", "[::1]:9091", "0.0.0.0:0", "[fe80::1%eth0]:1", "a-b.example.org:65535"]
        {
            assert_eq!(read(address), address);
        }
        assert_eq!((read(":9091"), read("9091")), ("localhost:9091".to_owned(), "localhost:9091".to_owned()));
        assert_eq!(ListenOn.read(&integer(80)).unwrap().unwrap().to_string(), "localhost:80");
        assert_eq!(ListenOn.read(&Given::word("80")).unwrap().unwrap().to_string(), "localhost:80");
        assert_eq!(ListenOn.read(&text("")).unwrap(), None);
        assert_eq!(ListenOn.write(&None), "\"\"");
    }

    #[test]
    fn only_this_machine_reaches_loopback() {
        for (written, loopback) in
            [("9091", true), ("127.8.9.1:1", true), ("[::1]:1", true), ("LOCALHOST:1", true)]
                .into_iter()
                .chain([("0.0.0.0:1", false), ("[::]:1", false), ("router:1", false), ("192.0.2.7:1", false)])
        {
            assert_eq!(ListenOn.read(&text(written)).unwrap().unwrap().is_loopback(), loopback, "{written}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused_with_an_advice_where_there_is_one() {
        for bad in [
            "localhost:",
            "::1:9091",
            "[::1]",
            "a b:1",
            "127.0.0.1:65536",
            "127.0.0.1:+1",
            "[127.0.0.1]:1",
            ":",
        ] {
            assert!(ListenOn.read(&text(bad)).is_err(), "{bad}");
        }
        assert!(
            complaint(&ListenOn, &text("http://localhost:9091/")).ends_with("without \"http://\" and path")
        );
        assert!(complaint(&ListenOn, &text("127.0.0.1")).ends_with("the port is missing"));
        assert!(complaint(&ListenOn, &text("::1")).contains("in brackets"));
        assert!(complaint(&ListenOn, &text("*:9091")).contains("\"0.0.0.0:9091\""));
        assert!(complaint(&ListenOn, &integer(65_536)).ends_with("0 to 65535"));
    }

    #[test]
    fn host_names_are_kept_in_lower_case_and_none_stands_for_all() {
        let given = Given::word("Metrics.Example.org, router:8080");
        assert_eq!(HostNames.read(&given).unwrap(), ["metrics.example.org", "router:8080"]);
        assert!(HostNames.read(&Given::word("")).unwrap().is_empty());
        for (bad, why) in
            [("*", "no patterns"), ("http://a", "without scheme"), ("::1", "without being listed")]
        {
            let wrongs = HostNames.read(&Given::word(bad)).err().unwrap();
            assert!(wrongs[0].text.contains(why), "{}", wrongs[0].text);
        }
        assert!(HostNames.read(&Given::word("a:b")).is_err());
        assert!(HostNames.read(&text("a")).err().unwrap()[0].text.ends_with("write [\"a\"]"));
    }
}
