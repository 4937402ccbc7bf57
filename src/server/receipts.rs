//! What became of events whose publisher gets one answer for several of them, or an answer only after matching.

use std::collections::VecDeque;
use std::sync::Arc;

use smallvec::SmallVec;

use super::dialogue::send;
use crate::protocol::reply::{BatchResult, Outcome, Reply, Status};
use crate::protocol::{Event, WireError};
use crate::router::{Reason, Refusals};

/// Why an event that is to be stored was not taken.
pub(super) const STORE_UNAVAILABLE: &str = "store_unavailable";

/// What became of one event.
pub(super) enum Fate {
    /// Its receipt is still to come.
    Open,
    Queued,
    Dispatched {
        matched: u32,
        refused: Refusals,
        /// 0 = it is not stored.
        sequence: u64,
    },
    Stored(u64),
    NotStored(Status, Arc<str>),
    NotTaken(Status, &'static str),
    /// Accepted, and lost before it could be matched.
    Lost(Reason),
    /// Stored, and lost before it could be matched.
    Unmatched(Reason, u64),
    Invalid(WireError),
}

/// The shape of the reply.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// `published`
    Single,
    /// `published_batch`
    Batch,
}

/// Events that are answered together.
pub(super) struct Pending {
    shape: Shape,
    request_id: Option<Box<str>>,
    /// The event is `None` where it was invalid.
    results: SmallVec<[(Option<Arc<Event>>, Fate); 1]>,
    /// How many receipts are still to come.
    open: usize,
}

impl Pending {
    pub fn new(shape: Shape, request_id: Option<&str>) -> Self {
        Self { shape, request_id: request_id.map(Into::into), results: SmallVec::new(), open: 0 }
    }

    /// One more event, in the order of the answer.
    pub fn push(&mut self, event: Option<Arc<Event>>, fate: Fate) {
        self.open += usize::from(matches!(fate, Fate::Open));
        self.results.push((event, fate));
    }

    /// Appends the reply.
    pub fn send(&self, out: &mut Vec<u8>) {
        let request_id = self.request_id.as_deref();
        if let (Shape::Single, [(Some(event), fate)]) = (self.shape, &*self.results) {
            let counts = fate.counts();
            return send(&Reply::Published(fate.outcome(event.id_json(), &counts)), request_id, out);
        }
        let counts: Vec<Vec<(&str, u64)>> = self.results.iter().map(|(_, fate)| fate.counts()).collect();
        let results: Vec<BatchResult> = self
            .results
            .iter()
            .zip(&counts)
            .map(|((event, fate), counts)| match fate {
                Fate::Invalid(error) => BatchResult::Invalid(error),
                fate => BatchResult::Published(
                    fate.outcome(event.as_deref().map_or("null", Event::id_json), counts),
                ),
            })
            .collect();
        send(&Reply::PublishedBatch(&results), request_id, out);
    }
}

