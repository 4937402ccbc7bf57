//! How the store is, and what became of what was to be written.

use super::{Mark, StoreError};

/// What became of one change: its number, or why it was not written.
pub type Outcome = (Mark, Result<u64, Box<StoreError>>);

/// Whether the store takes anything.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub enum State {
    /// It does.
    #[default]
    Working,
    /// It does not, for this reason. It tries again by itself unless the reason [lasts](super::Kind::is_lasting).
    Failed(StoreError),
    /// It has ended.
    Ended,
}

/// How the store is.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Health {
    /// Whether it takes anything.
    pub state: State,
    /// Changes that wait to be written.
    pub waiting: usize,
    /// Their bytes.
    pub waiting_bytes: usize,
    /// Transactions with changes since the start.
    pub commits: u64,
    /// Changes that they held.
    pub written: u64,
    /// Changes that were not written because the store failed.
    pub failed: u64,
    /// Events and dead letters that were over their limits.
    pub trimmed: u64,
    /// Those of them that a durable subscription had still to get.
    pub lost: u64,
    /// What went wrong when the store was tidied, last; what was stored is not touched by that.
    pub untidy: Option<StoreError>,
}
