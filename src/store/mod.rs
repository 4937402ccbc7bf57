//! The event store: what was accepted is written down before its publisher is told so, and can be read again.
//!
//! [`Store`] is the handle. One thread writes, in transactions that take all that waits; others read. Behind the trait
//! [`Backend`] stand [`Memory`] and [`Sqlite`]. No clock here: the store is told the time.
//! What does not belong here: which client gets what. The store knows events, names and numbers.

mod asking;
mod backend;
mod change;
mod error;
mod handle;
mod health;
mod memory;
mod paging;
mod query;
mod queue;
mod readers;
mod rules;
mod sqlite;
mod track;
mod writer;

pub use backend::{Backend, Reading, Trimmed, Writing};
pub use change::{
    Change, Durable, Letter, LetterId, Level, MOST_DURABLES, MOST_TRIED, Mark, NO_ROOM, Sequence,
};
pub use error::{Kind, StoreError};
pub use handle::{Clock, OnCommit, QUEUE_CHANGES, Settings, Store};
pub use health::{Health, Outcome, State};
pub use memory::Memory;
pub use query::{Bounds, CheckUp, DurablePage, LetterPage, Letters, Page, RuleFigures, Stats, Stored};
pub use rules::{Limits, NO_LIMITS, Rule, RuleId, Rules};
pub use sqlite::{SCHEMA, Sqlite};

#[cfg(test)]
mod tests;
