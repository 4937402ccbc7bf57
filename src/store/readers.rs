//! The threads that read. Each has a connection of its own and does one thing after the other.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use super::{Backend, Kind, Reading, StoreError};

/// One thing to read: it opens the reading side when that is not open, and closes it when it failed.
type Job = Box<dyn FnOnce(&mut Option<Box<dyn Reading>>, &dyn Backend) + Send>;

/// One thread and the bounded queue before it.
pub(super) struct Lane {
    jobs: Mutex<Option<SyncSender<Job>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    /// Questions that are not answered yet.
    open: Arc<AtomicUsize>,
}

impl Lane {
    /// Starts a thread of this name before which at most so many wait.
    pub fn new(name: &str, most: usize, backend: Arc<dyn Backend>) -> Result<Self, StoreError> {
        let (sender, receiver) = sync_channel(most);
        let thread = thread::Builder::new().name(name.into()).spawn(move || work(&receiver, &*backend));
        let thread =
            thread.map_err(|error| StoreError::new(Kind::Io, format!("no thread for the store: {error}")))?;
        Ok(Self { jobs: Mutex::new(Some(sender)), thread: Mutex::new(Some(thread)), open: Arc::default() })
    }

    /// Has something read on the thread, and `then` called there with the answer.
    pub fn ask<T>(
        &self,
        ask: impl FnOnce(&mut dyn Reading) -> Result<T, StoreError> + Send + 'static,
        then: impl FnOnce(Result<T, StoreError>) + Send + 'static,
    ) -> Result<(), StoreError> {
        let open = Arc::clone(&self.open);
        let job: Job = Box::new(move |reading, backend| {
            let answer = opened(reading, backend).and_then(ask);
            if answer.as_ref().is_err_and(|error| is_fault(error.kind)) {
                *reading = None;
            }
            then(answer);
            open.fetch_sub(1, Ordering::Relaxed);
        });
        let jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(jobs) = jobs.as_ref() else { return Err(StoreError::ended()) };
        self.open.fetch_add(1, Ordering::Relaxed);
        jobs.try_send(job).map_err(|refused| {
            self.open.fetch_sub(1, Ordering::Relaxed);
            match refused {
                TrySendError::Full(_) => {
                    StoreError::new(Kind::Busy, "the event store has too much to read; ask again later")
                }
                TrySendError::Disconnected(_) => StoreError::ended(),
            }
        })
    }

    /// Nothing was asked that is not answered.
    pub fn is_idle(&self) -> bool {
        self.open.load(Ordering::Relaxed) == 0
    }

    /// Takes nothing more; what waits is still answered.
    pub fn close(&self) {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// The thread, to be waited for.
    pub fn take_thread(&self) -> Option<JoinHandle<()>> {
        self.thread.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

fn work(jobs: &Receiver<Job>, backend: &dyn Backend) {
    let mut reading = None;
    while let Ok(job) = jobs.recv() {
        job(&mut reading, backend);
    }
}

fn opened<'a>(
    reading: &'a mut Option<Box<dyn Reading>>,
    backend: &dyn Backend,
) -> Result<&'a mut dyn Reading, StoreError> {
    match reading {
        Some(open) => Ok(open.as_mut()),
        closed => Ok(closed.insert(backend.reader()?).as_mut()),
    }
}

/// The store's trouble, not the question's.
fn is_fault(kind: Kind) -> bool {
    !matches!(kind, Kind::NotFound | Kind::Exists | Kind::Unsupported)
}
