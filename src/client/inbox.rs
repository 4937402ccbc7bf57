//! Where events wait that have come, for those who take them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use uuid::Uuid;

use super::Arrival;
use super::acks::Hold;
use super::intake::Intake;
use super::levels::Levels;
use crate::protocol::Priority;

/// An event that waits; `hold` if it has to be acknowledged.
#[derive(Debug)]
pub(super) struct Waiting {
    pub arrival: Box<Arrival>,
    pub hold: Option<Hold>,
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
    waiting: Levels<Waiting>,
    reader: Option<Waker>,
    is_closed: bool,
}

impl Inbox {
    pub fn new(intake: Arc<Intake>) -> Self {
        Self { id: Uuid::new_v4(), intake, inner: Mutex::default() }
    }

    /// An event has come. A replay goes before what is live, in its own order.
    pub fn push(&self, waiting: Waiting, is_replaying: bool) {
        let mut inner = self.lock();
        if inner.is_closed {
            drop(inner);
            return waiting.forfeit();
        }
        self.intake.came(waiting.arrival.size);
        let priority = if is_replaying { Priority::SYSTEM } else { waiting.arrival.event.priority };
        inner.waiting.push(priority, waiting);
        let reader = inner.reader.take();
        drop(inner);
        if let Some(reader) = reader {
            reader.wake();
        }
    }

    /// The most urgent event; none when there will be no more.
    pub fn poll_pop(&self, cx: &mut Context<'_>) -> Poll<Option<Waiting>> {
        let mut inner = self.lock();
        match inner.waiting.pop() {
            Some(waiting) => {
                drop(inner);
                self.intake.taken(1, waiting.arrival.size);
                Poll::Ready(Some(waiting))
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
        let Waiting { arrival, .. } = self.lock().waiting.pop_lowest_newest()?;
        self.intake.taken(1, arrival.size);
        Some(arrival.event.priority)
    }

    /// Nobody takes what is here: the router has it back, or gets it back with the subscription.
    pub fn clear(&self) {
        let mut waiting = std::mem::take(&mut self.lock().waiting);
        let (events, mut bytes) = (waiting.len(), 0);
        while let Some(one) = waiting.pop() {
            bytes += one.arrival.size;
            one.forfeit();
        }
        self.intake.taken(events, bytes);
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
        self.lock().is_closed = true;
        self.clear();
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

impl Waiting {
    fn forfeit(self) {
        if let Some(hold) = self.hold {
            hold.forfeit();
        }
    }
}
