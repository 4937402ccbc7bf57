//! From the queue over the wire to the answer. What was sent and not answered when a connection ends goes back into the
//! queue, and is sent again with the same ids.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::time::Instant;

use super::features::Features;
use super::message::{BatchResult, PublishedBatch};
use super::outgoing::Outgoing;
use super::queue::Queue;
use super::{Error, Published, Refusal, request};
use crate::protocol::reply::Status;
use crate::protocol::{PublishOptions, Receipt};

/// A batch costs the router and this client less than as many messages; these keep it from delaying what comes after it.
const BATCH_EVENTS: usize = 64;
const BATCH_BYTES: usize = 64 << 10;

/// What a router of part 1 says about an event that it does not take.
const NO_EVENT: &str = "Failed to publish event:";

/// Owns what is in flight.
pub(super) struct Publisher {
    queue: Arc<Queue>,
    in_flight: VecDeque<Flight>,
    flying: usize,
    most: usize,
    numbers: u64,
    /// The router would refuse what is published now.
    is_held: bool,
    is_batching: bool,
}

/// One message that waits for its answer.
struct Flight {
    number: u64,
    events: Vec<Outgoing>,
}

impl Publisher {
    pub fn new(queue: Arc<Queue>, most: usize) -> Self {
        let most = most.max(1);
        Self {
            queue,
            in_flight: VecDeque::new(),
            flying: 0,
            most,
            numbers: 0,
            is_held: true,
            is_batching: true,
        }
    }

    /// The connection is ready for what waits.
    pub fn begin(&mut self) {
        self.is_held = false;
    }

    /// What is published from here on waits for the next connection.
    pub fn hold(&mut self) {
        self.is_held = true;
    }

    /// Where events wait.
    pub fn queue(&self) -> &Arc<Queue> {
        &self.queue
    }

    /// How many events were sent and not answered.
    pub fn flying(&self) -> usize {
        self.flying
    }

    /// Nothing waits, neither to be sent nor for its answer.
    pub fn is_idle(&self) -> bool {
        self.flying == 0 && self.queue.is_empty()
    }

    /// The next message to be sent, none while there is none.
    pub fn next_text(&mut self, features: &Features) -> Option<String> {
        while !self.is_held && self.flying < self.most {
            let first = self.next_event(features)?;
            let options = first.options;
            let mut events = vec![first];
            if self.is_batching && features.batch && features.request_id {
                self.gather(&mut events);
            }
            self.numbers += 1;
            match self.write(&events, options, features) {
                Ok(text) => {
                    self.flying += events.len();
                    self.in_flight.push_back(Flight { number: self.numbers, events });
                    return Some(text);
                }
                // They were written before, so this does not happen; but it is an answer, not a panic.
                Err(error) => events.into_iter().for_each(|event| {
                    self.queue.settle(event, Error::Invalid(error.to_string()));
                }),
            }
        }
        None
    }

    /// What became of an event that was sent alone.
    pub fn published(&mut self, published: Published, features: &Features) {
        let flight = match features.request_id {
            true => self.take(published.request_id.as_deref()),
            // Two events of one id have equal answers, so each may have either.
            false => self
                .take_if(|flight| flight.events.iter().any(|event| *event.event_id == *published.event_id)),
        };
        let event = flight.and_then(|flight| flight.events.into_iter().next());
        let again = event.and_then(|event| self.settle(event, published));
        self.queue.put_back(again.into_iter());
    }

    /// What became of a batch.
    pub fn published_batch(&mut self, batch: PublishedBatch) {
        let Some(flight) = self.take(batch.request_id.as_deref()) else { return };
        let mut results = batch.results.into_iter();
        let mut again = Vec::new();
        for event in flight.events {
            match results.next().map(|result| of_batch(result, &event)) {
                Some(Ok(published)) => again.extend(self.settle(event, published)),
                Some(Err(error)) => self.queue.settle(event, error),
                // No router leaves one out; it is not known what became of it.
                None => again.push(event),
            }
        }
        self.queue.put_back(again.into_iter());
    }

    /// An error. False: it is about something else.
    pub fn refused(&mut self, refusal: &Refusal, features: &Features) -> bool {
        let flight = match features.request_id {
            true => self.take(refusal.request_id.as_deref()),
            // It does not say which event it means; a router of part 1 answers in order.
            false if refusal.error.starts_with(NO_EVENT) => self.take_if(|_| true),
            false => None,
        };
        let Some(flight) = flight else { return false };
        for event in flight.events {
            let error = Error::Answered { code: refusal.code.clone(), text: refusal.error.clone() };
            self.queue.settle(event, error);
        }
        true
    }

