//! What was tried in vain with events of durable subscriptions: one row for each event that is not done with.

use rusqlite::{Connection, Transaction, params};

use super::state::priority;
use super::{int, uint};
use crate::protocol::Priority;
use crate::store::Sequence;

/// An event's level and number.
type Tried = (Priority, Sequence);

pub(super) fn note(
    change: &Transaction<'_>,
    name: &str,
    (priority, sequence): Tried,
    attempts: &str,
) -> rusqlite::Result<()> {
    let sql = "INSERT OR REPLACE INTO durable_tried VALUES (?, ?, ?, ?)";
    let row = params![name, priority.get(), int(sequence), attempts];
    change.prepare_cached(sql)?.execute(row).map(drop)
}

pub(super) fn forget(
    change: &Transaction<'_>,
    name: &str,
    (priority, sequence): Tried,
) -> rusqlite::Result<()> {
    let sql = "DELETE FROM durable_tried WHERE name = ? AND priority = ? AND sequence = ?";
    change.prepare_cached(sql)?.execute(params![name, priority.get(), int(sequence)]).map(drop)
}

/// All there are, without what was tried.
pub(super) fn for_each(connection: &Connection, mut take: impl FnMut(&str, Tried)) -> rusqlite::Result<()> {
    let mut tried = connection.prepare("SELECT name, priority, sequence FROM durable_tried")?;
    let mut rows = tried.query([])?;
    while let Some(row) = rows.next()? {
        let name: Box<str> = row.get(0)?;
        if let Some(priority) = priority(row, 1)? {
            take(&name, (priority, row.get(2).map(uint)?));
        }
    }
    Ok(())
}
