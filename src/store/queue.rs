//! The queue before the thread that writes: bounded, and closed while the store has failed.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::handle::Settings;
use super::{Change, Health, Kind, Limits, Mark, Rules, State, StoreError};
use crate::protocol::Priority;

/// The most changes, and bytes of changes, in one transaction: it is what has to fit into memory twice, and what a
/// publisher waits for at most before its own transaction begins.
const COMMIT_CHANGES: usize = 4_096;
const COMMIT_BYTES: usize = 16 << 20;
/// How long nothing has come when what was taken in is settled: less than it takes another program to look for it, more
/// than it takes a publisher who waits for each event to send the next.
const SETTLE: Duration = Duration::from_millis(1);

/// What the handles and the thread share.
pub(super) struct Queue {
    inner: Mutex<Inner>,
    /// Something came.
    comes: Condvar,
    /// What was taken in is settled, or will not be.
    settled: Condvar,
    settings: Settings,
    /// More than half of what may wait does: asked by every connection at every turn.
    behind: AtomicBool,
}

struct Inner {
    lanes: Lanes,
    /// Changes and bytes that were taken in and are not answered.
    waiting: usize,
    bytes: usize,
    rules: Option<(Rules, Limits)>,
    /// Something was taken in that readers do not find yet, and somebody waits to find it.
    is_unsettled: bool,
    is_wanted: bool,
    /// Somebody wants ages looked at now.
    tend: bool,
    ended: bool,
    /// The thread waits for something to come: waking it is a system call, and most events come while it works.
    sleeps: bool,
    health: Health,
}

/// What the thread is to do next.
pub(super) enum Work {
    Commit(Taken),
    Rules(Rules, Limits),
    Settle,
    Tend,
    End,
}

/// Changes that are taken out together, what they are known by, in the same order, and their bytes.
#[derive(Default)]
pub(super) struct Taken {
    pub changes: Vec<Change>,
    pub marks: Vec<Mark>,
    pub bytes: usize,
}

impl Queue {
    pub fn new(settings: Settings) -> Self {
        let inner = Inner {
            lanes: Lanes::default(),
            waiting: 0,
            bytes: 0,
            rules: None,
            is_unsettled: false,
            is_wanted: false,
            tend: false,
            ended: false,
            sleeps: false,
            health: Health::default(),
        };
        let behind = AtomicBool::new(false);
        Self { inner: Mutex::new(inner), comes: Condvar::new(), settled: Condvar::new(), settings, behind }
    }

    /// Held for a few lines that do not panic.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a change in, or says at once why not. It is written when the thread looks, or is [woken](Self::wake).
    pub fn push(&self, change: Change, mark: Mark) -> Result<(), StoreError> {
        let bytes = change.bytes();
        let mut inner = self.lock();
        if inner.ended {
            return Err(StoreError::ended());
        }
        if let State::Failed(error) = &inner.health.state {
            return Err(error.clone());
        }
        let Settings { queue_changes, queue_bytes, .. } = self.settings;
        // One alone is always taken, however large.
        if inner.waiting > 0 && (inner.waiting >= queue_changes || inner.bytes + bytes > queue_bytes) {
            let message = format!(
                "the event store is behind: {} changes of {} bytes wait to be written; publish again later",
                inner.waiting, inner.bytes
            );
            return Err(StoreError::new(Kind::Busy, message));
        }
        inner.waiting += 1;
        inner.bytes += bytes;
        self.note_behind(&inner);
        inner.lanes.push(Waiting { change, mark, bytes });
        Ok(())
    }

    /// There is something to write.
    pub fn wake(&self) {
        let sleeps = std::mem::take(&mut self.lock().sleeps);
        if sleeps {
            self.comes.notify_one();
        }
    }

    pub fn set_rules(&self, rules: Rules, dead: Limits) {
        self.lock().rules = Some((rules, dead));
        self.comes.notify_one();
    }

    pub fn tend(&self) {
        self.lock().tend = true;
        self.comes.notify_one();
    }

    pub fn end(&self) {
        self.lock().ended = true;
        self.comes.notify_all();
    }

    pub fn is_behind(&self) -> bool {
        self.behind.load(Relaxed)
    }

    fn note_behind(&self, inner: &Inner) {
        let Settings { queue_changes, queue_bytes, .. } = self.settings;
        let behind = inner.waiting > queue_changes / 2 || inner.bytes > queue_bytes / 2;
        if behind != self.behind.load(Relaxed) {
            self.behind.store(behind, Relaxed);
        }
    }

    pub fn health(&self) -> Health {
        let inner = self.lock();
        Health { waiting: inner.waiting, waiting_bytes: inner.bytes, ..inner.health.clone() }
    }

