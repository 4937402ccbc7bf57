//! What waits in all inboxes of a client together, and how much more the router may send.
//!
//! A router with credit sends as much as it was granted: all the room there is at first, then what was taken. So this
//! client always reads, and what it has no room for waits in the router, where urgent events pass and other members of
//! a group can have it. With another router nothing more is read while there is no room; only while an answer is
//! awaited reading goes on, for the answer is behind those events.

use std::sync::atomic::Ordering::{AcqRel, Relaxed};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::settings::Settings;
use crate::protocol::Credit;

/// What is read ahead of a group nobody else in it can have.
const AHEAD_OF_A_GROUP: usize = 32;
/// Reading goes on when so many have been taken, or half of all: each pause costs a few system calls.
const RESUME_AFTER: i64 = 64;
/// A slow reader's credit is granted one by one, so that an urgent event passes at once; a fast one's no more often
/// than this.
const GRANT_AFTER: Duration = Duration::from_millis(1);
/// Beyond all room, while a reply is awaited: it is behind what waits in the router.
const FOR_A_REPLY: i64 = 32;
const BYTES_FOR_A_REPLY: i64 = 256 << 10;

/// Counts of events and bytes. Streams are read by any thread, so the counts are atomic.
#[derive(Debug)]
pub(super) struct Intake {
    /// What waits here.
    events: AtomicI64,
    bytes: AtomicI64,
    /// How much may wait here.
    window: AtomicI64,
    most_bytes: i64,
    prefetch: Option<usize>,
    most_events: usize,
    /// What the router may still send, if it has credit.
    has_credit: AtomicBool,
    left: AtomicI64,
    left_bytes: AtomicI64,
    awaits_reply: AtomicBool,
    /// The router is being told of a smaller window; what it may send is not known until it answers.
    is_shrinking: AtomicBool,
    begun: Instant,
    /// When credit was granted last, in microseconds since then.
    granted_at: AtomicU64,
    /// Reading may go on, credit is to be granted, or a stream is gone.
    pub changed: Notify,
}

impl Intake {
    pub fn new(settings: &Settings) -> Self {
        let intake = Self {
            events: AtomicI64::new(0),
            bytes: AtomicI64::new(0),
            window: AtomicI64::new(0),
            most_bytes: count(settings.local_bytes),
            prefetch: settings.prefetch,
            most_events: settings.local_events,
            has_credit: AtomicBool::new(false),
            left: AtomicI64::new(0),
            left_bytes: AtomicI64::new(0),
            awaits_reply: AtomicBool::new(false),
            is_shrinking: AtomicBool::new(false),
            begun: Instant::now(),
            granted_at: AtomicU64::new(0),
            changed: Notify::new(),
        };
        intake.share_work(false);
        intake
    }

    /// Whether others could have what waits here.
    pub fn share_work(&self, shares: bool) {
        let ahead = if shares { AHEAD_OF_A_GROUP.min(self.most_events) } else { self.most_events };
        self.window.store(count(self.prefetch.unwrap_or(ahead)), Relaxed);
    }

    /// Whether no more should be read, from a router without credit.
    pub fn is_full(&self) -> bool {
        !self.has_credit.load(Relaxed)
            && (self.events.load(Relaxed) >= self.window.load(Relaxed)
                || self.bytes.load(Relaxed) >= self.most_bytes)
    }

    /// Whether one more would be more than may wait in any case.
    pub fn has_no_room(&self) -> bool {
        self.events.load(Relaxed) >= count(self.most_events) || self.bytes.load(Relaxed) >= self.most_bytes
    }

    /// Whether something has to give way. What waits alone may be as large as it is.
    pub fn is_over(&self) -> bool {
        let events = self.events.load(Relaxed);
        events > count(self.most_events) || (events > 1 && self.bytes.load(Relaxed) > self.most_bytes)
    }

    /// What a router may send at the beginning of a connection.
    pub fn opening(&self) -> Credit {
        let (events, bytes) = self.room();
        credit(events.max(0), bytes.max(0))
    }

    /// A connection has begun: what its router may send, if it has credit.
    pub fn begin(&self, opened: Option<Credit>) {
        let Credit { events, bytes } = opened.unwrap_or_default();
        self.left.store(events.unwrap_or(0).cast_signed(), Relaxed);
        self.left_bytes.store(bytes.unwrap_or(0).cast_signed(), Relaxed);
        self.has_credit.store(opened.is_some(), Relaxed);
        self.is_shrinking.store(false, Relaxed);
    }

