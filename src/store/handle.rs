//! The handle.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use super::queue::Queue;
use super::readers::Lane;
use super::writer::Writer;
use super::{Backend, Change, Health, Kind, Limits, Mark, Outcome, Rule, RuleId, Rules, StoreError};
use crate::protocol::{Event, Time};

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
    pub(super) shared: Arc<Shared>,
}

pub(super) struct Shared {
    pub queue: Arc<Queue>,
    writer: Mutex<Option<JoinHandle<()>>>,
    /// Pages, which are short, wait for nothing that is long.
    pub pages: Lane,
    pub seeks: Lane,
    pub chores: Lane,
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
