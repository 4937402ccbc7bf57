//! The engine's rows in the words of the messages.

use super::messages::{Client, Clients, Letter, Slowest, Subscription, Subscriptions, Tried};
use crate::protocol::{EventType, Pattern, Time};
use crate::router::{Behind, ClientRow, DeadLetter, Millis, Page, SubscriptionRow, Then};
use crate::server::wall_clock;

/// How many seconds ago that was; it may have been in an earlier run.
pub(super) fn ago(then: Then, now: Millis) -> f64 {
    now.cast_signed().saturating_sub(then) as f64 / 1_000.0
}

fn since(then: Millis, now: Millis) -> f64 {
    now.saturating_sub(then) as f64 / 1_000.0
}

/// To one digit behind the point: a rate is not known better.
pub(super) fn tenths(rate: f64) -> f64 {
    (rate * 10.0).round() / 10.0
}

pub(super) fn clients(page: Page<ClientRow>, now: Millis) -> Clients {
    Clients { clients: page.rows.into_iter().map(|row| client(row, now)).collect(), next: page.next }
}

pub(super) fn client(row: ClientRow, now: Millis) -> Client {
    let (id, remote) = match row.name {
        Some(name) => (name.id.to_string(), name.remote.into()),
        None => Default::default(),
    };
    let age = now.saturating_sub(row.since).saturating_mul(1_000);
    let since = Time::from_micros(wall_clock().micros().saturating_sub_unsigned(age));
    Client {
        id,
        remote,
        software: row.software.map(Into::into),
        connected_for: self::since(row.since, now),
        connected_since: Some(since.to_string()),
        subscriptions: row.subscriptions,
        waiting_events: row.outbox_events,
        waiting_bytes: row.outbox_bytes,
        in_flight: row.outbox_events.saturating_sub(row.depth.iter().sum()),
        depth: row.depth,
        awaits_credit: row.awaits_credit,
        held: row.held,
        behind_seconds: (row.behind * 1_000.0).round() / 1_000.0,
        slowest_subscription: row.slowest.map(slowest),
        published: row.published,
        published_rate: tenths(row.published_rate),
        delivered: row.delivered,
        delivered_rate: tenths(row.delivered_rate),
        evicted: row.shed,
    }
}

fn slowest(behind: Behind) -> Slowest {
    Slowest {
        id: behind.id.to_string(),
        topics: behind.topics.iter().map(Pattern::as_str).map(str::to_owned).collect(),
        more_topics: behind.more_topics,
        waiting_events: behind.waiting,
    }
}

pub(super) fn subscriptions(page: Page<SubscriptionRow>) -> Subscriptions {
    let subscription = |row: SubscriptionRow| {
        let wanted = row.wanted;
        let admitted = |kind: &&EventType| !wanted.types.is_empty() && wanted.types.admits(**kind);
        let names = |names: Vec<Box<str>>| {
            let mut names: Vec<String> = names.into_iter().map(Into::into).collect();
            names.sort();
            names
        };
        Subscription {
            id: row.id.to_string(),
            client: row.client.map(|client| client.to_string()),
            topics: wanted.topics.iter().map(Pattern::as_str).map(str::to_owned).collect(),
            types: EventType::ALL.iter().filter(admitted).map(|kind| kind.as_str().to_owned()).collect(),
            min_priority: wanted.min_priority.get(),
            sources: names(wanted.sources),
            targets: wanted.targets.map(names),
            group: wanted.group.map(Into::into),
            durable: wanted.durable.map(Into::into),
            matched: row.matched,
            waiting: row.tasks.map(|(waiting, _)| waiting),
            in_flight: row.tasks.map(|(_, in_flight)| in_flight),
        }
    };
    Subscriptions { subscriptions: page.rows.into_iter().map(subscription).collect(), next: page.next }
}

pub(super) fn letter(letter: &DeadLetter, now: Millis) -> Letter {
    Letter {
        id: letter.event.id().to_owned(),
        topic: letter.event.topic().to_owned(),
        priority: letter.event.priority().get(),
        reason: letter.reason.as_str().to_owned(),
        age: ago(letter.at, now),
        subscription: letter.subscription.map(|id| id.to_string()),
        size: letter.event.size(),
        attempts: letter
            .attempts
            .iter()
            .map(|it| Tried { age: ago(it.at, now), error: it.failure.to_string() })
            .collect(),
    }
}
