//! Acknowledged delivery: what waits for the members of one consumer, what they have, and what becomes of it.
//!
//! A task is at any time in exactly one of three places: it waits (in order of priority), it flies (a member has it),
//! or it rests (until it is tried again). It leaves by being acknowledged, or dead. Whoever takes it out of here owns it.
//! What does not belong here: clients, sockets, subscriptions; a member is whatever the caller calls it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::attempt::{Attempt, Failure, Tried, rest};
use super::latency::Stamp;
use super::levels::{Levels, Waits};
use super::outbox::Room;
use super::{Millis, Moment, Outcomes, Reason, Settings};
use crate::protocol::{Acks, Event, Priority};

/// One event that is to be done.
#[derive(Clone, Debug)]
pub(super) struct Task {
    pub event: Arc<Event>,
    pub accepted: Stamp,
    pub deadline: Millis,
    /// What was tried in vain, oldest first.
    pub failed: Vec<Attempt>,
}

impl Waits for Task {
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

/// A task that will not be tried again.
#[derive(Debug)]
pub(super) struct Dead {
    pub task: Task,
    pub reason: Reason,
}

/// A task that a member has.
struct Flight<M> {
    task: Task,
    member: M,
    /// When it counts as failed; `None`: it is not sent yet.
    until: Option<Millis>,
}

/// The tasks of one consumer.
pub(super) struct Ledger<M> {
    acks: Acks,
    waiting: Levels<Task>,
    resting: BTreeMap<(Millis, u64), Task>,
    flying: BTreeMap<u64, Flight<M>>,
    /// When those that are sent count as failed.
    due: BTreeSet<(Millis, u64)>,
    /// How many each member has.
    loads: BTreeMap<M, u32>,
    /// Bytes of what rests or flies.
    away: usize,
    next: u64,
    /// How attempts ended.
    pub outcomes: Outcomes,
    /// What was tried in vain with stored events, for whoever has that noted.
    pub tried: Option<Vec<Tried>>,
}

impl<M: Copy + Ord> Ledger<M> {
    pub fn new(acks: Acks) -> Self {
        Self {
            acks,
            waiting: Levels::new(),
            resting: BTreeMap::new(),
            flying: BTreeMap::new(),
            due: BTreeSet::new(),
            loads: BTreeMap::new(),
            away: 0,
            next: 1,
            outcomes: Outcomes::default(),
            tried: None,
        }
    }

    /// All tasks.
    pub fn len(&self) -> usize {
        self.waiting.len() + self.resting.len() + self.flying.len()
    }

    /// All tasks: what waits, in order, then the others.
    pub fn iter(&self) -> impl Iterator<Item = &Task> {
        let flying = self.flying.values().map(|flight| &flight.task);
        self.waiting.iter().chain(self.resting.values()).chain(flying)
    }

    /// How many members have.
    pub fn flying(&self) -> usize {
        self.flying.len()
    }

    /// How many wait in this level and those above.
    pub fn waiting_from(&self, priority: Priority) -> usize {
        self.waiting.len() - self.waiting.below(priority).0
    }

    /// Something is nobody's now: it waits, or rests.
    pub fn has_backlog(&self) -> bool {
        !self.waiting.is_empty() || !self.resting.is_empty()
    }

    /// How many are nobody's now: they wait, or rest; with the longest time that one of them has been here, in
    /// milliseconds, and the most urgent level. `None`: there are none.
    pub fn backlog(&self, now: Moment) -> Option<(u64, Millis, Priority)> {
        let all = || self.waiting.oldest().chain(self.resting.values());
        let highest = all().map(Waits::priority).max()?;
        let oldest = all().map(|task| now.stamp.seconds_since(task.accepted)).fold(0.0, f64::max);
        Some(((self.waiting.len() + self.resting.len()) as u64, (oldest * 1_000.0) as Millis, highest))
    }

    /// Bytes of all tasks but those that wait below this level.
    pub fn bytes_from(&self, priority: Priority) -> usize {
        self.bytes() - self.waiting.below(priority).1
    }

    /// Bytes of all tasks.
    pub fn bytes(&self) -> usize {
        self.waiting.bytes() + self.away
    }

    /// How many a member has.
    pub fn load(&self, member: M) -> usize {
        self.loads.get(&member).map_or(0, |&load| load as usize)
    }

    /// Whether a member may have one more.
    pub fn has_room_for(&self, member: M) -> bool {
        self.load(member) < self.acks.max_in_flight as usize
    }

    /// The level of what a member would get next.
    pub fn next_priority(&self) -> Option<Priority> {
        self.waiting.highest()
    }

