//! The intake log: where changes are safe that come close on one another, until the file has them.
//!
//! A transaction of one event makes SQLite write several pages. Here it is one write, and the file gets many such groups in
//! one transaction. Two files take turns: what one holds goes into SQLite's file while the other takes in what comes.
//! SQLite's file says up to which group it has them. What does not belong here: when a group goes where.

mod aligned;
mod group;
mod log;

use std::path::{Path, PathBuf};

use super::{beside::beside, failure};
use crate::protocol::Time;
use crate::store::{Change, Kind, Sequence, StoreError};

use aligned::Aligned;
pub(super) use group::Group;
use log::Log;

/// The intake log of a store.
pub(super) struct Intake {
    logs: [Log; 2],
    active: usize,
    store: Box<str>,
    /// The last group's.
    number: u64,
    text: Aligned,
}

impl Intake {
    /// Opens the intake log of the store at this path, which has all groups up to `applied`. Returns the later ones.
    ///
    /// # Errors
    /// It cannot be read, or a group is missing.
    pub fn open(path: &Path, store: &str, applied: u64) -> Result<(Self, Vec<Group>), StoreError> {
        let logs = paths(path).map(Log::new);
        let mut intake =
            Self { logs, active: 0, store: store.into(), number: applied, text: Aligned::default() };
        let mut groups = Vec::new();
        for log in &mut intake.logs {
            let failed = |error| failure::io(log.path(), &error);
            let Found { own, other, unreadable } = found(&log.read().map_err(failed)?, store, applied);
            if unreadable > 0 {
                return Err(unread(path, log.path(), unreadable));
            }
            // Somebody has put another store in this place, and decides what is to become of them.
            if let Some((other, last)) = other {
                let aside = beside(log.path(), &format!(".of-{other}-{last}"));
                log.set_aside(&aside).map_err(|error| failure::io(&aside, &error))?;
                tracing::warn!(
                    file = %aside.display(),
                    "event store: the intake log of another store was in this one's place, and has another name now"
                );
            }
            groups.extend(own);
        }
        groups.sort_unstable_by_key(|group| group.number);
        for (group, number) in groups.iter().zip(applied + 1..) {
            if group.number != number {
                return Err(intake.gap(path, &groups, number));
            }
        }
        intake.number += groups.len() as u64;
        Ok((intake, groups))
    }

    /// Writes changes down, safely. What it gives back has to go to the store's file instead.
    pub fn append(&mut self, changes: Vec<Change>, at: Time, first: Sequence) -> Result<Group, Vec<Change>> {
        self.number += 1;
        let group = Group { number: self.number, at, first, changes };
        let Self { logs, active, store, text, .. } = self;
        let is_written =
            group::write(&group, store, text.begin()).is_ok() && logs[*active].append(text.end()).is_ok();
        if is_written { Ok(group) } else { Err(group.changes) }
    }

    /// Whether its file system has so many bytes free. One that does not say has.
    pub fn has_room(&self, bytes: u64) -> bool {
        self.logs[self.active].free().is_none_or(|free| free >= bytes)
    }

    /// The number of the last group.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Bytes that lie in the file that is written to.
    pub fn bytes(&self) -> u64 {
        self.logs[self.active].bytes()
    }

    /// Goes on in the other file, of which nothing is needed any more.
    pub fn turn(&mut self) {
        self.active = 1 - self.active;
        self.logs[self.active].restart();
    }

    /// Takes the files away, of which nothing is needed any more. One that stays does no harm.
    pub fn remove(&mut self) {
        for log in &mut self.logs {
            log.remove().ok();
        }
    }

    fn gap(&self, path: &Path, groups: &[Group], missing: u64) -> StoreError {
        let [first, second] = self.logs.each_ref().map(|log| log.path().display());
        let message = format!(
            "the event store {}: its intake log ({first}, {second}) holds {} groups of changes that the store does not have, but group {missing} is missing: \
             either the store is an older copy, or the log is damaged; put the right files back, or move both away to go on without what they hold",
            path.display(),
            groups.len()
        );
        StoreError::of(Kind::Corrupt, path, message)
    }
}

/// Whether the intake log takes these.
pub(super) fn takes(changes: &[Change]) -> bool {
    changes.iter().all(group::is_taken)
}

/// Its files.
pub(super) fn paths(store: &Path) -> [PathBuf; 2] {
    [".intake-0", ".intake-1"].map(|name| beside(store, name))
}

/// What is in a file.
#[derive(Default)]
struct Found {
    /// Groups that the store does not have.
    own: Vec<Group>,
    /// Another store's name and the number of its last group, where there are such.
    other: Option<(Box<str>, u64)>,
    /// Groups that are whole and say nothing that this version knows.
    unreadable: usize,
}

/// Looks for groups wherever one may begin. What is no whole group is an old one's rest, or what was being written when the
/// router was killed; in any other place it is missed as a number.
fn found(bytes: &[u8], store: &str, applied: u64) -> Found {
    let (mut found, mut at) = (Found::default(), 0);
    while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
        let Some(text) = group::text_at(rest) else {
            found.unreadable += usize::from(group::is_of_another_version(rest));
            at += group::BLOCK;
            continue;
        };
        at += group::room(text.len());
        match group::read(text) {
            Some((of, group)) if *of == *store => {
                found.own.extend((group.number > applied).then_some(group));
            }
            Some((of, group)) => found.other = Some((of, group.number)),
            None => found.unreadable += 1,
        }
    }
    found
}

fn unread(path: &Path, log: &Path, groups: usize) -> StoreError {
    let message = format!(
        "the event store {}: {groups} groups in its intake log {} cannot be read: it was written by a later version; run that one, or move it away to go on without what it holds",
        path.display(),
        log.display()
    );
    StoreError::of(Kind::Newer, path, message)
}
