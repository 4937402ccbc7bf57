//! What a client publishes: offered to the engine, or handed to the store first.

use std::sync::Arc;

use super::super::hub::wall_clock;
use super::super::receipts::{Fate, Pending, STORE_UNAVAILABLE, Shape};
use super::super::storing::Storing;
use super::{Desk, Dialogue, send};
use crate::protocol::reply::{Reply, Status};
use crate::protocol::{
    DEAD_TOPICS, ErrorCode, Event, Publish, PublishBatch, PublishOptions, Receipt as When, WireError,
    is_of_dead_letters,
};
use crate::router::{Entry, Millis, Published, Receipt};
use crate::store::RuleId;

/// Answers of one client that wait for the store or for matching, before it is read from again. So many keep the store
/// busy; more would only wait elsewhere.
const MOST_OPEN: usize = 1_024;

impl Dialogue {
    /// So much of what it published is not answered that it is not to be read from.
    pub fn is_waiting(&self, storing: Option<&Storing>) -> bool {
        let Some(storing) = storing else { return false };
        let open = self.receipts.len();
        open >= MOST_OPEN || (open > 0 && storing.store().is_behind())
    }

    pub(super) fn publish(
        &mut self,
        publish: Publish,
        request_id: Option<&str>,
        desk: &mut Desk<'_>,
        out: &mut Vec<u8>,
    ) {
        let Publish { event, options } = publish;
        let fate = self.offer(&event, options, self.receipts.next_token(), desk);
        if let Fate::Invalid(error) = &fate {
            return send(&Reply::Error { error, timestamp: wall_clock() }, request_id, out);
        }
        if matches!(fate, Fate::Open) {
            let mut pending = Pending::new(Shape::Single, request_id);
            pending.push(Some(event), fate);
            return self.receipts.settle(pending, out);
        }
        send(&Reply::Published(fate.outcome(event.id_json(), &[])), request_id, out);
    }

    pub(super) fn publish_batch(
        &mut self,
        batch: PublishBatch,
        request_id: Option<&str>,
        desk: &mut Desk<'_>,
        out: &mut Vec<u8>,
    ) {
        let mut pending = Pending::new(Shape::Batch, request_id);
        for (token, event) in (self.receipts.next_token()..).zip(batch.events) {
            match event {
                Ok(event) => {
                    let fate = self.offer(&event, batch.options, token, desk);
                    pending.push(Some(event), fate);
                }
                Err(error) => pending.push(None, Fate::Invalid(error)),
            }
        }
        self.receipts.settle(pending, out);
    }

    /// Offers one event to the engine, or to the store.
    fn offer(
        &mut self,
        event: &Arc<Event>,
        options: PublishOptions,
        token: u64,
        desk: &mut Desk<'_>,
    ) -> Fate {
        if is_of_dead_letters(event.topic()) {
            let text =
                format!("Failed to publish event: topics that begin with {DEAD_TOPICS} are the router's own");
            return Fate::Invalid(WireError::new(ErrorCode::InvalidEvent, text));
        }
        if !self.rate.admit(desk.now.millis) {
            return self.not_taken(event, self.refused(), ErrorCode::RateLimited.as_str());
        }
        let wants_match = options.receipt == When::Dispatched;
        let receipt = Receipt { client: self.key, token };
        let by_rule = desk.storing.and_then(|storing| storing.rule_of(event).map(|rule| (storing, rule)));
        let published = match by_rule {
            Some(by_rule) => match desk.router.prospect(event) {
                Published::Queued => {
                    return self.store(event, options.ttl_ms, (receipt, wants_match), by_rule, desk);
                }
                other => other,
            },
            None => {
                let receipt = wants_match.then_some(receipt);
                let PublishOptions { ttl_ms, mandatory, .. } = options;
                desk.router.publish_as(Arc::clone(event), ttl_ms, receipt, mandatory, desk.now)
            }
        };
        self.published += u64::from(published == Published::Queued);
        match published {
            Published::Queued if wants_match => Fate::Open,
            Published::Queued => Fate::Queued,
            Published::QueueFull => self.not_taken(event, Status::Dropped, "queue_full"),
            Published::Draining => self.not_taken(event, self.refused(), ErrorCode::Draining.as_str()),
        }
    }

    fn store(
        &self,
        event: &Arc<Event>,
        ttl: Option<Millis>,
        (receipt, wants_match): (Receipt, bool),
        (storing, rule): (&Storing, RuleId),
        desk: &mut Desk<'_>,
    ) -> Fate {
        let deadline = ttl.map_or(Millis::MAX, |ttl| desk.now.millis.saturating_add(ttl));
        let entry = Entry { event: Arc::clone(event), deadline, moment: desk.now, receipt, wants_match };
        match storing.publish(entry, rule, ttl) {
            Ok(()) => Fate::Open,
            Err(error) => {
                desk.router.count_not_stored();
                self.not_taken(event, self.refused(), STORE_UNAVAILABLE);
                Fate::NotStored(self.refused(), error.to_string().into())
            }
        }
    }

    /// What an event that is not taken is answered with. Part 1 knows no `rejected`.
    pub(super) fn refused(&self) -> Status {
        if self.hello { Status::Rejected } else { Status::Dropped }
    }

    #[cold]
    fn not_taken(&self, event: &Event, status: Status, reason: &'static str) -> Fate {
        tracing::debug!(client_id = %self.client_id, event_id = event.id(), reason, "an event was not taken");
        Fate::NotTaken(status, reason)
    }
}
