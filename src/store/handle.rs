//! The handle.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use super::backend::seek;
use super::queue::Queue;
use super::readers::Lane;
use super::writer::Writer;
use super::{
    Backend, Bounds, Change, CheckUp, Durable, DurablePage, Health, Kind, LetterPage, Letters, Limits, Mark,
    Outcome, Page, Rule, RuleId, Rules, Sequence, Stats, StoreError, Stored,
};
use crate::protocol::{Event, Priority, Start, Subscription, Time};

/// Says what time it is.
pub type Clock = Box<dyn Fn() -> Time + Send>;

/// Is told what became of changes, in the order in which they were taken in, once for each transaction. It is called on
/// the thread that writes, and should only pass on what it is told.
pub type OnCommit = Box<dyn FnMut(Vec<Outcome>) + Send>;

/// Bounds on what waits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Settings {
    /// The most changes that wait to be written: half a second of what a disk takes.
    pub queue_changes: usize,
    /// The most bytes of them.
    pub queue_bytes: usize,
    /// The most questions that wait for one of the threads that read.
    pub reads: usize,
}

/// The most changes that wait to be written, if nothing else is set: many transactions, and what a publisher that is far
/// ahead of the disk gets done in a second.
pub const QUEUE_CHANGES: usize = 65_536;

impl Default for Settings {
    fn default() -> Self {
        Self { queue_changes: QUEUE_CHANGES, queue_bytes: 64 << 20, reads: 1_024 }
    }
}

/// A store at work. Clones are handles on the same one.
#[derive(Clone)]
pub struct Store {
    shared: Arc<Shared>,
}

struct Shared {
    queue: Arc<Queue>,
    writer: Mutex<Option<JoinHandle<()>>>,
    /// Pages, which are short, wait for nothing that is long.
    pages: Lane,
    seeks: Lane,
    chores: Lane,
    rules: Mutex<Numbered>,
}

/// The rules in force, and the numbers of all there were.
struct Numbered {
    rules: Arc<Rules>,
    known: BTreeMap<String, RuleId>,
}

impl Store {
    /// Sets a store to work: brings its schema forward, puts the rules and the limits of the dead letters in force, starts
    /// its threads.
    ///
    /// # Errors
    /// The store cannot be opened, read or written to.
    pub fn open(
        backend: Arc<dyn Backend>,
        rules: Vec<Rule>,
        dead: Limits,
        settings: Settings,
        (clock, on_commit): (Clock, OnCommit),
    ) -> Result<Self, StoreError> {
        let mut writing = backend.writer()?;
        let mut known = writing.known_rules()?;
        let rules = Rules::number(rules, &mut known);
        let queue = Arc::new(Queue::new(settings));
        let in_force = (rules.clone(), dead);
        let writer =
            Writer::new(Arc::clone(&queue), Arc::clone(&backend), writing, in_force, (clock, on_commit))?;
        let lane = |name, most| Lane::new(name, most, Arc::clone(&backend));
        let shared = Shared {
            queue,
            writer: Mutex::new(None),
            pages: lane("store-pages", settings.reads)?,
            seeks: lane("store-seeks", settings.reads)?,
            chores: lane("store-chores", settings.reads)?,
            rules: Mutex::new(Numbered { rules: Arc::new(rules), known }),
        };
        let thread = thread::Builder::new().name("store-writer".into()).spawn(move || writer.run());
        let thread =
            thread.map_err(|error| StoreError::new(Kind::Io, format!("no thread for the store: {error}")))?;
        *shared.writer.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread);
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Takes an event in, to be stored by one of [`Self::rules`]. Its sequence comes by [`OnCommit`].
    ///
    /// # Errors
    /// The store is behind, has failed or has ended. Nothing comes by [`OnCommit`] then.
    pub fn append(&self, event: Arc<Event>, rule: RuleId, mark: Mark) -> Result<(), StoreError> {
        self.submit(Change::Append { event, rule, expires: None }, mark)
    }

