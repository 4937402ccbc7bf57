//! Ten first-in-first-out queues, one a priority: the shape of everything that waits in the router.
//!
//! No bounds here: the ingress queue and the outboxes each have their own rule for what goes when they are full.

use std::collections::VecDeque;

use super::Millis;
use crate::protocol::Priority;

/// Something that waits in a level.
pub(super) trait Waits {
    /// Its level.
    fn priority(&self) -> Priority;
    /// What it counts against a bound in bytes.
    fn bytes(&self) -> usize;
    /// When it expires; [`Millis::MAX`] = never.
    fn deadline(&self) -> Millis;
}

/// A level that held a burst gives its memory back once it is empty and larger than this.
const KEPT_CAPACITY: usize = 256;

/// Ten queues. Every operation but [`Levels::expire`] and [`Levels::retain`] costs O(1).
pub(super) struct Levels<T> {
    queues: [VecDeque<T>; Priority::LEVELS],
    bytes_of: [usize; Priority::LEVELS],
    /// The earliest deadline of each level, or earlier (what was taken out may have been the earliest).
    soonest: [Millis; Priority::LEVELS],
    /// Bit n is set while level n is not empty.
    present: u16,
    len: usize,
    bytes: usize,
}

impl<T: Waits> Levels<T> {
    pub fn new() -> Self {
        Self {
            queues: [const { VecDeque::new() }; Priority::LEVELS],
            bytes_of: [0; Priority::LEVELS],
            soonest: [Millis::MAX; Priority::LEVELS],
            present: 0,
            len: 0,
            bytes: 0,
        }
    }

    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many wait in each level, lowest first.
    pub fn depth(&self) -> [usize; Priority::LEVELS] {
        std::array::from_fn(|level| self.queues[level].len())
    }

    /// All that waits, in the order in which it would be taken.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &T> {
        self.queues.iter().rev().flatten()
    }

    /// The oldest of each level in which something waits.
    pub fn oldest(&self) -> impl Iterator<Item = &T> {
        self.queues.iter().filter_map(VecDeque::front)
    }

    /// Events and bytes in the levels below `priority`.
    pub fn below(&self, priority: Priority) -> (usize, usize) {
        let lower = 0..priority.index();
        (
            lower.clone().map(|level| self.queues[level].len()).sum(),
            lower.map(|level| self.bytes_of[level]).sum(),
        )
    }

    /// The earliest moment at which something here may expire.
    pub fn soonest(&self) -> Millis {
        self.soonest.iter().copied().min().unwrap_or(Millis::MAX)
    }

    pub fn push(&mut self, item: T) {
        let level = self.count_in(&item);
        self.queues[level].push_back(item);
    }

    /// Puts back what was taken last, in front of its level.
    pub fn push_front(&mut self, item: T) {
        let level = self.count_in(&item);
        self.queues[level].push_front(item);
    }

    /// Takes the oldest of the highest level.
    pub fn pop_highest(&mut self) -> Option<T> {
        let level = highest(self.present)?;
        let item = self.queues[level].pop_front()?;
        self.count_out(level, item.bytes());
        Some(item)
    }

    /// Takes the newest of the lowest level that is at least `from`: what goes first when there is no room.
    pub fn pop_lowest_newest(&mut self, from: Priority) -> Option<T> {
        let level = lowest(self.present & (!0 << from.index()))?;
        let item = self.queues[level].pop_back()?;
        self.count_out(level, item.bytes());
        Some(item)
    }

    /// The highest level that is not empty.
    #[inline]
    pub fn highest(&self) -> Option<Priority> {
        Priority::new(highest(self.present)? as u64 + 1)
    }

    /// The lowest level at or above `from` that is not empty.
    pub fn lowest(&self, from: Priority) -> Option<Priority> {
        Priority::new(lowest(self.present & (!0 << from.index()))? as u64 + 1)
    }

    /// Takes out what expired, wherever it waits. Looks only at levels where something may have.
    pub fn expire(&mut self, now: Millis, mut expired: impl FnMut(T)) {
        for level in 0..Priority::LEVELS {
            if self.soonest[level] <= now {
                self.filter_level(level, |item| item.deadline() > now, &mut expired);
            }
        }
    }

    /// Takes out what `keep` does not want. Costs O(all that waits).
    pub fn retain(&mut self, keep: impl Fn(&T) -> bool, mut removed: impl FnMut(T)) {
        for level in 0..Priority::LEVELS {
            self.filter_level(level, &keep, &mut removed);
        }
    }

    fn filter_level(&mut self, level: usize, keep: impl Fn(&T) -> bool, removed: &mut impl FnMut(T)) {
        let queue = std::mem::take(&mut self.queues[level]);
        self.soonest[level] = Millis::MAX;
        for item in queue {
            if keep(&item) {
                self.soonest[level] = self.soonest[level].min(item.deadline());
                self.queues[level].push_back(item);
            } else {
                self.len -= 1;
                self.bytes -= item.bytes();
                self.bytes_of[level] -= item.bytes();
                removed(item);
            }
        }
        if self.queues[level].is_empty() {
            self.present &= !(1 << level);
        }
    }

    fn count_in(&mut self, item: &T) -> usize {
        let level = item.priority().index();
        self.present |= 1 << level;
        self.len += 1;
        self.bytes += item.bytes();
        self.bytes_of[level] += item.bytes();
        self.soonest[level] = self.soonest[level].min(item.deadline());
        level
    }

    fn count_out(&mut self, level: usize, bytes: usize) {
        self.len -= 1;
        self.bytes -= bytes;
        self.bytes_of[level] -= bytes;
        let queue = &mut self.queues[level];
        if queue.is_empty() {
            self.present &= !(1 << level);
            self.soonest[level] = Millis::MAX;
            if queue.capacity() > KEPT_CAPACITY {
                *queue = VecDeque::new();
            }
        }
    }
}

fn highest(present: u16) -> Option<usize> {
    (present != 0).then(|| 15 - present.leading_zeros() as usize)
}

fn lowest(present: u16) -> Option<usize> {
    (present != 0).then(|| present.trailing_zeros() as usize)
}

#[cfg(test)]
mod tests;
