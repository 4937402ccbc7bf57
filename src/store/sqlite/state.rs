//! What the writer knows of the file without looking: counts and cursors.
//!
//! It runs ahead of the file while a transaction is open: after an error it is of no use any more, and the writer is opened
//! anew.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use super::block::Batch;
use super::{int, tried, uint};
use crate::protocol::{Event, Priority, Time};
use crate::store::track::{Holding, Noted, Tracked};
use crate::store::{Change, Letter, Limits, MOST_DURABLES, NO_ROOM, RuleId, Sequence};

/// Events after which the last number and the counts of rules are written down, though nothing else asks for it. A commit of
/// one event would cost twice as much with them; who starts counts what was written since.
const COUNTED_EVENTS: u64 = 1_024;

/// Where a rule begins.
pub(super) struct FirstBlock {
    pub id: Sequence,
    pub batch: Sequence,
    pub stored: Time,
}

/// What the file says too.
pub(super) struct State {
    pub last: Sequence,
    /// The last number that the file's counts of rules include.
    counted: Sequence,
    /// They are to be written with this transaction.
    is_count_due: bool,
    /// When the newest event was stored: times never fall, so that they can be searched.
    pub last_at: Time,
    pub rules: BTreeMap<RuleId, Holding>,
    /// By rule: everything up to here was deleted, also where other events of its block were not.
    pub deleted_to: BTreeMap<RuleId, Sequence>,
    /// By rule: before this block it has none.
    oldest: BTreeMap<RuleId, Sequence>,
    /// What this transaction has not written yet.
    batch: Batch,
    /// Whose counts differ from the file's.
    pub changed: BTreeSet<RuleId>,
    pub durables: BTreeMap<Box<str>, Tracked>,
}

impl State {
    pub fn read(connection: &Connection, last: Sequence) -> rusqlite::Result<Self> {
        let newest = "SELECT stored FROM block ORDER BY id DESC LIMIT 1";
        let last_at = connection.query_row(newest, [], |row| row.get(0)).optional()?;
        let rules = rules(connection)?;
        let mut state = Self {
            // The file may count less.
            changed: rules.keys().copied().collect(),
            rules,
            last,
            counted: counted(connection)?,
            is_count_due: false,
            last_at: Time::from_micros(last_at.unwrap_or(i64::MIN)),
            deleted_to: deleted_to(connection)?,
            oldest: BTreeMap::new(),
            batch: Batch::default(),
            durables: BTreeMap::new(),
        };
        let mut durables = connection.prepare("SELECT name, wanted FROM durable")?;
        let mut rows = durables.query([])?;
        while let Some(row) = rows.next()? {
            let (name, wanted): (Box<str>, Box<str>) = (row.get(0)?, row.get(1)?);
            state.durables.insert(name, Tracked::new(&wanted, 0));
        }
        for_each_level(connection, |name, priority, floor, lost| {
            if let Some(tracked) = state.durables.get_mut(name) {
                let level = &mut tracked.levels[priority.index()];
                (level.floor, level.lost) = (floor, lost);
            }
        })?;
        let mut acked = connection.prepare("SELECT name, priority, sequence FROM durable_acked")?;
        let mut rows = acked.query([])?;
        while let Some(row) = rows.next()? {
            let name: Box<str> = row.get(0)?;
            if let (Some(tracked), Some(priority)) = (state.durables.get_mut(&name), priority(row, 1)?) {
                tracked.ack(priority, row.get(2).map(uint)?);
            }
        }
        tried::for_each(connection, |name, event| {
            // Its text stays in the file.
            state.durables.get_mut(name).map(|tracked| tracked.try_in_vain(event, "".into()));
        })?;
        Ok(state)
    }

