//! A store with a clock of its own, and answers that are waited for.

use std::cell::Cell;
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use crate::protocol::{Event, Pattern, Subscription, Time};
use crate::store::{
    Backend, Bounds, Change, Kind, Limits, Mark, Memory, NO_LIMITS, Outcome, Rule, Settings, Sqlite, State,
    Store, StoreError, Stored,
};
use crate::testing::{event, wanted};

/// Longer than anything takes on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(60);

/// Of the answers to changes, more than a test lets wait.
const ANSWERS: usize = 1_000;

pub(super) struct Kit {
    pub store: Store,
    answers: Receiver<Vec<Outcome>>,
    /// Answers that came with others.
    early: Mutex<Vec<Outcome>>,
    now: Arc<AtomicI64>,
    next: Cell<Mark>,
}

impl Kit {
    pub fn open(backend: Arc<dyn Backend>, rules: Vec<Rule>) -> Result<Self, StoreError> {
        Self::with(backend, rules, NO_LIMITS, Settings::default())
    }

    pub fn with(
        backend: Arc<dyn Backend>,
        rules: Vec<Rule>,
        dead: Limits,
        settings: Settings,
    ) -> Result<Self, StoreError> {
        let now = Arc::new(AtomicI64::new(1_000_000));
        let (sender, answers) = sync_channel(ANSWERS);
        let clock = Arc::clone(&now);
        let clock = Box::new(move || Time::from_micros(clock.load(Ordering::SeqCst)));
        let told = Box::new(move |outcomes| sender.send(outcomes).unwrap_or_default());
        let store = Store::open(backend, rules, dead, settings, (clock, told))?;
        Ok(Self { store, answers, early: Mutex::default(), now, next: Cell::new(1) })
    }

    pub fn memory(rules: Vec<Rule>) -> Self {
        Self::open(Arc::new(Memory::new()), rules).unwrap()
    }

    pub fn sqlite(path: &Path, rules: Vec<Rule>) -> Self {
        Self::open(Arc::new(Sqlite::new(path).unwrap()), rules).unwrap()
    }

    /// Both kinds, which are to behave alike.
    pub fn both(folder: &Path, rules: &[Rule]) -> [Self; 2] {
        [Self::memory(rules.to_vec()), Self::sqlite(&folder.join("store.db"), rules.to_vec())]
    }

    pub fn submit(&self, change: Change) -> Result<Mark, StoreError> {
        let mark = self.next.replace(self.next.get() + 1);
        self.store.submit(change, mark).map(|()| mark)
    }

    pub fn answer(&self, mark: Mark) -> Result<u64, StoreError> {
        let mut early = self.early.lock().unwrap();
        loop {
            if let Some(at) = early.iter().position(|(of, _)| *of == mark) {
                return early.remove(at).1.map_err(|error| *error);
            }
            early.extend(self.answers.recv_timeout(PATIENCE).unwrap());
        }
    }

    pub fn write(&self, change: Change) -> Result<u64, StoreError> {
        self.answer(self.submit(change)?)
    }

    pub fn append(&self, event: Arc<Event>) -> u64 {
        let rule = self.store.rules().of(event.topic()).unwrap();
        self.write(Change::Append { event, rule, expires: None }).unwrap()
    }

    /// What `ask` has the store say to the function that it is given.
    pub fn ask<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&Store, Box<dyn FnOnce(Result<T, StoreError>) + Send>) -> Result<(), StoreError>,
    ) -> Result<T, StoreError> {
        let (sender, answer) = sync_channel(1);
        ask(&self.store, Box::new(move |said| sender.send(said).unwrap_or_default()))?;
        answer.recv_timeout(PATIENCE).unwrap()
    }

    /// All events that are wanted, in pages of a few.
    pub fn all(&self, wish: &str) -> Vec<Stored> {
        let (mut from, mut found) = (1, Vec::new());
        let wish = Arc::new(wanted(wish));
        let bounds = Bounds { events: 3, bytes: 1 << 20, looked_at: 7 };
        loop {
            let page = self.ask(|store, then| store.events(from, Arc::clone(&wish), bounds, then)).unwrap();
            found.extend(page.events);
            from = page.next;
            if page.is_end {
                return found;
            }
        }
    }

    pub fn sequences(&self, wish: &str) -> Vec<u64> {
        self.all(wish).iter().map(|stored| stored.sequence).collect()
    }

    pub fn advance(&self, by: Duration) {
        self.now.fetch_add(by.as_micros() as i64, Ordering::SeqCst);
    }

    pub fn set_back(&self, by: Duration) {
        self.now.fetch_sub(by.as_micros() as i64, Ordering::SeqCst);
    }

    pub fn problems(&self) -> Vec<String> {
        self.ask(|store, then| store.check(false, then)).unwrap().problems
    }

    pub fn failure(&self) -> Option<Kind> {
        match self.store.health().state {
            State::Failed(error) => Some(error.kind),
            _ => None,
        }
    }
}

pub(super) fn rule(topic: &str, limits: Limits) -> Rule {
    Rule { topics: vec![Pattern::parse(topic).unwrap()], limits }
}

pub(super) fn everything() -> Vec<Rule> {
    vec![rule("**", NO_LIMITS)]
}

pub(super) fn on(topic: &str, priority: u8) -> Arc<Event> {
    event(&format!(r#"{{"topic":"{topic}","priority":{priority}}}"#))
}

pub(super) fn for_all() -> Arc<Subscription> {
    Arc::new(Subscription::default())
}

pub(super) fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let since = Instant::now();
    while !holds() {
        assert!(since.elapsed() < PATIENCE, "{what}");
        thread::sleep(Duration::from_millis(1));
    }
}