    /// Takes a change in. What becomes of it comes by [`OnCommit`].
    ///
    /// # Errors
    /// The store is behind, has failed or has ended. Nothing comes by [`OnCommit`] then.
    pub fn submit(&self, change: Change, mark: Mark) -> Result<(), StoreError> {
        self.enqueue(change, mark)?;
        self.wake();
        Ok(())
    }

    /// As [`Self::submit`], but the change may wait for the next call of [`Self::wake`]: what is taken in until then goes into
    /// one transaction with it, instead of the first going alone.
    ///
    /// # Errors
    /// As those of [`Self::submit`].
    pub fn enqueue(&self, change: Change, mark: Mark) -> Result<(), StoreError> {
        self.shared.queue.push(change, mark)
    }

    /// What was [enqueued](Self::enqueue) is to be written.
    pub fn wake(&self) {
        self.shared.queue.wake();
    }

    /// The first rule that an event on this topic is stored by; `None` = it is not stored.
    pub fn rule_of(&self, topic: &str) -> Option<RuleId> {
        self.numbered().rules.of(topic)
    }

    /// Changes that wait to be written are more than half of what may wait: publishers should be slower.
    pub fn is_behind(&self) -> bool {
        self.shared.queue.is_behind()
    }

    /// The rules in force.
    pub fn rules(&self) -> Arc<Rules> {
        Arc::clone(&self.numbered().rules)
    }

    /// Puts other rules in force, for what is taken in from now on. What was stored by rules that are gone keeps their
    /// limits.
    pub fn set_rules(&self, rules: Vec<Rule>, dead: Limits) -> Arc<Rules> {
        let mut numbered = self.numbered();
        let rules = Rules::number(rules, &mut numbered.known);
        self.shared.queue.set_rules(rules.clone(), dead);
        numbered.rules = Arc::new(rules);
        Arc::clone(&numbered.rules)
    }

    /// Has ages looked at now. It is done by itself, every second; this is for a clock that jumped.
    pub fn tend(&self) {
        self.shared.queue.tend();
    }

    /// How the store is.
    pub fn health(&self) -> Health {
        self.shared.queue.health()
    }

    /// Takes nothing more, writes what waits, answers what was asked, and ends. Returns when that is done; only a check or
    /// a backup that is under way is not waited for. Not to be called by [`OnCommit`].
    pub fn end(&self) {
        let Shared { queue, writer, pages, seeks, chores, .. } = &*self.shared;
        queue.end();
        for lane in [pages, seeks, chores] {
            lane.close();
        }
        let writer = writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        let chores = chores.is_idle().then(|| chores.take_thread()).flatten();
        for thread in [writer, pages.take_thread(), seeks.take_thread(), chores].into_iter().flatten() {
            // A thread that panicked has said so.
            thread.join().ok();
        }
    }

    /// Asks for events from this one on, in the order in which they were stored. The page after a page whose `is_end` is
    /// set begins at its `next`, too: what comes in between is neither missed nor repeated.
    ///
    /// # Errors
    /// Too much is asked at once, or the store has ended. `then` is not called.
    pub fn events(
        &self,
        from: Sequence,
        wanted: Arc<Subscription>,
        bounds: Bounds,
        then: impl FnOnce(Result<Page, StoreError>) + Send + 'static,
    ) -> Result<(), StoreError> {
        self.shared.pages.ask(move |store| store.events(from, &wanted, bounds), then)
    }

    /// Asks for events of one level from this one on: what a durable subscription gets next.
    ///
    /// # Errors
    /// As [`Self::events`].
    pub fn level(
        &self,
        (priority, from): (Priority, Sequence),
        wanted: Arc<Subscription>,
        bounds: Bounds,
        then: impl FnOnce(Result<Page, StoreError>) + Send + 'static,
    ) -> Result<(), StoreError> {
        self.shared.pages.ask(move |store| store.level(priority, from, &wanted, bounds), then)
    }

