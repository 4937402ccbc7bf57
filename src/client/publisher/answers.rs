//! The router's answers, and whom they are for.

use super::super::features::Features;
use super::super::message::{BatchResult, PublishedBatch};
use super::super::outgoing::Outgoing;
use super::super::{Error, Published, Refusal};
use super::{Flight, Publisher};
use crate::protocol::reply::Status;

/// What a router of part 1 says about an event that it does not take.
const NO_EVENT: &str = "Failed to publish event:";

impl Publisher {
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
    fn settle(&mut self, event: Outgoing, mut published: Published) -> Option<Outgoing> {
        published.attempts = event.attempts;
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
            sequence: result.sequence,
            detail: result.detail,
            matched: result.matched,
            refused: result.refused,
            request_id: None,
            attempts: 0,
        }),
    }
}
