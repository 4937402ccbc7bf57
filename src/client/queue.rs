//! Where events wait for the router: highest priority first, within bounds, filled by all handles and emptied by the one
//! task that owns the connection.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use tokio::sync::{Notify, Semaphore, broadcast};

use super::levels::Levels;
use super::outgoing::{Outgoing, Pending};
use super::settings::Settings;
use super::{Error, Notice, Overflow, Published};
use crate::protocol::Priority;

/// What waits to be sent.
#[derive(Debug)]
pub(super) struct Queue {
    buffer: Mutex<Buffer>,
    /// Something is there to be sent.
    pub filled: Notify,
    /// Events and bytes that there is room for, for those who wait for it.
    room: [Arc<Semaphore>; 2],
    most_events: usize,
    most_bytes: usize,
    overflow: Overflow,
    notices: broadcast::Sender<Notice>,
}

#[derive(Debug, Default)]
struct Buffer {
    levels: Levels<Outgoing>,
    bytes: usize,
    is_closed: bool,
}

impl Queue {
    pub fn new(settings: &Settings, notices: broadcast::Sender<Notice>) -> Self {
        // Nobody has more room than the semaphores can count, or than one event may ask for.
        let most_events = settings.buffer_events.clamp(1, u32::MAX as usize);
        let most_bytes = settings.buffer_bytes.clamp(1, u32::MAX as usize);
        Self {
            buffer: Mutex::default(),
            filled: Notify::new(),
            room: [most_events, most_bytes].map(|most| Arc::new(Semaphore::new(most))),
            most_events,
            most_bytes,
            overflow: settings.overflow,
            notices,
        }
    }

    /// Takes an event; with [`Overflow::Wait`], when there is room for it.
    pub async fn add_when_room(
        &self,
        (mut outgoing, pending): (Outgoing, Pending),
    ) -> Result<Attempt<'_>, Error> {
        if self.overflow == Overflow::Wait {
            let [events, bytes] = self.room.clone();
            let event = events.acquire_owned().await.map_err(|_| Error::Ended)?;
            let bytes = bytes.acquire_many_owned(self.counted(&outgoing)).await.map_err(|_| Error::Ended)?;
            outgoing.room = Some([event, bytes]);
        }
        let priority = outgoing.priority;
        self.add(outgoing);
        Ok(Attempt { queue: self, priority, pending, is_over: false })
    }

    /// Takes an event now, or not at all.
    pub fn add_now(&self, mut outgoing: Outgoing) -> Result<(), Error> {
        if self.overflow == Overflow::Wait {
            let [events, bytes] = self.room.clone();
            let room = events.try_acquire_owned().and_then(|event| {
                let bytes = bytes.try_acquire_many_owned(self.counted(&outgoing))?;
                Ok([event, bytes])
            });
            outgoing.room = Some(room.map_err(|_| Error::BufferFull { event_id: outgoing.name() })?);
        }
        self.add(outgoing);
        Ok(())
    }

    /// An event that is larger than everything finds room when nothing else is there: it has to pass somehow.
    fn counted(&self, outgoing: &Outgoing) -> u32 {
        outgoing.size().min(self.most_bytes) as u32
    }

    fn add(&self, outgoing: Outgoing) {
        let mut buffer = self.lock();
        if buffer.is_closed {
            drop(buffer);
            return self.settle(outgoing, Error::Ended);
        }
        buffer.push(outgoing);
        let mut evicted = Vec::new();
        if self.overflow == Overflow::Evict {
            while buffer.is_over(self.most_events, self.most_bytes)
                && let Some(victim) = buffer.evict()
            {
                evicted.push(victim);
            }
        }
        drop(buffer);
        self.filled.notify_one();
        for victim in evicted {
            let event_id = victim.name();
            self.settle(victim, Error::BufferFull { event_id });
        }
    }

    /// The next to be sent.
    pub fn pop(&self) -> Option<Outgoing> {
        self.pop_if(|_| true)
    }

    /// The next to be sent, if it is one of a kind.
    pub fn pop_if(&self, is_fit: impl FnOnce(&Outgoing) -> bool) -> Option<Outgoing> {
        let mut buffer = self.lock();
        if !is_fit(buffer.levels.front()?) {
            return None;
        }
        let mut outgoing = buffer.levels.pop()?;
        buffer.bytes -= outgoing.size();
        drop(buffer);
        outgoing.room = None;
        Some(outgoing)
    }

    /// What was sent and not answered comes before all of its priority, in its old order. It had its place before: that
    /// the bound is passed by what was in flight lasts until the next one is added.
    pub fn put_back(&self, unanswered: impl DoubleEndedIterator<Item = Outgoing>) {
        let mut buffer = self.lock();
        for outgoing in unanswered.rev() {
            buffer.bytes += outgoing.size();
            buffer.levels.put_back(outgoing.priority, outgoing);
        }
    }

    /// Nobody wants it published any more. What is not here was sent.
    fn withdraw(&self, priority: Priority, event_id: &Arc<str>) {
        let mut buffer = self.lock();
        let withdrawn = buffer.levels.remove(priority, |outgoing| Arc::ptr_eq(&outgoing.event_id, event_id));
        buffer.bytes -= withdrawn.as_ref().map_or(0, Outgoing::size);
    }

    pub fn is_empty(&self) -> bool {
        self.lock().levels.is_empty()
    }

    /// Nothing will be sent any more: whoever waits is told now.
    pub fn close(&self) {
        self.room.iter().for_each(|room| room.close());
        self.lock().is_closed = true;
        while let Some(outgoing) = self.pop() {
            self.settle(outgoing, Error::Ended);
        }
    }

    /// Tells whoever waits, or whoever looks at the notices, that an event was not published.
    pub fn settle(&self, outgoing: Outgoing, error: Error) {
        if let Some((event_id, error)) = outgoing.settle(Err(error)) {
            // Nobody needs to look.
            drop(self.notices.send(Notice::NotPublished { event_id, because: Arc::new(error) }));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Buffer> {
        // Nothing that could panic happens under the lock.
        self.buffer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An event that somebody waits for: who stops waiting does not want it sent.
#[derive(Debug)]
pub(super) struct Attempt<'q> {
    queue: &'q Queue,
    priority: Priority,
    pending: Pending,
    is_over: bool,
}

impl Future for Attempt<'_> {
    type Output = Result<Published, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let outcome = Pin::new(&mut self.pending).poll(cx);
        self.is_over = outcome.is_ready();
        outcome
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        if !self.is_over {
            self.queue.withdraw(self.priority, &self.pending.event_id);
        }
    }
}

impl Buffer {
    fn push(&mut self, outgoing: Outgoing) {
        self.bytes += outgoing.size();
        self.levels.push(outgoing.priority, outgoing);
    }

    fn is_over(&self, most_events: usize, most_bytes: usize) -> bool {
        self.levels.len() > most_events || (self.bytes > most_bytes && self.levels.len() > 1)
    }

    fn evict(&mut self) -> Option<Outgoing> {
        let victim = self.levels.pop_lowest_oldest()?;
        self.bytes -= victim.size();
        Some(victim)
    }
}
