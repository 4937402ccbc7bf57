//! Writing: straight into the file, or into the intake log first.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rusqlite::{Connection, params};

use super::file::StoreFile;
use super::filler::Filler;
use super::intake::{self, Group, Intake};
use super::{Place, connect::Identity, failure, int};
use crate::protocol::Time;
use crate::store::rules::DEAD_NAME;
use crate::store::track::Holding;
use crate::store::{Change, Limits, RuleId, Rules, Sequence, StoreError, Trimmed, Writing};

/// The most bytes of changes that go into the intake log at once. More of them share the cost of a transaction anyway.
const GROUP_BYTES: usize = 1 << 20;
/// What a file of the intake log holds before it is the other one's turn, if the store's file is not free earlier. One group
/// more fits behind it.
const LOG_BYTES: u64 = 2 << 20;
/// The file gets what was taken in after this time at the latest, or when it is so many bytes: a transaction with many
/// events costs much less for each.
const FILL_AFTER: Duration = Duration::from_millis(20);
const FILL_BYTES: usize = 512 << 10;
/// Where the file system has less room than this, everything goes straight into the file: the intake log must not promise what
/// the file has no room for. It is several times what the file and SQLite's log grow by when it is filled.
const ROOM: u64 = 32 << 20;

/// The writing side.
pub(super) struct Writer {
    filler: Filler,
    intake: Intake,
    /// What only the intake log has, but for what the filler is busy with.
    groups: Vec<Group>,
    bytes: usize,
    since: Instant,
    /// The last number that anybody was told.
    last: Sequence,
}

impl Writer {
    /// Also brings into the file what the intake log holds.
    pub fn new(place: Arc<Place>, connection: Connection, identity: Identity) -> Result<Self, StoreError> {
        let path = place.path.clone();
        let mut file = StoreFile::new(place, connection, identity)?;
        let (intake, groups) = Intake::open(&path, file.store(), file.applied())?;
        file.fill(&groups)?;
        let last = file.state.last;
        let filler = Filler::new(file).map_err(|error| failure::io(&path, &error))?;
        Ok(Self { filler, intake, groups: Vec::new(), bytes: 0, since: Instant::now(), last })
    }

    /// Gives the file what was taken in, if that is due.
    fn pass_on(&mut self) -> Result<(), StoreError> {
        // Where the file has failed, nothing more is promised.
        let is_here = self.filler.file_if_here()?.is_some();
        let is_full = self.intake.bytes() >= LOG_BYTES;
        let is_due = is_full || self.bytes >= FILL_BYTES || self.since.elapsed() >= FILL_AFTER;
        if self.groups.is_empty() || !is_due {
            return Ok(());
        }
        if is_full {
            self.filler.file()?;
        }
        if is_here || is_full {
            self.filler.fill(std::mem::take(&mut self.groups));
            self.bytes = 0;
            self.intake.turn();
        }
        Ok(())
    }

    /// The file, and the group up to which it has everything.
    fn settled(&mut self) -> Result<(&mut StoreFile, u64), StoreError> {
        if !self.groups.is_empty() {
            let filled = self.filler.file()?.fill(&self.groups);
            filled.map_err(|error| self.filler.fail(error))?;
            self.groups.clear();
            self.bytes = 0;
            self.intake.turn();
        }
        Ok((self.filler.file()?, self.intake.number()))
    }

    /// The numbers of changes that have been taken in.
    fn number(&mut self, changes: &[Change]) -> Vec<u64> {
        let number = |change: &Change| match change {
            Change::Append { .. } => {
                self.last += 1;
                self.last
            }
            _ => 0,
        };
        changes.iter().map(number).collect()
    }
}

impl Writing for Writer {
    fn known_rules(&mut self) -> Result<BTreeMap<String, RuleId>, StoreError> {
        let rules = &self.settled()?.0.state.rules;
        let named = rules.iter().filter(|(id, _)| **id != RuleId::DEAD);
        Ok(named.map(|(id, rule)| (rule.name.clone(), *id)).collect())
    }

    fn set_rules(&mut self, rules: &Rules, dead: Limits) -> Result<(), StoreError> {
        let (file, group) = self.settled()?;
        file.change(group, &mut |change, state| {
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
        let (file, group) = self.settled()?;
        let mut numbers = Vec::with_capacity(changes.len());
        file.change(group, &mut |change, state| {
            for one in changes {
                numbers.push(state.apply(change, one, now)?);
            }
            Ok(())
        })?;
        self.last = file.state.last;
        Ok(numbers)
    }

    fn take_in(&mut self, changes: Vec<Change>, now: Time) -> Result<Vec<u64>, StoreError> {
        let bytes: usize = changes.iter().map(Change::bytes).sum();
        if bytes > GROUP_BYTES || !intake::takes(&changes) {
            return self.commit(&changes, now);
        }
        self.pass_on()?;
        if self.groups.is_empty() {
            // What keeps the file from being written to is told before anything is promised.
            if !self.intake.has_room(ROOM) {
                return self.commit(&changes, now);
            }
            if let Some(file) = self.filler.file_if_here()? {
                file.probe()?;
            }
            self.since = Instant::now();
        }
        match self.intake.append(changes, now, self.last + 1) {
            Ok(group) => {
                let numbers = self.number(&group.changes);
                self.bytes += bytes;
                self.groups.push(group);
                Ok(numbers)
            }
            Err(changes) => self.commit(&changes, now),
        }
    }

    fn is_settled(&self) -> bool {
        self.groups.is_empty() && self.filler.at_hand().is_some()
    }

    fn settle(&mut self) -> Result<(), StoreError> {
        self.settled().map(drop)
    }

    fn is_urgent(&self) -> bool {
        self.filler.at_hand().is_some_and(|file| file.state.rules.values().any(Holding::is_urgent))
    }

    fn trim(&mut self, now: Time, most: usize) -> Result<Trimmed, StoreError> {
        let (file, group) = self.settled()?;
        if file.is_due(now)? { file.trim(group, now, most) } else { Ok(Trimmed::default()) }
    }

    fn rest(&mut self) -> Result<bool, StoreError> {
        self.settled()?.0.rest()
    }

    fn end(&mut self) -> Result<(), StoreError> {
        self.settle()?;
        self.intake.remove();
        Ok(())
    }
}
