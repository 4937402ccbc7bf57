//! What lies in one row of the table `block`: events of one rule and one level that were stored together.
//!
//! A row costs as much as many events do, so that what is committed together shares rows.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{int, uint};
use crate::protocol::{Event, Priority, Time};
use crate::store::{RuleId, Sequence};

/// The most events, and bytes of events, in a batch: what is read and put in order at once. One event alone may be larger.
pub(super) const BATCH_EVENTS: usize = 512;
const BATCH_BYTES: usize = 256 << 10;
/// Microseconds between the first and the last event of a batch, which all count as stored when the last one was: whoever
/// replays from a time on misses none.
const BATCH_TIME: i64 = 10_000;
/// The most topics that are named beside a block's events, and their bytes; with more of them, one has to look inside.
const NAMED_TOPICS: usize = 16;
const NAMED_BYTES: usize = 1_000;
/// Bytes of blocks that a reader keeps: it comes again soon for the rest of a batch.
const KEPT: usize = 2 << 20;

/// A block that is being written.
struct Draft {
    first: Sequence,
    last: Sequence,
    count: u64,
    bytes: u64,
    /// `None` = too many.
    topics: Option<Vec<Box<str>>>,
    text: String,
}

/// The blocks that are being written. Their events lie between each other's, and between no other batch's.
#[derive(Default)]
pub(super) struct Batch {
    drafts: BTreeMap<(RuleId, Priority), Draft>,
    events: usize,
    bytes: usize,
    /// When its first and its last event were stored.
    stored: Option<(Time, Time)>,
    /// An empty text that has room, since a block grows to the size of the one before it.
    room: String,
}

impl Batch {
    /// There is no room for more, or not for what is stored at this time.
    pub fn is_full(&self, at: Time) -> bool {
        let is_late = |(first, _): (Time, _)| at.micros().saturating_sub(first.micros()) > BATCH_TIME;
        self.events >= BATCH_EVENTS || self.bytes >= BATCH_BYTES || self.stored.is_some_and(is_late)
    }

    pub fn add(
        &mut self,
        sequence: Sequence,
        event: &Event,
        rule: RuleId,
        (stored, expires): (Time, Option<Time>),
    ) {
        self.stored.get_or_insert((stored, stored)).1 = stored;
        self.events += 1;
        self.bytes += event.size();
        let Self { drafts, room, .. } = self;
        let new = || Draft::new(sequence, std::mem::take(room));
        let draft = drafts.entry((rule, event.priority())).or_insert_with(new);
        draft.add(sequence, event, expires);
    }

    /// Writes them down, and is empty.
    pub fn write(&mut self, change: &Transaction<'_>) -> rusqlite::Result<()> {
        let Some((_, stored)) = self.stored.take() else { return Ok(()) };
        let mut drafts: Vec<_> = std::mem::take(&mut self.drafts).into_iter().collect();
        (self.events, self.bytes) = (0, 0);
        drafts.sort_unstable_by_key(|(_, draft)| draft.first);
        let batch = drafts.first().map_or(0, |(_, draft)| draft.first);
        let sql = "INSERT INTO block (id, batch, last, stored, rule, priority, count, bytes, topics, events)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
        let mut insert = change.prepare_cached(sql)?;
        for ((rule, priority), mut draft) in drafts {
            draft.text.push(']');
            let topics = draft.topics.and_then(|topics| serde_json::to_string(&topics).ok());
            insert.execute(params![
                int(draft.first),
                int(batch),
                int(draft.last),
                stored.micros(),
                rule.0,
                priority.get(),
                int(draft.count),
                int(draft.bytes),
                topics,
                draft.text,
            ])?;
            draft.text.clear();
            if draft.text.capacity() > self.room.capacity() {
                self.room = draft.text;
            }
        }
        Ok(())
    }
}

impl Draft {
    /// One that begins with this event; its text goes into `text`, which is empty.
    fn new(first: Sequence, text: String) -> Self {
        Self { first, last: first, count: 0, bytes: 0, topics: Some(Vec::new()), text }
    }

    fn add(&mut self, sequence: Sequence, event: &Event, expires: Option<Time>) {
        let mut number = itoa::Buffer::new();
        self.text.push_str(if self.text.is_empty() { "[[" } else { ",[" });
        self.text.push_str(number.format(sequence));
        self.text.push(',');
        self.text.push_str(expires.map_or("null", |expires| number.format(expires.micros())));
        self.text.push(',');
        event.write_short(&mut self.text);
        self.text.push(',');
        self.text.push_str(number.format(event.size()));
        self.text.push(']');
        (self.last, self.count, self.bytes) = (sequence, self.count + 1, self.bytes + event.size() as u64);
        let Some(topics) = &mut self.topics else { return };
        if topics.iter().any(|topic| **topic == *event.topic()) {
            return;
        }
        topics.push(event.topic().into());
        if topics.len() > NAMED_TOPICS || topics.iter().map(|topic| topic.len()).sum::<usize>() > NAMED_BYTES
        {
            self.topics = None;
        }
    }
}

