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

    /// Takes out those of one event, or all. They stay counted.
    pub fn take(&mut self, id: Option<&str>) -> Vec<DeadLetter> {
        let wanted = |letter: &DeadLetter| id.is_none_or(|id| letter.event.id() == id);
        let (taken, kept): (Vec<_>, Vec<_>) = std::mem::take(&mut self.kept).into_iter().partition(wanted);
        self.kept = kept.into();
        self.bytes -= taken.iter().map(|letter| letter.event.size()).sum::<usize>();
        taken
    }

    /// Takes back what was taken out, as the oldest.
    pub(super) fn put_back(&mut self, letters: Vec<DeadLetter>) {
        for letter in letters.into_iter().rev() {
            self.bytes += letter.event.size();
            self.kept.push_front(letter);
        }
        self.trim();
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{numbered, padded};

    fn letters(capacity: usize) -> DeadLetters {
        DeadLetters::new(&Settings { dead_letters: capacity, ..Settings::default() })
    }

    fn letter(event: Arc<Event>, reason: Reason) -> DeadLetter {
        DeadLetter { event, reason, at: 7, subscription: None }
    }

    fn ids(dead: &DeadLetters) -> Vec<&str> {
        dead.iter().map(|letter| letter.event.id()).collect()
    }

    #[test]
    fn the_newest_are_kept_and_all_are_counted() {
        let mut dead = letters(2);
        for (number, reason) in [Reason::Expired, Reason::Evicted, Reason::Evicted].into_iter().enumerate() {
            dead.push(letter(numbered(number, 3), reason));
        }
        assert_eq!(ids(&dead), ["1", "2"]);
        assert_eq!(dead.count(Reason::Evicted)[2], 2);
        assert_eq!(dead.count(Reason::Expired)[2], 1);
        assert_eq!(dead.total(), 3);
    }

    #[test]
    fn large_events_are_kept_only_up_to_a_bound_in_bytes() {
        let mut dead = letters(1_000);
        let large = padded("large", 5, 10 << 20);
        (0..20).for_each(|_| dead.push(letter(Arc::clone(&large), Reason::Evicted)));
        assert_eq!(dead.iter().len(), KEPT_BYTES / large.size());
        assert_eq!(dead.bytes, dead.iter().map(|letter| letter.event.size()).sum::<usize>());
        assert_eq!(dead.total(), 20);
    }

    #[test]
    fn a_smaller_capacity_lets_the_oldest_go() {
        let mut dead = letters(10);
        (0..5).for_each(|number| dead.push(letter(numbered(number, 5), Reason::Drain)));
        dead.set_capacity(&Settings { dead_letters: 2, ..Settings::default() });
        assert_eq!(ids(&dead), ["3", "4"]);
        dead.set_capacity(&Settings { dead_letters: 0, ..Settings::default() });
        dead.push(letter(numbered(9, 5), Reason::Drain));
        assert_eq!((dead.iter().len(), dead.bytes, dead.total()), (0, 0, 6));
    }

    #[test]
    fn every_reason_has_a_place_and_a_name_of_its_own() {
        for (place, reason) in Reason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, place);
        }
        let names: std::collections::HashSet<_> = Reason::ALL.into_iter().map(Reason::as_str).collect();
        assert_eq!(names.len(), Reason::ALL.len());
    }
}
