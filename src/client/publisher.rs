//! From the queue over the wire to the answer. What was sent and not answered when a connection ends goes back into the
//! queue, and is sent again with the same ids.

mod answers;

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::time::Instant;

use super::features::Features;
use super::outgoing::Outgoing;
use super::queue::Queue;
use super::{Error, request};
use crate::protocol::{PublishOptions, Receipt};

/// A batch costs the router and this client less than as many messages; these keep it from delaying what comes after it.
const BATCH_EVENTS: usize = 64;
const BATCH_BYTES: usize = 64 << 10;

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
}