    /// The connection has ended. `too_large`: because of a message's size. The same again would end the next one too, so
    /// there are no batches from then on; and if it was none, the largest event is the one that is not taken.
    pub fn ended(&mut self, too_large: bool) {
        self.hold();
        let flights = std::mem::take(&mut self.in_flight);
        self.flying = 0;
        let was_batch = flights.iter().any(|flight| flight.events.len() > 1);
        let mut events: Vec<_> = flights.into_iter().flat_map(|flight| flight.events).collect();
        if too_large && was_batch {
            self.is_batching = false;
        } else if too_large && let Some(at) = (0..events.len()).max_by_key(|&at| events[at].size()) {
            let largest = events.remove(at);
            let text = format!("{} bytes are too many for it", largest.size());
            self.queue.settle(largest, Error::Answered { code: Some("too_large".to_owned()), text });
        }
        self.queue.put_back(events.into_iter());
    }

    /// There will be no connection any more.
    pub fn close(&mut self) {
        self.ended(false);
        self.queue.close();
    }

    fn next_event(&self, features: &Features) -> Option<Outgoing> {
        while let Some(mut event) = self.queue.pop() {
            if !event.is_wanted() {
                continue;
            }
            if event.is_modest {
                event.options.ttl_ms = event.options.ttl_ms.filter(|_| features.expiry);
                event.options.receipt =
                    if features.receipt { event.options.receipt } else { Receipt::Queued };
            }
            if let Some(deadline) = event.deadline {
                let left = deadline.saturating_duration_since(Instant::now()).as_millis() as u64;
                if left == 0 {
                    let event_id = event.name();
                    self.queue.settle(event, Error::Expired { event_id });
                    continue;
                }
                event.options.ttl_ms = event.options.ttl_ms.map(|_| left);
            }
            match features.missing_for(event.options) {
                Some(feature) => self.queue.settle(event, Error::Unsupported(feature)),
                None => return Some(event),
            }
        }
        None
    }

    /// Adds what can go with the first one.
    fn gather(&self, events: &mut Vec<Outgoing>) {
        let Some(first) = events.first() else { return };
        let (options, mut size) = (first.options, first.size());
        if first.deadline.is_some() {
            return;
        }
        let room = BATCH_EVENTS.min(self.most - self.flying);
        while events.len() < room {
            let fits = |event: &Outgoing| {
                event.deadline.is_none() && event.options == options && size + event.size() <= BATCH_BYTES
            };
            let Some(event) = self.queue.pop_if(fits) else { return };
            if event.is_wanted() {
                size += event.size();
                events.push(event);
            }
        }
    }

    fn write(
        &self,
        events: &[Outgoing],
        options: PublishOptions,
        features: &Features,
    ) -> serde_json::Result<String> {
        let number = self.numbers.to_string();
        match events {
            [event] => request::publish(&event.event, options, features.request_id.then_some(&number)),
            events => {
                let events: Vec<_> = events.iter().map(|event| &*event.event).collect();
                request::publish_batch(&events, options, &number)
            }
        }
    }

    fn take(&mut self, request_id: Option<&str>) -> Option<Flight> {
        let number: u64 = request_id?.parse().ok()?;
        self.take_if(|flight| flight.number == number)
    }

    fn take_if(&mut self, is_it: impl Fn(&Flight) -> bool) -> Option<Flight> {
        let at = self.in_flight.iter().position(is_it)?;
        let flight = self.in_flight.remove(at)?;
        self.flying -= flight.events.len();
        Some(flight)
    }

    /// Tells whoever waits. What has to be sent again comes back.
    fn settle(&mut self, event: Outgoing, published: Published) -> Option<Outgoing> {
        match (published.status, published.reason.as_deref()) {
            // It is taken, and nobody needs to look.
            (Status::Queued, _) => drop(event.settle(Ok(published))),
            (_, Some("draining")) => {
                self.hold();
                return Some(event);
            }
            (status, reason) => {
                let reason = reason.unwrap_or("it does not say why").to_owned();
                let event_id = event.name();
                self.queue.settle(event, Error::NotAccepted { event_id, status, reason });
            }
        }
        None
    }
}

fn of_batch(result: BatchResult, event: &Outgoing) -> Result<Published, Error> {
    match result.error {
        Some(text) => Err(Error::Answered { code: result.code, text }),
        None => Ok(Published {
            event_id: event.name(),
            status: result.status,
            reason: result.reason,
            matched: result.matched,
            refused: result.refused,
            request_id: None,
        }),
    }
}
