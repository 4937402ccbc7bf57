//! Reading from the file, over a connection that cannot write.

use std::path::Path;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::block::{Kept, named};
use super::merging::{Head, View};
use super::{Place, backup, check, connect, failure, figures, int, uint};
use crate::protocol::{Pattern, Priority, Subscription, Time};
use crate::store::paging::{Paging, first_at};
use crate::store::{
    Bounds, CheckUp, Durable, Kind, LetterPage, Letters, Page, Reading, Sequence, Stats, StoreError, Stored,
};

/// By level. The index holds the topics: blocks in which nothing is wanted are never touched.
const LEVEL: &str =
    "SELECT id, batch, topics FROM block WHERE priority = ? AND id >= ? AND id < ? ORDER BY id";

/// A reading side.
pub(super) struct Reader {
    place: Arc<Place>,
    connection: Connection,
    kept: Kept,
}

impl Reader {
    pub fn new(place: Arc<Place>) -> Result<Self, StoreError> {
        let connection = connect::reading(&place.path)?;
        Ok(Self { place, connection, kept: Kept::default() })
    }

    /// In one snapshot.
    fn read<T>(&mut self, read: impl FnOnce(&mut View<'_>) -> rusqlite::Result<T>) -> Result<T, StoreError> {
        let attempt = || {
            let snapshot = self.connection.unchecked_transaction()?;
            read(&mut View::new(&snapshot, &mut self.kept)?)
        };
        attempt().map_err(failure::of(&self.place.path))
    }
}

impl Reading for Reader {
    fn events(&mut self, from: Sequence, wanted: &Subscription, bounds: Bounds) -> Result<Page, StoreError> {
        let is_for_all = wanted.topics.is_empty() || wanted.topics.iter().any(Pattern::is_all);
        self.read(|view| match is_for_all && wanted.min_priority == Priority::LOWEST {
            true => all(view, from, wanted, bounds),
            false => some(view, from, wanted, bounds),
        })
    }

    fn level(
        &mut self,
        priority: Priority,
        from: Sequence,
        wanted: &Subscription,
        bounds: Bounds,
    ) -> Result<Page, StoreError> {
        self.read(|view| {
            let mut index = view.connection.prepare_cached(LEVEL)?;
            let mut rows = index.query(params![priority.get(), int(view.batch_of(from)?), i64::MAX])?;
            let mut heads = || rows.next()?.map(|row| head(row, wanted)).transpose();
            view.forward(&mut heads, (from, Sequence::MAX), wanted, Paging::new(bounds))
        })
    }

    fn back(&mut self, before: Sequence, wanted: &Subscription, bounds: Bounds) -> Result<Page, StoreError> {
        self.read(|view| {
            let sql = "SELECT id, batch, topics FROM block WHERE id < ? ORDER BY id DESC";
            let mut back = view.connection.prepare_cached(sql)?;
            let mut rows = back.query([int(before)])?;
            let mut heads = || rows.next()?.map(|row| head(row, wanted)).transpose();
            view.back(&mut heads, before, wanted, Paging::new(bounds))
        })
    }

    fn at(&mut self, time: Time) -> Result<Sequence, StoreError> {
        let last = self.read(|view| connect::last(view.connection))?;
        first_at(time, last, |from| {
            self.read(|view| {
                let page = all(view, from, &Subscription::default(), ONE)?;
                Ok(page.events.first().map(|stored| (stored.sequence, stored.at)))
            })
        })
    }

    fn event(&mut self, sequence: Sequence) -> Result<Stored, StoreError> {
        let found = self.read(|view| all(view, sequence, &Subscription::default(), ONE))?;
        let path = &self.place.path;
        let missing = match found.unreadable {
            0 => format!("the event store has no event {sequence}; it may have been deleted by age or size"),
            _ => format!("event {sequence} of the event store {} is no event", path.display()),
        };
        let found = found.events.into_iter().find(|stored| stored.sequence == sequence);
        found.ok_or_else(|| StoreError::of(Kind::NotFound, path, missing))
    }

    fn durables(&mut self, after: &str, most: usize) -> Result<Vec<Durable>, StoreError> {
        self.read(|view| figures::durables(view.connection, figures::LATER, after, most))
    }

    fn durable(&mut self, name: &str) -> Result<Option<Durable>, StoreError> {
        self.read(|view| Ok(figures::durables(view.connection, figures::NAMED, name, 1)?.pop()))
    }

    fn letters(&mut self, wanted: &Letters, bounds: Bounds) -> Result<LetterPage, StoreError> {
        self.read(|view| figures::letters(view.connection, wanted, bounds))
    }

