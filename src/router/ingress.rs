//! The ingress queue: what was accepted and not yet matched.
//!
//! One capacity for all ten levels, or with `use_multi_queue` four of them: system (10) 1,000, high (7 to 9)
//! 5,000, normal (5, 6) 10,000, low (1 to 4) 5,000. Either way a higher level is served before a lower one.

use std::ops::RangeInclusive;
use std::sync::Arc;

use super::latency::Stamp;
use super::levels::{Levels, Waits};
use super::{Millis, Receipt, Settings};
use crate::protocol::{Event, Priority};

/// Levels that share a capacity: from this one up to the next class's.
struct Class {
    from: Priority,
    capacity: usize,
    len: usize,
}

impl Class {
    fn is_full(&self) -> bool {
        self.len >= self.capacity
    }
}

/// How full a part of the queue is.
pub(super) struct Fill {
    /// The priorities that share it.
    pub priorities: RangeInclusive<u8>,
    pub len: usize,
    pub capacity: usize,
}

impl Fill {
    /// 0 to 1, or more by what was forced in.
    pub fn part(&self) -> f64 {
        self.len as f64 / self.capacity.max(1) as f64
    }
}

/// An accepted event on its way to the dispatcher.
pub(super) struct Queued {
    pub event: Arc<Event>,
    pub deadline: Millis,
    pub receipt: Option<Receipt>,
    /// A dead letter if nobody subscribes to it.
    pub mandatory: bool,
    pub accepted: Stamp,
}

impl Waits for Queued {
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

/// What became of an event that was offered.
pub(super) enum Offered {
    /// There was room.
    Queued,
    /// It took the place of this one.
    InPlaceOf(Queued),
    /// It outranks nothing in a full queue: here it is again.
    Refused(Queued),
}

pub(super) struct Ingress {
    levels: Levels<Queued>,
    /// Lowest first.
    classes: Vec<Class>,
}

impl Ingress {
    pub fn new(settings: &Settings) -> Self {
        let class =
            |from, capacity| Class { from: Priority::new(from).unwrap_or_default(), capacity, len: 0 };
        let classes = if settings.use_multi_queue {
            vec![class(1, 5_000), class(5, 10_000), class(7, 5_000), class(10, 1_000)]
        } else {
            vec![class(1, settings.max_queue_size)]
        };
        Self { levels: Levels::new(), classes }
    }

    pub fn len(&self) -> usize {
        self.levels.len()
    }

    pub fn is_empty(&self) -> bool {
        self.levels.is_empty()
    }

    pub fn depth(&self) -> [usize; Priority::LEVELS] {
        self.levels.depth()
    }

    /// How many events there is room for.
    pub fn capacity(&self) -> usize {
        self.classes.iter().map(|class| class.capacity).sum()
    }

    /// How full each part with a capacity of its own is, lowest first.
    pub fn fill(&self) -> impl Iterator<Item = Fill> {
        let above = self.classes.iter().skip(1).map(|class| class.from.get() - 1);
        let tops = above.chain([Priority::SYSTEM.get()]);
        self.classes.iter().zip(tops).map(|(class, to)| Fill {
            priorities: class.from.get()..=to,
            len: class.len,
            capacity: class.capacity,
        })
    }

    pub fn soonest(&self) -> Millis {
        self.levels.soonest()
    }

    /// Takes an event in if there is room in its class; otherwise it comes back.
    pub fn admit(&mut self, queued: Queued) -> Result<(), Queued> {
        let class = self.class(queued.event.priority());
        if class.is_full() {
            return Err(queued);
        }
        class.len += 1;
        self.levels.push(queued);
        Ok(())
    }

    /// Takes an event in if there is room in its class, or if it outranks the lowest of its class.
    pub fn offer(&mut self, queued: Queued) -> Offered {
        let queued = match self.admit(queued) {
            Ok(()) => return Offered::Queued,
            Err(queued) => queued,
        };
        let priority = queued.event.priority();
        if self.outranked(priority).is_none() {
            return Offered::Refused(queued);
        }
        let from = self.class(priority).from;
        let Some(victim) = self.levels.pop_lowest_newest(from) else { return Offered::Refused(queued) };
        self.levels.push(queued);
        Offered::InPlaceOf(victim)
    }

    /// Takes something in whether or not there is room.
    pub fn force(&mut self, queued: Queued) {
        self.class(queued.event.priority()).len += 1;
        self.levels.push(queued);
    }

    /// The oldest of the highest level.
    pub fn pop(&mut self) -> Option<Queued> {
        let queued = self.levels.pop_highest()?;
        self.count_out(queued.event.priority());
        Some(queued)
    }

    /// Takes out what expired.
    pub fn expire(&mut self, now: Millis, mut expired: impl FnMut(Queued)) {
        let mut gone = Vec::new();
        self.levels.expire(now, |queued| gone.push(queued));
        for queued in gone {
            self.count_out(queued.event.priority());
            expired(queued);
        }
    }

    /// The lowest level of its class, if an event of this priority outranks it.
    pub fn outranked(&self, priority: Priority) -> Option<Priority> {
        let from = self.classes[self.class_of(priority)].from;
        self.levels.lowest(from).filter(|&lowest| lowest < priority)
    }

    /// Whether an event of this priority needs no other's place.
    pub fn has_room(&self, priority: Priority) -> bool {
        !self.classes[self.class_of(priority)].is_full()
    }

    /// All that is queued, in the order in which it is matched.
    pub fn iter(&self) -> impl Iterator<Item = &Queued> {
        self.levels.iter()
    }

    fn class_of(&self, priority: Priority) -> usize {
        self.classes.partition_point(|class| class.from <= priority).saturating_sub(1)
    }

    fn class(&mut self, priority: Priority) -> &mut Class {
        let at = self.class_of(priority);
        &mut self.classes[at]
    }

    fn count_out(&mut self, priority: Priority) {
        self.class(priority).len -= 1;
    }
}

#[cfg(test)]
mod tests;
