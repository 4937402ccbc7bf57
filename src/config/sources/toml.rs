//! `config.toml`. Every mistake is found in one pass, syntax included: the parser goes on after an error.

use std::borrow::Cow;
use std::collections::BTreeMap;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::super::mistake::Origin;
use super::super::schema::{Setting, tables};
use super::super::value::{Given, Value};
use super::file::Document;
use super::{Reading, names};

/// Reads a document into the settings.
pub(super) fn read(reading: &mut Reading, document: &Document<'_>) {
    let (table, errors) = DeTable::parse_recoverable(document.text);
    let before = reading.mistakes.len();
    read_table(reading, document, "", table.get_ref());
    // After the first error on a line the rest of it is noise.
    let mut broken = BTreeMap::new();
    for error in &errors {
        let origin = document.locate(error.span().map_or(0, |span| span.start));
        broken.entry(line(&origin)).or_insert((origin, error.message()));
    }
    // What the parser makes of a broken line is a guess, and behind a broken heading so is the table: no guesses.
    let heading =
        |line: &usize| document.text.lines().nth(line - 1).is_some_and(|text| text.starts_with('['));
    let trusted = broken.keys().copied().find(heading).unwrap_or(usize::MAX);
    let found = reading.mistakes.split_off(before).into_iter();
    let certain = |line: usize| line < trusted && !broken.contains_key(&line);
    reading.mistakes.extend(found.filter(|mistake| certain(line(&mistake.origin))));
    for (origin, message) in broken.into_values() {
        let text = message.lines().collect::<Vec<_>>().join(", ");
        reading.wrong(origin, None, format!("broken TOML: {text}"));
    }
}

fn line(origin: &Origin) -> usize {
    match origin {
        Origin::File { at: Some((line, _)), .. } => *line,
        _ => 1,
    }
}

fn read_table(reading: &mut Reading, document: &Document<'_>, prefix: &str, table: &DeTable<'_>) {
    for (key, value) in table {
        let name = match prefix {
            "" => key.get_ref().to_string(),
            _ => format!("{prefix}.{}", key.get_ref()),
        };
        let here = || document.locate(key.span().start);
        if let Some(setting) = Setting::find(&name) {
            reading.set(setting, &given(document.text, value), |offset| document.locate(offset));
        } else if tables().any(|known| known == name) {
            match value.get_ref() {
                DeValue::Table(inner) => read_table(reading, document, &name, inner),
                _ => reading.wrong(here(), Some(name.clone()), format!("must be a table: [{name}]")),
            }
        } else {
            let text = names::unknown(&name);
            reading.wrong(here(), Some(name), text);
        }
    }
}

/// A value in this text.
pub(in crate::config) fn given<'a>(text: &'a str, value: &'a Spanned<DeValue<'a>>) -> Given<'a> {
    let span = value.span();
    let mut written = text.get(span.clone()).unwrap_or_default();
    let value = match value.get_ref() {
        DeValue::String(content) => Value::Text(Cow::Borrowed(content)),
        DeValue::Integer(number) => match i128::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) => Value::Integer(number),
            Err(_) => Value::Other,
        },
        DeValue::Boolean(value) => Value::Bool(*value),
        DeValue::Array(items) => Value::List(items.iter().map(|item| given(text, item)).collect()),
        DeValue::Table(table) => {
            written = "a table";
            let entry = |(key, value): (&'a Spanned<Cow<'a, str>>, &'a Spanned<DeValue<'a>>)| {
                (Cow::Borrowed(key.get_ref().as_ref()), given(text, value))
            };
            Value::Table(table.iter().map(entry).collect())
        }
        DeValue::Float(_) | DeValue::Datetime(_) => Value::Other,
    };
    Given { value, written: Cow::Borrowed(written), span }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn reading(text: &str) -> Reading {
        let mut reading = Reading::default();
        read(&mut reading, &Document { file: "c", text });
        reading.mistakes.sort_by(|one, other| one.origin.cmp(&other.origin));
        reading
    }

    fn mistakes(text: &str) -> Vec<String> {
        reading(text).mistakes.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn settings_are_read_in_all_of_tomls_ways() {
        let text = "port = 0x2_3\nlimits.outbox_size = '64KiB'\nlimits.ping_interval = \"\\u0031s\"\n";
        let reading = reading(text);
        assert!(reading.mistakes.is_empty());
        assert_eq!(reading.config.port, 0x23);
        assert_eq!(reading.config.limits.outbox_size, 65_536);
        assert_eq!(reading.config.limits.ping_interval, Duration::from_secs(1));
        assert_eq!(reading.origins["limits.outbox_size"].to_string(), "c:2:22");
    }

    #[test]
    fn every_mistake_is_told_with_its_place() {
        let text = "port = 70000\nmax_client = 5\nhost = 1.5\n\n[limits]\nallowed_origins = [\"*\",\n  \"a\", 3]\n\
                    slow_consumer = { a = 1 }\n[tls]\nkind = \"memory\"\n";
        let found = mistakes(text);
        assert_eq!(found.len(), 7, "{found:#?}");
        assert_eq!(found[0], "c:1:8: port: must be a whole number from 0 to 65535, not 70000");
        assert_eq!(found[1], "c:2:1: max_client: unknown setting; did you mean max_clients?");
        assert_eq!(found[2], "c:3:8: host: must be a host name or an IP address, not 1.5");
        assert!(found[3].starts_with("c:7:3: limits.allowed_origins: must be an origin"));
        assert!(found[4].starts_with("c:7:8: limits.allowed_origins: must be an origin"));
        assert!(found[5].ends_with("limits.slow_consumer: must be \"evict\" or \"disconnect\", not a table"));
        assert_eq!(found[6], "c:9:2: tls: this version of the router does not have [tls] yet");
    }

    #[test]
    fn broken_syntax_hides_no_other_mistake() {
        let found = mistakes("host = \nport = 70000\nthreads = 1 2\nport = 1\n[limits\npublish_rate = 1\n");
        let at: Vec<_> = found.iter().map(|mistake| mistake.split(": ").next().unwrap()).collect();
        assert_eq!(at, ["c:1:8", "c:2:8", "c:3:11", "c:4:1", "c:5:8"], "{found:#?}");
        assert!(found[0].contains("broken TOML"), "{found:#?}");
    }

    #[test]
    fn a_broken_line_is_told_once() {
        assert_eq!(mistakes("x = [[[[").len(), 1);
        assert_eq!(mistakes(&format!("a = {}", "[".repeat(100_000))).len(), 1);
    }

    #[test]
    fn a_table_and_a_setting_are_not_confused() {
        assert_eq!(mistakes("limits = 3"), ["c:1:1: limits: must be a table: [limits]"]);
        assert_eq!(mistakes("[port]"), ["c:1:1: port: must be a whole number from 0 to 65535, not a table"]);
        assert_eq!(mistakes("[[limits]]"), ["c:1:3: limits: must be a table: [limits]"]);
    }
}
