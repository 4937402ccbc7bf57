//! All metrics there are. docs/metrics.md explains each, and a test compares.
//!
//! Labels are bounded: priority, reason, phase, version. Never a client or a topic, of which there may be any number.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::registry::Unit;

use super::super::messages::VERSION;
use super::super::orders::Phase;
use super::exposition::{Families, by_priority};
use super::lasting;
use super::process::Usage;
use super::snapshot::Snapshot;
use crate::router::Reason;
use crate::store::Health;

/// What they are at one moment.
#[derive(Debug)]
pub(super) struct Metrics {
    pub engine: Snapshot,
    /// Of the event store, if there is one.
    pub store: Option<Health>,
    pub phase: Phase,
    pub usage: Usage,
}

impl Collector for Metrics {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut families = Families(encoder);
        self.life(&mut families)?;
        self.events(&mut families)?;
        self.deliveries(&mut families)?;
        lasting::acks(&self.engine.acknowledged, &mut families)?;
        if let Some(store) = &self.store {
            lasting::store(store, &mut families)?;
        }
        self.peers(&mut families)?;
        self.process(&mut families)
    }
}

impl Metrics {
    fn life(&self, families: &mut Families<'_>) -> fmt::Result {
        families.info(("gadugi_router_build", "The version that runs.", None), ("version", VERSION))?;
        families.levels(
            ("gadugi_router_phase", "1 for what the router does, 0 for the rest.", None),
            Phase::ALL.map(|phase| (("phase", phase.label()), u64::from(phase == self.phase))),
        )
    }

    fn events(&self, families: &mut Families<'_>) -> fmt::Result {
        let Snapshot { stats, .. } = &self.engine;
        families.counters(
            ("gadugi_router_events_accepted", "Events that were accepted.", None),
            by_priority(stats.accepted).map(|(label, count)| ([label], count)),
        )?;
        families.counter(
            (
                "gadugi_router_events_refused",
                "Publishes that were refused: the queue was full, the router draining, or the store could not keep the event.",
                None,
            ),
            stats.refused,
        )?;
        families.counter(
            ("gadugi_router_events_processed", "Events that were matched against the subscriptions.", None),
            stats.processed,
        )?;
        families.counter(
            ("gadugi_router_events_failed", "Accepted events that others pushed out of the queue.", None),
            stats.failed,
        )?;
        families.counter(
            (
                "gadugi_router_events_lost_queued",
                "Accepted events that never were matched: pushed out, expired, left over at the end.",
                None,
            ),
            stats.lost_queued,
        )?;
        families.levels(
            ("gadugi_router_queue_events", "Events that wait to be matched.", None),
            by_priority(self.engine.queue.map(|depth| depth as u64)),
        )?;
        families.gauge(
            (
                "gadugi_router_queue_fullness",
                "How full the queue is, 0 to 1; of several queues the fullest.",
                Some(Unit::Other("ratio".to_owned())),
            ),
            self.engine.fullness,
        )?;
        families.histograms(
            (
                "gadugi_router_queue_wait",
                "From accepting an event to matching it against the subscriptions.",
                Some(Unit::Seconds),
            ),
            &self.engine.latency.queue_wait,
        )
    }

    fn deliveries(&self, families: &mut Families<'_>) -> fmt::Result {
        let Snapshot { stats, .. } = &self.engine;
        families.counter(
            ("gadugi_router_deliveries_matched", "Events times the subscriptions that they matched.", None),
            stats.matched,
        )?;
        families.counter(
            ("gadugi_router_deliveries", "Deliveries that were handed to the operating system.", None),
            stats.delivered,
        )?;
        families.level(
            (
                "gadugi_router_deliveries_waiting",
                "Deliveries that wait for subscribers or are being written.",
                None,
            ),
            self.engine.waiting,
        )?;
        families.histograms(
            (
                "gadugi_router_delivery_latency",
                "From accepting an event to handing it to a subscriber's socket, for each delivery.",
                Some(Unit::Seconds),
            ),
            &self.engine.latency.delivery,
        )?;
        let letters = Reason::ALL.into_iter().zip(&self.engine.dead_letters).flat_map(|(reason, counts)| {
            by_priority(*counts)
                .map(move |(priority, count)| ([("reason", reason.as_str()), priority], count))
        });
        families.counters(
            ("gadugi_router_dead_letters", "Events and deliveries that did not arrive.", None),
            letters,
        )?;
        families.level(
            ("gadugi_router_dead_letters_kept", "Dead letters that can still be looked at.", None),
            self.engine.kept as u64,
        )
    }

    fn peers(&self, families: &mut Families<'_>) -> fmt::Result {
        families.level(
            ("gadugi_router_clients", "Clients that are connected.", None),
            self.engine.clients as u64,
        )?;
        families.level(
            ("gadugi_router_max_clients", "Clients that may be connected: max_clients.", None),
            self.engine.max_clients as u64,
        )?;
        families.level(
            ("gadugi_router_subscriptions", "Subscriptions of all clients.", None),
            self.engine.subscriptions as u64,
        )
    }

    /// By the names that all programs use which Prometheus looks at.
    fn process(&self, families: &mut Families<'_>) -> fmt::Result {
        let usage = &self.usage;
        let about =
            ("process_start_time", "Start of the process, in seconds since 1970.", Some(Unit::Seconds));
        families.gauge(about, usage.started)?;
        if let Some(seconds) = usage.processor {
            families.seconds(("process_cpu", "Processor time.", Some(Unit::Seconds)), seconds)?;
        }
        for (about, value) in [
            (("process_resident_memory", "Memory in use.", Some(Unit::Bytes)), usage.resident),
            (("process_virtual_memory", "Addresses in use.", Some(Unit::Bytes)), usage.addressed),
            (("process_open_fds", "Open file descriptors.", None), usage.descriptors),
            (("process_max_fds", "File descriptors that may be open.", None), usage.most_descriptors),
        ] {
            if let Some(value) = value {
                families.level(about, value)?;
            }
        }
        Ok(())
    }
}
