//! A store for the engine's tests: what is stored stands on a shelf, and errands are run when the test wants it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::*;
use crate::protocol::{Priority, Start, Subscription as Wanted};

/// Everything that was stored, and where durable subscriptions stand.
#[derive(Default)]
pub(super) struct Shelf {
    pub events: Vec<Arc<Event>>,
    pub durables: BTreeMap<Box<str>, Standing>,
    /// Not run yet.
    pub errands: VecDeque<Errand>,
    /// Events in a page at most.
    pub page: usize,
    /// Reading fails.
    pub is_broken: bool,
}

impl Shelf {
    pub fn new(page: usize) -> Self {
        Self { page, ..Self::default() }
    }

    fn read(&self, from: u64, level: Option<Priority>, wanted: &Wanted) -> Fed {
        let mut fed = Fed { events: Vec::new(), next: self.events.len() as u64 + 1, is_end: true };
        for event in self.events.iter().skip(from.max(1) as usize - 1) {
            if level.is_some_and(|level| level != event.priority()) || !wanted.admits(event) {
                continue;
            }
            if fed.events.len() == self.page {
                (fed.next, fed.is_end) = (event.sequence(), false);
                break;
            }
            fed.events.push((Arc::clone(event), Millis::MAX));
        }
        fed
    }

    fn note(&mut self, name: &str, priority: Priority, floor: u64, done: Option<u64>) {
        let Some(standing) = self.durables.get_mut(name) else { return };
        let known = &mut standing.floors[priority.index()];
        assert!(floor >= *known || floor == 0, "a floor fell from {known} to {floor}");
        *known = floor.max(*known);
        standing.done.extend(done);
    }

    /// What of this level a durable subscription has still to do.
    pub fn open(&self, name: &str, wanted: &Wanted) -> BTreeSet<u64> {
        let Standing { floors, done, .. } = &self.durables[name];
        let is_open = |event: &&Arc<Event>| {
            let sequence = event.sequence();
            sequence > floors[event.priority().index()] && !done.contains(&sequence) && wanted.admits(event)
        };
        self.events.iter().filter(is_open).map(|event| event.sequence()).collect()
    }
}

impl World {
    /// Stores an event and has it matched.
    pub(super) fn store(&mut self, shelf: &mut Shelf, event: Arc<Event>) {
        self.store_unmatched(shelf, event);
        self.dispatch();
        self.collect(shelf);
    }

    pub(super) fn store_unmatched(&mut self, shelf: &mut Shelf, event: Arc<Event>) {
        shelf.events.push(Arc::clone(&event));
        let receipt = Receipt::NOBODY;
        let entry =
            Entry { event, deadline: Millis::MAX, moment: self.now.into(), receipt, wants_match: false };
        self.router.publish_stored(entry, shelf.events.len() as u64, self.now);
        self.collect(shelf);
    }

    pub(super) fn collect(&mut self, shelf: &mut Shelf) {
        let mut errands = Vec::new();
        self.router.take_errands(&mut errands);
        shelf.errands.extend(errands);
    }

    /// Runs one errand.
    pub(super) fn run_one(&mut self, shelf: &mut Shelf) -> bool {
        self.collect(shelf);
        let Some(errand) = shelf.errands.pop_front() else { return false };
        let works = !shelf.is_broken;
        match errand {
            Errand::Level { name, priority, from, wanted } => {
                let fed = works.then(|| shelf.read(from, Some(priority), &wanted));
                self.router.fed(&name, priority, from, fed, self.now);
            }
            Errand::Seek { subscription, start, .. } => {
                let Start::Sequence(first) = start else { panic!("the shelf knows no times") };
                self.router.sought(subscription, works.then_some(first), self.now);
            }
            Errand::Replay { subscription, from, wanted } => {
                let fed = works.then(|| shelf.read(from, None, &wanted));
                self.router.replayed(subscription, from, fed, self.now);
            }
            Errand::Floor { name, priority, floor } => shelf.note(&name, priority, floor, None),
            Errand::Done { name, priority, sequence } => shelf.note(&name, priority, 0, Some(sequence)),
            Errand::Tried { name, tried: Tried { sequence, attempts, .. } } => {
                if let Some(standing) = shelf.durables.get_mut(&name) {
                    standing.tried.retain(|(of, _)| *of != sequence);
                    standing.tried.push((sequence, attempts));
                }
            }
            Errand::Forget { name } => drop(shelf.durables.remove(&name)),
            Errand::StoreAgain(letter) => self.store_unmatched(shelf, letter.event),
            Errand::Seen { .. }
            | Errand::Told { .. }
            | Errand::Mourn(_)
            | Errand::Bury(..)
            | Errand::Unbury(_) => {}
        }
        self.collect(shelf);
        true
    }

    pub(super) fn run_all(&mut self, shelf: &mut Shelf) {
        // An engine that asks for the same again and again does not come to an end.
        for _ in 0..100_000 {
            if !self.run_one(shelf) {
                return;
            }
        }
        panic!("errands have no end: {:?}", shelf.errands);
    }

    /// A client with the durable subscription of this name, which is new if the shelf does not know it.
    pub(super) fn durable(&mut self, shelf: &mut Shelf, json: &str) -> (ClientKey, Uuid) {
        let key = self.hello_client();
        let id = self.try_durable(shelf, key, json).unwrap();
        (key, id)
    }

    pub(super) fn try_durable(
        &mut self,
        shelf: &mut Shelf,
        key: ClientKey,
        json: &str,
    ) -> Result<Uuid, Refusal> {
        self.subscriptions += 1;
        let (id, wanted) = (Uuid::from_u128(self.subscriptions), wanted(json));
        let floor = match wanted.from {
            Some(Start::Sequence(first)) => first.max(1) - 1,
            _ => shelf.events.len() as u64,
        };
        let name = wanted.durable.clone().unwrap();
        let new = Standing { floors: [floor; Priority::LEVELS], ..Standing::default() };
        let standing = shelf.durables.entry(name).or_insert(new).clone();
        self.router.resume(key, id, wanted, &standing)?;
        self.collect(shelf);
        Ok(id)
    }
}
