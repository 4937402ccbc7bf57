//! Everything that can be chosen about a client.

use std::time::Duration;

use super::Options;

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
    /// Bounds of the waits between attempts.
    pub first_wait: Duration,
    pub longest_wait: Duration,
    /// Failures in a row after which it gives up; none = never.
    pub attempts: Option<u32>,
    /// For the router's answers to subscriptions and questions.
    pub answer_timeout: Duration,
    pub buffer_events: usize,
    pub buffer_bytes: usize,
    pub overflow: Overflow,
    /// Events that are sent and not answered.
    pub in_flight: usize,
    /// Events that wait here before no more is read.
    pub prefetch: usize,
    /// Events that wait here at most, while answers are waited for behind them.
    pub local_events: usize,
    /// For how many events back one that came twice is recognised.
    pub dedupe: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            options: Options {
                receive_buffer: Some(16 << 10),
                ping_after: Duration::from_secs(30),
                give_up_after: Duration::from_secs(40),
                ..Options::default()
            },
            source: None,
            first_wait: Duration::from_secs(1),
            longest_wait: Duration::from_secs(30),
            attempts: None,
            answer_timeout: Duration::from_secs(10),
            buffer_events: 10_000,
            buffer_bytes: 64 << 20,
            overflow: Overflow::default(),
            // Answers of this many fit where the router keeps those that wait.
            in_flight: 256,
            prefetch: 32,
            local_events: 10_000,
            dedupe: 1_024,
        }
    }
}