    /// Asks where a replay begins.
    ///
    /// # Errors
    /// As [`Self::events`].
    pub fn seek(
        &self,
        start: Start,
        wanted: Arc<Subscription>,
        then: impl FnOnce(Result<Sequence, StoreError>) + Send + 'static,
    ) -> Result<(), StoreError> {
        self.shared.seeks.ask(move |store| seek(store, start, &wanted, Bounds::default()), then)
    }

    /// Asks for one event.
    ///
    /// # Errors
    /// As [`Self::events`].
    pub fn event(
        &self,
        sequence: Sequence,
        then: impl FnOnce(Result<Stored, StoreError>) + Send + 'static,
    ) -> Result<(), StoreError> {
        self.shared.pages.ask(move |store| store.event(sequence), then)
    }

    /// Asks for the wanted events before this one, the newest first.
    ///
    /// # Errors
    /// As [`Self::events`].
    pub fn back(
        &self,
        before: Sequence,
        wanted: Arc<Subscription>,
        bounds: Bounds,
        then: impl FnOnce(Result<Page, StoreError>) + Send + 'static,
    ) -> Result<(), StoreError> {
        self.shared.pages.ask(move |store| store.back(before, &wanted, bounds), then)
    }

    /// Asks for durable subscriptions whose names come after this one.
    ///
    /// # Errors
    /// As [`Self::events`].
    pub fn durables(
        &self,
        after: Box<str>,
        most: usize,
        then: impl FnOnce(Result<DurablePage, StoreError>) + Send + 'static,
    ) -> Result<(), StoreError> {
        self.shared.pages.ask(move |store| store.durables(&after, most), then)
    }

    /// Asks for the durable subscription of this name.
    ///
    /// # Errors
    /// As [`Self::events`].
    pub fn durable(
        &self,
        name: Box<str>,
        then: impl FnOnce(Result<Option<Durable>, StoreError>) + Send + 'static,
    ) -> Result<(), StoreError> {
        self.shared.pages.ask(move |store| store.durable(&name), then)
    }

    /// Asks for dead letters, oldest first.
    ///
    /// # Errors
    /// As [`Self::events`].
    pub fn letters(
        &self,
        wanted: Letters,
        bounds: Bounds,
        then: impl FnOnce(Result<LetterPage, StoreError>) + Send + 'static,
    ) -> Result<(), StoreError> {
        self.shared.pages.ask(move |store| store.letters(&wanted, bounds), then)
    }

    /// Asks what is in the store.
    ///
    /// # Errors
    /// As [`Self::events`].
    pub fn stats(
        &self,
        then: impl FnOnce(Result<Stats, StoreError>) + Send + 'static,
    ) -> Result<(), StoreError> {
        self.shared.pages.ask(|store| store.stats(), then)
    }

    /// Has the store checked. That takes as long as reading the whole file; `quick` a good deal less.
    ///
    /// # Errors
    /// As [`Self::events`].
    pub fn check(
        &self,
        quick: bool,
        then: impl FnOnce(Result<CheckUp, StoreError>) + Send + 'static,
    ) -> Result<(), StoreError> {
        self.shared.chores.ask(move |store| store.check(quick), then)
    }

    /// Has the store copied as it is now. The copy has its name when it is whole.
    ///
    /// # Errors
    /// As [`Self::events`].
    pub fn backup(
        &self,
        to: PathBuf,
        overwrite: bool,
        then: impl FnOnce(Result<u64, StoreError>) + Send + 'static,
    ) -> Result<(), StoreError> {
        self.shared.chores.ask(move |store| store.backup(&to, overwrite), then)
    }

    fn numbered(&self) -> MutexGuard<'_, Numbered> {
        self.shared.rules.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // Nobody is left to be answered: the threads end by themselves.
        self.queue.end();
    }
}
