//! Events that are written down before they are matched: what the engine says before, and takes in after.
//!
//! The store itself is not known here. It gives events their numbers in the order in which they then come here, so that
//! within a level they are matched in that order.

use std::sync::Arc;

use super::client::Notice;
use super::ingress::Queued;
use super::{Millis, Moment, Published, Receipt, Router};
use crate::protocol::Event;

/// An event that was handed to the store.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The event.
    pub event: Arc<Event>,
    /// When it expires; [`Millis::MAX`] = never.
    pub deadline: Millis,
    /// When it was accepted.
    pub moment: Moment,
    /// Its publisher; [`Receipt::NOBODY`] if there is none who waits.
    pub receipt: Receipt,
    /// The publisher wants to know how it was matched, too.
    pub wants_match: bool,
}

impl Entry {
    /// One that nobody waits for.
    pub fn of_nobody(event: Arc<Event>, moment: Moment) -> Self {
        Self { event, deadline: Millis::MAX, moment, receipt: Receipt::NOBODY, wants_match: false }
    }
}

impl Router {
    /// Whether an event that is to be stored first would be taken. What is taken is forced in when it is stored: the
    /// queue may be full by then, and its publisher was told that it is safe.
    pub fn prospect(&mut self, event: &Event) -> Published {
        let priority = event.priority();
        let answer = if self.draining {
            Published::Draining
        } else if self.ingress.has_room(priority) || self.ingress.outranked(priority).is_some() {
            return Published::Queued;
        } else {
            self.stats.queue_full += 1;
            Published::QueueFull
        };
        self.stats.refused += 1;
        answer
    }

    /// An event is stored. It is matched as others are, and its publisher is told its number: now, or with the receipt that
    /// it asked for.
    pub fn publish_stored(&mut self, entry: Entry, sequence: u64, now: Millis) {
        let Entry { event, deadline, moment, receipt, wants_match } = entry;
        event.stored_as(sequence);
        self.new_deadline |= deadline < Millis::MAX;
        self.stats.accepted[event.priority().index()] += 1;
        self.accepted_lately.add(1, now);
        self.stats.last_event = Some(now);
        self.published_by(receipt.client, 1, now);
        if !wants_match {
            self.notify(receipt.client, Notice::Stored { token: receipt.token, sequence });
        }
        let receipt = wants_match.then_some(receipt);
        self.ingress.force(Queued { event, deadline, receipt, mandatory: false, accepted: moment.stamp });
    }

    /// An event could not be stored, and its publisher is told why.
    pub fn not_stored(&mut self, receipt: Receipt, why: &Arc<str>) {
        self.count_not_stored();
        self.notify(receipt.client, Notice::NotStored { token: receipt.token, why: Arc::clone(why) });
    }

    /// The store did not take an event in, and its publisher is told so at once.
    pub fn count_not_stored(&mut self) {
        self.stats.refused += 1;
    }
}
