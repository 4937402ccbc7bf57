//! What every kind of store has to know alike: how far durable subscriptions are, what is over its limits, and how
//! texts become events again.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::{Level, Limits, MOST_TRIED, Sequence};
use crate::protocol::{Event, Priority, Subscription, Time};

/// How far a durable subscription is.
#[derive(Clone, Debug)]
pub(super) struct Tracked {
    wanted: Subscription,
    pub levels: [Level; Priority::LEVELS],
    /// By level, above its floor.
    pub acked: BTreeSet<(Priority, Sequence)>,
    /// What was tried in vain, as far as it is not in a file.
    pub tried: BTreeMap<(Priority, Sequence), Box<str>>,
}

/// Whether it was noted that something was tried in vain.
pub(super) enum Noted {
    /// The event is done with.
    Not,
    Beside,
    /// There is too much: this is to be forgotten.
    InPlaceOf((Priority, Sequence)),
}

impl Tracked {
    /// It has nothing to get up to `floor`. A wish that cannot be read counts as one for everything.
    pub fn new(wanted: &str, floor: Sequence) -> Self {
        let levels = [Level { floor, lost: 0 }; Priority::LEVELS];
        Self {
            wanted: Subscription::read(wanted).unwrap_or_default(),
            levels,
            acked: BTreeSet::new(),
            tried: BTreeMap::new(),
        }
    }

    pub fn set_wanted(&mut self, wanted: &str) {
        self.wanted = Subscription::read(wanted).unwrap_or_default();
    }

    /// Everything of all levels up to here is done with.
    pub fn lowest(&self) -> Sequence {
        self.levels.iter().map(|level| level.floor).min().unwrap_or(0)
    }

    /// Whether it changes anything.
    pub fn ack(&mut self, priority: Priority, sequence: Sequence) -> bool {
        self.tried.remove(&(priority, sequence));
        sequence > self.levels[priority.index()].floor && self.acked.insert((priority, sequence))
    }

    /// Something was tried in vain.
    pub fn try_in_vain(&mut self, event: (Priority, Sequence), attempts: Box<str>) -> Noted {
        let (priority, sequence) = event;
        if !self.may_lack(priority, sequence) {
            return Noted::Not;
        }
        self.tried.insert(event, attempts);
        let is_too_much = self.tried.len() > MOST_TRIED;
        match is_too_much.then(|| self.tried.pop_first()).flatten() {
            Some((forgotten, _)) => Noted::InPlaceOf(forgotten),
            None => Noted::Beside,
        }
    }

    /// Whether it changes anything.
    pub fn raise(&mut self, priority: Priority, floor: Sequence) -> bool {
        let level = &mut self.levels[priority.index()];
        let is_higher = floor > level.floor;
        if is_higher {
            level.floor = floor;
            self.acked.retain(|&(of, sequence)| of != priority || sequence > floor);
            self.tried.retain(|&(of, sequence), _| of != priority || sequence > floor);
        }
        is_higher
    }

    pub fn tell(&mut self, lost: &[u64; Priority::LEVELS]) {
        for (level, told) in self.levels.iter_mut().zip(lost) {
            level.lost = level.lost.saturating_sub(*told);
        }
    }

    /// Whether an event of this number and level may be one that it has still to get; the wish was not asked.
    pub fn may_lack(&self, priority: Priority, sequence: Sequence) -> bool {
        sequence > self.levels[priority.index()].floor && !self.acked.contains(&(priority, sequence))
    }

    /// The event is deleted. Whether it has lost it.
    pub fn lose(&mut self, sequence: Sequence, event: &Event) -> bool {
        let is_lost = self.may_lack(event.priority(), sequence) && self.wanted.admits(event);
        self.levels[event.priority().index()].lost += u64::from(is_lost);
        is_lost
    }
}

/// What one rule holds.
#[derive(Clone, Default, Debug)]
pub(super) struct Holding {
    pub name: String,
    pub limits: Limits,
    pub events: u64,
    pub bytes: u64,
}

impl Holding {
    pub fn add(&mut self, bytes: usize) {
        self.events += 1;
        self.bytes += bytes as u64;
    }

    pub fn remove(&mut self, events: u64, bytes: u64) {
        self.events = self.events.saturating_sub(events);
        self.bytes = self.bytes.saturating_sub(bytes);
    }

    pub fn is_urgent(&self) -> bool {
        self.limits.is_urgent(self.events, self.bytes)
    }

    /// Whether the oldest, stored then, has to go.
    pub fn is_over(&self, oldest: Time, now: Time) -> bool {
        let age = now.micros().saturating_sub(oldest.micros());
        let is_old = |most: Duration| u128::try_from(age).is_ok_and(|age| age > most.as_micros());
        self.limits.excess(self.events, self.bytes) != (0, 0) || self.limits.max_age.is_some_and(is_old)
    }
}
