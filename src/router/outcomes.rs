//! What becomes of deliveries that are acknowledged, counted and told.

use std::ops::AddAssign;

use super::{Failure, Router};

/// How attempts ended, since the start.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Outcomes {
    /// Acknowledged.
    pub acked: u64,
    /// Refused by the client.
    pub nacked: u64,
    /// Not acknowledged in time.
    pub timed_out: u64,
    /// Given back because the client went away.
    pub disconnected: u64,
}

impl Outcomes {
    /// One more attempt was in vain.
    pub(super) fn count(&mut self, failure: &Failure) {
        match failure {
            Failure::TimedOut => self.timed_out += 1,
            Failure::Nacked(_) => self.nacked += 1,
            Failure::Disconnected => self.disconnected += 1,
            // Another run has counted it.
            Failure::Recalled(_) => {}
        }
    }
}

impl AddAssign for Outcomes {
    fn add_assign(&mut self, other: Self) {
        self.acked += other.acked;
        self.nacked += other.nacked;
        self.timed_out += other.timed_out;
        self.disconnected += other.disconnected;
    }
}

/// How it is with the deliveries that are acknowledged.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Acknowledged {
    /// How attempts ended.
    pub outcomes: Outcomes,
    /// Deliveries that wait for a client, or until they are tried again. Of a durable subscription also those that are in the
    /// store alone are waiting; they are not counted.
    pub waiting: u64,
    /// Deliveries that clients have.
    pub in_flight: u64,
}

impl Router {
    /// How it is with the deliveries that are acknowledged.
    pub fn acknowledged(&self) -> Acknowledged {
        let mut all = Acknowledged { outcomes: self.outcomes, ..Acknowledged::default() };
        for (_, consumer) in &self.consumers {
            let ledger = &consumer.ledger;
            all.outcomes += ledger.outcomes;
            all.waiting += (ledger.len() - ledger.flying()) as u64;
            all.in_flight += ledger.flying() as u64;
        }
        all
    }
}