    /// The next moment at which [`Ledger::tick`] has something to do.
    pub fn soonest(&self) -> Millis {
        let resting = self.resting.first_key_value().map(|(&(at, _), _)| at);
        let due = self.due.first().map(|&(at, _)| at);
        [resting, due].into_iter().flatten().fold(self.waiting.soonest(), Millis::min)
    }

    /// Takes a task in. When it is full, what ranks below goes, lowest and newest first; if nothing does, `Err` has it back.
    pub fn offer(&mut self, task: Task, settings: &Settings, mut shed: impl FnMut(Task)) -> Result<(), Dead> {
        let bytes = task.bytes();
        if let Err(reason) = self.prospect(bytes, task.priority(), settings) {
            return Err(Dead { task, reason });
        }
        while !fits(self.len(), self.bytes(), bytes, settings) {
            let Some(victim) = self.waiting.pop_lowest_newest(Priority::LOWEST) else { break };
            shed(victim);
        }
        self.waiting.push(task);
        Ok(())
    }

    /// What can be done for a task of this size and rank; if nothing, why.
    pub fn prospect(&self, bytes: usize, priority: Priority, settings: &Settings) -> Result<Room, Reason> {
        if bytes > settings.outbox_size {
            return Err(Reason::Oversized);
        }
        if fits(self.len(), self.bytes(), bytes, settings) {
            return Ok(Room::Free);
        }
        let (events_below, bytes_below) = self.waiting.below(priority);
        if fits(self.len() - events_below, self.bytes() - bytes_below, bytes, settings) {
            Ok(Room::ByShedding)
        } else {
            Err(Reason::Evicted)
        }
    }

    /// Sheds what exceeds bounds that have become smaller. What members have stays theirs.
    pub fn shrink(&mut self, settings: &Settings, mut shed: impl FnMut(Task)) {
        while self.len() > settings.outbox_events || self.bytes() > settings.outbox_size {
            let Some(victim) = self.waiting.pop_lowest_newest(Priority::LOWEST) else { return };
            shed(victim);
        }
    }

    /// Gives a member the most urgent that waits, under a number of its own. It is the member's until it says
    /// otherwise; its time runs from [`Ledger::sent`] on.
    pub fn assign(&mut self, member: M) -> Option<(u64, Priority)> {
        if !self.has_room_for(member) {
            return None;
        }
        let task = self.waiting.pop_highest()?;
        let id = self.next;
        self.next += 1;
        self.away += task.bytes();
        *self.loads.entry(member).or_default() += 1;
        let priority = task.priority();
        self.flying.insert(id, Flight { task, member, until: None });
        Some((id, priority))
    }

    /// It is on its way to the member, and will count as failed when nothing is heard for the time that was asked for.
    /// `None`: the member does not have it any more.
    pub fn sent(&mut self, member: M, id: u64, now: Millis) -> Option<&Task> {
        self.flight(member, id)?;
        self.watch(id, Some(now.saturating_add(self.acks.timeout_ms)));
        self.flying.get(&id).map(|flight| &flight.task)
    }

    /// If its time to live is over, it dies instead of being sent.
    pub fn overdue(&mut self, member: M, id: u64, now: Millis) -> Option<Dead> {
        self.flight(member, id).filter(|flight| flight.task.deadline <= now)?;
        Some(Dead { task: self.land(id)?, reason: Reason::Expired })
    }

    /// It was not written after all. False: the member does not have it any more.
    pub fn unsent(&mut self, member: M, id: u64) -> bool {
        let has = self.flight(member, id).is_some();
        if has {
            self.watch(id, None);
        }
        has
    }

    /// The member is still at it. False: it does not have it.
    pub fn renew(&mut self, member: M, id: u64, now: Millis) -> bool {
        let is_sent = self.flight(member, id).is_some_and(|flight| flight.until.is_some());
        if is_sent {
            self.watch(id, Some(now.saturating_add(self.acks.timeout_ms)));
        }
        is_sent
    }

    /// It is done. `None`: the member does not have it, or not any more.
    pub fn ack(&mut self, member: M, id: u64) -> Option<Task> {
        self.flight(member, id)?;
        self.outcomes.acked += 1;
        self.land(id)
    }

    /// It was not done. It is tried again, after `delay`, or as long as is usual; or it is dead. `None`: the member does
    /// not have it.
    pub fn nack(
        &mut self,
        member: M,
        id: u64,
        delay: Option<Millis>,
        reason: Option<Box<str>>,
        now: Millis,
    ) -> Option<Option<Dead>> {
        self.flight(member, id)?;
        Some(self.fail(id, Failure::Nacked(reason), delay, now))
    }

