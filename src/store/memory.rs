//! A store in memory: the same rules, and nothing of it is there after the end.
//!
//! It is what a router has that shall replay and hand out again, but not survive.

mod reading;
mod writing;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, RwLock};

use super::track::{Holding, Tracked};
use super::{Backend, Letter, LetterId, Limits, Reading, RuleId, Sequence, StoreError, Writing};
use crate::protocol::{Event, Priority, Time};

/// The most bytes of events that a rule without such a limit keeps in memory. A disk is large; memory is not.
const DEFAULT_MAX_BYTES: u64 = 256 << 20;

/// A store in memory. Clones are the same store.
#[derive(Clone, Default)]
pub struct Memory {
    held: Arc<RwLock<Held>>,
}

/// All that is in it.
#[derive(Default)]
struct Held {
    events: BTreeMap<Sequence, Kept>,
    levels: [BTreeSet<Sequence>; Priority::LEVELS],
    /// By rule, oldest first.
    of_rule: BTreeMap<RuleId, VecDeque<Sequence>>,
    /// What each rule holds; the dead letters are one.
    rules: BTreeMap<RuleId, Holding>,
    durables: BTreeMap<Box<str>, Subscriber>,
    dead: BTreeMap<LetterId, Letter>,
    last: Sequence,
    last_letter: LetterId,
    last_at: Option<Time>,
}

struct Kept {
    rule: RuleId,
    at: Time,
    event: Arc<Event>,
    expires: Option<Time>,
}

struct Subscriber {
    wanted: Box<str>,
    created: Time,
    last_seen: Time,
    tracked: Tracked,
}

impl Memory {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Backend for Memory {
    fn writer(&self) -> Result<Box<dyn Writing>, StoreError> {
        Ok(Box::new(self.clone()))
    }

    fn reader(&self) -> Result<Box<dyn Reading>, StoreError> {
        Ok(Box::new(self.clone()))
    }
}

/// Limits that memory has room for.
fn bounded(limits: Limits) -> Limits {
    Limits { max_bytes: Some(limits.max_bytes.unwrap_or(DEFAULT_MAX_BYTES)), ..limits }
}