    pub fn apply(&mut self, change: &Transaction<'_>, one: &Change, now: Time) -> rusqlite::Result<u64> {
        match one {
            Change::Append { event, rule, expires } => self.append(change, (event, *expires), *rule, now),
            Change::Durable { name, wanted, from } => self.durable(change, name, wanted, *from, now),
            Change::Seen { name } => {
                let sql = "UPDATE durable SET last_seen = ?2 WHERE name = ?1";
                change.prepare_cached(sql)?.execute(params![name, now.micros()])?;
                Ok(0)
            }
            Change::Forget { name } => self.forget(change, name),
            Change::Acked { name, priority, sequence } => {
                let event = (*priority, *sequence);
                let was_tried = self.durables.get(name).is_some_and(|it| it.tried.contains_key(&event));
                if self.durables.get_mut(name).is_some_and(|tracked| tracked.ack(*priority, *sequence)) {
                    let sql = "INSERT OR IGNORE INTO durable_acked VALUES (?, ?, ?)";
                    change.prepare_cached(sql)?.execute(params![name, priority.get(), int(*sequence)])?;
                }
                if was_tried {
                    tried::forget(change, name, event)?;
                }
                Ok(0)
            }
            Change::Tried { name, priority, sequence, attempts } => {
                let event = (*priority, *sequence);
                let Some(tracked) = self.durables.get_mut(name) else { return Ok(0) };
                // Its text is in the file.
                match tracked.try_in_vain(event, "".into()) {
                    Noted::Not => {}
                    Noted::Beside => tried::note(change, name, event, attempts)?,
                    Noted::InPlaceOf(other) => {
                        tried::note(change, name, event, attempts)?;
                        // Only then: it can be the one that was just noted.
                        tried::forget(change, name, other)?;
                    }
                }
                Ok(0)
            }
            Change::Floor { name, priority, floor } => {
                self.raise(change, name, *priority, (*floor).min(self.last))?;
                Ok(0)
            }
            Change::Told { name, lost } => {
                if let Some(tracked) = self.durables.get_mut(name) {
                    tracked.tell(lost);
                    write_lost(change, name, tracked)?;
                }
                Ok(0)
            }
            Change::Bury(letter) => self.bury(change, letter),
            Change::Unbury { ids } => self.unbury(change, ids),
        }
    }

    fn append(
        &mut self,
        change: &Transaction<'_>,
        (event, expires): (&Event, Option<Time>),
        rule: RuleId,
        now: Time,
    ) -> rusqlite::Result<u64> {
        self.last += 1;
        self.last_at = self.last_at.max(now);
        if self.batch.is_full(self.last_at) {
            self.batch.write(change)?;
        }
        self.batch.add(self.last, event, rule, (self.last_at, expires));
        let holding = self.rules.entry(rule).or_default();
        if holding.events == 0 {
            // Whoever looks for its oldest block need not begin at the first of all.
            self.deleted_to.insert(rule, self.last - 1);
            self.oldest.remove(&rule);
        }
        holding.add(event.size());
        self.changed.insert(rule);
        Ok(self.last)
    }

    /// The oldest block of a rule.
    pub fn first_block(
        &mut self,
        connection: &Connection,
        rule: RuleId,
    ) -> rusqlite::Result<Option<FirstBlock>> {
        let from = match self.oldest.get(&rule) {
            Some(oldest) => int(*oldest),
            None => {
                let sql = "SELECT batch FROM block WHERE id <= ? ORDER BY id DESC LIMIT 1";
                let deleted_to = int(self.deleted_to.get(&rule).copied().unwrap_or(0));
                let batch = connection.prepare_cached(sql)?.query_row([deleted_to], |row| row.get(0));
                batch.optional()?.unwrap_or(0)
            }
        };
        let sql = "SELECT id, batch, stored FROM block WHERE id >= ?1 AND rule = ?2 ORDER BY id LIMIT 1";
        let first = connection.prepare_cached(sql)?.query_row(params![from, rule.0], |row| {
            let (id, batch) = (row.get(0).map(uint)?, row.get(1).map(uint)?);
            Ok(FirstBlock { id, batch, stored: Time::from_micros(row.get(2)?) })
        });
        let first = first.optional()?;
        if let Some(first) = &first {
            self.oldest.insert(rule, first.id);
        }
        Ok(first)
    }