    /// A member is gone: what it has is given back at once.
    pub fn leave(&mut self, member: M, now: Millis, mut dead: impl FnMut(Dead)) {
        let its = |(&id, flight): (&u64, &Flight<M>)| (flight.member == member).then_some(id);
        // The last one first, so that each goes in front of those behind it.
        let ids: Vec<_> = self.flying.iter().rev().filter_map(its).collect();
        for id in ids {
            let was_sent = self.flying.get(&id).is_some_and(|flight| flight.until.is_some());
            let Some(mut task) = self.land(id) else { continue };
            if was_sent {
                self.note(&mut task, Failure::Disconnected, now);
            }
            match self.judge(task, now) {
                Ok(task) => self.waiting.push_front(task),
                Err(gone) => dead(gone),
            }
        }
    }

    /// Time passes: what was not acknowledged has failed, what has rested waits again, what has expired is dead.
    pub fn tick(&mut self, now: Millis, mut dead: impl FnMut(Dead)) {
        while let Some(&(at, id)) = self.due.first() {
            if at > now {
                break;
            }
            self.due.remove(&(at, id));
            self.fail(id, Failure::TimedOut, None, now).into_iter().for_each(&mut dead);
        }
        while let Some(rested) = self.resting.first_entry().filter(|entry| entry.key().0 <= now) {
            let task = rested.remove();
            self.away -= task.bytes();
            match self.judge(task, now) {
                Ok(task) => self.waiting.push_front(task),
                Err(gone) => dead(gone),
            }
        }
        self.waiting.expire(now, |task| dead(Dead { task, reason: Reason::Expired }));
    }

    /// Takes everything out, the most urgent first; what flies and rests before what waits.
    pub fn clear(&mut self) -> Vec<Task> {
        let ids: Vec<_> = self.flying.keys().copied().collect();
        let mut tasks: Vec<_> = ids.into_iter().filter_map(|id| self.land(id)).collect();
        tasks.extend(std::mem::take(&mut self.resting).into_values());
        self.away = 0;
        while let Some(task) = self.waiting.pop_highest() {
            tasks.push(task);
        }
        tasks.sort_by_key(|task| std::cmp::Reverse(task.priority()));
        tasks
    }

    fn flight(&self, member: M, id: u64) -> Option<&Flight<M>> {
        self.flying.get(&id).filter(|flight| flight.member == member)
    }

    fn watch(&mut self, id: u64, until: Option<Millis>) {
        let Some(flight) = self.flying.get_mut(&id) else { return };
        let before = std::mem::replace(&mut flight.until, until);
        if let Some(at) = before {
            self.due.remove(&(at, id));
        }
        if let Some(at) = until {
            self.due.insert((at, id));
        }
    }

    /// A member has it no longer.
    fn land(&mut self, id: u64) -> Option<Task> {
        self.watch(id, None);
        let Flight { task, member, .. } = self.flying.remove(&id)?;
        self.away -= task.bytes();
        if let Some(load) = self.loads.get_mut(&member) {
            *load -= 1;
            if *load == 0 {
                self.loads.remove(&member);
            }
        }
        Some(task)
    }

    fn note(&mut self, task: &mut Task, failure: Failure, now: Millis) {
        self.outcomes.count(&failure);
        task.failed.push(Attempt { at: now.cast_signed(), failure });
        let (priority, sequence) = (task.event.priority(), task.event.sequence());
        if let Some(tried) = self.tried.as_mut().filter(|_| sequence > 0) {
            tried.push(Tried { priority, sequence, attempts: task.failed.clone() });
        }
    }

    fn fail(&mut self, id: u64, failure: Failure, delay: Option<Millis>, now: Millis) -> Option<Dead> {
        let mut task = self.land(id)?;
        self.note(&mut task, failure, now);
        match self.judge(task, now) {
            Ok(task) => {
                let rest = delay.unwrap_or_else(|| rest(task.failed.len(), id));
                self.away += task.bytes();
                self.resting.insert((now.saturating_add(rest), id), task);
                None
            }
            Err(dead) => Some(dead),
        }
    }

    /// Whether a task is tried again.
    pub fn judge(&self, task: Task, now: Millis) -> Result<Task, Dead> {
        if task.failed.len() > self.acks.max_retries as usize {
            Err(Dead { task, reason: Reason::Retries })
        } else if task.deadline <= now {
            Err(Dead { task, reason: Reason::Expired })
        } else {
            Ok(task)
        }
    }
}

/// Whether `bytes` more fit beside so many tasks that hold so many bytes.
fn fits(tasks: usize, held: usize, bytes: usize, settings: &Settings) -> bool {
    tasks < settings.outbox_events && held + bytes <= settings.outbox_size
}

#[cfg(test)]
mod tests;
