//! Deleting what is over its limits, a little at a time, and tidying up.

use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::block::{BATCH_EVENTS, Block, Entry};
use super::state::{FirstBlock, State, write_lost};
use super::{int, uint};
use crate::protocol::{Event, Time};
use crate::store::track::Holding;
use crate::store::{RuleId, Trimmed};

/// Pages that stay free for what comes next.
const SPARE_PAGES: i64 = 512;
/// A file with a smaller share of free pages is left as it is.
const SPARE_SHARE: i64 = 4;
/// Pages that are given back at a time.
const GIVEN_BACK: i64 = 128;

/// Whether something is over its limits.
pub(super) fn is_due(connection: &Connection, state: &mut State, now: Time) -> rusqlite::Result<bool> {
    if state.rules.values().any(is_over_size) {
        return Ok(true);
    }
    let ages = state.rules.iter().filter(|(_, rule)| rule.limits.max_age.is_some() && rule.events > 0);
    for id in ages.map(|(id, _)| *id).collect::<Vec<_>>() {
        let oldest = oldest(connection, state, id)?;
        if oldest.is_some_and(|oldest| state.rules.get(&id).is_some_and(|rule| rule.is_over(oldest, now))) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// When the oldest of a rule was stored.
fn oldest(connection: &Connection, state: &mut State, rule: RuleId) -> rusqlite::Result<Option<Time>> {
    if rule != RuleId::DEAD {
        return Ok(state.first_block(connection, rule)?.map(|first| first.stored));
    }
    let sql = "SELECT died FROM dead ORDER BY id LIMIT 1";
    let oldest = connection.prepare_cached(sql)?.query_row([], |row| row.get(0)).optional()?;
    Ok(oldest.map(Time::from_micros))
}

/// Deletes at most so many of what is over its limits.
pub(super) fn trim(
    change: &Transaction<'_>,
    state: &mut State,
    now: Time,
    most: usize,
) -> rusqlite::Result<Trimmed> {
    let mut trimmed = Trimmed::default();
    let mut losers = BTreeSet::new();
    let ids: Vec<_> = state.rules.keys().copied().collect();
    for id in ids {
        let Some(rule) = state.rules.get(&id) else { continue };
        if rule.events == 0 || (rule.limits.max_age.is_none() && !is_over_size(rule)) {
            continue;
        }
        if trimmed.events == most as u64 {
            trimmed.is_more |= is_due(change, state, now)?;
            break;
        }
        let mut going = Going { id, rule: rule.clone(), room: most as u64 - trimmed.events, events: 0, now };
        if id == RuleId::DEAD {
            going.letters(change)?;
        } else {
            trimmed.lost += going.batches(change, state, &mut losers)?;
        }
        trimmed.events += going.events;
        trimmed.is_more |= going.room == 0;
        *state.holding(id) = going.rule;
    }
    for name in losers {
        if let Some(tracked) = state.durables.get(&name) {
            write_lost(change, &name, tracked)?;
        }
    }
    Ok(trimmed)
}

fn is_over_size(rule: &Holding) -> bool {
    rule.limits.excess(rule.events, rule.bytes) != (0, 0)
}

/// What goes of one rule.
struct Going {
    id: RuleId,
    /// As it is when that has gone.
    rule: Holding,
    /// How many more may go, and how many do.
    room: u64,
    events: u64,
    now: Time,
}

impl Going {
    /// Whether the oldest, stored then, goes; if so it is counted.
    fn takes(&mut self, stored: Time, bytes: u64) -> bool {
        let takes = self.room > 0 && self.rule.is_over(stored, self.now);
        if takes {
            self.room -= 1;
            self.events += 1;
            self.rule.remove(1, bytes);
        }
        takes
    }

    fn letters(&mut self, change: &Transaction<'_>) -> rusqlite::Result<()> {
        let mut oldest =
            change.prepare_cached("SELECT id, died, octet_length(event) FROM dead ORDER BY id LIMIT ?")?;
        let mut rows = oldest.query([int(self.room)])?;
        let mut last = None;
        while let Some(row) = rows.next()? {
            if !self.takes(Time::from_micros(row.get(1)?), row.get(2).map(uint)?) {
                break;
            }
            last = Some(row.get::<_, i64>(0)?);
        }
        if let Some(last) = last {
            change.prepare_cached("DELETE FROM dead WHERE id <= ?")?.execute([last])?;
        }
        Ok(())
    }

    /// Batch after batch. Returns how many events durable subscriptions lost.
    fn batches(
        &mut self,
        change: &Transaction<'_>,
        state: &mut State,
        losers: &mut BTreeSet<Box<str>>,
    ) -> rusqlite::Result<u64> {
        let mut lost = 0;
        while self.room > 0 {
            let Some(first) = state.first_block(change, self.id)? else { break };
            let blocks = batch_of(change, self.id, &first)?;
            let Some(end) = blocks.iter().map(|block| block.last).max() else { break };
            let deleted_to = state.deleted_to.get(&self.id).copied().unwrap_or(0);
            let mut entries: Vec<(&Entry, &Block)> = blocks
                .iter()
                .flat_map(|block| block.entries.iter().map(move |entry| (entry, block)))
                .filter(|(entry, _)| entry.sequence > deleted_to)
                .collect();
            entries.sort_unstable_by_key(|(entry, _)| entry.sequence);
            let going =
                entries.iter().take_while(|(entry, block)| self.takes(block.stored, entry.bytes)).count();
            for (entry, block) in entries.iter().take(going) {
                lost += lose(state, entry, block, losers);
            }
            let all = going == entries.len() && self.takes_unreadable(&blocks);
            let last = entries.get(..going).and_then(|gone| gone.last()).map(|(entry, _)| entry.sequence);
            let Some(last) = all.then_some(end).or(last) else { break };
            state.deleted_to.insert(self.id, last);
            let sql = "DELETE FROM block WHERE id >= ?1 AND id <= ?2 AND last <= ?2 AND rule = ?3";
            change.prepare_cached(sql)?.execute(params![int(first.id), int(last), self.id.0])?;
            if !all {
                break;
            }
        }
        Ok(lost)
    }

    /// What cannot be read goes with what is around it.
    fn takes_unreadable(&mut self, blocks: &[Block]) -> bool {
        blocks.iter().filter(|block| block.unreadable() > 0).all(|block| {
            let goes = self.rule.is_over(block.stored, self.now);
            if goes {
                self.room = self.room.saturating_sub(block.count);
                self.events += block.count;
                self.rule.remove(block.count, block.bytes);
            }
            goes
        })
    }
}

/// The blocks of a rule's oldest batch.
fn batch_of(change: &Transaction<'_>, rule: RuleId, first: &FirstBlock) -> rusqlite::Result<Vec<Block>> {
    let sql = format!(
        "SELECT {} FROM block WHERE id >= ?1 AND id < ?2 + {BATCH_EVENTS} AND batch = ?2 AND rule = ?3 ORDER BY id",
        Block::COLUMNS
    );
    let mut blocks = change.prepare_cached(&sql)?;
    let rows = blocks.query_map(params![int(first.id), int(first.batch), rule.0], Block::read)?;
    rows.collect()
}

/// Whom a deletion takes something from. Events that everybody is done with are not even read.
fn lose(state: &mut State, entry: &Entry, block: &Block, losers: &mut BTreeSet<Box<str>>) -> u64 {
    let Some(priority) = block.priority else { return 0 };
    if !state.durables.values().any(|tracked| tracked.may_lack(priority, entry.sequence)) {
        return 0;
    }
    let Ok(event) = Event::read(block.text(entry)) else { return 0 };
    let mut lost = 0;
    for (name, tracked) in &mut state.durables {
        if tracked.lose(entry.sequence, &event) {
            lost += 1;
            losers.insert(name.clone());
        }
    }
    lost
}

/// Gives a few free pages back, then moves what is in the log into the file as far as no reader needs it there.
pub(super) fn rest(connection: &Connection) -> rusqlite::Result<bool> {
    let number = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let free = number("freelist_count")?;
    let is_more = free > SPARE_PAGES.max(number("page_count")? / SPARE_SHARE);
    if is_more {
        let mut give_back = connection.prepare(&format!("PRAGMA incremental_vacuum({GIVEN_BACK})"))?;
        let mut rows = give_back.query([])?;
        while rows.next()?.is_some() {}
    }
    connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))?;
    Ok(is_more)
}
