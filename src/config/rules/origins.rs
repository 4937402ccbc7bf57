//! The web pages that may connect (RFC 6454: scheme, host and port).

use std::net::Ipv6Addr;

use super::super::value::{Given, Wrong};
use super::host::is_name;
use super::{Rule, list, toml_list};

/// A list of origins, each kept as a browser writes it: lower case, without the scheme's own port.
pub(in crate::config) struct Origins;

const ONE: &str = "an origin such as \"https://example.org\" or \"http://localhost:8080\", or \"*\" for any";

impl Rule for Origins {
    type Value = Vec<String>;

    fn expected(&self) -> String {
        "a list of origins such as \"https://example.org\" or \"http://localhost:8080\", or of \"*\" for any"
            .to_owned()
    }

    fn read(&self, given: &Given<'_>) -> Result<Vec<String>, Vec<Wrong>> {
        list::read(given, &self.expected(), |item| {
            item.text().and_then(origin).ok_or_else(|| complaint(item))
        })
    }

    fn write(&self, value: &Vec<String>) -> String {
        toml_list(value)
    }
}

fn origin(text: &str) -> Option<String> {
    if text == "*" {
        return Some(text.to_owned());
    }
    let text = text.to_ascii_lowercase();
    let (scheme, authority) = text.split_once("://")?;
    let (host, port) = match authority.rsplit_once(':') {
        // The last colon of a bare [::1] is inside its brackets.
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (authority, None),
    };
    if !is_scheme(scheme) || !is_host(host) || !port.is_none_or(is_port) {
        return None;
    }
    match (scheme, port) {
        (_, None) | ("http", Some("80")) | ("https", Some("443")) => Some(format!("{scheme}://{host}")),
        (_, Some(port)) => Some(format!("{scheme}://{host}:{port}")),
    }
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

fn is_host(text: &str) -> bool {
    match text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(address) => address.parse::<Ipv6Addr>().is_ok(),
        None => text.parse::<std::net::Ipv4Addr>().is_ok() || is_name(text),
    }
}

fn is_port(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u16>().is_ok_and(|port| port > 0)
}

fn complaint(item: &Given<'_>) -> Wrong {
    let wrong = item.not(ONE);
    match item.text() {
        Some("null") => wrong.because("every sandboxed page says \"null\", so it would name no page"),
        Some(text) if text.contains('*') => wrong.because("there are no patterns, only a lone \"*\""),
        Some(text) if !text.contains("://") => wrong.because("the scheme is missing"),
        Some(text) => match origin(text.trim_end_matches('/')) {
            Some(_) => wrong.because("without the slash at its end"),
            None => wrong,
        },
        None => wrong,
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::super::super::value::Value;
    use super::super::testing::text;
    use super::*;

    fn list<'a>(items: impl IntoIterator<Item = &'a str>) -> Given<'a> {
        let items = items.into_iter().map(text).collect();
        Given { value: Value::List(items), written: Cow::Borrowed("a list"), span: 0..0 }
    }

    #[test]
    fn origins_are_kept_as_a_browser_writes_them() {
        let given =
            list(["*", "HTTPS://Example.org:443", "http://[::1]:8080", "http://[::1]", "app://x.y:1"]);
        let origins = ["*", "https://example.org", "http://[::1]:8080", "http://[::1]", "app://x.y:1"];
        assert_eq!(Origins.read(&given).unwrap(), origins);
    }

    #[test]
    fn the_environment_separates_by_commas() {
        let given = Given::word("https://a.org, http://b.org:81");
        assert_eq!(Origins.read(&given).unwrap(), ["https://a.org", "http://b.org:81"]);
        assert!(Origins.read(&Given::word("")).unwrap().is_empty());
        assert!(Origins.read(&Given::word("https://a.org,")).is_err());
    }

    #[test]
    fn every_wrong_origin_of_a_list_is_told() {
        let bad =
            ["example.org", "https://a.org/", "https://*.a.org", "null", "https://u@a.org", "http://a:0"];
        let wrongs = Origins.read(&list(bad)).err().unwrap();
        assert_eq!(wrongs.len(), bad.len());
        assert!(wrongs[0].text.ends_with("the scheme is missing"));
        assert!(wrongs[1].text.ends_with("without the slash at its end"));
        assert!(wrongs[2].text.contains("no patterns"));
    }

    #[test]
    fn a_lone_origin_is_told_to_become_a_list() {
        let wrongs = Origins.read(&text("https://a.org")).err().unwrap();
        assert!(wrongs[0].text.ends_with("write [\"https://a.org\"]"));
    }
}