/// An event in a block.
#[derive(Clone, Copy)]
pub(super) struct Entry {
    pub sequence: Sequence,
    pub expires: Option<Time>,
    /// How long the event is when it is complete.
    pub bytes: u64,
    /// Where its text is.
    start: usize,
    len: usize,
}

/// A block that was read.
pub(super) struct Block {
    pub stored: Time,
    pub rule: RuleId,
    /// `None` = no such level.
    pub priority: Option<Priority>,
    /// As the row says.
    pub count: u64,
    pub bytes: u64,
    pub last: Sequence,
    /// Its events have different topics, so that each has to be asked.
    pub is_mixed: bool,
    /// In order; none if the text cannot be read.
    pub entries: Vec<Entry>,
    text: Box<str>,
}

impl Block {
    /// What [`Block::read`] takes a row of.
    pub const COLUMNS: &str = "stored, rule, priority, count, bytes, last, topics, events";

    pub fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let text: Box<str> = row.get(7)?;
        let topics = row.get_ref(6)?.as_str_or_null()?;
        Ok(Self {
            stored: Time::from_micros(row.get(0)?),
            rule: RuleId(row.get(1)?),
            priority: super::state::priority(row, 2)?,
            count: row.get(3).map(uint)?,
            bytes: row.get(4).map(uint)?,
            last: row.get(5).map(uint)?,
            is_mixed: named(topics).is_none_or(|topics| topics.len() != 1),
            entries: entries(&text).unwrap_or_default(),
            text,
        })
    }

    /// How many of its events cannot be read at all.
    pub fn unreadable(&self) -> u64 {
        if self.entries.is_empty() { self.count } else { 0 }
    }

    pub fn text(&self, entry: &Entry) -> &str {
        self.text.get(entry.start..entry.start + entry.len).unwrap_or_default()
    }
}

/// The topics beside a block's events; `None` = they are not named.
pub(super) fn named(topics: Option<&str>) -> Option<Vec<Box<str>>> {
    serde_json::from_str(topics?).ok()
}

/// An event in a block's text: its number, when it expires, itself, and its size when it is complete, without which it is.
#[derive(Deserialize)]
struct Written<'t>(Sequence, Option<i64>, #[serde(borrow)] &'t RawValue, #[serde(default)] Option<u64>);

fn entries(text: &str) -> Option<Vec<Entry>> {
    let found: Vec<Written<'_>> = serde_json::from_str(text).ok()?;
    let entry = |Written(sequence, expires, event, bytes): Written<'_>| Entry {
        sequence,
        expires: expires.map(Time::from_micros),
        bytes: bytes.unwrap_or(event.get().len() as u64),
        start: event.get().as_ptr().addr() - text.as_ptr().addr(),
        len: event.get().len(),
    };
    Some(found.into_iter().map(entry).collect())
}

/// Blocks that were read lately. A block never changes, and its number is not used again.
#[derive(Default)]
pub(super) struct Kept {
    blocks: HashMap<Sequence, Arc<Block>>,
    order: VecDeque<Sequence>,
    bytes: usize,
}

impl Kept {
    /// A block of the file.
    pub fn block(&mut self, connection: &Connection, id: Sequence) -> rusqlite::Result<Option<Arc<Block>>> {
        if let Some(block) = self.blocks.get(&id) {
            return Ok(Some(Arc::clone(block)));
        }
        let sql = format!("SELECT {} FROM block WHERE id = ?", Block::COLUMNS);
        let read = connection.prepare_cached(&sql)?.query_row([int(id)], Block::read).optional()?;
        let Some(block) = read.map(Arc::new) else { return Ok(None) };
        // One event alone is seldom read twice.
        if block.count > 1 {
            self.keep(id, Arc::clone(&block));
        }
        Ok(Some(block))
    }

    fn keep(&mut self, id: Sequence, block: Arc<Block>) {
        self.bytes += block.text.len();
        self.order.push_back(id);
        self.blocks.insert(id, block);
        while self.bytes > KEPT
            && let Some(oldest) = self.order.pop_front()
        {
            self.bytes -= self.blocks.remove(&oldest).map_or(0, |block| block.text.len());
        }
    }
}
