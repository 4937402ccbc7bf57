//! Whether the file is in order.

use std::collections::BTreeMap;

use rusqlite::Connection;

use super::block::Block;
use super::state::{deleted_to, rules};
use crate::store::{CheckUp, RuleId};

/// The most problems that SQLite lists, and that we list of each kind.
const LISTED: usize = 100;

/// What must hold besides: what is selected is wrong, in words.
const INVARIANTS: [&str; 5] = [
    "SELECT 'there is no ' || key || ' in the table meta'
        FROM (SELECT 'store' AS key UNION ALL SELECT 'last_sequence') WHERE key NOT IN (SELECT key FROM meta)",
    "SELECT 'durable subscription ' || name || ' has ' || count(level.priority) || ' levels instead of 10'
        FROM durable LEFT JOIN durable_level AS level USING (name) GROUP BY name HAVING count(level.priority) <> 10",
    "SELECT 'durable subscription ' || name || ' has acknowledged ' || sequence || ' below its floor'
        FROM durable_acked JOIN durable_level USING (name, priority) WHERE sequence <= floor",
    "SELECT 'there is no durable subscription ' || name || ', but a place in it'
        FROM (SELECT name FROM durable_level UNION SELECT name FROM durable_acked UNION SELECT name FROM durable_tried)
        WHERE name NOT IN (SELECT name FROM durable)",
    "SELECT 'durable subscription ' || name || ' is past the last event'
        FROM durable_level WHERE floor > (SELECT max(value, ifnull((SELECT max(last) FROM block), 0))
            FROM meta WHERE key = 'last_sequence')",
];

/// These read every block and every dead letter.
const COUNTS: [&str; 2] = [
    "SELECT 'the table rule counts ' || events || ' dead letters of ' || bytes || ' bytes; there are ' || n || ' of ' || size
        FROM rule, (SELECT count(*) AS n, ifnull(sum(octet_length(event)), 0) AS size FROM dead)
        WHERE id = 0 AND (events <> n OR bytes <> size)",
    "SELECT 'block ' || id || ' was stored before block ' || earlier
        FROM (SELECT id, stored, lag(id) OVER w AS earlier, lag(stored) OVER w AS before
            FROM block WINDOW w AS (ORDER BY id))
        WHERE stored < before",
];

pub(super) fn check(connection: &Connection, quick: bool) -> rusqlite::Result<CheckUp> {
    let how = if quick { "quick_check" } else { "integrity_check" };
    let mut problems = lines(connection, &format!("PRAGMA {how}({LISTED})"))?;
    problems.retain(|problem| problem != "ok");
    let counts = if quick { &[][..] } else { &COUNTS[..] };
    // What is damaged cannot be counted.
    if problems.is_empty() {
        for sql in INVARIANTS.iter().chain(counts) {
            problems.extend(lines(connection, sql)?);
        }
        if !quick {
            problems.extend(contents(connection)?.into_iter().take(LISTED));
        }
    }
    Ok(CheckUp { problems })
}

fn lines(connection: &Connection, sql: &str) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection.prepare(sql)?;
    let rows = statement.query_map([], |row| row.get(0))?;
    rows.take(LISTED).collect()
}

/// Whether each block holds what it says, and each rule counts what there is.
fn contents(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let (deleted_to, mut problems) = (deleted_to(connection)?, Vec::new());
    let mut there: BTreeMap<RuleId, (u64, u64)> = BTreeMap::new();
    let mut all = connection.prepare(&format!("SELECT {}, id FROM block ORDER BY id", Block::COLUMNS))?;
    let mut rows = all.query([])?;
    while let Some(row) = rows.next()? {
        let (block, id) = (Block::read(row)?, row.get::<_, i64>(8)?);
        let bytes: u64 = block.entries.iter().map(|entry| entry.bytes).sum();
        if block.entries.len() as u64 != block.count || bytes != block.bytes {
            let (found, count) = (block.entries.len(), block.count);
            problems.push(format!(
                "block {id} says that it has {count} events of {} bytes; there are {found} of {bytes}",
                block.bytes
            ));
        }
        let sequences: Vec<_> = block.entries.iter().map(|entry| entry.sequence).collect();
        if !sequences.is_sorted() || sequences.last().is_some_and(|last| *last != block.last) {
            problems.push(format!("the events of block {id} are out of order"));
        }
        let deleted_to = deleted_to.get(&block.rule).copied().unwrap_or(0);
        let (events, bytes) = there.entry(block.rule).or_default();
        for entry in block.entries.iter().filter(|entry| entry.sequence > deleted_to) {
            (*events, *bytes) = (*events + 1, *bytes + entry.bytes);
        }
    }
    for (id, rule) in rules(connection)?.iter().filter(|(id, _)| **id != RuleId::DEAD) {
        let (events, bytes) = there.get(id).copied().unwrap_or_default();
        if (rule.events, rule.bytes) != (events, bytes) {
            let RuleId(id) = id;
            problems.push(format!(
                "rule {id} counts {} events of {} bytes; there are {events} of {bytes}",
                rule.events, rule.bytes
            ));
        }
    }
    Ok(problems)
}
