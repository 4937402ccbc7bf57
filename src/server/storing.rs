//! The store beside the engine: events on their way to the disk, whose publishers wait to hear that they are safe, and
//! what the engine wants of the store.
//!
//! Locks: the engine's may be held when something is handed to the store, never the other way round.

use std::sync::atomic::{AtomicBool, Ordering::AcqRel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use slab::Slab;
use uuid::Uuid;

use super::hub::{Hub, wall_clock};
use super::letters::{self, Clocks};
use crate::protocol::{Event, Health, HealthStatus, Start, Subscription};
use crate::router::{ClientKey, DeadLetter, Entry, Errand, Fed, LetterNumber, Millis, Standing, Tried};
use crate::store::{
    Bounds, Change, Durable, Kind, Level, Mark, Outcome, Page, QUEUE_CHANGES, RuleId, Sequence, State, Store,
    StoreError, Stored,
};

/// Of a change whose end nobody waits for.
const NOBODY: Mark = Mark::MAX;

/// The store at work.
#[derive(Clone)]
pub(super) struct Storing {
    hub: Weak<Hub>,
    store: Store,
    under_way: Arc<UnderWay>,
}

/// The most changes that are handed over, and whose ends are waited for and not passed on: twice what waits in the store, so
/// that only an engine which falls behind the disk comes to it.
const MOST_UNDER_WAY: usize = 2 * QUEUE_CHANGES;

/// What is handed over and not answered, and answers that the engine has not heard yet.
#[derive(Default)]
pub(super) struct UnderWay {
    pending: Mutex<Slab<Pending>>,
    /// No more of them than are pending, and those of [`NOBODY`] are not among them.
    outcomes: Mutex<Vec<Outcome>>,
    /// The store was given something and not woken.
    is_left: AtomicBool,
}

/// Something whose end is waited for.
pub(super) enum Pending {
    Event(Entry),
    Durable(Box<Asked>),
    /// A dead letter that is to have another chance.
    Again(Box<DeadLetter>),
}

/// A client that asks for a durable subscription.
pub(super) struct Asked {
    pub client: ClientKey,
    /// The client's own mark.
    pub token: u64,
    pub id: Uuid,
    pub wanted: Subscription,
}

/// Held for a few lines that do not panic.
fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Storing {
    pub fn new(hub: Weak<Hub>, store: Store, under_way: Arc<UnderWay>) -> Self {
        Self { hub, store, under_way }
    }

    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The rule that an event is stored by, if any.
    pub fn rule_of(&self, event: &Event) -> Option<RuleId> {
        self.store.rule_of(event.topic())
    }

    /// Hands an event to the store. Its publisher hears by a notice.
    pub fn publish(&self, entry: Entry, rule: RuleId, ttl: Option<Millis>) -> Result<(), StoreError> {
        let event = Arc::clone(&entry.event);
        let expires = ttl.map(|ttl| wall_clock().after_millis(ttl));
        self.submit(Change::Append { event, rule, expires }, Pending::Event(entry))
            .map_err(|(error, _)| error)
    }

    /// Nothing is on its way to the disk.
    pub fn is_idle(&self) -> bool {
        lock(&self.under_way.pending).is_empty()
    }

    /// Finds out, or notes, where a durable subscription begins. The client hears by a notice.
    pub fn resume(&self, asked: Asked) {
        let start = match asked.wanted.from {
            None => return self.enrol(asked, None),
            Some(Start::Sequence(sequence)) => return self.enrol(asked, Some(sequence)),
            Some(start) => start,
        };
        let (storing, wanted) = (self.clone(), Arc::new(asked.wanted.clone()));
        // The client is told by whoever can: the store if it answers, or else here.
        let asked = Arc::new(Mutex::new(Some(asked)));
        let waiting = Arc::clone(&asked);
        let take = |asked: &Mutex<Option<Asked>>| asked.lock().unwrap_or_else(PoisonError::into_inner).take();
        let sought = self.store.seek(start, wanted, move |found| {
            let Some(asked) = take(&waiting) else { return };
            match found {
                Ok(first) => storing.enrol(asked, Some(first)),
                Err(error) => storing.refuse(asked, &error),
            }
        });
        if let Err(error) = sought
            && let Some(asked) = take(&asked)
        {
            self.refuse(asked, &error);
        }
    }

    fn enrol(&self, asked: Asked, from: Option<Sequence>) {
        let Some(name) = asked.wanted.durable.clone() else { return };
        let wanted = Subscription { durable: None, from: None, ..asked.wanted.clone() };
        // Strings and numbers: writing them cannot fail.
        let wanted = serde_json::to_string(&wanted).unwrap_or_default().into();
        let change = Change::Durable { name, wanted, from };
        if let Err((error, Pending::Durable(asked))) = self.submit(change, Pending::Durable(Box::new(asked)))
        {
            self.refuse(*asked, &error);
        }
    }

    /// It is noted: where it stands is read, and the engine told.
    fn enrolled(&self, asked: Asked) {
        let Some(name) = asked.wanted.durable.clone() else { return };
        let storing = self.clone();
        let (client, token) = (asked.client, asked.token);
        let read = self.store.durable(name, move |found| {
            let Some(hub) = storing.hub.upgrade() else { return };
            let standing = match found {
                Ok(Some(durable)) => Ok(standing(&durable, hub.clocks())),
                Ok(None) => Err("it was forgotten at the same moment; ask again".into()),
                Err(error) => Err(error.to_string().into()),
            };
            let Asked { client, token, id, wanted } = asked;
            hub.with(|router| router.answer_resume((client, token), id, wanted, standing));
        });
        if let Err(error) = read {
            self.answer_refused(client, token, &error);
        }
    }

    fn refuse(&self, asked: Asked, error: &StoreError) {
        self.answer_refused(asked.client, asked.token, error);
    }

    fn answer_refused(&self, client: ClientKey, token: u64, error: &StoreError) {
        let (Some(hub), why) = (self.hub.upgrade(), error.to_string().into()) else { return };
        hub.with(|router| router.refuse_resume(client, token, why));
    }

    /// What is wrong with it, for whoever asks how the router is.
    pub fn trouble(&self, health: &mut Health) {
        let problem = match self.store.health().state {
            State::Working => return,
            State::Failed(error) => error.to_string(),
            State::Ended => "it has ended".to_owned(),
        };
        health.errors.push(format!("event store: {problem}"));
        if health.status == HealthStatus::Healthy {
            health.status = HealthStatus::Degraded;
        }
    }

    /// The dispatcher wakes the store: until its turn comes, everything that has come from any connection is read, and is
    /// written together.
    fn enqueue(&self, change: Change, mark: Mark) -> Result<(), StoreError> {
        self.store.enqueue(change, mark)?;
        if !self.under_way.is_left.swap(true, AcqRel) {
            self.with(Hub::leave_backlog);
        }
        Ok(())
    }

    /// Wakes the store if it was given something.
    pub fn wake(&self) {
        if self.under_way.is_left.swap(false, AcqRel) {
            self.store.wake();
        }
    }

    fn submit(&self, change: Change, pending: Pending) -> Result<(), (StoreError, Pending)> {
        let mark = {
            let mut open = lock(&self.under_way.pending);
            if open.len() >= MOST_UNDER_WAY {
                let text = format!("{MOST_UNDER_WAY} stored events wait to be matched; publish again later");
                return Err((StoreError::new(Kind::Busy, text), pending));
            }
            open.insert(pending)
        };
        let refused = |error| (error, lock(&self.under_way.pending).remove(mark));
        self.enqueue(change, mark as Mark).map_err(refused)
    }

    /// Does what the engine wants. No lock may be held.
    pub fn run(&self, errand: Errand) {
        match errand {
            Errand::Level { name, priority, from, wanted } => {
                let (storing, asked) = (self.clone(), name.clone());
                let fed = move |page: Result<Page, StoreError>| {
                    let Some(hub) = storing.hub.upgrade() else { return };
                    let fed = page.ok().map(|page| feed(page, hub.now()));
                    hub.with(|router| router.fed(&name, priority, from, fed, hub.moment()));
                };
                if self.store.level((priority, from), wanted, Bounds::default(), fed).is_err() {
                    self.with(|hub| {
                        hub.with(|router| router.fed(&asked, priority, from, None, hub.moment()))
                    });
                }
            }
            Errand::Seek { subscription, start, wanted } => {
                let storing = self.clone();
                let sought = move |found: Result<Sequence, StoreError>| {
                    storing.with(|hub| hub.with(|router| router.sought(subscription, found.ok(), hub.now())));
                };
                if self.store.seek(start, wanted, sought).is_err() {
                    self.with(|hub| hub.with(|router| router.sought(subscription, None, hub.now())));
                }
            }
            Errand::Replay { subscription, from, wanted } => {
                let storing = self.clone();
                let read = move |page: Result<Page, StoreError>| {
                    let Some(hub) = storing.hub.upgrade() else { return };
                    let fed = page.ok().map(|page| feed(page, hub.now()));
                    hub.with(|router| router.replayed(subscription, from, fed, hub.moment()));
                };
                if self.store.events(from, wanted, Bounds::default(), read).is_err() {
                    self.with(|hub| {
                        hub.with(|router| router.replayed(subscription, from, None, hub.moment()))
                    });
                }
            }
            Errand::StoreAgain(letter) => self.again(letter),
            Errand::Bury(number, letter) => self.bury(number, &letter),
            other => self.note(other),
        }
    }

    /// A dead letter is stored as a new event; where that is no longer to be, it is only matched.
    fn again(&self, letter: DeadLetter) {
        let Some(rule) = self.rule_of(&letter.event) else {
            return self.with(|hub| {
                hub.with(|router| router.publish(Arc::clone(&letter.event), None, None, hub.moment()));
                hub.leave_backlog();
            });
        };
        let change = Change::Append { event: Arc::clone(&letter.event), rule, expires: None };
        if let Err((_, Pending::Again(letter))) = self.submit(change, Pending::Again(Box::new(letter))) {
            self.with(|hub| hub.with(|router| router.not_stored_again(*letter)));
        }
    }

    /// Events go first: of a flood of dead letters only those are written for which there is room.
    fn bury(&self, number: LetterNumber, letter: &DeadLetter) {
        if self.store.is_behind() {
            return;
        }
        self.with(|hub| {
            let letter = letters::written(number, letter, hub.clocks());
            if let Err(error) = self.enqueue(Change::Bury(Box::new(letter)), NOBODY) {
                tracing::debug!(%error, "a dead letter is not kept in the store");
            }
        });
    }

    /// What is lost of these is written again with the next of its kind, or else comes twice after a restart.
    fn note(&self, errand: Errand) {
        let change = match errand {
            Errand::Floor { name, priority, floor } => Change::Floor { name, priority, floor },
            Errand::Done { name, priority, sequence } => Change::Acked { name, priority, sequence },
            Errand::Seen { name } => Change::Seen { name },
            Errand::Told { name, lost } => Change::Told { name, lost: Box::new(lost) },
            Errand::Tried { name, tried: Tried { priority, sequence, attempts } } => {
                let Some(hub) = self.hub.upgrade() else { return };
                let attempts = letters::written_attempts(&attempts, hub.clocks());
                Change::Tried { name, priority, sequence, attempts }
            }
            Errand::Forget { name } => Change::Forget { name },
            Errand::Level { .. } | Errand::Seek { .. } | Errand::Replay { .. } => return,
            Errand::Mourn(_) | Errand::StoreAgain(_) | Errand::Bury(..) => return,
            Errand::Unbury(ids) => Change::Unbury { ids },
        };
        if let Err(error) = self.enqueue(change, NOBODY) {
            tracing::debug!(%error, "not noted in the store");
        }
    }

    fn with(&self, work: impl FnOnce(&Hub)) {
        if let Some(hub) = self.hub.upgrade() {
            work(&hub);
        }
    }
}

/// Where a durable subscription stands, as the engine knows it.
fn standing(durable: &Durable, clocks: Clocks) -> Standing {
    let tried = |(sequence, text): &(u64, Box<str>)| (*sequence, letters::recalled_attempts(text, clocks));
    let of = |part: fn(&Level) -> u64| std::array::from_fn(|level| part(&durable.levels[level]));
    Standing {
        floors: of(|level| level.floor),
        lost: of(|level| level.lost),
        done: durable.acked.clone(),
        tried: durable.tried.iter().map(tried).collect(),
    }
}

/// A page as the engine takes it, its times on the engine's clock.
fn feed(page: Page, now: Millis) -> Fed {
    let wall = wall_clock().micros();
    let deadline = |expires: i64| now.saturating_add_signed(expires.saturating_sub(wall) / 1_000);
    let events = page.events.into_iter().map(|Stored { event, expires, .. }| {
        (event, expires.map_or(Millis::MAX, |expires| deadline(expires.micros())))
    });
    Fed { events: events.collect(), next: page.next, is_end: page.is_end }
}

mod outcomes;

pub(super) use outcomes::on_commit;
