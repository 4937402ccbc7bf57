//! What the event store is asked, and what it answers.

use serde::{Deserialize, Serialize};

/// A question to the event store.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "store", rename_all = "snake_case")]
pub enum StoreRequest {
    /// What is in it: [`StoreFigures`].
    Stats,
    /// Whether it is in order: [`StoreAnswer::Checked`].
    Check {
        /// Without reading all of it.
        quick: bool,
    },
    /// A copy of it: [`StoreAnswer::Copy`], and then so many bytes that are no line.
    Backup,
    /// A page of its events, the newest first: [`StoredEvents`].
    Events {
        /// Only those with smaller numbers.
        before: Option<u64>,
        /// Patterns of topics; all without any.
        topics: Vec<String>,
    },
    /// One event, by its number: [`StoreAnswer::Event`].
    Event {
        /// The number.
        sequence: u64,
    },
    /// One event, by its id, among the next older ones: [`StoreAnswer::Event`], or [`StoredEvents`] without any and with
    /// where to look next.
    Find {
        /// The event's id.
        id: String,
        /// Only those with smaller numbers.
        before: Option<u64>,
    },
    /// A page of the durable subscriptions, by name: [`StoreAnswer::Durables`].
    Durables {
        /// Only those whose names come after this one.
        after: String,
    },
    /// End a durable subscription that no client is there of: [`StoreAnswer::Forgotten`].
    Forget {
        /// Its name.
        name: String,
    },
}

impl StoreRequest {
    /// Whether it changes something, or hands out all events.
    pub fn changes(&self) -> bool {
        matches!(self, Self::Backup | Self::Forget { .. })
    }
}

/// What it answers.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "store", rename_all = "snake_case")]
pub enum StoreAnswer {
    /// What is in it.
    Stats(Box<StoreFigures>),
    /// Whether it is in order.
    Checked {
        /// What is wrong, a line each.
        problems: Vec<String>,
    },
    /// So many bytes of a copy follow.
    Copy {
        /// How many.
        bytes: u64,
    },
    /// Events.
    Events(StoredEvents),
    /// One event.
    Event {
        /// About it.
        row: StoredEvent,
        /// Its JSON text, unless it is too long.
        event: Option<String>,
    },
    /// Durable subscriptions.
    Durables {
        /// A page of them.
        durables: Vec<DurableView>,
        /// What the next page comes after, if there is one.
        next: Option<String>,
    },
    /// A durable subscription is no more.
    Forgotten {
        /// Its name.
        name: String,
    },
}

/// What is in the store.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct StoreFigures {
    /// `memory` or `sqlite`.
    pub kind: String,
    /// The file.
    pub path: Option<String>,
    /// Its schema's version.
    pub schema: u32,
    /// What is wrong with it now, in words.
    pub failed: Option<String>,
    /// How many events there are.
    pub events: u64,
    /// How many bytes they have.
    pub bytes: u64,
    /// The number that was given last.
    pub last: u64,
    /// The number of the oldest event, and when it was stored.
    pub oldest: Option<(u64, String)>,
    /// The same of the newest.
    pub newest: Option<(u64, String)>,
    /// By rule.
    pub rules: Vec<StoreRule>,
    /// Dead letters.
    pub dead_letters: u64,
    /// Durable subscriptions.
    pub durables: u64,
    /// Bytes of the file, of its logs, and what of the file is free.
    pub file_bytes: u64,
    /// The bytes of SQLite's write-ahead log and of the intake log.
    pub log_bytes: u64,
    /// Bytes of the file that are used again.
    pub free_bytes: u64,
    /// Changes that wait to be written.
    pub waiting: u64,
    /// Since the start: transactions, changes in them, and changes that were refused.
    pub commits: u64,
    /// Changes that were written.
    pub written: u64,
    /// Changes that could not be.
    pub refused: u64,
    /// Events that were deleted, since they were beyond a limit.
    pub deleted: u64,
    /// How many of these a durable subscription had still to get.
    pub lost: u64,
}

/// What is stored by one rule.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct StoreRule {
    /// Its topics, as they are written in the settings.
    pub topics: String,
    /// It is among the settings now.
    pub in_force: bool,
    /// How many events.
    pub events: u64,
    /// How many bytes.
    pub bytes: u64,
    /// Its limits: seconds, events, bytes.
    pub max_age: Option<f64>,
    /// The most events.
    pub max_events: Option<u64>,
    /// The most bytes.
    pub max_size: Option<u64>,
}

/// A page of events.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
pub struct StoredEvents {
    /// The newest first.
    pub events: Vec<StoredEvent>,
    /// What the next page comes before, if there is one.
    pub next: Option<u64>,
}

/// An event of the store.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct StoredEvent {
    /// Its number.
    pub sequence: u64,
    /// When it was stored.
    pub stored: String,
    /// Its id.
    pub id: String,
    /// Its topic.
    pub topic: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its priority.
    pub priority: u8,
    /// Its source.
    pub source: String,
    /// Its bytes.
    pub size: usize,
}

/// A durable subscription.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct DurableView {
    /// Its name.
    pub name: String,
    /// What it asks for, as JSON.
    pub wanted: String,
    /// When it was made.
    pub created: String,
    /// When its client was last there.
    pub last_seen: String,
    /// Clients that are there now.
    pub clients: usize,
    /// By priority, 1 to 10: everything up to this number is done with.
    pub done_to: [u64; 10],
    /// Events that it lost, and has not been told of.
    pub lost: u64,
}
