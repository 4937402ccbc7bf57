//! The thread that writes.
//!
//! What waits goes into one transaction: while a commit waits for the disk, the next one gathers. So nothing is delayed
//! in order to gather more, and one publisher alone waits for one commit.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::handle::{Clock, OnCommit};
use super::queue::{Queue, Taken, Work};
use super::{Backend, Change, Limits, Outcome, Rules, State, StoreError, Trimmed, Writing};

/// What is deleted in one transaction. A busy store deletes twice as much as it has written since, to keep up.
const TRIM: usize = 500;
/// How long nothing has come when tidying up begins; also how often ages are looked at.
const LULL: Duration = Duration::from_secs(1);
/// Whoever comes so long after the last transaction comes alone, and goes straight to where readers look. What comes closer
/// may be [taken in](Writing::take_in) first.
const ALONE: Duration = Duration::from_millis(5);
/// How long a failed store waits before it tries again, at first and at most.
const FIRST_RETRY: Duration = Duration::from_millis(100);
const LAST_RETRY: Duration = Duration::from_secs(5);

/// However the thread ends, nothing is taken in after it.
struct Farewell(Arc<Queue>);

impl Drop for Farewell {
    fn drop(&mut self) {
        self.0.end();
        self.0.set(|health| health.state = State::Ended);
    }
}

/// The thread's own.
pub(super) struct Writer {
    queue: Arc<Queue>,
    backend: Arc<dyn Backend>,
    writing: Box<dyn Writing>,
    rules: (Rules, Limits),
    clock: Clock,
    on_commit: OnCommit,
    /// When the last transaction ended, if there was one.
    committed: Option<Instant>,
    /// Written since something was deleted, and when that was.
    since_trim: usize,
    trimmed: Instant,
    /// There may be something to tidy up.
    untidy: bool,
}

impl Writer {
    pub fn new(
        queue: Arc<Queue>,
        backend: Arc<dyn Backend>,
        mut writing: Box<dyn Writing>,
        rules: (Rules, Limits),
        (clock, on_commit): (Clock, OnCommit),
    ) -> Result<Self, StoreError> {
        writing.set_rules(&rules.0, rules.1)?;
        let now = Instant::now();
        Ok(Self {
            queue,
            backend,
            writing,
            rules,
            clock,
            on_commit,
            committed: None,
            since_trim: 0,
            trimmed: now,
            untidy: true,
        })
    }

    /// Works until the end.
    pub fn run(mut self) {
        let _farewell = Farewell(Arc::clone(&self.queue));
        loop {
            let has_ages = self.rules.0.iter().map(|(_, rule)| rule.limits).chain([self.rules.1]);
            let has_ages = has_ages.into_iter().any(|limits| limits.max_age.is_some());
            let done = match self.queue.next((self.untidy || has_ages).then_some(LULL)) {
                Work::Commit(taken) => self.commit(taken),
                Work::Rules(rules, dead) => {
                    self.rules = (rules, dead);
                    self.untidy = true;
                    self.writing.set_rules(&self.rules.0, self.rules.1)
                }
                Work::Settle => self.settle(),
                Work::Tend => {
                    self.tidy();
                    Ok(())
                }
                Work::End => {
                    match self.writing.end() {
                        // What was asked before the end is answered.
                        Ok(()) => self.queue.set_settled(),
                        Err(error) => self.queue.set(|health| health.untidy = Some(error)),
                    }
                    break;
                }
            };
            if let Err(error) = done
                && !self.recover(error)
            {
                break;
            }
        }
    }

    fn commit(&mut self, Taken { changes, marks, bytes }: Taken) -> Result<(), StoreError> {
        let count = marks.len();
        let committed = self.write(changes);
        let marks = marks.into_iter();
        let outcomes = match &committed {
            Ok(numbers) => marks.zip(numbers.iter().map(|number| Ok(*number))).collect(),
            Err(error) => marks.map(|mark| (mark, Err(Box::new(error.clone())))).collect(),
        };
        let is_written = committed.is_ok();
        self.queue.answered(count, bytes, self.writing.is_settled(), |health| match &committed {
            Ok(_) => {
                health.commits += 1;
                health.written += count as u64;
            }
            Err(error) => {
                health.failed += count as u64;
                health.state = State::Failed(error.clone());
            }
        });
        (self.on_commit)(outcomes);
        if is_written {
            self.since_trim += count;
            self.untidy = true;
            self.keep_up();
        }
        committed.map(drop)
    }