    fn durable(
        &mut self,
        change: &Transaction<'_>,
        name: &str,
        wanted: &str,
        from: Option<Sequence>,
        now: Time,
    ) -> rusqlite::Result<u64> {
        if !self.durables.contains_key(name) && self.durables.len() >= MOST_DURABLES {
            return Ok(NO_ROOM);
        }
        change
            .prepare_cached(
                "INSERT INTO durable VALUES (?1, ?2, ?3, ?3)
                ON CONFLICT (name) DO UPDATE SET wanted = ?2, last_seen = ?3",
            )?
            .execute(params![name, wanted, now.micros()])?;
        if let Some(tracked) = self.durables.get_mut(name) {
            tracked.set_wanted(wanted);
            return Ok(tracked.lowest());
        }
        let floor = from.map_or(self.last, |from| from.saturating_sub(1).min(self.last));
        let mut insert = change.prepare_cached("INSERT OR REPLACE INTO durable_level VALUES (?, ?, ?, 0)")?;
        for priority in Priority::all() {
            insert.execute(params![name, priority.get(), int(floor)])?;
        }
        self.durables.insert(name.into(), Tracked::new(wanted, floor));
        Ok(floor)
    }

    fn forget(&mut self, change: &Transaction<'_>, name: &str) -> rusqlite::Result<u64> {
        for sql in [
            "DELETE FROM durable_tried WHERE name = ?",
            "DELETE FROM durable_acked WHERE name = ?",
            "DELETE FROM durable_level WHERE name = ?",
            "DELETE FROM durable WHERE name = ?",
        ] {
            change.prepare_cached(sql)?.execute([name])?;
        }
        Ok(u64::from(self.durables.remove(name).is_some()))
    }

    fn raise(
        &mut self,
        change: &Transaction<'_>,
        name: &str,
        priority: Priority,
        floor: Sequence,
    ) -> rusqlite::Result<()> {
        let Some(tracked) = self.durables.get_mut(name) else { return Ok(()) };
        let tried = tracked.tried.range((priority, 0)..=(priority, floor)).next().is_some();
        if !tracked.raise(priority, floor) {
            return Ok(());
        }
        let tried =
            tried.then_some("DELETE FROM durable_tried WHERE name = ?1 AND priority = ?2 AND sequence <= ?3");
        let always = [
            "UPDATE durable_level SET floor = ?3 WHERE name = ?1 AND priority = ?2",
            "DELETE FROM durable_acked WHERE name = ?1 AND priority = ?2 AND sequence <= ?3",
        ];
        for sql in always.into_iter().chain(tried) {
            change.prepare_cached(sql)?.execute(params![name, priority.get(), int(floor)])?;
        }
        Ok(())
    }

    fn bury(&mut self, change: &Transaction<'_>, letter: &Letter) -> rusqlite::Result<u64> {
        let sql = "INSERT OR IGNORE INTO dead (id, died, reason, subscription, attempts, event)
            VALUES (nullif(?, 0), ?, ?, ?, ?, ?)";
        let made = change.prepare_cached(sql)?.execute(params![
            int(letter.id),
            letter.at.micros(),
            letter.reason,
            letter.subscription,
            letter.attempts,
            letter.event.full(),
        ])?;
        if made == 0 {
            return Ok(letter.id);
        }
        self.holding(RuleId::DEAD).add(letter.event.size());
        Ok(uint(change.last_insert_rowid()))
    }

    fn unbury(&mut self, change: &Transaction<'_>, ids: &[u64]) -> rusqlite::Result<u64> {
        let mut delete =
            change.prepare_cached("DELETE FROM dead WHERE id = ? RETURNING octet_length(event)")?;
        let mut gone = 0;
        for id in ids {
            let bytes: Option<i64> = delete.query_row([int(*id)], |row| row.get(0)).optional()?;
            if let Some(bytes) = bytes {
                gone += 1;
                self.holding(RuleId::DEAD).remove(1, uint(bytes));
            }
        }
        Ok(gone)
    }

    /// What a rule holds, to be changed.
    pub fn holding(&mut self, rule: RuleId) -> &mut Holding {
        self.is_count_due = true;
        self.changed.insert(rule);
        self.rules.entry(rule).or_default()
    }