    /// Waits for work. Without any for a while, tidying up is the work.
    pub fn next(&self, patience: Option<Duration>) -> Work {
        let since = Instant::now();
        let mut inner = self.lock();
        loop {
            // Rules come first: what waits may be stored by them.
            if let Some((rules, dead)) = inner.rules.take() {
                return Work::Rules(rules, dead);
            }
            if std::mem::take(&mut inner.is_wanted) {
                return Work::Settle;
            }
            let taken = inner.lanes.take(COMMIT_CHANGES, COMMIT_BYTES);
            if !taken.marks.is_empty() {
                return Work::Commit(taken);
            }
            if inner.ended {
                return Work::End;
            }
            if std::mem::take(&mut inner.tend) {
                return Work::Tend;
            }
            inner.sleeps = true;
            let patience = if inner.is_unsettled { Some(SETTLE) } else { patience };
            let Some(patience) = patience else {
                inner = self.comes.wait(inner).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let left = patience.saturating_sub(since.elapsed());
            if left.is_zero() {
                return if inner.is_unsettled { Work::Settle } else { Work::Tend };
            }
            inner = self.comes.wait_timeout(inner, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Waits until it is time to try again, or the end. Whether it goes on.
    pub fn pause(&self, patience: Duration) -> bool {
        let inner = self.lock();
        let waited = self.comes.wait_timeout_while(inner, patience, |inner| !inner.ended);
        !waited.unwrap_or_else(PoisonError::into_inner).0.ended
    }

    /// So much of what waits is done with. Before anybody is told of it: whether readers find all there is.
    pub fn answered(&self, count: usize, bytes: usize, is_settled: bool, change: impl FnOnce(&mut Health)) {
        let mut inner = self.lock();
        inner.waiting -= count;
        inner.bytes -= bytes;
        self.note_behind(&inner);
        change(&mut inner.health);
        self.note(inner, is_settled);
    }

    /// Readers find all there is.
    pub fn set_settled(&self) {
        self.note(self.lock(), true);
    }

    fn note(&self, mut inner: MutexGuard<'_, Inner>, is_settled: bool) {
        let waited_for = inner.is_unsettled;
        inner.is_unsettled = !is_settled;
        // Whoever waits also wants to hear that it is in vain.
        if waited_for && (is_settled || inner.health.state != State::Working) {
            self.settled.notify_all();
        }
    }

    /// Readers find everything that was taken in up to now.
    pub fn is_settled(&self) -> bool {
        !self.lock().is_unsettled
    }

    /// Waits until readers find everything that was taken in up to now.
    ///
    /// # Errors
    /// The store has failed: it is safe, but is found only when the store works again.
    pub fn settle(&self) -> Result<(), StoreError> {
        let mut inner = self.lock();
        while inner.is_unsettled {
            match &inner.health.state {
                State::Working => {}
                State::Failed(error) => return Err(error.clone()),
                State::Ended => return Err(StoreError::ended()),
            }
            inner.is_wanted = true;
            inner.sleeps = false;
            self.comes.notify_one();
            inner = self.settled.wait(inner).unwrap_or_else(PoisonError::into_inner);
        }
        Ok(())
    }

    /// Takes out all that waits.
    pub fn take_all(&self) -> Taken {
        self.lock().lanes.take(usize::MAX, usize::MAX)
    }

    pub fn set(&self, change: impl FnOnce(&mut Health)) {
        let mut inner = self.lock();
        change(&mut inner.health);
        let is_settled = !inner.is_unsettled;
        self.note(inner, is_settled);
    }
}

/// What waits, the most urgent first: durable subscriptions before events, those by their priority, and dead letters last. A
/// burst of low ones must not hold up a high one before it is even stored.
#[derive(Default)]
struct Lanes([VecDeque<Waiting>; Priority::LEVELS + 2]);

struct Waiting {
    change: Change,
    mark: Mark,
    bytes: usize,
}

impl Lanes {
    fn push(&mut self, waiting: Waiting) {
        let lane = match &waiting.change {
            Change::Append { event, .. } => Priority::LEVELS - event.priority().index(),
            Change::Bury(_) | Change::Unbury { .. } => Priority::LEVELS + 1,
            _ => 0,
        };
        self.0[lane].push_back(waiting);
    }

    /// So many, of so many bytes; the first one however large.
    fn take(&mut self, most: usize, most_bytes: usize) -> Taken {
        let mut taken = Taken::default();
        for lane in &mut self.0 {
            while let Some(Waiting { bytes, .. }) = lane.front() {
                let count = taken.marks.len();
                if count == most || (count > 0 && taken.bytes.saturating_add(*bytes) > most_bytes) {
                    return taken;
                }
                if let Some(Waiting { change, mark, bytes }) = lane.pop_front() {
                    taken.changes.push(change);
                    taken.marks.push(mark);
                    taken.bytes += bytes;
                }
            }
        }
        taken
    }
}
