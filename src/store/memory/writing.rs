//! Writing to memory.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{PoisonError, RwLockWriteGuard};

use super::{Held, Kept, Memory, Subscriber, bounded};
use crate::protocol::Time;
use crate::store::rules::DEAD_NAME;
use crate::store::track::{Holding, Tracked};
use crate::store::{
    Change, Letter, Limits, MOST_DURABLES, NO_ROOM, RuleId, Rules, Sequence, StoreError, Trimmed, Writing,
};

impl Memory {
    /// A thread that panicked left whole changes: each is made by a few steps that do not panic.
    fn write(&self) -> RwLockWriteGuard<'_, Held> {
        self.held.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Writing for Memory {
    fn known_rules(&mut self) -> Result<BTreeMap<String, RuleId>, StoreError> {
        let held = self.write();
        let named = held.rules.iter().filter(|(id, _)| **id != RuleId::DEAD);
        Ok(named.map(|(id, rule)| (rule.name.clone(), *id)).collect())
    }

    fn set_rules(&mut self, rules: &Rules, dead: Limits) -> Result<(), StoreError> {
        let mut held = self.write();
        for (id, rule) in rules.iter() {
            let holding = held.rules.entry(*id).or_default();
            (holding.name, holding.limits) = (rule.name(), bounded(rule.limits));
        }
        let holding = held.rules.entry(RuleId::DEAD).or_default();
        (holding.name, holding.limits) = (DEAD_NAME.into(), bounded(dead));
        Ok(())
    }

    fn commit(&mut self, changes: &[Change], now: Time) -> Result<Vec<u64>, StoreError> {
        let mut held = self.write();
        Ok(changes.iter().map(|change| held.apply(change, now)).collect())
    }

    fn is_urgent(&self) -> bool {
        self.write().rules.values().any(Holding::is_urgent)
    }

    fn trim(&mut self, now: Time, most: usize) -> Result<Trimmed, StoreError> {
        let mut held = self.write();
        let mut trimmed = Trimmed::default();
        let ids: Vec<_> = held.rules.keys().copied().collect();
        for id in ids {
            while held.is_over(id, now) {
                if trimmed.events == most as u64 {
                    return Ok(Trimmed { is_more: true, ..trimmed });
                }
                trimmed.lost += held.remove_oldest(id);
                trimmed.events += 1;
            }
        }
        Ok(trimmed)
    }

    fn rest(&mut self) -> Result<bool, StoreError> {
        Ok(false)
    }
}

impl Held {
    fn apply(&mut self, change: &Change, now: Time) -> u64 {
        match change {
            Change::Append { event, rule, expires } => {
                self.last += 1;
                event.stored_as(self.last);
                let at = self.last_at.map_or(now, |last| last.max(now));
                self.last_at = Some(at);
                self.rules.entry(*rule).or_default().add(event.size());
                self.of_rule.entry(*rule).or_default().push_back(self.last);
                self.levels[event.priority().index()].insert(self.last);
                self.events
                    .insert(self.last, Kept { rule: *rule, at, event: event.clone(), expires: *expires });
                self.last
            }
            Change::Durable { name, wanted, from } => self.durable(name, wanted, *from, now),
            Change::Seen { name } => {
                self.subscriber(name, |subscriber| subscriber.last_seen = now);
                0
            }
            Change::Forget { name } => u64::from(self.durables.remove(name).is_some()),
            Change::Acked { name, priority, sequence } => {
                self.subscriber(name, |it| it.tracked.ack(*priority, *sequence));
                0
            }
            Change::Floor { name, priority, floor } => {
                let floor = (*floor).min(self.last);
                self.subscriber(name, |it| it.tracked.raise(*priority, floor));
                0
            }
            Change::Tried { name, priority, sequence, attempts } => {
                self.subscriber(name, |it| it.tracked.try_in_vain((*priority, *sequence), attempts.clone()));
                0
            }
            Change::Told { name, lost } => {
                self.subscriber(name, |it| it.tracked.tell(lost));
                0
            }
            Change::Bury(letter) => {
                let id = if letter.id == 0 { self.last_letter + 1 } else { letter.id };
                self.last_letter = self.last_letter.max(id);
                if let Entry::Vacant(place) = self.dead.entry(id) {
                    place.insert(Letter { id, ..(**letter).clone() });
                    self.rules.entry(RuleId::DEAD).or_default().add(letter.event.size());
                }
                id
            }
            Change::Unbury { ids } => {
                let gone: Vec<_> = ids.iter().filter_map(|id| self.dead.remove(id)).collect();
                let bytes = gone.iter().map(|letter| letter.event.size() as u64).sum();
                self.rules.entry(RuleId::DEAD).or_default().remove(gone.len() as u64, bytes);
                gone.len() as u64
            }
        }
    }

    fn durable(&mut self, name: &str, wanted: &str, from: Option<Sequence>, now: Time) -> u64 {
        if let Some(subscriber) = self.durables.get_mut(name) {
            subscriber.tracked.set_wanted(wanted);
            (subscriber.wanted, subscriber.last_seen) = (wanted.into(), now);
            return subscriber.tracked.lowest();
        }
        if self.durables.len() >= MOST_DURABLES {
            return NO_ROOM;
        }
        let floor = from.map_or(self.last, |from| from.saturating_sub(1).min(self.last));
        let tracked = Tracked::new(wanted, floor);
        let subscriber = Subscriber { wanted: wanted.into(), created: now, last_seen: now, tracked };
        self.durables.insert(name.into(), subscriber);
        floor
    }

    fn subscriber<T>(&mut self, name: &str, change: impl FnOnce(&mut Subscriber) -> T) {
        if let Some(subscriber) = self.durables.get_mut(name) {
            change(subscriber);
        }
    }

    /// Whether the oldest of a rule has to go.
    fn is_over(&self, id: RuleId, now: Time) -> bool {
        let oldest = if id == RuleId::DEAD {
            self.dead.values().next().map(|letter| letter.at)
        } else {
            let first = self.of_rule.get(&id).and_then(|sequences| sequences.front());
            first.and_then(|first| self.events.get(first)).map(|kept| kept.at)
        };
        oldest.zip(self.rules.get(&id)).is_some_and(|(oldest, rule)| rule.is_over(oldest, now))
    }

    /// Returns how many durable subscriptions had still to get it.
    fn remove_oldest(&mut self, id: RuleId) -> u64 {
        if id == RuleId::DEAD {
            if let Some((_, letter)) = self.dead.pop_first() {
                self.rules.entry(id).or_default().remove(1, letter.event.size() as u64);
            }
            return 0;
        }
        let first = self.of_rule.get_mut(&id).and_then(VecDeque::pop_front);
        let Some((sequence, kept)) = first.and_then(|first| self.events.remove_entry(&first)) else {
            return 0;
        };
        debug_assert_eq!(kept.rule, id);
        self.levels[kept.event.priority().index()].remove(&sequence);
        self.rules.entry(id).or_default().remove(1, kept.event.size() as u64);
        let lost = self
            .durables
            .values_mut()
            .filter_map(|subscriber| subscriber.tracked.lose(sequence, &kept.event).then_some(()));
        lost.count() as u64
    }
}