    fn write(&mut self, changes: Vec<Change>) -> Result<Vec<u64>, StoreError> {
        let is_late = self.committed.is_none_or(|committed| committed.elapsed() >= ALONE);
        let is_alone = is_late && self.writing.is_settled();
        let now = (self.clock)();
        let written = match is_alone {
            // Their memory is free before the room that they took in the queue is.
            true => self.writing.commit(&changes, now),
            false => self.writing.take_in(changes, now),
        };
        self.committed = Some(Instant::now());
        written
    }

    /// Has readers find what was taken in.
    fn settle(&mut self) -> Result<(), StoreError> {
        self.writing.settle()?;
        self.queue.set_settled();
        self.keep_up();
        Ok(())
    }

    /// Deletes between two commits, no more than keeps up with them.
    fn keep_up(&mut self) {
        if self.writing.is_urgent() || self.trimmed.elapsed() >= LULL {
            let most = TRIM.max(2 * std::mem::take(&mut self.since_trim));
            self.trim(most);
        }
    }

    /// Deletes a little. Whether there is more.
    fn trim(&mut self, most: usize) -> bool {
        self.trimmed = Instant::now();
        match self.writing.trim((self.clock)(), most) {
            Ok(Trimmed { events, lost, is_more }) => {
                self.queue.set(|health| {
                    health.trimmed += events;
                    health.lost += lost;
                });
                is_more
            }
            Err(error) => self.give_up_tidying(error),
        }
    }

    /// A little of what can wait for a lull. What comes meanwhile goes first.
    fn tidy(&mut self) {
        let is_more = self.trim(TRIM)
            || match self.writing.rest() {
                Ok(is_more) => is_more,
                Err(error) => self.give_up_tidying(error),
            };
        if is_more {
            self.queue.tend();
        }
        self.untidy = false;
    }

    /// What was stored is there and what comes can perhaps be stored: that is not refused for a failed deletion. The writer
    /// is opened anew, since its counts may not be right.
    fn give_up_tidying(&mut self, error: StoreError) -> bool {
        self.queue.set(|health| health.untidy = Some(error));
        if let Err(error) = self.reopen() {
            self.queue.set(|health| health.state = State::Failed(error.clone()));
            self.recover(error);
        }
        false
    }

    fn reopen(&mut self) -> Result<(), StoreError> {
        let mut writing = self.backend.writer()?;
        // A real transaction: whether it is possible to write is known only by writing.
        writing.set_rules(&self.rules.0, self.rules.1)?;
        self.writing = writing;
        self.queue.set_settled();
        Ok(())
    }

    /// Answers all that waits, and tries again until it works. Whether it goes on.
    fn recover(&mut self, mut error: StoreError) -> bool {
        let mut patience = FIRST_RETRY;
        loop {
            self.queue.set(|health| health.state = State::Failed(error.clone()));
            self.refuse(&error);
            if error.kind.is_lasting() {
                // Until the end: nothing is taken any more.
                while self.queue.pause(LAST_RETRY) {}
                return false;
            }
            if !self.queue.pause(patience) {
                return false;
            }
            patience = (2 * patience).min(LAST_RETRY);
            match self.reopen() {
                Ok(()) => {
                    self.untidy = true;
                    self.queue.set(|health| health.state = State::Working);
                    return true;
                }
                Err(other) => error = other,
            }
        }
    }

    fn refuse(&mut self, error: &StoreError) {
        let Taken { marks, bytes, .. } = self.queue.take_all();
        if marks.is_empty() {
            return;
        }
        let count = marks.len();
        let outcomes: Vec<Outcome> =
            marks.into_iter().map(|mark| (mark, Err(Box::new(error.clone())))).collect();
        let is_settled = self.writing.is_settled();
        self.queue.answered(count, bytes, is_settled, |health| health.failed += count as u64);
        (self.on_commit)(outcomes);
    }
}
