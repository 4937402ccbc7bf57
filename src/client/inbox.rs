//! Where events wait that have come, for those who take them.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::sync::Notify;
use uuid::Uuid;

use super::Event;
use super::levels::Levels;
use crate::protocol::Priority;

/// What waits in all inboxes of a client together.
///
/// When as many wait as are to be had in advance, nothing more is read from the connection: what waits in the router is
/// overtaken by more urgent events there, and other members of a group can have it. Only while an answer is awaited
/// reading goes on, for the answer is behind those events.
#[derive(Debug)]
pub(super) struct Intake {
    waiting: AtomicUsize,
    prefetch: usize,
    /// Reading may go on, or a stream is gone.
    pub changed: Notify,
}

impl Intake {
    pub fn new(prefetch: usize) -> Self {
        Self { waiting: AtomicUsize::new(0), prefetch: prefetch.max(1), changed: Notify::new() }
    }

    pub fn is_full(&self) -> bool {
        self.waiting() >= self.prefetch
    }

    pub fn waiting(&self) -> usize {
        self.waiting.load(Relaxed)
    }

    fn taken(&self, count: usize) {
        let before = self.waiting.fetch_sub(count, Relaxed);
        let half = self.prefetch.div_ceil(2);
        // Once for each time that it becomes half empty, not for each event.
        if before >= half && before - count < half {
            self.changed.notify_one();
        }
    }
}

/// What waits for one subscription.
#[derive(Debug)]
pub(super) struct Inbox {
    pub id: Uuid,
    intake: Arc<Intake>,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    waiting: Levels<Event>,
    reader: Option<Waker>,
    is_closed: bool,
}

impl Inbox {
    pub fn new(intake: Arc<Intake>) -> Self {
        Self { id: Uuid::new_v4(), intake, inner: Mutex::default() }
    }

    /// An event has come.
    pub fn push(&self, event: Event) {
        let mut inner = self.lock();
        if inner.is_closed {
            return;
        }
        self.intake.waiting.fetch_add(1, Relaxed);
        inner.waiting.push(event.priority, event);
        let reader = inner.reader.take();
        drop(inner);
        if let Some(reader) = reader {
            reader.wake();
        }
    }

    /// The most urgent event; none when there will be no more.
    pub fn poll_pop(&self, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        let mut inner = self.lock();
        match inner.waiting.pop() {
            Some(event) => {
                drop(inner);
                self.intake.taken(1);
                Poll::Ready(Some(event))
            }
            None if inner.is_closed => Poll::Ready(None),
            None => {
                inner.reader = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    /// The lowest priority that waits here.
    pub fn lowest(&self) -> Option<Priority> {
        self.lock().waiting.lowest()
    }

    /// The newest of the lowest priority gives way.
    pub fn shed(&self) -> Option<Priority> {
        let event = self.lock().waiting.pop_lowest_newest()?;
        self.intake.taken(1);
        Some(event.priority)
    }

    /// No more will come; what is here can still be had.
    pub fn close(&self) {
        let mut inner = self.lock();
        inner.is_closed = true;
        let reader = inner.reader.take();
        drop(inner);
        if let Some(reader) = reader {
            reader.wake();
        }
    }

    /// Nobody will take anything any more.
    pub fn abandon(&self) {
        let mut inner = self.lock();
        inner.is_closed = true;
        let waiting = std::mem::take(&mut inner.waiting).len();
        drop(inner);
        if waiting > 0 {
            self.intake.taken(waiting);
        }
        self.intake.changed.notify_one();
    }

    pub fn is_closed(&self) -> bool {
        self.lock().is_closed
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Nothing that could panic happens under the lock.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
