//! Everything that can be chosen about a client.

use std::time::Duration;

use super::token::Source;
use super::{Error, Options};

/// What happens to an event that is published while so many wait for the router that there is no room.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Overflow {
    /// The oldest of the lowest priority gives way, and whoever published it is told.
    #[default]
    Evict,
    /// Whoever publishes waits for room.
    Wait,
}

/// What a [`Builder`](super::Builder) has been told.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub options: Options,
    /// The `source` of what is published; none = the connection's name.
    pub source: Option<String>,
    pub token: Source,
    /// Bounds of the waits between attempts, and what the bound is multiplied by.
    pub first_wait: Duration,
    pub longest_wait: Duration,
    pub decay: f64,
    /// Failures in a row after which it gives up; none = never.
    pub attempts: Option<u32>,
    /// For the router's answers to subscriptions and questions.
    pub answer_timeout: Duration,
    pub buffer_events: usize,
    pub buffer_bytes: usize,
    pub overflow: Overflow,
    /// Events that are sent and not answered.
    pub in_flight: usize,
    /// The longest event that is published, as JSON.
    pub message_size: usize,
    /// Events that are read ahead; none = as many as may wait here, or a few where others could have them.
    pub prefetch: Option<usize>,
    /// Events and bytes that may wait here.
    pub local_events: usize,
    pub local_bytes: usize,
    /// For how many events back one that came twice is recognised.
    pub dedupe: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            options: Options {
                connect_timeout: Duration::from_secs(10),
                ping_after: Duration::from_secs(30),
                give_up_after: Duration::from_secs(40),
                ..Options::default()
            },
            source: None,
            token: Source::None,
            first_wait: Duration::from_secs(1),
            longest_wait: Duration::from_secs(30),
            decay: 1.5,
            attempts: None,
            answer_timeout: Duration::from_secs(10),
            buffer_events: 10_000,
            buffer_bytes: 64 << 20,
            overflow: Overflow::default(),
            // Answers of this many fit where the router keeps those that wait.
            in_flight: 256,
            // What a router takes unless it is told otherwise.
            message_size: 10_000_000,
            prefetch: None,
            local_events: 65_536,
            local_bytes: 64 << 20,
            dedupe: 1_024,
        }
    }
}

impl Settings {
    /// # Errors
    /// If something cannot be meant.
    pub fn check(&self) -> Result<(), Error> {
        for (name, count) in [
            ("buffer: the events", self.buffer_events),
            ("buffer: the bytes", self.buffer_bytes),
            ("max_in_flight", self.in_flight),
            ("max_local_events", self.local_events),
            ("max_local_bytes", self.local_bytes),
            ("max_message_size", self.message_size),
        ] {
            if count == 0 {
                return Err(Error::Invalid(format!("{name} must be 1 or more")));
            }
        }
        if self.prefetch.is_some_and(|events| !(1..=self.local_events).contains(&events)) {
            return Err(Error::Invalid("prefetch must be from 1 to max_local_events".to_owned()));
        }
        if !(1.0..).contains(&self.decay) {
            return Err(Error::Invalid("reconnect_decay must be 1 or more".to_owned()));
        }
        let Options { ping_after, give_up_after, .. } = self.options;
        if ping_after.is_zero() || give_up_after <= ping_after {
            let text =
                "heartbeat: a ping is sent after more than 0 s, and its answer needs some time after that";
            return Err(Error::Invalid(text.to_owned()));
        }
        Ok(())
    }
}
