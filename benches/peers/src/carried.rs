//! What each broker is given to store: the router an event, the others its payload alone or all of it.

use anyhow::{Context, Result};

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

    /// What publishes the event to the router. The id stands where a sequence would be put: here all have the same.
    pub fn publish(&self) -> String {
        let message = gadugi::publish(TOPIC, 5, &self.text());
        String::from_utf8_lossy(&message).replace(marker::SEQUENCE, "000000000000")
    }

    /// What the peers store.
    pub fn body(&self) -> Result<String> {
        match self.content {
            Content::Payload => Ok(self.text()),
            Content::Event => Ok(event_of(&self.publish())?.to_owned()),
        }
    }

    /// A JSON string of so many bytes.
    fn text(&self) -> String {
        format!("\"{}\"", "x".repeat(self.payload.saturating_sub(2)))
    }
}

/// The event in a message that publishes it.
fn event_of(publish: &str) -> Result<&str> {
    let event = publish.strip_prefix(r#"{"type":"publish","event":"#);
    event.and_then(|rest| rest.strip_suffix('}')).context("the message that publishes has another form")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peers_get_the_payload_or_the_event_that_the_router_gets() {
        let bodies = [Content::Payload, Content::Event].map(|content| {
            let carried = Carried { payload: 4, content };
            (carried.publish(), carried.body().unwrap())
        });
        let [(_, payload), (publish, event)] = bodies;
        assert_eq!(payload, r#""xx""#);
        assert!(event.contains(r#""payload":"xx","#), "{event}");
        assert_eq!(format!(r#"{{"type":"publish","event":{event}}}"#), publish);
    }
}