impl Fate {
    /// The outcome as the wire tells it; `counts` is what [`Fate::counts`] gave.
    pub fn outcome<'a>(&'a self, event_id: &'a str, counts: &'a [(&'a str, u64)]) -> Outcome<'a> {
        let queued = Outcome::queued(event_id);
        match self {
            Self::Dispatched { matched, sequence, .. } => Outcome {
                matched: Some(u64::from(*matched)),
                refused: Some(counts),
                sequence: (*sequence > 0).then_some(*sequence),
                ..queued
            },
            Self::Stored(sequence) => Outcome { sequence: Some(*sequence), ..queued },
            Self::NotStored(status, why) => {
                Outcome { status: *status, reason: Some(STORE_UNAVAILABLE), detail: Some(why), ..queued }
            }
            Self::Unmatched(reason, sequence) => {
                Outcome { reason: Some(reason.as_str()), sequence: Some(*sequence), ..queued }
            }
            Self::NotTaken(status, reason) => Outcome { status: *status, reason: Some(reason), ..queued },
            Self::Lost(reason) => {
                Outcome { status: Status::Dropped, reason: Some(reason.as_str()), ..queued }
            }
            Self::Open | Self::Queued | Self::Invalid(_) => queued,
        }
    }

    fn counts(&self) -> Vec<(&'static str, u64)> {
        let Self::Dispatched { refused, .. } = self else { return Vec::new() };
        let counts = [
            ("outbox_full", refused.outbox_full.into()),
            ("oversized", refused.oversized.into()),
            ("slow_consumer", refused.slow_consumer.into()),
        ];
        counts.into_iter().filter(|&(_, count)| count > 0).collect()
    }
}

/// The answers that wait for receipts. An event's mark is the mark of its first companion plus its place.
#[derive(Default)]
pub(super) struct Receipts {
    /// By the marks of their first events, in order.
    pending: VecDeque<(u64, Pending)>,
    next_token: u64,
}

/// Answers for which a client that has none open keeps room.
const KEPT: usize = 16;

impl Receipts {
    /// The mark of the first event that is published next.
    pub fn next_token(&self) -> u64 {
        self.next_token
    }

    /// How many answers wait.
    pub fn len(&self) -> usize {
        self.pending.len()
    }

    /// Answers at once if nothing is open, or keeps the answer until the receipts are there.
    pub fn settle(&mut self, pending: Pending, out: &mut Vec<u8>) {
        if pending.open == 0 {
            return pending.send(out);
        }
        let first = self.next_token;
        self.next_token += pending.results.len() as u64;
        self.pending.push_back((first, pending));
    }

    /// A receipt came. Answers if it was the last one.
    pub fn arrived(&mut self, token: u64, fate: Fate, out: &mut Vec<u8>) {
        let later = self.pending.partition_point(|(first, _)| *first <= token);
        let Some(place) = later.checked_sub(1) else { return };
        let Some((first, pending)) = self.pending.get_mut(place) else { return };
        let Some(result) = pending.results.get_mut((token - *first) as usize) else { return };
        result.1 = fate;
        pending.open -= 1;
        if pending.open == 0 {
            pending.send(out);
            self.pending.remove(place);
            if self.pending.is_empty() && self.pending.capacity() > KEPT {
                self.pending = VecDeque::new();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::testing::numbered;

    /// The reply in this frame, which is short.
    fn reply(out: &[u8]) -> Value {
        let header = if out[1] == 126 { 4 } else { 2 };
        serde_json::from_slice(&out[header..]).unwrap()
    }

    fn pending(shape: Shape, fates: Vec<Fate>) -> Pending {
        let mut pending = Pending::new(shape, Some("\"r1\""));
        for (number, fate) in fates.into_iter().enumerate() {
            let event = (!matches!(fate, Fate::Invalid(_))).then(|| numbered(number, 5));
            pending.push(event, fate);
        }
        pending
    }

    fn dispatched(matched: u32) -> Fate {
        let refused = Refusals { oversized: 2, ..Refusals::default() };
        Fate::Dispatched { matched, refused, sequence: 0 }
    }

    #[test]
    fn an_answer_with_nothing_open_is_sent_at_once() {
        let (mut receipts, mut out) = (Receipts::default(), Vec::new());
        receipts
            .settle(pending(Shape::Single, vec![Fate::NotTaken(Status::Dropped, "queue_full")]), &mut out);
        let expected = json!({"type": "published", "event_id": "0", "status": "dropped", "reason": "queue_full",
            "request_id": "r1"});
        assert_eq!(reply(&out), expected);
        assert_eq!(receipts.next_token(), 0);
    }

    #[test]
    fn a_receipt_is_the_answer_to_the_publish_it_belongs_to() {
        let (mut receipts, mut out) = (Receipts::default(), Vec::new());
        for expected in 0..3 {
            assert_eq!(receipts.next_token(), expected);
            receipts.settle(pending(Shape::Single, vec![Fate::Open]), &mut out);
        }
        assert!(out.is_empty());
        receipts.arrived(1, dispatched(7), &mut out);
        let expected = json!({"type": "published", "event_id": "0", "status": "queued", "matched": 7,
            "refused": {"oversized": 2}, "request_id": "r1"});
        assert_eq!(reply(&out), expected);
        assert_eq!(receipts.pending.iter().map(|(first, _)| *first).collect::<Vec<_>>(), [0, 2]);
    }

    #[test]
    fn a_batch_is_answered_when_its_last_receipt_is_there_whatever_their_order() {
        let (mut receipts, mut out) = (Receipts::default(), Vec::new());
        let invalid = Fate::Invalid(WireError::new(crate::protocol::ErrorCode::InvalidEvent, "no topic"));
        let refused = Fate::NotTaken(Status::Rejected, "draining");
        receipts.settle(pending(Shape::Single, vec![Fate::Open]), &mut out);
        receipts.settle(pending(Shape::Batch, vec![Fate::Open, invalid, refused, Fate::Open]), &mut out);
        receipts.arrived(4, Fate::Lost(Reason::Expired), &mut out);
        assert!(out.is_empty());
        receipts.arrived(1, dispatched(1), &mut out);
        let answer = reply(&out);
        assert_eq!((&answer["type"], &answer["request_id"]), (&json!("published_batch"), &json!("r1")));
        let results = answer["results"].as_array().unwrap();
        assert_eq!(results.len(), 4);
        assert_eq!(results[0]["matched"], 1);
        assert_eq!((&results[2]["status"], &results[2]["reason"]), (&json!("rejected"), &json!("draining")));
        assert_eq!((&results[3]["event_id"], &results[3]["reason"]), (&json!("3"), &json!("expired")));
        assert_eq!(receipts.pending.len(), 1);
    }

    #[test]
    fn marks_that_belong_to_nothing_any_more_are_ignored() {
        let (mut receipts, mut out) = (Receipts::default(), Vec::new());
        receipts.arrived(0, dispatched(1), &mut out);
        receipts.settle(pending(Shape::Single, vec![Fate::Open]), &mut out);
        receipts.settle(pending(Shape::Single, vec![Fate::Open]), &mut out);
        receipts.arrived(1, dispatched(1), &mut out);
        out.clear();
        receipts.arrived(1, dispatched(1), &mut out);
        receipts.arrived(u64::MAX, dispatched(1), &mut out);
        assert!(out.is_empty());
        assert_eq!(receipts.pending.len(), 1);
    }
}
