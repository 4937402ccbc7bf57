//! What the engine wants of the store. It has no store itself: whoever calls it takes the errands along, runs them when
//! nothing is locked, and comes back with what they brought.

use std::sync::Arc;

use uuid::Uuid;

use super::{DeadLetter, LetterNumber, Millis, Router, Tried};
use crate::protocol::{Event, Priority, Start, Subscription as Wanted};

/// Something to be done with the store.
#[derive(Clone, Debug)]
pub enum Errand {
    /// To read on for a durable subscription: [`Router::fed`].
    Level {
        /// Its name.
        name: Box<str>,
        /// The level.
        priority: Priority,
        /// The first number.
        from: u64,
        /// What it asks for.
        wanted: Arc<Wanted>,
    },
    /// To find where a replay begins: [`Router::sought`].
    Seek {
        /// The subscription.
        subscription: Uuid,
        /// What it asked for.
        start: Start,
        /// Which events.
        wanted: Arc<Wanted>,
    },
    /// To read on for a replay: [`Router::replayed`].
    Replay {
        /// The subscription.
        subscription: Uuid,
        /// The first number.
        from: u64,
        /// Which events.
        wanted: Arc<Wanted>,
    },
    /// To note that all of a level up to here is done with.
    Floor {
        /// The durable subscription.
        name: Box<str>,
        /// The level.
        priority: Priority,
        /// The last one.
        floor: u64,
    },
    /// To note that one is done with, while earlier ones are not.
    Done {
        /// The durable subscription.
        name: Box<str>,
        /// The level.
        priority: Priority,
        /// Which.
        sequence: u64,
    },
    /// To note what was tried in vain.
    Tried {
        /// The durable subscription.
        name: Box<str>,
        /// With which event, and what.
        tried: Tried,
    },
    /// To note that its clients were there until now.
    Seen {
        /// The durable subscription.
        name: Box<str>,
    },
    /// To note that its clients were told of what was deleted.
    Told {
        /// The durable subscription.
        name: Box<str>,
        /// How many, by priority.
        lost: [u64; Priority::LEVELS],
    },
    /// To store the event of a dead letter once more, and have it matched: [`Router::publish_stored`].
    StoreAgain(DeadLetter),
    /// To tell those who want to hear of dead letters of one; no store is needed for it.
    Mourn(DeadLetter),
    /// To note a dead letter, under this number.
    Bury(LetterNumber, DeadLetter),
    /// To note that dead letters are gone.
    Unbury(Vec<LetterNumber>),
    /// To forget a durable subscription.
    Forget {
        /// Its name.
        name: Box<str>,
    },
}

/// Events that were read from the store, in order.
#[derive(Clone, Default, Debug)]
pub struct Fed {
    /// Each with the moment at which it expires; [`Millis::MAX`] = never.
    pub events: Vec<(Arc<Event>, Millis)>,
    /// Every event with a smaller number was looked at.
    pub next: u64,
    /// There was no more.
    pub is_end: bool,
}

impl Router {
    /// Moves the errands into `into`, as [`Router::take_wakers`] does with wakers.
    pub fn take_errands(&mut self, into: &mut Vec<Errand>) {
        if !self.errands.is_empty() {
            into.append(&mut self.errands);
        }
        if self.dead.has_news() {
            into.extend(self.dead.take_fresh().map(Errand::Mourn));
            into.extend(self.dead.take_news());
        }
    }

    /// One more errand. Of two floors of one level only the later one is worth writing.
    pub(super) fn send(&mut self, errand: Errand) {
        if let Errand::Floor { name, priority, floor } = &errand {
            let same = self.errands.iter_mut().rev().find_map(|other| match other {
                Errand::Floor { name: its, priority: of, floor } if its == name && of == priority => {
                    Some(floor)
                }
                _ => None,
            });
            if let Some(earlier) = same {
                *earlier = (*floor).max(*earlier);
                return;
            }
        }
        self.errands.push(errand);
    }
}
