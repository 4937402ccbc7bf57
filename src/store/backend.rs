//! What a store is made of: something to write to and something to read from.

use std::collections::BTreeMap;
use std::path::Path;

use super::{
    Bounds, Change, CheckUp, Durable, LetterPage, Letters, Limits, Page, RuleId, Rules, Sequence, Stats,
    StoreError, Stored,
};
use crate::protocol::{Priority, Start, Subscription, Time};

/// A kind of store.
pub trait Backend: Send + Sync {
    /// The writing side, opened anew. There is one at a time.
    ///
    /// # Errors
    /// The store cannot be opened, or not written to.
    fn writer(&self) -> Result<Box<dyn Writing>, StoreError>;

    /// A reading side of its own.
    ///
    /// # Errors
    /// The store cannot be opened.
    fn reader(&self) -> Result<Box<dyn Reading>, StoreError>;
}

/// What was deleted by [`Writing::trim`].
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Trimmed {
    /// How many events and dead letters.
    pub events: u64,
    /// How many of them a durable subscription had still to get: events times subscriptions.
    pub lost: u64,
    /// There is more to delete.
    pub is_more: bool,
}

/// The writing side of a store.
pub trait Writing: Send {
    /// The rules that the store knows, also those that are not in force.
    ///
    /// # Errors
    /// The store cannot be read.
    fn known_rules(&mut self) -> Result<BTreeMap<String, RuleId>, StoreError>;

    /// Puts rules in force, and limits for the dead letters.
    ///
    /// # Errors
    /// Nothing was written.
    fn set_rules(&mut self, rules: &Rules, dead: Limits) -> Result<(), StoreError>;

    /// Writes all of it, safely, or nothing. Returns each one's number.
    ///
    /// # Errors
    /// Nothing was written.
    fn commit(&mut self, changes: &[Change], now: Time) -> Result<Vec<u64>, StoreError>;

    /// As [`commit`](Self::commit), but readers need not find it before [`settle`](Self::settle): it is cheaper where one
    /// group comes close on another.
    ///
    /// # Errors
    /// None of these was written.
    fn take_in(&mut self, changes: Vec<Change>, now: Time) -> Result<Vec<u64>, StoreError> {
        self.commit(&changes, now)
    }

    /// Readers find everything that was taken in.
    fn is_settled(&self) -> bool {
        true
    }

    /// Has readers find everything that was taken in.
    ///
    /// # Errors
    /// It is still safe, and is found when the store can be opened again.
    fn settle(&mut self) -> Result<(), StoreError> {
        Ok(())
    }

    /// Something is over its limit by so much that it should be deleted between commits.
    fn is_urgent(&self) -> bool;

    /// Deletes at most so many of what is over its limits, oldest first, in one transaction.
    ///
    /// # Errors
    /// Nothing was deleted.
    fn trim(&mut self, now: Time, most: usize) -> Result<Trimmed, StoreError>;

    /// Does a little of what can wait for a lull. Returns whether there is more.
    ///
    /// # Errors
    /// What was stored is still there.
    fn rest(&mut self) -> Result<bool, StoreError>;

    /// Nothing more will be written: leaves nothing behind that would have to be brought in order.
    ///
    /// # Errors
    /// Something stays to be done at the next start. Nothing is lost.
    fn end(&mut self) -> Result<(), StoreError> {
        Ok(())
    }
}

/// A reading side of a store. Each call sees one state of the store, and is over soon.
pub trait Reading: Send {
    /// Events from this one on, in the order in which they were stored.
    ///
    /// # Errors
    /// The store cannot be read.
    fn events(&mut self, from: Sequence, wanted: &Subscription, bounds: Bounds) -> Result<Page, StoreError>;

    /// Events of one level from this one on, in order.
    ///
    /// # Errors
    /// The store cannot be read.
    fn level(
        &mut self,
        priority: Priority,
        from: Sequence,
        wanted: &Subscription,
        bounds: Bounds,
    ) -> Result<Page, StoreError>;

    /// The wanted events before this one, the newest first; `next` is what to come before next.
    ///
    /// # Errors
    /// The store cannot be read.
    fn back(&mut self, before: Sequence, wanted: &Subscription, bounds: Bounds) -> Result<Page, StoreError>;

    /// The first event that was stored then or later; one past the last if there is none.
    ///
    /// # Errors
    /// The store cannot be read.
    fn at(&mut self, time: Time) -> Result<Sequence, StoreError>;

    /// One event.
    ///
    /// # Errors
    /// The store cannot be read, or has no such event.
    fn event(&mut self, sequence: Sequence) -> Result<Stored, StoreError>;

    /// Durable subscriptions whose names come after this one, at most so many.
    ///
    /// # Errors
    /// The store cannot be read.
    fn durables(&mut self, after: &str, most: usize) -> Result<Vec<Durable>, StoreError>;

    /// The durable subscription of this name.
    ///
    /// # Errors
    /// The store cannot be read.
    fn durable(&mut self, name: &str) -> Result<Option<Durable>, StoreError>;

    /// Dead letters.
    ///
    /// # Errors
    /// The store cannot be read.
    fn letters(&mut self, wanted: &Letters, bounds: Bounds) -> Result<LetterPage, StoreError>;

    /// What is in the store.
    ///
    /// # Errors
    /// The store cannot be read.
    fn stats(&mut self) -> Result<Stats, StoreError>;

    /// Looks whether the store is in order. `quick` leaves out what takes longest.
    ///
    /// # Errors
    /// The store cannot be read at all.
    fn check(&mut self, quick: bool) -> Result<CheckUp, StoreError>;

    /// Copies the store, as it is now, into a file of its own. Returns the copy's size.
    ///
    /// # Errors
    /// There is no copy.
    fn backup(&mut self, to: &Path, overwrite: bool) -> Result<u64, StoreError>;
}

/// After everything.
const LATEST: Time = Time::from_micros(i64::MAX);

/// How many wanted events a step of [`seek`] counts at most.
const SEEK_STEP: usize = 10_000;

/// Where a replay begins. It goes back in pages, so that no snapshot lives long.
pub(super) fn seek(
    reading: &mut dyn Reading,
    start: Start,
    wanted: &Subscription,
    bounds: Bounds,
) -> Result<Sequence, StoreError> {
    let mut left = match start {
        // Past the end is the end: there may have been another store in which the number was one.
        Start::Sequence(sequence) => return Ok(sequence.clamp(1, reading.at(LATEST)?)),
        Start::Time(time) => return reading.at(time),
        Start::Last(count) => usize::try_from(count).unwrap_or(usize::MAX),
    };
    let mut before = reading.at(LATEST)?;
    let end = before;
    let mut first = None;
    while left > 0 && before > 1 {
        let page = reading.back(before, wanted, Bounds { events: left.min(SEEK_STEP), ..bounds })?;
        left -= page.events.len();
        first = page.events.last().map(|stored| stored.sequence).or(first);
        before = page.next;
        if page.is_end {
            break;
        }
    }
    // Where nothing is wanted, nothing is replayed.
    Ok(first.unwrap_or(end))
}
