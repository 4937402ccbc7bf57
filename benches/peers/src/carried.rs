//! What each broker is given to store: the router an event, the others its payload alone or all of it.

use crate::confirmed::TOPIC;
use crate::drivers::{gadugi, marker};

#[derive(clap::Args)]
pub struct Carried {
    /// Bytes of payload
    #[arg(long, default_value_t = 256)]
    payload: usize,
    /// What the peers are given
    #[arg(long, value_enum, default_value_t)]
    content: Content,
}

/// What the peers are given. The router gets an event of fourteen fields in either case.
#[derive(clap::ValueEnum, Clone, Copy, Default)]
enum Content {
    /// The event's payload alone
    #[default]
    Payload,
    /// The whole event, word for word
    Event,
}

impl Carried {
    /// What stands beside the results.
    pub fn words(&self) -> &'static str {
        match self.content {
            Content::Payload => {
                "gadugi-router is given an event of fourteen fields, the others its payload alone"
            }
            Content::Event => "all are given the same event of fourteen fields",
        }
    }

    /// What publishes the event to the router.
    pub fn publish(&self) -> Vec<u8> {
        stamped(&String::from_utf8_lossy(&gadugi::publish(TOPIC, 5, &self.text()))).into_bytes()
    }

    /// What the peers store.
    pub fn body(&self) -> String {
        match self.content {
            Content::Payload => self.text(),
            Content::Event => stamped(&gadugi::event(TOPIC, 5, &self.text())),
        }
    }

    /// A JSON string of so many bytes.
    fn text(&self) -> String {
        format!("\"{}\"", "x".repeat(self.payload.saturating_sub(2)))
    }
}

/// The id stands where a sequence would be put: here all have the same.
fn stamped(text: &str) -> String {
    text.replace(marker::SEQUENCE, "000000000000")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peers_get_the_payload_or_the_event_that_the_router_gets() {
        let bodies = [Content::Payload, Content::Event].map(|content| {
            let carried = Carried { payload: 4, content };
            (String::from_utf8(carried.publish()).unwrap(), carried.body())
        });
        let [(_, payload), (publish, event)] = bodies;
        assert_eq!(payload, r#""xx""#);
        assert!(event.contains(r#""payload":"xx","#), "{event}");
        assert_eq!(format!(r#"{{"type":"publish","event":{event}}}"#), publish);
    }
}
