//! Where events wait that have come, for those who take them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use uuid::Uuid;

use super::intake::Intake;
use super::levels::Levels;
use super::{Delivery, Event};
use crate::protocol::Priority;

/// What waits for one subscription.
#[derive(Debug)]
pub(super) struct Inbox {
    pub id: Uuid,
    intake: Arc<Intake>,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    waiting: Levels<Box<Delivery>>,
    reader: Option<Waker>,
    is_closed: bool,
}

impl Inbox {
    pub fn new(intake: Arc<Intake>) -> Self {
        Self { id: Uuid::new_v4(), intake, inner: Mutex::default() }
    }

    /// An event has come.
    pub fn push(&self, delivery: Box<Delivery>) {
        let mut inner = self.lock();
        if inner.is_closed {
            return;
        }
        self.intake.came(delivery.size);
        inner.waiting.push(delivery.event.priority, delivery);
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
            Some(delivery) => {
                drop(inner);
                self.intake.taken(1, delivery.size);
                Poll::Ready(Some(delivery.event))
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
        let delivery = self.lock().waiting.pop_lowest_newest()?;
        self.intake.taken(1, delivery.size);
        Some(delivery.event.priority)
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
        let mut waiting = std::mem::take(&mut inner.waiting);
        drop(inner);
        let (events, mut bytes) = (waiting.len(), 0);
        while let Some(delivery) = waiting.pop() {
            bytes += delivery.size;
        }
        self.intake.taken(events, bytes);
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
