//! What the file holds besides events, and how much.

use std::fs;
use std::path::Path;

use rusqlite::{Connection, params};

use super::{beside::beside, connect, int, intake, state, uint};
use crate::protocol::{Event, Priority, Time};
use crate::store::{
    Bounds, Durable, Letter, LetterPage, Letters, Level, RuleFigures, RuleId, SCHEMA, Sequence, Stats,
};

/// With the ends of what is there.
pub(super) fn stats(
    connection: &Connection,
    oldest: Option<(Sequence, Time)>,
    newest: Option<(Sequence, Time)>,
) -> rusqlite::Result<Stats> {
    let number = |name: &str| connection.pragma_query_value(None, name, |row| row.get(0).map(uint));
    let figures = state::rules(connection)?.into_iter().map(|(id, rule)| RuleFigures {
        id,
        name: rule.name,
        limits: rule.limits,
        events: rule.events,
        bytes: rule.bytes,
    });
    let (mut dead, rules): (Vec<_>, Vec<_>) = figures.partition(|rule| rule.id == RuleId::DEAD);
    Ok(Stats {
        kind: "sqlite",
        schema: SCHEMA,
        last: connect::last(connection)?,
        oldest,
        newest,
        rules,
        dead: dead.pop(),
        durables: connection.query_row("SELECT count(*) FROM durable", [], |row| row.get(0)).map(uint)?,
        free_bytes: number("freelist_count")? * number("page_size")?,
        ..Stats::default()
    })
}

pub(super) fn with_sizes(stats: Stats, path: &Path) -> Stats {
    let size = |path: &Path| fs::metadata(path).map_or(0, |found| found.len());
    let intake = intake::paths(path).iter().map(|path| size(path)).sum::<u64>();
    let log_bytes = size(&beside(path, "-wal")) + intake;
    Stats { path: Some(path.to_owned()), file_bytes: size(path), log_bytes, ..stats }
}

/// Those whose names come after this one.
pub(super) const LATER: &str =
    "SELECT name, wanted, created, last_seen FROM durable WHERE name > ? ORDER BY name LIMIT ?";
/// The one of this name.
pub(super) const NAMED: &str =
    "SELECT name, wanted, created, last_seen FROM durable WHERE name = ? ORDER BY name LIMIT ?";

pub(super) fn durables(
    connection: &Connection,
    sql: &str,
    after: &str,
    most: usize,
) -> rusqlite::Result<Vec<Durable>> {
    let mut all = connection.prepare_cached(sql)?;
    let rows = all.query_map(params![after, int(most as u64)], |row| {
        Ok(Durable {
            name: row.get(0)?,
            wanted: row.get(1)?,
            created: Time::from_micros(row.get(2)?),
            last_seen: Time::from_micros(row.get(3)?),
            levels: [Level::default(); Priority::LEVELS],
            acked: Vec::new(),
            tried: Vec::new(),
        })
    })?;
    let mut durables = rows.collect::<rusqlite::Result<Vec<_>>>()?;
    for durable in &mut durables {
        let sql = "SELECT priority, floor, lost FROM durable_level WHERE name = ?";
        let mut levels = connection.prepare_cached(sql)?;
        let mut rows = levels.query([&durable.name])?;
        while let Some(row) = rows.next()? {
            if let Some(priority) = state::priority(row, 0)? {
                durable.levels[priority.index()] =
                    Level { floor: row.get(1).map(uint)?, lost: row.get(2).map(uint)? };
            }
        }
        let sql = "SELECT sequence FROM durable_acked WHERE name = ? ORDER BY sequence";
        let mut acked = connection.prepare_cached(sql)?;
        let rows = acked.query_map([&durable.name], |row| row.get(0).map(uint))?;
        durable.acked = rows.collect::<rusqlite::Result<Vec<Sequence>>>()?;
        let sql = "SELECT sequence, attempts FROM durable_tried WHERE name = ? ORDER BY sequence, attempts";
        let mut tried = connection.prepare_cached(sql)?;
        let rows = tried.query_map([&durable.name], |row| Ok((row.get(0).map(uint)?, row.get(1)?)))?;
        durable.tried = rows.collect::<rusqlite::Result<Vec<_>>>()?;
    }
    Ok(durables)
}

pub(super) fn letters(
    connection: &Connection,
    wanted: &Letters,
    bounds: Bounds,
) -> rusqlite::Result<LetterPage> {
    let mut page = LetterPage { after: wanted.after, ..LetterPage::default() };
    let sql =
        "SELECT id, died, reason, subscription, attempts, event FROM dead WHERE id > ? ORDER BY id LIMIT ?";
    let mut dead = connection.prepare_cached(sql)?;
    let most = bounds.looked_at.max(1);
    let mut rows = dead.query(params![int(wanted.after), int(most as u64)])?;
    let (mut looked_at, mut bytes) = (0, 0);
    while let Some(row) = rows.next()? {
        if page.letters.len() >= bounds.events.max(1) || bytes >= bounds.bytes.max(1) {
            return Ok(page);
        }
        looked_at += 1;
        page.after = row.get(0).map(uint)?;
        let Ok(event) = Event::read(row.get_ref(5)?.as_str()?) else { continue };
        let letter = Letter {
            id: page.after,
            at: Time::from_micros(row.get(1)?),
            reason: row.get(2)?,
            event,
            subscription: row.get(3)?,
            attempts: row.get(4)?,
        };
        if wanted.admits(&letter) {
            bytes += letter.event.size();
            page.letters.push(letter);
        }
    }
    page.is_end = looked_at < most;
    Ok(page)
}
