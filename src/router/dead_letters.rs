//! What was accepted and did not arrive: counted by reason and priority, and the newest of it kept.

use std::collections::VecDeque;
use std::sync::Arc;

use uuid::Uuid;

use super::{Attempt, Errand, Settings, Then};
use crate::protocol::{Event, Priority, is_of_dead_letters};

/// The bytes of events that are kept at most, however few they are: messages may have megabytes.
pub const KEPT_BYTES: usize = 64 << 20;

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
    /// Delivered as often as was asked for, and never acknowledged.
    Retries,
    /// Nobody subscribes to it, and its publisher wanted it to be `mandatory`.
    NoSubscriber,
}

impl Reason {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Evicted,
        Self::Expired,
        Self::Oversized,
        Self::SlowConsumer,
        Self::Disconnected,
        Self::Unsubscribed,
        Self::Drain,
        Self::Retries,
        Self::NoSubscriber,
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
            Self::Retries => "retries",
            Self::NoSubscriber => "no_subscriber",
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
    pub at: Then,
    /// The subscription it was for; `None` when it was lost before it was matched.
    pub subscription: Option<Uuid>,
    /// What was tried in vain, oldest first, where deliveries are acknowledged.
    pub attempts: Vec<Attempt>,
}

/// A dead letter's number in the store.
pub type LetterNumber = u64;

/// The dead letters that are kept, oldest first, and the count of all there ever were.
pub struct DeadLetters {
    kept: VecDeque<(LetterNumber, DeadLetter)>,
    bytes: usize,
    capacity: usize,
    counts: [[u64; Priority::LEVELS]; Reason::ALL.len()],
    /// Those that somebody may want to hear of, since they were last asked for; `None`: nobody does.
    fresh: Option<Vec<DeadLetter>>,
    /// What a store is to be told; `None`: there is none.
    books: Option<Books>,
}

/// What a store does not know yet.
#[derive(Default)]
struct Books {
    /// The number that was given last.
    last: LetterNumber,
    kept: Vec<(LetterNumber, DeadLetter)>,
    gone: Vec<LetterNumber>,
}

impl Books {
    fn note(&mut self, letter: &DeadLetter) -> LetterNumber {
        self.last += 1;
        self.kept.push((self.last, letter.clone()));
        self.last
    }
}

impl DeadLetters {
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            kept: VecDeque::new(),
            bytes: 0,
            capacity: settings.dead_letters,
            counts: Default::default(),
            fresh: None,
            books: None,
        }
    }

    pub(super) fn push(&mut self, letter: DeadLetter) {
        self.counts[letter.reason as usize][letter.event.priority().index()] += 1;
        self.bytes += letter.event.size();
        // What tells of a dead letter, and dies itself, is not told of again.
        if let Some(fresh) = self.fresh.as_mut().filter(|_| !is_of_dead_letters(letter.event.topic())) {
            fresh.push(letter.clone());
        }
        let number = self.books.as_mut().map_or(0, |books| books.note(&letter));
        self.kept.push_back((number, letter));
        self.trim();
    }

    /// There is a store, with these of earlier runs, oldest first. From now on it is told of all.
    pub(super) fn recall(&mut self, letters: Vec<(LetterNumber, DeadLetter)>) {
        let mut books = Books { last: letters.last().map_or(0, |(number, _)| *number), ..Books::default() };
        for (number, letter) in &mut self.kept {
            *number = books.note(letter);
        }
        self.books = Some(books);
        for (number, letter) in letters.into_iter().rev() {
            self.bytes += letter.event.size();
            self.kept.push_front((number, letter));
        }
        self.trim();
    }

    /// Whether there is something for [`Self::take_fresh`] or [`Self::take_news`]: asked far more often than there is.
    #[inline]
    pub(super) fn has_news(&self) -> bool {
        self.fresh.as_ref().is_some_and(|fresh| !fresh.is_empty())
            || self.books.as_ref().is_some_and(|books| !books.kept.is_empty() || !books.gone.is_empty())
    }

    /// What the store does not know yet: those that are new, and then those that are gone.
    pub(super) fn take_news(&mut self) -> impl Iterator<Item = Errand> + '_ {
        let books = self.books.iter_mut();
        books.flat_map(|Books { kept, gone, .. }| {
            let gone = (!gone.is_empty()).then(|| Errand::Unbury(std::mem::take(gone)));
            kept.drain(..).map(|(number, letter)| Errand::Bury(number, letter)).chain(gone)
        })
    }

    /// Whether somebody wants to hear of those to come.
    pub(super) fn tell(&mut self, wanted: bool) {
        match (wanted, &self.fresh) {
            (true, None) => self.fresh = Some(Vec::new()),
            (false, Some(_)) => self.fresh = None,
            _ => {}
        }
    }

    /// Those that are to be told of.
    pub(super) fn take_fresh(&mut self) -> impl Iterator<Item = DeadLetter> + '_ {
        self.fresh.iter_mut().flat_map(|fresh| fresh.drain(..))
    }

    pub(super) fn set_capacity(&mut self, settings: &Settings) {
        self.capacity = settings.dead_letters;
        self.trim();
    }

    fn trim(&mut self) {
        while self.kept.len() > self.capacity || self.bytes > KEPT_BYTES {
            let Some((_, oldest)) = self.kept.pop_front() else { return };
            self.bytes -= oldest.event.size();
        }
    }

    /// Takes out those that are wanted. They stay counted.
    pub fn take(&mut self, wanted: impl Fn(&DeadLetter) -> bool) -> Vec<DeadLetter> {
        let all = std::mem::take(&mut self.kept).into_iter();
        let (taken, kept): (Vec<_>, Vec<_>) = all.partition(|(_, letter)| wanted(letter));
        self.kept = kept.into();
        self.bytes -= taken.iter().map(|(_, letter)| letter.event.size()).sum::<usize>();
        if let Some(books) = &mut self.books {
            books.gone.extend(taken.iter().map(|(number, _)| *number));
        }
        taken.into_iter().map(|(_, letter)| letter).collect()
    }

    /// Takes back what was taken out, as the oldest.
    pub(super) fn put_back(&mut self, letters: Vec<DeadLetter>) {
        for letter in letters.into_iter().rev() {
            self.bytes += letter.event.size();
            let number = self.books.as_mut().map_or(0, |books| books.note(&letter));
            self.kept.push_front((number, letter));
        }
        self.trim();
    }

    /// The ones that are kept, oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &DeadLetter> + ExactSizeIterator {
        self.kept.iter().map(|(_, letter)| letter)
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
        DeadLetter { event, reason, at: 7, subscription: None, attempts: Vec::new() }
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
