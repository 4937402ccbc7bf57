//! The file and what is known of it without looking: one transaction after the other.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior};

use super::intake::Group;
use super::{Place, connect::Identity, failure, int, state::State, trim, uint};
use crate::protocol::Time;
use crate::store::{Change, Kind, StoreError, Trimmed};

/// What is done in a transaction.
type Changes<'c> = dyn FnMut(&Transaction<'_>, &mut State) -> rusqlite::Result<()> + 'c;

/// The file, to be written to. After an error it is of no use any more, and is to be opened anew.
pub(super) struct StoreFile {
    place: Arc<Place>,
    connection: Connection,
    identity: Identity,
    pub state: State,
    /// The file has what the intake log holds up to this group.
    applied: u64,
}

impl StoreFile {
    pub fn new(place: Arc<Place>, connection: Connection, identity: Identity) -> Result<Self, StoreError> {
        let read = || {
            let sql = "SELECT value FROM meta WHERE key = 'intake'";
            let applied = connection.query_row(sql, [], |row| row.get(0).map(uint)).optional()?;
            Ok((State::read(&connection, identity.last)?, applied.unwrap_or(0)))
        };
        let (state, applied) = read().map_err(failure::of(&place.path))?;
        Ok(Self { place, connection, identity, state, applied })
    }

    /// Which store it is.
    pub fn store(&self) -> &str {
        &self.identity.store
    }

    pub fn applied(&self) -> u64 {
        self.applied
    }

    /// In one transaction, after which the intake log is not needed up to this group.
    pub fn change(&mut self, group: u64, make: &mut Changes<'_>) -> Result<(), StoreError> {
        self.look()?;
        let Self { connection, state, applied, .. } = self;
        let mut attempt = || {
            let change = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            make(&change, state)?;
            state.write(&change)?;
            if group != *applied {
                let sql = "INSERT OR REPLACE INTO meta VALUES ('intake', ?)";
                change.prepare_cached(sql)?.execute([int(group)])?;
            }
            change.commit()?;
            *applied = group;
            Ok(())
        };
        attempt().map_err(failure::of(&self.place.path))?;
        self.place.last.store(self.state.last, Ordering::Relaxed);
        Ok(())
    }

    /// Takes over groups from the intake log, in order.
    pub fn fill(&mut self, groups: &[Group]) -> Result<(), StoreError> {
        let Some(last) = groups.last() else { return Ok(()) };
        let mut next = self.state.last + 1;
        for Group { first, changes, .. } in groups {
            // Their publishers were told these numbers.
            if *first != next {
                return Err(self.odd(*first, next));
            }
            next += changes.iter().filter(|change| matches!(change, Change::Append { .. })).count() as u64;
        }
        self.change(last.number, &mut |change, state| {
            for Group { at, changes, .. } in groups {
                for one in changes {
                    state.apply(change, one, *at)?;
                }
            }
            Ok(())
        })
    }

    /// Whether it can be written to now.
    pub fn probe(&mut self) -> Result<(), StoreError> {
        self.look()?;
        let begun = self.connection.transaction_with_behavior(TransactionBehavior::Immediate);
        begun.and_then(Transaction::rollback).map_err(failure::of(&self.place.path))
    }

    pub fn is_due(&mut self, now: Time) -> Result<bool, StoreError> {
        trim::is_due(&self.connection, &mut self.state, now).map_err(failure::of(&self.place.path))
    }

    pub fn trim(&mut self, group: u64, now: Time, most: usize) -> Result<Trimmed, StoreError> {
        let mut trimmed = Trimmed::default();
        self.change(group, &mut |change, state| {
            trimmed = trim::trim(change, state, now, most)?;
            Ok(())
        })?;
        Ok(trimmed)
    }

    pub fn rest(&mut self) -> Result<bool, StoreError> {
        trim::rest(&self.connection).map_err(failure::of(&self.place.path))
    }

    /// SQLite would go on writing into a file that has no name any more.
    fn look(&self) -> Result<(), StoreError> {
        let is_there = self.identity.is_at(&self.place.path);
        is_there.then_some(()).ok_or_else(|| failure::replaced(&self.place.path))
    }

    fn odd(&self, told: u64, next: u64) -> StoreError {
        let file = self.place.path.display();
        let message = format!(
            "the event store {file}: its intake log goes on with number {told} and the store with {next}: the store was changed by another program; restore a backup, or move {file}.intake-0 and {file}.intake-1 away to go on without what they hold"
        );
        StoreError::of(Kind::Corrupt, &self.place.path, message)
    }
}
