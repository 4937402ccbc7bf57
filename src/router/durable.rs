//! A durable subscription while somebody is there: how far it is in each of the ten levels, and what of it is under way.
//!
//! The store has all its events; here are only numbers. A level is *caught up* when all that was stored is taken in: then
//! what is matched joins directly. Else what is matched stays in the store, and is read from there in its order.
//! What does not belong here: who has an event (the ledger), and when is read (`durables`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::ledger::Task;
use super::{Attempt, Errand, Millis};
use crate::protocol::{Priority, Subscription as Wanted};

/// How far a durable subscription is, as it is stored.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Standing {
    /// In each level, lowest first: all up to here is done with.
    pub floors: [u64; Priority::LEVELS],
    /// What was deleted before it was delivered, and not told yet.
    pub lost: [u64; Priority::LEVELS],
    /// Done with above the floors.
    pub done: Vec<u64>,
    /// What was tried in vain, by event.
    pub tried: Vec<(u64, Vec<Attempt>)>,
}

/// One level.
#[derive(Default)]
struct Level {
    /// The next one to take in.
    next: u64,
    /// The last one that was matched and left in the store.
    passed: u64,
    is_caught_up: bool,
    /// All up to here is done with.
    floor: u64,
    /// Taken in, and not done.
    open: BTreeSet<u64>,
    /// Done above the floor.
    done: BTreeSet<u64>,
}

/// What a member of the durable subscription matched is to do with an event.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Arrival {
    /// It is known already.
    Known,
    /// It stays in the store.
    Stays,
    /// It is next.
    Next,
}

/// What was tried in vain, by event.
pub(super) type Histories = BTreeMap<u64, Vec<Attempt>>;

/// Attempts that are remembered of events that went back to the store: as many as members have at a time, not a backlog.
const MOST_HISTORIES: usize = 4_096;

pub(super) struct Durable {
    pub name: Box<str>,
    /// What it asks for, without its name.
    pub wanted: Arc<Wanted>,
    levels: [Level; Priority::LEVELS],
    /// What is being read: the level, and from where.
    reading: Option<(Priority, u64)>,
    /// Nothing is read while so many are held.
    stalled: usize,
    /// The store could not be read: when it is tried again. [`Millis::MAX`] = nothing is tried again.
    pub resumes: Millis,
    /// What was tried in vain with events that are back in the store.
    histories: Histories,
}

impl Durable {
    pub fn new(name: Box<str>, wanted: Arc<Wanted>, standing: &Standing, histories: Histories) -> Self {
        let mut levels: [Level; Priority::LEVELS] = Default::default();
        for (level, &floor) in levels.iter_mut().zip(&standing.floors) {
            (level.floor, level.next) = (floor, floor.saturating_add(1));
            level.done = standing.done.iter().copied().filter(|&sequence| sequence > floor).collect();
        }
        Self { name, wanted, levels, reading: None, stalled: usize::MAX, resumes: Millis::MAX, histories }
    }

    /// An event of its topics is matched.
    pub fn arrive(&mut self, priority: Priority, sequence: u64) -> Arrival {
        let level = &mut self.levels[priority.index()];
        if sequence < level.next || sequence <= level.passed {
            Arrival::Known
        } else if level.is_caught_up {
            Arrival::Next
        } else {
            level.passed = sequence;
            Arrival::Stays
        }
    }

    /// It is taken in.
    pub fn take_in(&mut self, priority: Priority, sequence: u64) {
        let level = &mut self.levels[priority.index()];
        level.next = sequence + 1;
        level.open.insert(sequence);
    }

    /// There is no room for it: it and what follows is read from the store later.
    pub fn leave(&mut self, priority: Priority, sequence: u64) {
        let level = &mut self.levels[priority.index()];
        level.is_caught_up = false;
        level.passed = level.passed.max(sequence);
    }

    /// It was taken in, and goes back to the store, with what was tried in vain.
    pub fn take_back(&mut self, task: Task) {
        let Task { event, failed, .. } = task;
        let (priority, sequence) = (event.priority(), event.sequence());
        let level = &mut self.levels[priority.index()];
        level.open.remove(&sequence);
        level.next = level.next.min(sequence);
        level.is_caught_up = false;
        if !failed.is_empty() {
            self.histories.insert(sequence, failed);
            if self.histories.len() > MOST_HISTORIES {
                self.histories.pop_first();
            }
        }
    }

    /// What was tried in vain with all of them.
    pub fn into_histories(self) -> Histories {
        self.histories
    }

    /// What was tried in vain with an event before it went back to the store.
    pub fn history(&mut self, sequence: u64) -> Vec<Attempt> {
        self.histories.remove(&sequence).unwrap_or_default()
    }

    /// It is done with. What the store is to note.
    pub fn finish(&mut self, priority: Priority, sequence: u64) -> Errand {
        let level = &mut self.levels[priority.index()];
        level.open.remove(&sequence);
        // What nobody wants of what was looked at is done with, too.
        let floor = level.open.first().copied().unwrap_or(level.next).min(level.next) - 1;
        let name = self.name.clone();
        if floor < sequence {
            level.done.insert(sequence);
            return Errand::Done { name, priority, sequence };
        }
        level.floor = level.floor.max(floor);
        level.done = level.done.split_off(&(level.floor + 1));
        Errand::Floor { name, priority, floor: level.floor }
    }

    /// What to read next: of the highest level that is behind, unless enough of it and those above waits. `held` is how many
    /// events are there in all.
    pub fn ask(&mut self, held: usize, is_enough: impl Fn(Priority) -> bool) -> Option<(Priority, u64)> {
        if self.reading.is_some() || held >= self.stalled {
            return None;
        }
        self.stalled = usize::MAX;
        for priority in (1..=Priority::LEVELS as u64).rev().filter_map(Priority::new) {
            if is_enough(priority) {
                return None;
            }
            let level = &self.levels[priority.index()];
            if !level.is_caught_up {
                self.reading = Some((priority, level.next));
                return self.reading;
            }
        }
        None
    }

    /// There was no room for what was read while so many were held: nothing is read until there are fewer.
    pub fn stall(&mut self, held: usize) {
        self.stalled = held;
    }

    /// What was asked for is there, or cannot be had. Whether it is still what is next.
    pub fn answered(&mut self, priority: Priority, from: u64) -> bool {
        self.reading.take_if(|asked| *asked == (priority, from)).is_some()
            && self.levels[priority.index()].next == from
    }

    /// Whether it is time to ask again.
    pub fn retry(&mut self, now: Millis) -> bool {
        let is_time = self.resumes <= now;
        if is_time {
            (self.resumes, self.reading) = (Millis::MAX, None);
        }
        is_time
    }

    /// Whether it was taken in, and all before it.
    pub fn has_taken(&self, priority: Priority, sequence: u64) -> bool {
        self.levels[priority.index()].next > sequence
    }

    /// Whether an event that was read is to be taken in.
    pub fn wants(&self, priority: Priority, sequence: u64) -> bool {
        let level = &self.levels[priority.index()];
        sequence >= level.next && !level.open.contains(&sequence) && !level.done.contains(&sequence)
    }

    /// All before `next` was looked at; `is_end`: when it was read there was no more.
    pub fn looked(&mut self, priority: Priority, next: u64, is_end: bool) {
        let level = &mut self.levels[priority.index()];
        level.next = level.next.max(next);
        level.is_caught_up = is_end && level.passed < level.next;
    }

    /// More of it is in the store than was taken in.
    pub fn is_behind(&self) -> bool {
        self.levels.iter().any(|level| !level.is_caught_up)
    }
}
