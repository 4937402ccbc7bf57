//! What waits for one subscriber: ten levels, bounded in events and in bytes.
//!
//! When it is full the lowest, newest events go first, whatever they are: a newcomer that outranks nothing is
//! itself the lowest and newest. What the connection has taken and not yet written still counts.

use std::sync::Arc;

use super::latency::Stamp;
use super::levels::{Levels, Waits};
use super::subscription::SubscriptionKey;
use super::{Millis, Moment, Reason, Settings, SlowConsumer};
use crate::protocol::{Event, Priority};

/// One delivery that waits.
pub(super) struct Waiting {
    pub event: Arc<Event>,
    pub subscription: SubscriptionKey,
    /// When the event was accepted.
    pub accepted: Stamp,
    pub deadline: Millis,
}

impl Waits for Waiting {
    fn priority(&self) -> Priority {
        self.event.priority()
    }

    fn bytes(&self) -> usize {
        self.event.size()
    }

    fn deadline(&self) -> Millis {
        self.deadline
    }
}

/// What an outbox can do for a newcomer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Room {
    /// Shed what it outranks.
    ByShedding,
    /// Just take it.
    Free,
}

/// Deliveries of one event that are thought to have come first, all of the same size and rank. In earnest: none.
#[derive(Clone, Copy, Default)]
pub(super) struct Ahead {
    /// How many were taken in.
    taken: usize,
    /// What was shed for them.
    shed: usize,
    shed_bytes: usize,
}

/// Whether `bytes` more fit beside so many events that hold so many bytes.
#[inline]
fn fits(events: usize, held: usize, bytes: usize, settings: &Settings) -> bool {
    events < settings.outbox_events && held + bytes <= settings.outbox_size
}

pub(super) struct Outbox {
    levels: Levels<Waiting>,
    /// Taken by the connection since its last turn, and not put back.
    taken_events: usize,
    taken_bytes: usize,
}

impl Outbox {
    pub fn new() -> Self {
        Self { levels: Levels::new(), taken_events: 0, taken_bytes: 0 }
    }

    /// Events that wait or are being written.
    pub fn len(&self) -> usize {
        self.levels.len() + self.taken_events
    }

    /// Bytes of events that wait or are being written.
    pub fn bytes(&self) -> usize {
        self.levels.bytes() + self.taken_bytes
    }

    /// Events that wait, without those being written.
    pub fn waiting(&self) -> usize {
        self.levels.len()
    }

    /// How many wait in each level, lowest first, without those being written.
    pub fn depth(&self) -> [usize; Priority::LEVELS] {
        self.levels.depth()
    }

    /// What waits, in the order in which it would be taken, without what is being written.
    pub fn iter(&self) -> impl Iterator<Item = &Waiting> {
        self.levels.iter()
    }

    /// Seconds since the oldest of what waits was accepted; `None` when nothing does.
    pub fn age(&self, now: Moment) -> Option<f64> {
        self.levels.oldest().map(|waiting| now.stamp.seconds_since(waiting.accepted)).reduce(f64::max)
    }

    pub fn soonest(&self) -> Millis {
        self.levels.soonest()
    }

    /// Whether `bytes` more fit without anything having to go.
    fn has_room(&self, bytes: usize, settings: &Settings) -> bool {
        fits(self.len(), self.bytes(), bytes, settings)
    }

    /// What can be done for a newcomer of this size and rank; if nothing, why.
    #[inline(always)]
    pub fn prospect(
        &self,
        ahead: Ahead,
        bytes: usize,
        priority: Priority,
        settings: &Settings,
    ) -> Result<Room, Reason> {
        // What fits into no outbox says nothing about the subscriber.
        if bytes > settings.outbox_size {
            return Err(Reason::Oversized);
        }
        let events = self.len_after(ahead);
        let held = self.bytes() + ahead.taken * bytes - ahead.shed_bytes;
        if fits(events, held, bytes, settings) {
            return Ok(Room::Free);
        }
        if settings.slow_consumer == SlowConsumer::Disconnect {
            return Err(Reason::SlowConsumer);
        }
        let (events_below, bytes_below) = self.levels.below(priority);
        let (events_below, bytes_below) = (events_below - ahead.shed, bytes_below - ahead.shed_bytes);
        if fits(events - events_below, held - bytes_below, bytes, settings) {
            Ok(Room::ByShedding)
        } else {
            Err(Reason::Evicted)
        }
    }