    /// The router may send more than the whole window by now: what `hello` is to say, which begins anew. When it is
    /// answered, so does this, by [`begin`](Self::begin).
    pub fn shrink(&self) -> Option<Credit> {
        let is_too_much =
            self.has_credit.load(Relaxed) && self.left.load(Relaxed) > self.window.load(Relaxed);
        let is_news = is_too_much && !self.is_shrinking.swap(true, Relaxed);
        is_news.then(|| self.opening())
    }

    /// Deliveries have come, whether anybody wants them or not.
    pub fn spent(&self, (events, bytes): (u64, u64)) {
        self.left.fetch_sub(events.cast_signed(), Relaxed);
        self.left_bytes.fetch_sub(bytes.cast_signed(), Relaxed);
    }

    /// What is to be granted now.
    pub fn grant(&self, awaits_reply: bool) -> Option<Credit> {
        self.awaits_reply.store(awaits_reply, Relaxed);
        if !self.is_due() {
            return None;
        }
        let (events, bytes) = self.owed();
        let (events, bytes) = (events.max(0), bytes.max(0));
        self.left.fetch_add(events, Relaxed);
        self.left_bytes.fetch_add(bytes, Relaxed);
        self.granted_at.store(self.micros(), Relaxed);
        Some(credit(events, bytes))
    }

    /// One is here.
    pub fn came(&self, bytes: usize) {
        self.bytes.fetch_add(count(bytes), Relaxed);
        self.events.fetch_add(1, Relaxed);
    }

    /// Some are not here any more.
    pub fn taken(&self, events: usize, bytes: usize) {
        let (events, bytes) = (count(events), count(bytes));
        // Whoever takes the last one sees all that was counted before it: there is no other to grant it then.
        let bytes_before = self.bytes.fetch_sub(bytes, AcqRel);
        let before = self.events.fetch_sub(events, AcqRel);
        let wakes = if self.has_credit.load(Relaxed) {
            self.is_due()
        } else {
            let window = self.window.load(Relaxed);
            let resume = window - ((window + 1) / 2).min(RESUME_AFTER);
            // Once for each time that there is room again, not for each event.
            crosses(before, events, resume) || crosses(bytes_before, bytes, self.most_bytes - 1)
        };
        if wakes {
            self.changed.notify_one();
        }
    }

    /// Half of the window, or one that nothing was granted for in a while. As long as it is less, the router still has
    /// credit, or what waits here is yet to be taken.
    fn is_due(&self) -> bool {
        if !self.has_credit.load(Relaxed) || self.is_shrinking.load(Relaxed) {
            return false;
        }
        let (events, bytes) = self.owed();
        if events < 1 && bytes < 1 {
            return false;
        }
        let window = if self.awaits_reply.load(Relaxed) { FOR_A_REPLY } else { self.window.load(Relaxed) };
        events >= (window / 2).max(1)
            || bytes >= (self.most_bytes / 2).max(1)
            || (events >= 1
                && self.micros().saturating_sub(self.granted_at.load(Relaxed))
                    > GRANT_AFTER.as_micros() as u64)
    }

    /// There is room for so many, and the router does not know of it.
    fn owed(&self) -> (i64, i64) {
        let (events, bytes) = self.room();
        (events - self.left.load(Relaxed), bytes - self.left_bytes.load(Relaxed))
    }

    fn room(&self) -> (i64, i64) {
        let events = self.window.load(Relaxed) - self.events.load(Relaxed);
        let bytes = self.most_bytes - self.bytes.load(Relaxed);
        if self.awaits_reply.load(Relaxed) {
            (events.max(FOR_A_REPLY), bytes.max(BYTES_FOR_A_REPLY))
        } else {
            (events, bytes)
        }
    }

    fn micros(&self) -> u64 {
        self.begun.elapsed().as_micros() as u64
    }
}

fn credit(events: i64, bytes: i64) -> Credit {
    Credit { events: Some(events.unsigned_abs()), bytes: Some(bytes.unsigned_abs()) }
}

fn crosses(before: i64, taken: i64, bound: i64) -> bool {
    before > bound && before - taken <= bound
}

fn count(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX / 4).min(i64::MAX / 4)
}

#[cfg(test)]
mod tests;
