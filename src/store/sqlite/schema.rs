//! The tables, version by version. docs/store.md describes them for whoever reads the file.

use rusqlite::{Connection, TransactionBehavior};

/// The version that this router writes, in `PRAGMA user_version`.
pub const SCHEMA: u32 = STEPS.len() as u32;

/// Says in the file's header that it is an event store: "GADR".
pub(super) const APPLICATION: i64 = 0x4741_4452;

/// Step n makes version n + 1 out of version n. A step that was released is never changed.
const STEPS: [&str; 2] = [include_str!("schema-1.sql"), include_str!("schema-2.sql")];

/// Brings the file to [`SCHEMA`], all of the way or not at all.
pub(super) fn migrate(connection: &mut Connection, from: u32) -> rusqlite::Result<()> {
    apply(connection, from, &STEPS)
}

fn apply(connection: &mut Connection, from: u32, steps: &[&str]) -> rusqlite::Result<()> {
    let change = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for step in steps.iter().skip(from as usize) {
        change.execute_batch(step)?;
    }
    change.pragma_update(None, "application_id", APPLICATION)?;
    change.pragma_update(None, "user_version", steps.len() as i64)?;
    change.commit()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(connection: &Connection) -> i64 {
        connection.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap()
    }

    #[test]
    fn a_file_is_brought_forward_step_by_step_or_stays_as_it_was() {
        let mut connection = Connection::open_in_memory().unwrap();
        let first = STEPS[0];
        apply(&mut connection, 0, &[first]).unwrap();
        connection.execute("UPDATE meta SET value = 7 WHERE key = 'last_sequence'", []).unwrap();
        let (second, bad) = ("CREATE TABLE more (x) STRICT", "ALTER TABLE block ADD COLUMN more TEXT");
        assert!(apply(&mut connection, 1, &[first, bad, second]).is_err(), "STRICT wants a type");
        assert_eq!(version(&connection), 1);
        assert!(connection.prepare("SELECT more FROM block").is_err());
        apply(&mut connection, 1, &[first, bad, "CREATE TABLE more (x TEXT) STRICT"]).unwrap();
        assert_eq!(version(&connection), 3);
        let kept: i64 = connection
            .query_row("SELECT value FROM meta WHERE key = 'last_sequence'", [], |row| row.get(0))
            .unwrap();
        assert_eq!(kept, 7);
    }
}
