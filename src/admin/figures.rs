//! Answers with figures: how the router is, and what a screen shows that looks again and again.

use std::cmp::Reverse;
use std::path::Path;
use std::process;

use super::guests::Office;
use super::messages::{Acks, Health, Latency, Quantiles, Rates, Reason, Status, Top, Topic, Totals, VERSION};
use super::{rows, stores};
use crate::protocol::{self, Priority};
use crate::router::{self, Acknowledged, Histogram, Outcomes, Router};
use crate::server::wall_clock;

/// Clients that are told to be slow.
const SLOWEST: usize = 20;

impl Office {
    /// How the router is.
    pub(super) fn status(&self) -> Status {
        let (now, wall) = (self.hub.now(), wall_clock());
        let doing = self.life.borrow().doing.as_str().to_owned();
        let seen = self.hub.with(|router| Seen::now(router, now, wall));
        let file = self.config_file.as_deref();
        let reasons = router::Reason::ALL.iter().zip(&seen.dead);
        Status {
            pid: process::id(),
            version: VERSION.to_owned(),
            url: self.url.clone(),
            listeners: self.listeners.clone(),
            phase: doing,
            health: told(self.hub.with_store(seen.health)),
            queue_depth: seen.queue_depth,
            queue_capacity: seen.queue_capacity,
            waiting_deliveries: seen.waiting_deliveries,
            totals: seen.totals,
            acks: acks(seen.acknowledged),
            store: self.hub.store().map(|store| stores::health(&store.health())),
            rates: seen.rates,
            latency: latency(&seen.latency),
            dead_letters: reasons
                .map(|(reason, &count)| Reason { reason: reason.as_str().to_owned(), count })
                .collect(),
            dead_letters_kept: seen.dead_kept,
            recent_errors: (self.recent_errors)(),
            config_file: file.and_then(Path::to_str).map(str::to_owned),
            config_file_shown: file
                .filter(|file| file.to_str().is_none())
                .map(|file| file.display().to_string()),
            log: Some(self.log.clone()),
        }
    }

    pub(super) fn top(&self) -> Top {
        let (now, wall) = (self.hub.now(), wall_clock());
        let doing = self.life.borrow().doing.as_str().to_owned();
        let (seen, busiest) =
            self.hub.with(|router| (Seen::now(router, now, wall), router.busiest_topics(now)));
        let topic = |(topic, events): (Box<str>, u64)| Topic { topic: topic.into(), events };
        Top {
            uptime: seen.health.uptime,
            phase: doing,
            health: seen.health.status.as_str().to_owned(),
            errors: seen.health.errors,
            clients: seen.health.connected_clients,
            subscriptions: seen.health.active_subscriptions,
            totals: seen.totals,
            rates: seen.rates,
            dead_letters: seen.dead.iter().sum(),
            queue_depth: seen.queue_depth,
            queue_capacity: seen.queue_capacity,
            waiting_deliveries: seen.waiting_deliveries,
            latency: latency(&seen.latency),
            topics: busiest.topics.into_iter().map(topic).collect(),
            other_topics: busiest.others,
            topics_seconds: busiest.seconds,
            slowest: self.slowest(),
        }
    }

    /// The clients for which the most waits. The engine is left to others after each piece.
    fn slowest(&self) -> Vec<super::messages::Client> {
        let (mut slowest, mut next) = (Vec::new(), Some(0));
        while let Some(from) = next {
            let page = self.hub.with(|router| router.waiting_page(from));
            slowest.extend(page.rows);
            slowest.sort_unstable_by_key(|&(waiting, _)| Reverse(waiting));
            slowest.truncate(SLOWEST);
            next = page.next;
        }
        let now = self.hub.moment();
        let keys = slowest.into_iter().map(|(_, key)| key);
        let rows: Vec<_> =
            self.hub.with(|router| keys.filter_map(|key| router.client_row(key, now)).collect());
        rows.into_iter().map(|row| rows::client(row, now.millis)).collect()
    }
}

/// What is copied from the engine in one go.
struct Seen {
    health: protocol::Health,
    queue_depth: [usize; Priority::LEVELS],
    queue_capacity: usize,
    waiting_deliveries: u64,
    totals: Totals,
    acknowledged: Acknowledged,
    rates: Rates,
    latency: router::Latency,
    /// By reason.
    dead: [u64; router::Reason::ALL.len()],
    dead_kept: usize,
}

impl Seen {
    fn now(router: &Router, now: router::Millis, wall: protocol::Time) -> Self {
        let (stats, rates, dead) = (router.stats(), router.rates(now), router.dead_letters());
        Self {
            health: router.health(now, wall),
            queue_depth: router.queue_depth(),
            queue_capacity: router.queue_capacity(),
            waiting_deliveries: router.waiting_deliveries(),
            totals: Totals {
                accepted: stats.accepted.iter().sum(),
                refused: stats.refused,
                matched: stats.matched,
                delivered: stats.delivered,
            },
            acknowledged: router.acknowledged(),
            rates: Rates { accepted: rows::tenths(rates.accepted), delivered: rows::tenths(rates.delivered) },
            latency: router.latency().clone(),
            dead: router::Reason::ALL.map(|reason| dead.count(reason).iter().sum()),
            dead_kept: dead.iter().len(),
        }
    }
}

fn acks(of: Acknowledged) -> Acks {
    let Outcomes { acked, nacked, timed_out, disconnected } = of.outcomes;
    Acks { waiting: of.waiting, in_flight: of.in_flight, acked, nacked, timed_out, disconnected }
}

fn told(health: protocol::Health) -> Health {
    Health {
        status: health.status.as_str().to_owned(),
        uptime: health.uptime,
        events_processed: health.events_processed,
        events_failed: health.events_failed,
        events_in_queue: health.events_in_queue,
        active_subscriptions: health.active_subscriptions,
        connected_clients: health.connected_clients,
        errors: health.errors,
    }
}

/// Of the priorities that there were events of.
fn latency(latency: &router::Latency) -> Vec<Latency> {
    let of_one = Priority::all().zip(&latency.queue_wait).zip(&latency.delivery);
    let of_one = of_one.map(|((priority, queue_wait), delivery)| Latency {
        priority: priority.get(),
        queue_wait: quantiles(queue_wait),
        delivery: quantiles(delivery),
    });
    of_one.filter(|latency| latency.queue_wait.count > 0).collect()
}

fn quantiles(histogram: &Histogram) -> Quantiles {
    Quantiles { count: histogram.count(), p50: histogram.quantile(0.5), p99: histogram.quantile(0.99) }
}