    /// One more of this size is thought to have been taken in.
    pub fn take_ahead(&self, ahead: &mut Ahead, bytes: usize, settings: &Settings) {
        for victim in self.levels.iter().rev().skip(ahead.shed) {
            let held = self.bytes() + ahead.taken * bytes - ahead.shed_bytes;
            if fits(self.len_after(*ahead), held, bytes, settings) {
                break;
            }
            ahead.shed += 1;
            ahead.shed_bytes += victim.bytes();
        }
        ahead.taken += 1;
    }

    /// Events that would wait or be written after those.
    pub fn len_after(&self, ahead: Ahead) -> usize {
        self.len() + ahead.taken - ahead.shed
    }

    /// Takes a delivery in and sheds what no longer fits, possibly the newcomer: `Err` has it back, and then
    /// nothing else was shed.
    pub fn offer(
        &mut self,
        waiting: Waiting,
        settings: &Settings,
        mut shed: impl FnMut(Waiting),
    ) -> Result<(), (Waiting, Reason)> {
        let bytes = waiting.bytes();
        match self.prospect(Ahead::default(), bytes, waiting.priority(), settings) {
            Err(reason) => return Err((waiting, reason)),
            Ok(Room::Free) => {}
            Ok(Room::ByShedding) => {
                while !self.has_room(bytes, settings) {
                    let Some(victim) = self.levels.pop_lowest_newest(Priority::LOWEST) else { break };
                    shed(victim);
                }
            }
        }
        self.levels.push(waiting);
        Ok(())
    }

    /// Sheds what exceeds bounds that have become smaller.
    pub fn shrink(&mut self, settings: &Settings, mut shed: impl FnMut(Waiting)) {
        while self.len() > settings.outbox_events || self.bytes() > settings.outbox_size {
            let Some(victim) = self.levels.pop_lowest_newest(Priority::LOWEST) else { return };
            shed(victim);
        }
    }

    /// The level of what would be taken next.
    #[inline]
    pub fn next_priority(&self) -> Option<Priority> {
        self.levels.highest()
    }

    /// Takes the oldest of the highest level; it counts until [`Outbox::settle`].
    pub fn take(&mut self) -> Option<Waiting> {
        let waiting = self.levels.pop_highest()?;
        self.taken_events += 1;
        self.taken_bytes += waiting.bytes();
        Some(waiting)
    }

    /// The last one taken was not written: back to the front of its level.
    pub fn put_back(&mut self, waiting: Waiting) {
        self.untake(&waiting);
        self.levels.push_front(waiting);
    }

    /// The last one taken is not to be counted as written, and not put back either.
    pub fn untake(&mut self, waiting: &Waiting) {
        self.taken_events = self.taken_events.saturating_sub(1);
        self.taken_bytes = self.taken_bytes.saturating_sub(waiting.bytes());
    }

    /// All that was taken is written. Returns how many.
    pub fn settle(&mut self) -> usize {
        self.taken_bytes = 0;
        std::mem::take(&mut self.taken_events)
    }

    pub fn expire(&mut self, now: Millis, expired: impl FnMut(Waiting)) {
        self.levels.expire(now, expired);
    }

    /// Takes out all deliveries of one subscription.
    pub fn forget(&mut self, subscription: SubscriptionKey, removed: impl FnMut(Waiting)) {
        self.levels.retain(|waiting| waiting.subscription != subscription, removed);
    }

    /// Takes out everything, highest first.
    pub fn clear(&mut self, mut removed: impl FnMut(Waiting)) {
        while let Some(waiting) = self.levels.pop_highest() {
            removed(waiting);
        }
    }
}

#[cfg(test)]
mod tests;
