//! What was counted and measured.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;
use tokio::time::Instant;

use crate::protocol::Priority;

/// Latencies are told with this many digits, and up to this much.
const DIGITS: u8 = 3;
const LONGEST: Duration = Duration::from_secs(600);

/// The books that all publishers and subscribers keep together.
#[derive(Default)]
pub(super) struct Books {
    /// Events that the router took.
    pub accepted: u64,
    /// Those that it did not take, by reason.
    pub not_taken: BTreeMap<String, u64>,
    /// Events that came to a subscriber.
    pub delivered: u64,
    /// Those of which the router said that it shed them for a slow subscriber.
    pub shed: u64,
    /// When the last one came.
    pub last: Option<Instant>,
    /// From when an event was due until it was read, in nanoseconds, by priority.
    latencies: [Option<Histogram<u64>>; Priority::LEVELS],
}

impl Books {
    /// An event has come.
    pub fn deliver(&mut self, priority: Priority, latency: Duration) {
        self.delivered += 1;
        self.last = Some(Instant::now());
        let latencies = &mut self.latencies[priority.index()];
        if latencies.is_none() {
            // These bounds are ones that it can have.
            *latencies = Histogram::new_with_bounds(1, LONGEST.as_nanos() as u64, DIGITS).ok();
        }
        if let Some(latencies) = latencies {
            latencies.saturating_record(latency.as_nanos() as u64);
        }
    }

    /// The latencies of each priority that there was, highest first.
    pub fn latencies(&self) -> impl Iterator<Item = (Priority, &Histogram<u64>)> {
        let level = |priority: Priority| Some((priority, self.latencies[priority.index()].as_ref()?));
        Priority::all().rev().filter_map(level)
    }

    /// The latencies of all of them; none if there was no event.
    pub fn latencies_together(&self) -> Option<Histogram<u64>> {
        self.latencies().map(|(_, latencies)| latencies.clone()).reduce(|mut all, latencies| {
            all += latencies;
            all
        })
    }
}
