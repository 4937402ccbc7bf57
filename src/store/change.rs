//! What can be written.

use std::sync::Arc;

use super::RuleId;
use crate::protocol::{Event, Priority, Time};

/// An event's number in the store: from 1 on, in the order in which events were stored, never used twice.
pub type Sequence = u64;

/// What the caller knows a change by when it is told what became of it.
pub type Mark = u64;

/// A dead letter's number.
pub type LetterId = u64;

/// One of the ten levels of a durable subscription.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Level {
    /// Everything up to here is done with.
    pub floor: Sequence,
    /// Events that were deleted before the subscriber got them, since it was last told.
    pub lost: u64,
}

/// The most durable subscriptions: names are chosen by clients, and each event that is deleted is held against all of them.
pub const MOST_DURABLES: usize = 10_000;

/// The most events of one durable subscription whose vain attempts are kept: as many as its clients have at a time, not a
/// backlog.
pub const MOST_TRIED: usize = 4_096;

/// What a durable subscription is answered with that would be one too many, instead of a number.
pub const NO_ROOM: u64 = u64::MAX;

/// A durable subscription as it is stored.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Durable {
    /// Its name.
    pub name: Box<str>,
    /// What it asks for, as the JSON object that a client sends.
    pub wanted: Box<str>,
    /// When it was first made.
    pub created: Time,
    /// When its client was last there.
    pub last_seen: Time,
    /// Lowest priority first.
    pub levels: [Level; Priority::LEVELS],
    /// Acknowledged above their floor, in order.
    pub acked: Vec<Sequence>,
    /// What was tried in vain, by event, in order: as JSON.
    pub tried: Vec<(Sequence, Box<str>)>,
}

/// A dead letter as it is stored.
#[derive(Clone, Debug)]
pub struct Letter {
    /// 0: the store is to choose it.
    pub id: LetterId,
    /// When it died.
    pub at: Time,
    /// Why, by the reason's name.
    pub reason: Box<str>,
    /// The event.
    pub event: Arc<Event>,
    /// Whom it was for: a durable name or a subscription's id.
    pub subscription: Option<Box<str>>,
    /// What was tried, as JSON.
    pub attempts: Option<Box<str>>,
}

/// One thing to write. In [`Outcome`](super::Outcome) it has a number of its own.
///
/// It is as small as its most frequent kind allows, for it goes through a queue: the large ones are boxed.
#[derive(Clone, Debug)]
pub enum Change {
    /// An event. Its number is its sequence.
    Append {
        /// The event.
        event: Arc<Event>,
        /// The rule that it is stored by.
        rule: RuleId,
        /// After this it is not to be delivered any more.
        expires: Option<Time>,
    },
    /// A durable subscription is made, or comes again with a wish that may be another. Its number is the sequence up to
    /// which a new one has nothing to get, or [`NO_ROOM`].
    Durable {
        /// Its name.
        name: Box<str>,
        /// What it asks for, as the JSON object that a client sends.
        wanted: Box<str>,
        /// Where a new one begins; `None` = after what is stored now.
        from: Option<Sequence>,
    },
    /// The client of a durable subscription was there.
    Seen {
        /// Its name.
        name: Box<str>,
    },
    /// A durable subscription ends. Its number is 1 if there was one.
    Forget {
        /// Its name.
        name: Box<str>,
    },
    /// An event was acknowledged, or is given up, while earlier ones of its level are not.
    Acked {
        /// The durable subscription.
        name: Box<str>,
        /// The event's level.
        priority: Priority,
        /// The event.
        sequence: Sequence,
    },
    /// All of a level up to here is done with. A floor never falls.
    Floor {
        /// The durable subscription.
        name: Box<str>,
        /// The level.
        priority: Priority,
        /// The last one that is done with.
        floor: Sequence,
    },
    /// What was tried in vain with an event that is not done with, in place of what was noted before.
    Tried {
        /// The durable subscription.
        name: Box<str>,
        /// The event's level.
        priority: Priority,
        /// The event.
        sequence: Sequence,
        /// What was tried, as JSON.
        attempts: Box<str>,
    },
    /// The client was told of so many lost events.
    Told {
        /// The durable subscription.
        name: Box<str>,
        /// By priority, lowest first.
        lost: Box<[u64; Priority::LEVELS]>,
    },
    /// A dead letter. Its number is its id. One that is there is left as it is.
    Bury(Box<Letter>),
    /// Dead letters are taken out. Its number is how many there were.
    Unbury {
        /// Which.
        ids: Vec<LetterId>,
    },
}

/// What a change counts besides its event: its place in the queue, names, a row.
const OVERHEAD: usize = 128;

impl Change {
    /// What it counts against bounds on memory.
    pub(super) fn bytes(&self) -> usize {
        OVERHEAD
            + match self {
                Self::Append { event, .. } => event.size(),
                Self::Bury(letter) => {
                    letter.event.size() + letter.attempts.as_ref().map_or(0, |attempts| attempts.len())
                }
                Self::Durable { name, wanted, .. } => name.len() + wanted.len(),
                Self::Tried { name, attempts, .. } => name.len() + attempts.len(),
                Self::Unbury { ids } => size_of_val(ids.as_slice()),
                Self::Seen { name }
                | Self::Forget { name }
                | Self::Acked { name, .. }
                | Self::Floor { name, .. }
                | Self::Told { name, .. } => name.len(),
            }
    }
}