    /// Writes down what is not written yet.
    pub fn write(&mut self, change: &Transaction<'_>) -> rusqlite::Result<()> {
        self.batch.write(change)?;
        if !self.is_count_due && self.last - self.counted < COUNTED_EVENTS {
            return Ok(());
        }
        (self.counted, self.is_count_due) = (self.last, false);
        let sql = "UPDATE meta SET value = ?1 WHERE key = 'last_sequence' AND value < ?1";
        change.prepare_cached(sql)?.execute([int(self.last)])?;
        while let Some(id) = self.changed.pop_first() {
            let Some(rule) = self.rules.get(&id) else { continue };
            let sql =
                "UPDATE rule SET events = ?2, bytes = ?3, deleted_to = max(deleted_to, ?4) WHERE id = ?1";
            let deleted_to = self.deleted_to.get(&id).copied().unwrap_or(0);
            let counts = params![id.0, int(rule.events), int(rule.bytes), int(deleted_to)];
            change.prepare_cached(sql)?.execute(counts)?;
        }
        Ok(())
    }
}

/// Writes down what a durable subscription has lost.
pub(super) fn write_lost(change: &Transaction<'_>, name: &str, tracked: &Tracked) -> rusqlite::Result<()> {
    let sql = "UPDATE durable_level SET lost = ?3 WHERE name = ?1 AND priority = ?2 AND lost <> ?3";
    let mut update = change.prepare_cached(sql)?;
    for (priority, level) in Priority::all().zip(&tracked.levels) {
        update.execute(params![name, priority.get(), int(level.lost)])?;
    }
    Ok(())
}

/// A priority in a row; `None` = no such level.
pub(super) fn priority(row: &Row<'_>, at: usize) -> rusqlite::Result<Option<Priority>> {
    row.get(at).map(|level| Priority::new(uint(level)))
}

/// All levels of all durable subscriptions: name, level, floor, lost.
fn for_each_level(
    connection: &Connection,
    mut take: impl FnMut(&str, Priority, Sequence, u64),
) -> rusqlite::Result<()> {
    let mut levels = connection.prepare("SELECT name, priority, floor, lost FROM durable_level")?;
    let mut rows = levels.query([])?;
    while let Some(row) = rows.next()? {
        let name: Box<str> = row.get(0)?;
        if let Some(priority) = priority(row, 1)? {
            take(&name, priority, row.get(2).map(uint)?, row.get(3).map(uint)?);
        }
    }
    Ok(())
}

/// By rule: everything up to here was deleted.
pub(super) fn deleted_to(connection: &Connection) -> rusqlite::Result<BTreeMap<RuleId, Sequence>> {
    let mut rules = connection.prepare_cached("SELECT id, deleted_to FROM rule")?;
    let rules = rules.query_map([], |row| Ok((RuleId(row.get(0)?), row.get(1).map(uint)?)))?;
    rules.collect()
}

/// The last number that the counts of rules include.
fn counted(connection: &Connection) -> rusqlite::Result<Sequence> {
    let sql = "SELECT value FROM meta WHERE key = 'last_sequence'";
    let counted = connection.prepare_cached(sql)?.query_row([], |row| row.get(0)).optional()?;
    Ok(counted.map_or(0, uint))
}

/// The rules as they stand in the file, with what they do not count yet.
pub(super) fn rules(connection: &Connection) -> rusqlite::Result<BTreeMap<RuleId, Holding>> {
    let sql = "SELECT id, topics, max_age_ms, max_events, max_bytes, events, bytes FROM rule";
    let mut all = connection.prepare_cached(sql)?;
    let rows = all.query_map([], |row| {
        let number = |at| row.get::<_, Option<i64>>(at).map(|number| number.map(uint));
        let limits = Limits {
            max_age: number(2)?.map(Duration::from_millis),
            max_events: number(3)?,
            max_bytes: number(4)?,
        };
        let (events, bytes) = (row.get(5).map(uint)?, row.get(6).map(uint)?);
        Ok((RuleId(row.get(0)?), Holding { name: row.get(1)?, limits, events, bytes }))
    })?;
    let mut rules: BTreeMap<_, _> = rows.collect::<rusqlite::Result<_>>()?;
    let sql = "SELECT rule, sum(count), sum(bytes) FROM block WHERE id > ? GROUP BY rule";
    let mut since = connection.prepare_cached(sql)?;
    let mut rows = since.query([int(counted(connection)?)])?;
    while let Some(row) = rows.next()? {
        if let Some(rule) = rules.get_mut(&RuleId(row.get(0)?)) {
            rule.events += row.get(1).map(uint)?;
            rule.bytes += row.get(2).map(uint)?;
        }
    }
    Ok(rules)
}
