//! What is said of deliveries that have to be acknowledged, on its way to the task that owns the connection.
//!
//! A delivery belongs to the connection that it came on: what is said of it later goes nowhere, for the router has given it
//! to somebody else, or will deliver it again. No more is kept here than the router has under way (`max_in_flight`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::Nack;
use super::Request;
use super::clock::in_future;

/// A heartbeat is sent so often within the time-out that one of them may be lost.
const HEARTBEATS: u32 = 3;

/// What a client says of its deliveries.
#[derive(Debug, Default)]
pub(super) struct Acks {
    inner: Mutex<Inner>,
    /// Something was said.
    pub said: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    /// Counts the connections; none is open where it is not.
    connection: u64,
    is_open: bool,
    numbers: u64,
    /// Messages that are to be sent.
    said: Vec<String>,
    /// Deliveries of which the router hears from time to time that they are being worked on.
    beating: BTreeMap<u64, Beating>,
    beats: BTreeSet<(Instant, u64)>,
}

#[derive(Debug)]
struct Beating {
    id: Arc<str>,
    every: Duration,
    next: Instant,
}

/// One delivery that the router waits for. Where nothing is said of it, it is given back when this is dropped.
#[derive(Debug)]
pub(super) struct Hold {
    acks: Arc<Acks>,
    connection: u64,
    number: u64,
    id: Arc<str>,
    is_over: bool,
}

impl Acks {
    /// A connection has begun.
    pub fn begin(&self) {
        let mut inner = self.lock();
        inner.clear();
        (inner.connection, inner.is_open) = (inner.connection + 1, true);
    }

    /// It has ended.
    pub fn end(&self) {
        let mut inner = self.lock();
        inner.clear();
        inner.is_open = false;
    }

    /// A delivery has come; with a time-out the router hears that it is being worked on.
    pub fn hold(self: &Arc<Self>, id: &str, timeout: Option<Duration>) -> Hold {
        let id: Arc<str> = id.into();
        let mut inner = self.lock();
        inner.numbers += 1;
        let (connection, number) = (inner.connection, inner.numbers);
        if let Some(timeout) = timeout {
            let every = timeout / HEARTBEATS;
            inner.beat_later(number, Arc::clone(&id), every);
        }
        drop(inner);
        Hold { acks: Arc::clone(self), connection, number, id, is_over: false }
    }

    /// When the next heartbeat is due.
    pub fn next_beat(&self) -> Option<Instant> {
        self.lock().beats.first().map(|(next, _)| *next)
    }

    /// What is to be sent now, heartbeats among it.
    pub fn take(&self) -> Vec<String> {
        let mut inner = self.lock();
        if let Some((next, _)) = inner.beats.first()
            && *next <= Instant::now()
        {
            inner.beat();
        }
        std::mem::take(&mut inner.said)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Nothing that could panic happens under the lock.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn clear(&mut self) {
        self.said.clear();
        self.beating.clear();
        self.beats.clear();
    }

    fn beat_later(&mut self, number: u64, id: Arc<str>, every: Duration) {
        let next = in_future(every);
        self.beats.insert((next, number));
        self.beating.insert(number, Beating { id, every, next });
    }

    fn beat(&mut self) {
        let now = Instant::now();
        while let Some((_, number)) = self.beats.first().copied().filter(|(next, _)| *next <= now) {
            self.beats.pop_first();
            let Some(Beating { id, every, .. }) = self.beating.remove(&number) else { continue };
            self.said.extend(Request::InProgress { delivery_id: &id }.text());
            self.beat_later(number, id, every);
        }
    }

    fn release(&mut self, number: u64) {
        if let Some(Beating { next, .. }) = self.beating.remove(&number) {
            self.beats.remove(&(next, number));
        }
    }
}

impl Hold {
    pub fn is_current(&self) -> bool {
        self.is_of(&self.acks.lock())
    }

    /// It is done. Whether the router waits for that.
    pub fn ack(mut self) -> bool {
        let done = Request::Ack { delivery_id: &self.id }.text();
        self.end(done.ok())
    }

    /// It is not done. Whether the router waits for that.
    pub fn nack(mut self, nack: &Nack) -> bool {
        let failed = Request::Nack { delivery_id: &self.id, nack }.text();
        self.end(failed.ok())
    }

    /// It is being worked on. Whether the router waits for that.
    pub fn in_progress(&self) -> bool {
        self.say(Request::InProgress { delivery_id: &self.id }.text().ok(), false)
    }

    /// Nothing is said of it: the router gets it back in another way.
    pub fn forfeit(mut self) {
        self.is_over = true;
        self.acks.lock().release(self.number);
    }

    fn end(&mut self, message: Option<String>) -> bool {
        self.is_over = true;
        self.say(message, true)
    }

    fn say(&self, message: Option<String>, is_last: bool) -> bool {
        let mut inner = self.acks.lock();
        if !self.is_of(&inner) {
            return false;
        }
        if is_last {
            inner.release(self.number);
        }
        inner.said.extend(message);
        drop(inner);
        self.acks.said.notify_one();
        true
    }

    fn is_of(&self, inner: &Inner) -> bool {
        inner.is_open && inner.connection == self.connection
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        if !self.is_over {
            let nack = Nack::new(match std::thread::panicking() {
                true => "its handler panicked",
                false => "its handler said nothing of it",
            });
            let failed = Request::Nack { delivery_id: &self.id, nack: &nack }.text();
            self.end(failed.ok());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_delivery_beats_until_something_is_said_of_it() {
        let acks = Arc::new(Acks::default());
        acks.begin();
        let (one, other) = (acks.hold("1", Some(Duration::from_secs(30))), acks.hold("2", None));
        assert!(acks.take().is_empty());
        tokio::time::advance(Duration::from_secs(10)).await;
        assert_eq!(acks.take(), [r#"{"type":"in_progress","delivery_id":"1"}"#]);
        assert!(acks.take().is_empty() && other.in_progress() && one.ack());
        let said = acks.take();
        assert_eq!(
            said,
            [r#"{"type":"in_progress","delivery_id":"2"}"#, r#"{"type":"ack","delivery_id":"1"}"#]
        );
        assert_eq!(acks.next_beat(), None);
    }

    #[tokio::test]
    async fn what_is_dropped_is_given_back_and_what_is_forfeit_is_not() {
        let acks = Arc::new(Acks::default());
        acks.begin();
        drop(acks.hold("1", Some(Duration::from_secs(30))));
        acks.hold("2", Some(Duration::from_secs(30))).forfeit();
        let said = acks.take();
        assert!(said.len() == 1 && said[0].contains(r#""delivery_id":"1""#), "{said:?}");
        assert_eq!(acks.next_beat(), None);
    }

    #[tokio::test]
    async fn nothing_is_said_on_another_connection() {
        let acks = Arc::new(Acks::default());
        acks.begin();
        let (one, other) = (acks.hold("1", Some(Duration::from_secs(30))), acks.hold("2", None));
        acks.end();
        assert!(!one.is_current() && !one.ack());
        acks.begin();
        assert!(!other.is_current() && !other.in_progress() && !other.nack(&Nack::new("late")));
        assert!(acks.take().is_empty());
    }
}
