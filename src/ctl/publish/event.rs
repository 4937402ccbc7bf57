//! The event that the command line describes, but for what it says.

use std::time::Duration;

use clap::builder::PossibleValuesParser;
use serde_json::{Map, Value};

use crate::client::NewEvent;
use crate::config::parse_duration;
use crate::protocol::{EventType, Priority, check_topic};

/// What else is in the event.
#[derive(clap::Args, Debug)]
pub(in crate::ctl) struct EventArgs {
    /// 1 to 10, or LOWEST, LOW, NORMAL, HIGH, CRITICAL, SYSTEM
    #[arg(short, long, value_name = "P", default_value = "NORMAL", value_parser = priority)]
    pub priority: Priority,

    /// What the event is about
    #[arg(long = "type", value_name = "TYPE", default_value = "custom", hide_possible_values = true, value_parser = types())]
    pub kind: String,

    /// Who sends it, instead of this connection's id
    #[arg(long, value_name = "NAME")]
    pub source: Option<String>,

    /// Whom it is meant for
    #[arg(long, value_name = "NAME")]
    pub target: Option<String>,

    /// correlation_id=X, tags.NAME=X, headers.NAME=X …; may be given several times
    #[arg(short, long, value_name = "KEY=VALUE", value_parser = metadata)]
    pub metadata: Vec<(String, String)>,

    /// How long it may wait for a subscriber, as 30s
    #[arg(long, value_name = "DURATION", value_parser = ttl)]
    pub ttl: Option<Duration>,
}

impl EventArgs {
    /// The event, with nothing to say yet.
    pub fn event(&self, topic: &str) -> NewEvent {
        let kind = EventType::from_wire(&self.kind).unwrap_or_default();
        NewEvent {
            kind,
            priority: self.priority,
            source: self.source.clone(),
            target: self.target.clone(),
            metadata: self.nested(),
            ..NewEvent::new(topic)
        }
    }

    fn nested(&self) -> Map<String, Value> {
        let mut all = Map::new();
        for (key, value) in &self.metadata {
            let value = Value::from(value.as_str());
            match key.split_once('.') {
                Some((map, key)) => {
                    let map = all.entry(map).or_insert_with(|| Value::Object(Map::new()));
                    if let Some(map) = map.as_object_mut() {
                        map.insert(key.to_owned(), value);
                    }
                }
                None => drop(all.insert(key.clone(), value)),
            }
        }
        all
    }
}

/// A priority by its number or its name.
pub(in crate::ctl) fn priority(word: &str) -> Result<Priority, &'static str> {
    Priority::from_word(word).ok_or("a number from 1 to 10, or LOWEST, LOW, NORMAL, HIGH, CRITICAL, SYSTEM")
}

/// The names of event types.
pub(in crate::ctl) fn types() -> PossibleValuesParser {
    PossibleValuesParser::new(EventType::ALL.iter().map(|kind| kind.as_str()))
}

/// A topic.
pub(super) fn topic(word: &str) -> Result<String, String> {
    check_topic(word).map(|()| word.to_owned())
}

fn ttl(word: &str) -> Result<Duration, &'static str> {
    parse_duration(word).and_then(|ttl| if ttl.is_zero() { Err("at least 1ms") } else { Ok(ttl) })
}

/// Metadata is closed on the wire: nine keys, two of which hold words of one's own.
fn metadata(word: &str) -> Result<(String, String), String> {
    const PLAIN: [&str; 7] =
        ["created_at", "correlation_id", "causation_id", "user_id", "session_id", "trace_id", "span_id"];
    let (key, value) = word.split_once('=').ok_or("write it as KEY=VALUE")?;
    let is_own =
        key.split_once('.').is_some_and(|(map, key)| matches!(map, "tags" | "headers") && !key.is_empty());
    if is_own || PLAIN.contains(&key) {
        return Ok((key.to_owned(), value.to_owned()));
    }
    Err(format!("the keys are {}, tags.NAME and headers.NAME", PLAIN.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_keys_of_the_protocol_are_metadata() {
        for word in ["correlation_id=", "tags.a=b", "headers.x.y=z=1"] {
            assert!(metadata(word).is_ok(), "{word}");
        }
        for word in ["correlation_id", "tags=x", "tags.=x", "other=x", "x.y=z", ""] {
            assert!(metadata(word).is_err(), "{word}");
        }
    }
}
