//! Writing to the file.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use rusqlite::{Connection, Transaction, TransactionBehavior, params};

use super::{Place, connect::Identity, failure, int, state::State, trim};
use crate::protocol::Time;
use crate::store::rules::DEAD_NAME;
use crate::store::track::Holding;
use crate::store::{Change, Limits, RuleId, Rules, StoreError, Trimmed, Writing};

/// The writing side.
pub(super) struct Writer {
    place: Arc<Place>,
    connection: Connection,
    identity: Identity,
    state: State,
}

impl Writer {
    pub fn new(place: Arc<Place>, connection: Connection, identity: Identity) -> Result<Self, StoreError> {
        let state = State::read(&connection, identity.last).map_err(failure::of(&place.path))?;
        Ok(Self { place, connection, identity, state })
    }

    /// In one transaction.
    fn change<T>(
        &mut self,
        make: impl FnOnce(&Transaction<'_>, &mut State) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        // SQLite would go on writing into a file that has no name any more.
        if !self.identity.is_at(&self.place.path) {
            return Err(failure::replaced(&self.place.path));
        }
        let Self { connection, state, .. } = self;
        let attempt = || {
            let change = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let made = make(&change, state)?;
            state.write(&change)?;
            change.commit()?;
            Ok(made)
        };
        let made = attempt().map_err(failure::of(&self.place.path))?;
        self.place.last.store(self.state.last, Ordering::Relaxed);
        Ok(made)
    }
}

impl Writing for Writer {
    fn known_rules(&mut self) -> Result<BTreeMap<String, RuleId>, StoreError> {
        let named = self.state.rules.iter().filter(|(id, _)| **id != RuleId::DEAD);
        Ok(named.map(|(id, rule)| (rule.name.clone(), *id)).collect())
    }

    fn set_rules(&mut self, rules: &Rules, dead: Limits) -> Result<(), StoreError> {
        self.change(|change, state| {
            let named = rules.iter().map(|(id, rule)| (*id, rule.name(), rule.limits));
            for (id, name, limits) in named.chain([(RuleId::DEAD, DEAD_NAME.to_owned(), dead)]) {
                let age = limits.max_age.map(|age| i64::try_from(age.as_millis()).unwrap_or(i64::MAX));
                change
                    .prepare_cached(
                        "INSERT INTO rule (id, topics, max_age_ms, max_events, max_bytes) VALUES (?1, ?2, ?3, ?4, ?5)
                        ON CONFLICT (id) DO UPDATE SET max_age_ms = ?3, max_events = ?4, max_bytes = ?5",
                    )?
                    .execute(params![id.0, name, age, limits.max_events.map(int), limits.max_bytes.map(int)])?;
                let rule = state.rules.entry(id).or_default();
                (rule.name, rule.limits) = (name, limits);
            }
            Ok(())
        })
    }

    fn commit(&mut self, changes: &[Change], now: Time) -> Result<Vec<u64>, StoreError> {
        self.change(|change, state| changes.iter().map(|one| state.apply(change, one, now)).collect())
    }

    fn is_urgent(&self) -> bool {
        self.state.rules.values().any(Holding::is_urgent)
    }

    fn trim(&mut self, now: Time, most: usize) -> Result<Trimmed, StoreError> {
        let failed = failure::of(&self.place.path);
        if !trim::is_due(&self.connection, &mut self.state, now).map_err(failed)? {
            return Ok(Trimmed::default());
        }
        self.change(|change, state| trim::trim(change, state, now, most))
    }

    fn rest(&mut self) -> Result<bool, StoreError> {
        trim::rest(&self.connection).map_err(failure::of(&self.place.path))
    }
}
