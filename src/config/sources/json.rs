//! The old `router_config.json`: one flat object with the six settings that the old router had.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::super::schema::{Setting, closest};
use super::super::value::{Given, Value};
use super::Reading;
use super::file::Document;

/// What the old router knew.
const KNOWN: &[&str] = &["host", "port", "max_queue_size", "max_clients", "use_multi_queue", "log_level"];

/// Reads a document into the settings.
pub(super) fn read(reading: &mut Reading, document: &Document<'_>) {
    let Entries(entries) = match serde_json::from_str(document.text) {
        Ok(entries) => entries,
        Err(error) => {
            let offset = offset(document.text, error.line(), error.column());
            return reading.wrong(document.locate(offset), None, broken(&error));
        }
    };
    let mut seen = Vec::new();
    for (Key(key), value) in &entries {
        let start = position(document.text, value.get());
        let key_start = match key {
            Cow::Borrowed(key) => position(document.text, key).saturating_sub(1),
            Cow::Owned(_) => start,
        };
        let fault = if !KNOWN.contains(&key.as_ref()) {
            unknown(key)
        } else if seen.contains(key) {
            "is given twice".to_owned()
        } else {
            seen.push(key.clone());
            if let Some(setting) = Setting::find(key) {
                reading.set(setting, &given(value.get(), start), |offset| document.locate(offset));
            }
            continue;
        };
        reading.wrong(document.locate(key_start), Some(key.to_string()), fault);
    }
}

fn unknown(key: &str) -> String {
    match closest(key, KNOWN.iter().map(|known| (*known, *known))) {
        Some(known) => format!("unknown setting; did you mean {known}?"),
        None => {
            "unknown setting: a file in JSON has the old settings only, others need a file in TOML".to_owned()
        }
    }
}

fn given(text: &str, start: usize) -> Given<'_> {
    let (value, written) = match serde_json::from_str(text) {
        Ok(serde_json::Value::String(content)) => (Value::Text(Cow::Owned(content)), text),
        Ok(serde_json::Value::Bool(value)) => (Value::Bool(value), text),
        Ok(serde_json::Value::Number(_)) => (text.parse().map_or(Value::Other, Value::Integer), text),
        Ok(serde_json::Value::Array(_)) => (Value::Other, "a list"),
        Ok(serde_json::Value::Object(_)) => (Value::Other, "an object"),
        Ok(serde_json::Value::Null) | Err(_) => (Value::Other, text),
    };
    Given { value, written: Cow::Borrowed(written), span: start..start + text.len() }
}

/// Where a part that borrows from the text begins.
fn position(text: &str, part: &str) -> usize {
    (part.as_ptr() as usize).saturating_sub(text.as_ptr() as usize)
}

/// The byte at the parser's line and column, of which the latter counts bytes from 1, and is 0 behind a newline.
fn offset(text: &str, line: usize, column: usize) -> usize {
    let lines = text.split_inclusive('\n').take(line.saturating_sub(1));
    lines.map(str::len).sum::<usize>() + column.saturating_sub(1)
}

/// The parser's words, without the place, which goes in front of the line.
fn broken(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    format!("broken JSON: {}", text.strip_suffix(&place).unwrap_or(&text))
}

/// A name, borrowed from the text where it has no escapes.
#[derive(Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

/// The members of the object with their places, all of them: a map would hide the first of two with one name.
struct Entries<'a>(Vec<(Key<'a>, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Entries<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = Entries<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object with settings")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries<'de>, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Entries(entries))
            }
        }

        deserializer.deserialize_map(Members)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(text: &str) -> Reading {
        let mut reading = Reading::default();
        read(&mut reading, &Document { file: "r.json", text });
        reading
    }

    fn mistakes(text: &str) -> Vec<String> {
        reading(text).mistakes.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_old_file_is_read_with_its_old_spellings() {
        let text = r#"{"host": "0.0.0.0", "port": 9091, "max_queue_size": 5, "max_clients": 6,
                       "use_multi_queue": true, "log_level": "WARNING"}"#;
        let Reading { config, mistakes, origins, .. } = reading(text);
        assert!(mistakes.is_empty());
        assert_eq!((config.host.as_str(), config.port, config.log_level.as_str()), ("0.0.0.0", 9091, "warn"));
        assert_eq!((config.max_queue_size, config.max_clients, config.use_multi_queue), (5, 6, true));
        assert_eq!(origins["port"].to_string(), "r.json:1:29");
    }

    #[test]
    fn every_mistake_is_told_with_its_place() {
        let text =
            "{\n \"prot\": 1,\n \"port\": 9090.5,\n \"ho\\u0073t\": null, \"threads\": 2, \"port\": 2}";
        assert_eq!(
            mistakes(text),
            [
                "r.json:2:2: prot: unknown setting; did you mean port?",
                "r.json:3:10: port: must be a whole number from 0 to 65535, not 9090.5",
                "r.json:4:15: host: must be a host name or an IP address, not null",
                "r.json:4:21: threads: unknown setting: a file in JSON has the old settings only, others need a \
                 file in TOML",
                "r.json:4:35: port: is given twice",
            ]
        );
    }

    #[test]
    fn broken_json_is_told_with_its_place() {
        assert_eq!(mistakes("{\n \"ä\": 1,\n}"), ["r.json:3:1: broken JSON: trailing comma"]);
        assert_eq!(mistakes("{\"ä\" 1}"), ["r.json:1:6: broken JSON: expected `:`"]);
        assert!(mistakes("[]")[0].contains("expected an object with settings"));
        for text in ["", "\n", "{", "{\"port\": 1} x", &"[".repeat(100_000)] {
            assert_eq!(mistakes(text).len(), 1);
        }
    }

    #[test]
    fn the_old_settings_are_settings() {
        for key in KNOWN {
            assert!(Setting::find(key).is_some(), "{key}");
        }
    }
}
