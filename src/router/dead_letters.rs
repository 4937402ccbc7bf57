//! What was accepted and did not arrive: counted by reason and priority, and the newest of it kept.

use std::collections::VecDeque;
use std::sync::Arc;

use uuid::Uuid;

use super::{Millis, Settings};
use crate::protocol::{Event, Priority};

/// The bytes of events that are kept at most, however few they are: messages may have megabytes.
const KEPT_BYTES: usize = 64 << 20;

/// Why an event, or a delivery of it, ended here.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Reason {
    /// No room, and it was the lowest, newest.
    Evicted,
    /// Its `ttl_ms` was over.
    Expired,
    /// Larger than the subscriber's whole outbox.
    Oversized,
    /// The subscriber was disconnected because it was slow.
    SlowConsumer,
    /// The subscriber went away.
    Disconnected,
    /// The subscriber ended the subscription.
    Unsubscribed,
    /// The router ended.
    Drain,
}

impl Reason {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Evicted,
        Self::Expired,
        Self::Oversized,
        Self::SlowConsumer,
        Self::Disconnected,
        Self::Unsubscribed,
        Self::Drain,
    ];

    /// The name on the wire, in logs and in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Evicted => "evicted",
            Self::Expired => "expired",
            Self::Oversized => "oversized",
            Self::SlowConsumer => "slow_consumer",
            Self::Disconnected => "disconnected",
            Self::Unsubscribed => "unsubscribed",
            Self::Drain => "drain",
        }
    }
}

/// An event that did not arrive.
#[derive(Clone, Debug)]
pub struct DeadLetter {
    /// The whole event.
    pub event: Arc<Event>,
    /// Why.
    pub reason: Reason,
    /// When, on the engine's clock.
    pub at: Millis,
    /// The subscription it was for; `None` when it was lost before it was matched.
    pub subscription: Option<Uuid>,
}

/// The dead letters that are kept, oldest first, and the count of all there ever were.
pub struct DeadLetters {
    kept: VecDeque<DeadLetter>,
    bytes: usize,
    capacity: usize,
    counts: [[u64; Priority::LEVELS]; Reason::ALL.len()],
}

impl DeadLetters {
    pub(super) fn new(settings: &Settings) -> Self {
        Self { kept: VecDeque::new(), bytes: 0, capacity: settings.dead_letters, counts: Default::default() }
    }

    pub(super) fn push(&mut self, letter: DeadLetter) {
        self.counts[letter.reason as usize][letter.event.priority().index()] += 1;
        self.bytes += letter.event.size();
        self.kept.push_back(letter);
        self.trim();
    }

    pub(super) fn set_capacity(&mut self, settings: &Settings) {
        self.capacity = settings.dead_letters;
        self.trim();
    }

    fn trim(&mut self) {
        while self.kept.len() > self.capacity || self.bytes > KEPT_BYTES {
            let Some(oldest) = self.kept.pop_front() else { return };
            self.bytes -= oldest.event.size();
        }
    }

    /// The ones that are kept, oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &DeadLetter> + ExactSizeIterator {
        self.kept.iter()
    }

    /// How many there were for this reason since the start, by priority, lowest first.
    pub fn count(&self, reason: Reason) -> [u64; Priority::LEVELS] {
        self.counts[reason as usize]
    }

    /// How many there were in all since the start.
    pub fn total(&self) -> u64 {
        self.counts.iter().flatten().sum()
    }
}
