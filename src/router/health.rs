//! What the engine tells about itself: counters, and whether it is well.

use std::sync::Arc;

use uuid::Uuid;

use super::ingress::Fill;
use super::{ClientKey, ClientName, Millis, Router};
use crate::protocol::{Event, Health, HealthStatus, Priority, Time};

/// Above this part of the queue's capacity the router is `degraded` (protocol.md, Health).
const DEGRADED_ABOVE: f64 = 0.8;
/// When more than this part of all processed events failed, it is `unhealthy`.
const UNHEALTHY_ABOVE: f64 = 0.1;

/// Counters since the start.
///
/// accepted = processed + lost in the queue + still queued; matched = delivered + dead letters of subscribers +
/// waiting in outboxes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Events that were accepted, by priority, lowest first.
    pub accepted: [u64; Priority::LEVELS],
    /// Publishes that were refused: the queue was full, the router was draining, or the store could not keep the event.
    pub refused: u64,
    /// Those of them for which the queue was full.
    pub queue_full: u64,
    /// Events that were matched against the subscriptions.
    pub processed: u64,
    /// Accepted events that were pushed out of the queue by others.
    pub failed: u64,
    /// Accepted events that never were matched: pushed out, expired, left over at the end.
    pub lost_queued: u64,
    /// Deliveries: events times the subscriptions that they matched.
    pub matched: u64,
    /// Deliveries that were handed to the operating system.
    pub delivered: u64,
    /// When the last event was accepted.
    pub last_event: Option<Millis>,
}

/// How much happens in a second, lately.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rates {
    /// Events that were accepted.
    pub accepted: f64,
    /// Deliveries that were handed to the operating system.
    pub delivered: f64,
}

/// One client, for statistics and tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientView {
    /// Events that wait for it or are being written.
    pub outbox_events: usize,
    /// Their bytes.
    pub outbox_bytes: usize,
    /// Its subscriptions.
    pub subscriptions: usize,
    /// Deliveries that it had to miss because it is slow.
    pub shed: u64,
}

/// A client that had to miss something because it is slow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slow {
    /// Who.
    pub name: Option<ClientName>,
    /// Deliveries that were shed since the last report.
    pub shed: u64,
}

impl Router {
    /// Who had to miss something since this was last asked, the slowest first.
    pub fn slow_consumers(&mut self) -> Vec<Slow> {
        let mut slow = Vec::new();
        for (_, client) in &mut self.clients {
            let shed = client.shed - std::mem::replace(&mut client.shed_reported, client.shed);
            if shed > 0 {
                slow.push(Slow { name: client.name.as_deref().cloned(), shed });
            }
        }
        slow.sort_by_key(|slow| std::cmp::Reverse(slow.shed));
        slow
    }

    /// The counters.
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// Events that were accepted and deliveries that were handed over, each by the second, over about the last ten.
    pub fn rates(&self, now: Millis) -> Rates {
        Rates {
            accepted: self.accepted_lately.per_second(0, now),
            delivered: self.delivered_lately.per_second(0, now),
        }
    }

    pub(super) fn count_delivered(&mut self, deliveries: u64, now: Millis) {
        self.stats.delivered += deliveries;
        self.delivered_lately.add(deliveries, now);
    }

    /// Events that the ingress queue has room for.
    pub fn queue_capacity(&self) -> usize {
        self.ingress.capacity()
    }

    /// Events in the ingress queue, by priority, lowest first.
    pub fn queue_depth(&self) -> [usize; Priority::LEVELS] {
        self.ingress.depth()
    }

    /// How full the ingress queue is, 0 to 1; of several queues the fullest.
    pub fn queue_fullness(&self) -> f64 {
        self.ingress.fill().map(|fill| fill.part()).fold(0.0, f64::max)
    }

    /// Clients that are connected.
    pub fn connected_clients(&self) -> usize {
        self.clients.len()
    }

    /// What a client has waiting.
    pub fn view(&self, key: ClientKey) -> Option<ClientView> {
        let client =
            self.clients.get(key.index as usize).filter(|client| client.generation == key.generation)?;
        Some(ClientView {
            outbox_events: client.outbox.len(),
            outbox_bytes: client.outbox.bytes(),
            subscriptions: client.subscriptions.len(),
            shed: client.shed,
        })
    }

    /// What a client is called.
    pub fn client_name(&self, key: ClientKey) -> Option<&ClientName> {
        let client = self.clients.get(key.index as usize)?;
        client.name.as_deref().filter(|_| client.generation == key.generation)
    }

    /// Subscriptions that there are.
    pub fn subscriptions(&self) -> usize {
        self.subscriptions.len()
    }

    /// Deliveries that wait for subscribers or are being written.
    pub fn waiting_deliveries(&self) -> u64 {
        self.clients.iter().map(|(_, client)| client.outbox.len() as u64).sum()
    }

    /// What waits for a client, in the order in which it would take it, each with the subscription it is for.
    pub fn waiting(&self, key: ClientKey) -> impl Iterator<Item = (&Arc<Event>, Uuid)> {
        let client =
            self.clients.get(key.index as usize).filter(|client| client.generation == key.generation);
        let outbox = client.into_iter().flat_map(|client| client.outbox.iter());
        outbox.filter_map(|waiting| {
            let subscription = self.subscriptions.get(waiting.subscription.0 as usize)?;
            Some((&waiting.event, subscription.id))
        })
    }

    /// The answer to `get_health`. `now` and `wall` are the same moment on the engine's clock and the wall's.
    pub fn health(&self, now: Millis, wall: Time) -> Health {
        let mut errors = Vec::new();
        let mut status = HealthStatus::Healthy;
        for fill in self.ingress.fill().filter(|fill| fill.part() > DEGRADED_ABOVE) {
            status = HealthStatus::Degraded;
            errors.push(in_words(&fill));
        }
        let Stats { failed, processed, .. } = self.stats;
        if failed as f64 > UNHEALTHY_ABOVE * processed as f64 {
            status = HealthStatus::Unhealthy;
            errors.push(format!(
                "{failed} events failed, evicted from the full ingress queue: more than {:.0} % of the {processed} processed",
                UNHEALTHY_ABOVE * 100.0
            ));
        }
        Health {
            status,
            uptime: now as f64 / 1_000.0,
            events_processed: processed,
            events_failed: failed,
            events_in_queue: self.ingress.len() as u64,
            active_subscriptions: self.subscriptions.len() as u64,
            connected_clients: self.clients.len() as u64,
            last_event_at: self.stats.last_event.map(|at| {
                Time::from_micros(
                    wall.micros().saturating_sub_unsigned(now.saturating_sub(at).saturating_mul(1_000)),
                )
            }),
            errors,
        }
    }
}

/// Why this part of the queue is a reason to worry.
fn in_words(fill: &Fill) -> String {
    let Fill { priorities, len, capacity } = fill;
    let of = match (priorities.start(), priorities.end()) {
        (1, 10) => String::new(),
        (only, same) if only == same => format!(" for priority {only}"),
        (from, to) => format!(" for priorities {from} to {to}"),
    };
    format!("the ingress queue{of} is {:.0} % full: {len} of {capacity} events", fill.part() * 100.0)
}
