//! What can be asked, and the answers.

use std::path::PathBuf;
use std::sync::Arc;

use super::{Durable, Letter, LetterId, Limits, RuleId, Sequence};
use crate::protocol::{Event, Pattern, Time};

/// An event of the store.
#[derive(Clone, Debug)]
pub struct Stored {
    /// Its number.
    pub sequence: Sequence,
    /// When it was stored.
    pub at: Time,
    /// The event. It knows its number.
    pub event: Arc<Event>,
    /// After this it is not to be delivered any more.
    pub expires: Option<Time>,
}

/// How much one page holds, and how much is looked at for it: one page is one snapshot, and a snapshot that lives long
/// keeps the write-ahead log from being reused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bounds {
    /// The most events in the page.
    pub events: usize,
    /// A page that has so many bytes is full.
    pub bytes: usize,
    /// The most events that are looked at.
    pub looked_at: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { events: 500, bytes: 1 << 20, looked_at: 10_000 }
    }
}

/// A page of events, in order.
#[derive(Clone, Default, Debug)]
pub struct Page {
    /// Those that were asked for.
    pub events: Vec<Stored>,
    /// Where the next page begins: every event with a smaller number was looked at.
    pub next: Sequence,
    /// There was no more when this was read.
    pub is_end: bool,
    /// Texts in the store that could not be read as events. They are passed over.
    pub unreadable: u64,
}

/// A page of durable subscriptions, by name.
pub type DurablePage = Vec<Durable>;

/// Which dead letters are wanted.
#[derive(Clone, Default, Debug)]
pub struct Letters {
    /// Only those with greater ids.
    pub after: LetterId,
    /// Only those with this reason.
    pub reason: Option<Box<str>>,
    /// Only those of events on these topics; empty = any.
    pub topics: Vec<Pattern>,
    /// Only those of this event.
    pub event: Option<Box<str>>,
}

impl Letters {
    pub(super) fn admits(&self, letter: &Letter) -> bool {
        self.reason.as_ref().is_none_or(|reason| *reason == letter.reason)
            && self.event.as_ref().is_none_or(|id| **id == *letter.event.id())
            && (self.topics.is_empty()
                || self.topics.iter().any(|pattern| pattern.matches(letter.event.topic())))
    }
}

/// A page of dead letters, oldest first.
#[derive(Clone, Default, Debug)]
pub struct LetterPage {
    /// Those that were asked for.
    pub letters: Vec<Letter>,
    /// What the next page is to come after.
    pub after: LetterId,
    /// There was no more when this was read.
    pub is_end: bool,
}

/// What is stored by one rule.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RuleFigures {
    /// Its number.
    pub id: RuleId,
    /// Its topics.
    pub name: String,
    /// Its limits.
    pub limits: Limits,
    /// How many events.
    pub events: u64,
    /// How many bytes of events.
    pub bytes: u64,
}

/// What is in a store. None of it is counted by going through the events.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Stats {
    /// `memory` or `sqlite`.
    pub kind: &'static str,
    /// The file.
    pub path: Option<PathBuf>,
    /// The schema's version; 0 in memory.
    pub schema: u32,
    /// The number of the event that was stored last, deleted or not.
    pub last: Sequence,
    /// The oldest event that is there.
    pub oldest: Option<(Sequence, Time)>,
    /// The newest event that is there.
    pub newest: Option<(Sequence, Time)>,
    /// By rule; those that are no longer in force, too.
    pub rules: Vec<RuleFigures>,
    /// The dead letters, as a rule.
    pub dead: Option<RuleFigures>,
    /// How many durable subscriptions.
    pub durables: u64,
    /// The size of the file.
    pub file_bytes: u64,
    /// The size of its logs: SQLite's, and the intake log.
    pub log_bytes: u64,
    /// What of the file is free for reuse.
    pub free_bytes: u64,
}

impl Stats {
    /// How many events are there.
    pub fn events(&self) -> u64 {
        self.rules.iter().map(|rule| rule.events).sum()
    }

    /// How many bytes of events are there.
    pub fn bytes(&self) -> u64 {
        self.rules.iter().map(|rule| rule.bytes).sum()
    }
}

/// What a check found.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct CheckUp {
    /// What is wrong, in words; empty = all is well.
    pub problems: Vec<String>,
}
