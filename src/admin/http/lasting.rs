//! The metrics of what is acknowledged and stored.

use std::fmt;

use prometheus_client::registry::Unit;

use super::exposition::Families;
use crate::router::Acknowledged;
use crate::store::{Health, State};

pub(super) fn acks(of: &Acknowledged, families: &mut Families<'_>) -> fmt::Result {
    let outcomes = of.outcomes;
    families.counters(
        ("gadugi_router_acks", "How attempts at deliveries that are to be acknowledged ended.", None),
        [
            ("ack", outcomes.acked),
            ("nack", outcomes.nacked),
            ("timeout", outcomes.timed_out),
            ("disconnected", outcomes.disconnected),
        ]
        .map(|(outcome, count)| ([("outcome", outcome)], count)),
    )?;
    families.levels(
        ("gadugi_router_unacked_deliveries", "Deliveries that are to be acknowledged and are not yet.", None),
        [("waiting", of.waiting), ("in_flight", of.in_flight)]
            .map(|(state, count)| (("state", state), count)),
    )
}

/// Of the event store, where there is one.
pub(super) fn store(of: &Health, families: &mut Families<'_>) -> fmt::Result {
    families.level(
        ("gadugi_router_store_up", "1 if the event store takes what is to be stored.", None),
        u64::from(of.state == State::Working),
    )?;
    for (about, value) in [
        (
            ("gadugi_router_store_waiting_changes", "Changes that wait to be written.", None),
            of.waiting as u64,
        ),
        (
            ("gadugi_router_store_waiting", "Bytes of the changes that wait.", Some(Unit::Bytes)),
            of.waiting_bytes as u64,
        ),
    ] {
        families.level(about, value)?;
    }
    for (about, value) in [
        (("gadugi_router_store_commits", "Transactions that were committed.", None), of.commits),
        (("gadugi_router_store_changes", "Changes that were written.", None), of.written),
        (("gadugi_router_store_changes_refused", "Changes that could not be written.", None), of.failed),
        (
            ("gadugi_router_store_deleted", "Events and dead letters that were beyond a limit.", None),
            of.trimmed,
        ),
        (
            (
                "gadugi_router_store_lost",
                "Events that were beyond a limit before a durable subscription got them.",
                None,
            ),
            of.lost,
        ),
    ] {
        families.counter(about, value)?;
    }
    Ok(())
}