    fn stats(&mut self) -> Result<Stats, StoreError> {
        let stats = self.read(|view| {
            let oldest = all(view, 1, &Subscription::default(), ONE)?;
            let newest = newest(view)?;
            let place = |page: Page| page.events.first().map(|stored| (stored.sequence, stored.at));
            figures::stats(view.connection, place(oldest), place(newest))
        })?;
        Ok(figures::with_sizes(stats, &self.place.path))
    }

    fn check(&mut self, quick: bool) -> Result<CheckUp, StoreError> {
        self.read(|view| check::check(view.connection, quick))
    }

    fn backup(&mut self, to: &Path, overwrite: bool) -> Result<u64, StoreError> {
        backup::backup(&self.connection, &self.place.path, to, overwrite)
    }
}

/// As many as are needed to know one.
const ONE: Bounds = Bounds { events: 1, bytes: 1, looked_at: usize::MAX };

fn head(row: &Row<'_>, wanted: &Subscription) -> rusqlite::Result<Head> {
    let topics = named(row.get_ref(2)?.as_str_or_null()?);
    let is_wanted = topics.is_none_or(|topics| topics.iter().any(|topic| wanted.admits_topic(topic)));
    Ok(Head { id: row.get(0).map(uint)?, batch: row.get(1).map(uint)?, is_wanted })
}

/// Block by block: most of them are wanted.
fn all(view: &mut View<'_>, from: Sequence, wanted: &Subscription, bounds: Bounds) -> rusqlite::Result<Page> {
    let mut forward =
        view.connection.prepare_cached("SELECT id, batch, NULL FROM block WHERE id >= ? ORDER BY id")?;
    let mut rows = forward.query([int(view.batch_of(from)?)])?;
    let mut heads = || rows.next()?.map(|row| head(row, wanted)).transpose();
    view.forward(&mut heads, (from, Sequence::MAX), wanted, Paging::new(bounds))
}

/// By the index of the levels: from each the blocks in which something is wanted, put in order, and only then those.
fn some(
    view: &mut View<'_>,
    from: Sequence,
    wanted: &Subscription,
    bounds: Bounds,
) -> rusqlite::Result<Page> {
    let paging = Paging::new(bounds);
    let end = connect::last(view.connection)? + 1;
    let Some((batch, first)) = beginning(view, from)? else { return Ok(paging.end(end.max(from))) };
    let until = first.saturating_add(paging.left() as u64).min(end);
    let mut found: Vec<Head> = Vec::new();
    for priority in Priority::all().filter(|priority| *priority >= wanted.min_priority) {
        let mut index = view.connection.prepare_cached(LEVEL)?;
        let mut rows = index.query(params![priority.get(), int(batch), int(until)])?;
        while let Some(row) = rows.next()? {
            found.push(head(row, wanted)?);
        }
    }
    // What is not wanted was looked at by the window that it lies in.
    found.retain(|head| head.is_wanted);
    found.sort_unstable_by_key(|head| head.id);
    let mut found = found.into_iter();
    view.forward(&mut || Ok(found.next()), (first, until), wanted, paging)
}

/// The first batch with something from this number on, and that number: what was deleted is not looked at.
fn beginning(view: &View<'_>, from: Sequence) -> rusqlite::Result<Option<(Sequence, Sequence)>> {
    let batch = view.batch_of(from)?;
    let sql = "SELECT max(last) FROM block WHERE id >= ? AND id <= ?";
    let mut reach = view.connection.prepare_cached(sql)?;
    let reach: Option<i64> = reach.query_row(params![int(batch), int(from)], |row| row.get(0))?;
    if reach.is_some_and(|last| uint(last) >= from) {
        return Ok(Some((batch, from)));
    }
    let sql = "SELECT batch, id FROM block WHERE id > ? ORDER BY id LIMIT 1";
    let mut next = view.connection.prepare_cached(sql)?;
    let next = next.query_row([int(from)], |row| Ok((row.get(0).map(uint)?, row.get(1).map(uint)?)));
    next.optional()
}

fn newest(view: &mut View<'_>) -> rusqlite::Result<Page> {
    let mut back = view.connection.prepare_cached("SELECT id, batch, NULL FROM block ORDER BY id DESC")?;
    let mut rows = back.query([])?;
    let wanted = Subscription::default();
    let mut heads = || rows.next()?.map(|row| head(row, &wanted)).transpose();
    view.back(&mut heads, Sequence::MAX, &wanted, Paging::new(ONE))
}
