//! The queue between those who log and the thread that writes. Bounded, and putting something in never waits for the
//! writer: what finds it full is counted.
//!
//! A lock and not a channel of the standard library: the counters, the wish for a new file and the end belong to the
//! same state, and must get through when the queue is full.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use super::record::Record;

/// How many records may wait.
pub(super) const CAPACITY: usize = 4096;

/// Records that wait, and what the writer is asked to do.
#[derive(Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    /// The writer waits for work.
    work: Condvar,
    /// Others wait for the writer.
    progress: Condvar,
}

#[derive(Default)]
struct State {
    records: VecDeque<Record>,
    /// Those that found the queue full.
    lost: u64,
    /// Records that were put in since the beginning, and those of them that are written.
    put: u64,
    written: u64,
    reopen: bool,
    stage: Stage,
    writer: Option<ThreadId>,
    /// Somebody waits: without that, telling them would be a system call for nothing.
    writer_waits: bool,
    others_wait: usize,
}

#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
enum Stage {
    /// Nobody writes yet.
    #[default]
    Prepared,
    Writing,
    /// What waits is still written.
    Ending,
    /// Nobody writes any more.
    Ended,
}

/// What the writer is to do next.
#[derive(Debug)]
pub(super) enum Work {
    /// Write this.
    Write(Record),
    /// Open the file anew.
    Reopen,
    /// The time is up; there is nothing else.
    Wait,
    /// It is the end, and all is written.
    End,
}

impl Queue {
    /// Puts a record in, or counts it as lost.
    pub(super) fn put(&self, record: Record) {
        let mut state = self.state();
        if state.stage == Stage::Ended {
            return;
        }
        // What the writer itself has to say, little and about that, always has room.
        if state.records.len() >= CAPACITY && state.writer != Some(thread::current().id()) {
            state.lost += 1;
            return;
        }
        state.records.push_back(record);
        state.put += 1;
        self.wake_writer(state);
    }

    /// Asks for the file to be opened anew.
    pub(super) fn reopen(&self) {
        let mut state = self.state();
        state.reopen = true;
        self.wake_writer(state);
    }

    /// Waits until all that is in now is written, so long at most. False: it is not.
    pub(super) fn flush(&self, patience: Duration) -> bool {
        let put = self.state().put;
        self.wait(patience, |state| state.written >= put)
    }

    /// Ends the writing when all is written, and waits for that, so long at most. False: it is not.
    pub(super) fn finish(&self, patience: Duration) -> bool {
        let mut state = self.state();
        if state.stage == Stage::Writing {
            state.stage = Stage::Ending;
        }
        self.wake_writer(state);
        self.wait(patience, |state| state.stage == Stage::Ended)
    }

    /// Whether somebody writes, and this is not that thread: then what is logged now will be seen.
    pub(super) fn is_writing_elsewhere(&self) -> bool {
        let state = self.state();
        matches!(state.stage, Stage::Writing | Stage::Ending) && state.writer != Some(thread::current().id())
    }

    /// There is a writer from now on. Said before its thread runs, so that nobody ends in between and loses all.
    pub(super) fn begin(&self) {
        self.state().stage = Stage::Writing;
    }

    /// It is this thread.
    pub(super) fn write_here(&self) {
        self.state().writer = Some(thread::current().id());
    }

    /// From now on nobody writes, and nothing is kept.
    pub(super) fn end(&self) {
        let mut state = self.state();
        state.stage = Stage::Ended;
        state.records = VecDeque::new();
        if state.others_wait > 0 {
            self.progress.notify_all();
        }
    }

    /// The writer's next work, once that before is done. Waits for it until then.
    pub(super) fn next(&self, until: Option<Instant>) -> Work {
        let mut state = self.state();
        let written = state.put - state.records.len() as u64;
        if written > state.written {
            state.written = written;
            if state.others_wait > 0 {
                self.progress.notify_all();
            }
        }
        loop {
            if std::mem::take(&mut state.reopen) {
                return Work::Reopen;
            }
            if let Some(record) = state.records.pop_front() {
                return Work::Write(record);
            }
            if state.stage == Stage::Ending {
                return Work::End;
            }
            let left = until.map(|until| until.saturating_duration_since(Instant::now()));
            if left == Some(Duration::ZERO) {
                return Work::Wait;
            }
            state.writer_waits = true;
            state = match left {
                None => self.work.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(left) => self.work.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0,
            };
            state.writer_waits = false;
        }
    }

    /// How many records were lost since it was asked last.
    pub(super) fn take_lost(&self) -> u64 {
        std::mem::take(&mut self.state().lost)
    }

    /// False: not within the time, or nobody writes who could bring it about.
    fn wait(&self, patience: Duration, done: impl Fn(&State) -> bool) -> bool {
        if !self.is_writing_elsewhere() {
            return done(&self.state());
        }
        let mut state = self.state();
        state.others_wait += 1;
        let waiting = |state: &mut State| !done(state) && state.stage != Stage::Ended;
        let mut state = self
            .progress
            .wait_timeout_while(state, patience, waiting)
            .unwrap_or_else(PoisonError::into_inner)
            .0;
        state.others_wait -= 1;
        done(&state)
    }

    fn wake_writer(&self, state: MutexGuard<'_, State>) {
        let waits = state.writer_waits;
        drop(state);
        if waits {
            self.work.notify_one();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Each change is made at once: a panic leaves nothing half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
