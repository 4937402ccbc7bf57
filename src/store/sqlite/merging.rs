//! Events out of blocks, in order: the blocks of one batch lie between each other, those of two never do.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension};
use serde::Deserialize;

use super::block::{Block, Entry, Kept};
use super::state::deleted_to;
use super::{connect, int, uint};
use crate::protocol::{Event, Subscription};
use crate::store::paging::Paging;
use crate::store::{Page, RuleId, Sequence, Stored};

/// One state of the file, to read from.
pub(super) struct View<'a> {
    pub connection: &'a Connection,
    kept: &'a mut Kept,
    /// By rule: everything up to here was deleted.
    deleted_to: BTreeMap<RuleId, Sequence>,
}

/// A block, as far as an index knows it.
pub(super) struct Head {
    pub id: Sequence,
    pub batch: Sequence,
    /// There may be something in it that is wanted.
    pub is_wanted: bool,
}

/// Heads, one after the other.
pub(super) type Heads<'h> = dyn FnMut() -> rusqlite::Result<Option<Head>> + 'h;

/// The blocks of one batch.
#[derive(Default)]
struct Cluster {
    batch: Option<Sequence>,
    blocks: Vec<Arc<Block>>,
    /// How many more it has in which nothing is wanted.
    others: usize,
}

/// Why a page ends before its heads do: what the next page begins with, or comes before.
type Full = Option<Sequence>;

impl<'a> View<'a> {
    pub fn new(connection: &'a Connection, kept: &'a mut Kept) -> rusqlite::Result<Self> {
        Ok(Self { connection, kept, deleted_to: deleted_to(connection)? })
    }

    /// Where the batch begins that an event of this number is in, if there is one.
    pub fn batch_of(&self, sequence: Sequence) -> rusqlite::Result<Sequence> {
        let sql = "SELECT batch FROM block WHERE id <= ? ORDER BY id DESC LIMIT 1";
        let batch = self.connection.prepare_cached(sql)?.query_row([int(sequence)], |row| row.get(0));
        Ok(batch.optional()?.map_or(sequence, uint))
    }

    /// What is wanted from `from` to before `until`, out of blocks whose numbers go up.
    pub fn forward(
        &mut self,
        heads: &mut Heads<'_>,
        (from, until): (Sequence, Sequence),
        wanted: &Subscription,
        mut paging: Paging,
    ) -> rusqlite::Result<Page> {
        let mut cluster = Cluster::default();
        while let Some(head) = heads()? {
            if cluster.batch.replace(head.batch) != Some(head.batch) {
                if let Some(next) = self.take(&mut cluster, from..until, false, wanted, &mut paging) {
                    return Ok(paging.stop(next));
                }
                if paging.is_full() {
                    return Ok(paging.stop(head.id.max(from)));
                }
            }
            self.gather(&mut cluster, &head)?;
        }
        if let Some(next) = self.take(&mut cluster, from..until, false, wanted, &mut paging) {
            return Ok(paging.stop(next));
        }
        let end = connect::last(self.connection)? + 1;
        Ok(if until < end { paging.stop(until) } else { paging.end(end.max(from)) })
    }

    /// What is wanted before `before`, the newest first, out of blocks whose numbers go down.
    pub fn back(
        &mut self,
        heads: &mut Heads<'_>,
        before: Sequence,
        wanted: &Subscription,
        mut paging: Paging,
    ) -> rusqlite::Result<Page> {
        let mut cluster = Cluster::default();
        while let Some(head) = heads()? {
            if let Some(later) = cluster.batch.replace(head.batch)
                && later != head.batch
            {
                if let Some(next) = self.take(&mut cluster, 0..before, true, wanted, &mut paging) {
                    return Ok(paging.stop(next));
                }
                if paging.is_full() {
                    return Ok(paging.stop(later));
                }
            }
            self.gather(&mut cluster, &head)?;
        }
        let full = self.take(&mut cluster, 0..before, true, wanted, &mut paging);
        Ok(match full {
            Some(next) => paging.stop(next),
            None => paging.end(1),
        })
    }

    fn gather(&mut self, cluster: &mut Cluster, head: &Head) -> rusqlite::Result<()> {
        match head.is_wanted {
            true => cluster.blocks.extend(self.kept.block(self.connection, head.id)?),
            false => cluster.others += 1,
        }
        Ok(())
    }

    /// Takes what is wanted out of the blocks of a batch, in order.
    fn take(
        &self,
        cluster: &mut Cluster,
        range: Range<Sequence>,
        backwards: bool,
        wanted: &Subscription,
        paging: &mut Paging,
    ) -> Full {
        let mut entries: Vec<(&Entry, &Block)> = Vec::new();
        for block in &cluster.blocks {
            (0..block.unreadable()).for_each(|_| paging.unreadable());
            let deleted_to = self.deleted_to.get(&block.rule).copied().unwrap_or(0);
            let there = block.entries.iter().filter(|entry| range.contains(&entry.sequence));
            entries.extend(there.filter(|entry| entry.sequence > deleted_to).map(|entry| (entry, &**block)));
        }
        entries.sort_unstable_by_key(|(entry, _)| entry.sequence);
        if backwards {
            entries.reverse();
        }
        let mut lowest = range.end;
        for (entry, block) in entries {
            if paging.is_full() {
                return Some(if backwards { lowest } else { entry.sequence });
            }
            lowest = entry.sequence;
            paging.looked();
            take(entry, block, wanted, paging);
        }
        cluster.blocks.clear();
        (0..std::mem::take(&mut cluster.others)).for_each(|_| paging.looked());
        None
    }
}

/// Enough of an event to know whether its topic is wanted.
#[derive(Deserialize)]
struct OnTopic<'t> {
    #[serde(borrow)]
    topic: Cow<'t, str>,
}

/// Takes an event if it is wanted.
fn take(entry: &Entry, block: &Block, wanted: &Subscription, paging: &mut Paging) {
    let text = block.text(entry);
    let is_other = |it: OnTopic<'_>| !wanted.admits_topic(&it.topic);
    if block.is_mixed && serde_json::from_str(text).is_ok_and(is_other) {
        return;
    }
    match Event::read(text) {
        Ok(event) if wanted.admits(&event) => {
            event.stored_as(entry.sequence);
            let Entry { sequence, expires, .. } = *entry;
            paging.push(Stored { sequence, at: block.stored, event, expires });
        }
        Ok(_) => {}
        Err(_) => paging.unreadable(),
    }
}
