//! Reading from memory.

use std::path::Path;
use std::sync::{Arc, PoisonError, RwLockReadGuard};

use super::{Held, Kept, Memory, Subscriber};
use crate::protocol::{Priority, Subscription, Time};
use crate::store::paging::{Paging, first_at};
use crate::store::track::Holding;
use crate::store::{
    Bounds, CheckUp, Durable, Kind, LetterPage, Letters, Page, Reading, RuleFigures, RuleId, Sequence, Stats,
    StoreError, Stored,
};

impl Memory {
    fn read(&self) -> RwLockReadGuard<'_, Held> {
        self.held.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reading for Memory {
    fn events(&mut self, from: Sequence, wanted: &Subscription, bounds: Bounds) -> Result<Page, StoreError> {
        let held = self.read();
        Ok(fill(&held, held.events.range(from..), wanted, bounds))
    }

    fn level(
        &mut self,
        priority: Priority,
        from: Sequence,
        wanted: &Subscription,
        bounds: Bounds,
    ) -> Result<Page, StoreError> {
        let held = self.read();
        let of_level = held.levels[priority.index()].range(from..);
        Ok(fill(&held, of_level.filter_map(|sequence| held.events.get_key_value(sequence)), wanted, bounds))
    }

    fn back(&mut self, before: Sequence, wanted: &Subscription, bounds: Bounds) -> Result<Page, StoreError> {
        let held = self.read();
        let mut paging = Paging::new(bounds);
        let mut lowest = before;
        for (&sequence, kept) in held.events.range(..before).rev() {
            if paging.is_full() {
                return Ok(paging.stop(lowest));
            }
            paging.looked();
            lowest = sequence;
            if wanted.admits(&kept.event) {
                paging.push(kept.stored(sequence));
            }
        }
        Ok(paging.end(1))
    }

    fn at(&mut self, time: Time) -> Result<Sequence, StoreError> {
        let held = self.read();
        first_at(time, held.last, |from| {
            Ok(held.events.range(from..).next().map(|(&sequence, kept)| (sequence, kept.at)))
        })
    }

    fn event(&mut self, sequence: Sequence) -> Result<Stored, StoreError> {
        let held = self.read();
        let kept = held.events.get(&sequence);
        kept.map(|kept| kept.stored(sequence)).ok_or_else(|| no_event(sequence))
    }

    fn durables(&mut self, after: &str, most: usize) -> Result<Vec<Durable>, StoreError> {
        let held = self.read();
        let later = held.durables.iter().filter(|(name, _)| ***name > *after);
        Ok(later.take(most).map(|(name, subscriber)| subscriber.durable(name)).collect())
    }

    fn durable(&mut self, name: &str) -> Result<Option<Durable>, StoreError> {
        let held = self.read();
        Ok(held.durables.get_key_value(name).map(|(name, subscriber)| subscriber.durable(name)))
    }

    fn letters(&mut self, wanted: &Letters, bounds: Bounds) -> Result<LetterPage, StoreError> {
        let held = self.read();
        let mut page = LetterPage { after: wanted.after, ..LetterPage::default() };
        let mut bytes = 0;
        for (looked_at, (&id, letter)) in held.dead.range(wanted.after + 1..).enumerate() {
            if looked_at >= bounds.looked_at.max(1)
                || page.letters.len() >= bounds.events.max(1)
                || bytes >= bounds.bytes.max(1)
            {
                return Ok(page);
            }
            page.after = id;
            if wanted.admits(letter) {
                bytes += letter.event.size();
                page.letters.push(letter.clone());
            }
        }
        page.is_end = true;
        Ok(page)
    }

    fn stats(&mut self) -> Result<Stats, StoreError> {
        let held = self.read();
        let figures = |(id, rule): (&RuleId, &Holding)| RuleFigures {
            id: *id,
            name: rule.name.clone(),
            limits: rule.limits,
            events: rule.events,
            bytes: rule.bytes,
        };
        let placed = |(sequence, kept): (&Sequence, &Kept)| (*sequence, kept.at);
        let (dead, rules) = held.rules.iter().map(figures).partition(|rule| rule.id == RuleId::DEAD);
        let dead: Vec<RuleFigures> = dead;
        Ok(Stats {
            kind: "memory",
            last: held.last,
            oldest: held.events.first_key_value().map(placed),
            newest: held.events.last_key_value().map(placed),
            rules,
            dead: dead.into_iter().next(),
            durables: held.durables.len() as u64,
            ..Stats::default()
        })
    }

    fn check(&mut self, _quick: bool) -> Result<CheckUp, StoreError> {
        let held = self.read();
        let mut problems = Vec::new();
        for (id, rule) in &held.rules {
            let sizes: Vec<u64> = if *id == RuleId::DEAD {
                held.dead.values().map(|letter| letter.event.size() as u64).collect()
            } else {
                let of_rule = held.events.values().filter(|kept| kept.rule == *id);
                of_rule.map(|kept| kept.event.size() as u64).collect()
            };
            if (rule.events, rule.bytes) != (sizes.len() as u64, sizes.iter().sum()) {
                problems.push(format!("the count of rule {} is wrong", id.0));
            }
        }
        Ok(CheckUp { problems })
    }

    fn backup(&mut self, _to: &Path, _overwrite: bool) -> Result<u64, StoreError> {
        Err(StoreError::new(
            Kind::Unsupported,
            "a store in memory has no file to copy: set store.kind = \"sqlite\" for one that has",
        ))
    }
}

impl Subscriber {
    fn durable(&self, name: &str) -> Durable {
        let mut acked: Vec<_> = self.tracked.acked.iter().map(|(_, sequence)| *sequence).collect();
        acked.sort_unstable();
        let tried = self.tracked.tried.iter().map(|((_, sequence), attempts)| (*sequence, attempts.clone()));
        let mut tried: Vec<_> = tried.collect();
        tried.sort_unstable();
        Durable {
            name: name.into(),
            wanted: self.wanted.clone(),
            created: self.created,
            last_seen: self.last_seen,
            levels: self.tracked.levels,
            acked,
            tried,
        }
    }
}

impl Kept {
    fn stored(&self, sequence: Sequence) -> Stored {
        Stored { sequence, at: self.at, event: Arc::clone(&self.event), expires: self.expires }
    }
}

fn fill<'a>(
    held: &Held,
    events: impl Iterator<Item = (&'a Sequence, &'a Kept)>,
    wanted: &Subscription,
    bounds: Bounds,
) -> Page {
    let mut paging = Paging::new(bounds);
    for (&sequence, kept) in events {
        if paging.is_full() {
            return paging.stop(sequence);
        }
        paging.looked();
        if wanted.admits(&kept.event) {
            paging.push(kept.stored(sequence));
        }
    }
    paging.end(held.last + 1)
}

fn no_event(sequence: Sequence) -> StoreError {
    StoreError::new(
        Kind::NotFound,
        format!("the store has no event {sequence}; it may have been deleted by age or size"),
    )
}
