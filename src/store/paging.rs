//! Filling a page within its bounds, and finding a time among events that were stored in its order.

use super::{Bounds, Page, Sequence, StoreError, Stored};
use crate::protocol::Time;

/// A page that is being filled.
pub(super) struct Paging {
    page: Page,
    bounds: Bounds,
    bytes: usize,
    looked_at: usize,
}

impl Paging {
    /// A bound of 0 would never let anything through: it is taken as 1.
    pub fn new(bounds: Bounds) -> Self {
        let Bounds { events, bytes, looked_at } = bounds;
        let bounds = Bounds { events: events.max(1), bytes: bytes.max(1), looked_at: looked_at.max(1) };
        Self { page: Page::default(), bounds, bytes: 0, looked_at: 0 }
    }

    /// How many more are looked at.
    pub fn left(&self) -> usize {
        self.bounds.looked_at - self.looked_at.min(self.bounds.looked_at)
    }

    pub fn is_full(&self) -> bool {
        self.left() == 0 || self.page.events.len() >= self.bounds.events || self.bytes >= self.bounds.bytes
    }

    pub fn looked(&mut self) {
        self.looked_at += 1;
    }

    pub fn unreadable(&mut self) {
        self.page.unreadable += 1;
    }

    pub fn push(&mut self, stored: Stored) {
        self.bytes += stored.event.size();
        self.page.events.push(stored);
    }

    /// There is no more.
    pub fn end(self, next: Sequence) -> Page {
        Page { next, is_end: true, ..self.page }
    }

    /// It is full.
    pub fn stop(self, next: Sequence) -> Page {
        Page { next, is_end: false, ..self.page }
    }
}

/// The first event that was stored at this time or later, by the number of the first event from a number on and its
/// time; one past the last if there is none.
pub(super) fn first_at(
    time: Time,
    last: Sequence,
    mut from: impl FnMut(Sequence) -> Result<Option<(Sequence, Time)>, StoreError>,
) -> Result<Sequence, StoreError> {
    let (mut low, mut high) = (1, last + 1);
    while low < high {
        let middle = low + (high - low) / 2;
        match from(middle)? {
            Some((sequence, at)) if at < time => low = sequence + 1,
            _ => high = middle,
        }
    }
    Ok(from(low)?.map_or(last + 1, |(sequence, _)| sequence))
}
