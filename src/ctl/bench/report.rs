//! What came out, and what was measured at all.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

use super::super::output::plain;
use super::super::table::{self, Column};
use super::books::Books;
use super::{BenchArgs, Level};
use crate::client::Connection;

/// What was measured.
#[derive(Serialize)]
pub(super) struct Router {
    router: String,
    server: Option<String>,
    /// The router shared the machine with publishers and subscribers.
    shared_machine: bool,
    other_clients: u64,
}

impl Router {
    /// The one at the other end.
    pub fn of(connection: &Connection, other_clients: u64) -> Self {
        Self {
            router: connection.address().to_string(),
            server: connection.server().map(str::to_owned),
            shared_machine: connection.address().is_local(),
            other_clients,
        }
    }
}

/// The result, as it is printed in JSON.
#[derive(Serialize)]
pub(super) struct Report {
    #[serde(flatten)]
    router: Router,
    publishers: u64,
    subscribers: u64,
    payload_bytes: usize,
    priority: String,
    /// As fast as the answers came if there is none.
    rate: Option<f64>,
    /// Events that the router took.
    published: u64,
    /// Those that it did not take, by reason.
    not_taken: BTreeMap<String, u64>,
    /// Until the last answer.
    publish_seconds: f64,
    published_per_second: f64,
    /// What subscribers should have got: all that was published, each.
    expected: u64,
    delivered: u64,
    delivered_per_second: f64,
    /// Shed for subscribers that were too slow: the router said so.
    shed: u64,
    /// What nothing accounts for.
    lost: u64,
    latency_us: Option<Latency>,
    latency_us_by_priority: BTreeMap<u8, Latency>,
    /// What this program itself worked.
    own_cpu_seconds: f64,
    seconds: f64,
}

/// Percentiles.
#[derive(Clone, Copy, Serialize)]
struct Latency {
    p50: f64,
    p90: f64,
    p99: f64,
    #[serde(rename = "p99.9")]
    p999: f64,
    max: f64,
}

impl Latency {
    fn of(latencies: &Histogram<u64>) -> Self {
        let at = |quantile| latencies.value_at_quantile(quantile) as f64 / 1e3;
        Self { p50: at(0.5), p90: at(0.9), p99: at(0.99), p999: at(0.999), max: latencies.max() as f64 / 1e3 }
    }

    fn row(self, name: String) -> Vec<String> {
        let values = [self.p50, self.p90, self.p99, self.p999, self.max];
        [name].into_iter().chain(values.map(shown)).collect()
    }
}

/// How long everything took.
pub(super) struct Times {
    /// From the first event to the last answer.
    pub publishing: Duration,
    /// From the first event to the last that was read.
    pub receiving: Duration,
    /// What this program worked in it.
    pub cpu: Duration,
}

impl Report {
    /// What came out.
    pub fn new(args: &BenchArgs, router: Router, books: &Books, times: &Times) -> Self {
        let rate = |count: u64, time: Duration| count as f64 / time.as_secs_f64().max(1e-6);
        let expected = books.accepted * args.subscribers;
        let by_priority =
            books.latencies().map(|(priority, latencies)| (priority.get(), Latency::of(latencies)));
        Self {
            router,
            publishers: args.publishers,
            subscribers: args.subscribers,
            payload_bytes: args.size,
            priority: match args.priority {
                Level::Mixed => "mixed".to_owned(),
                Level::One(priority) => priority.get().to_string(),
            },
            rate: args.rate,
            published: books.accepted,
            not_taken: books.not_taken.clone(),
            publish_seconds: times.publishing.as_secs_f64(),
            published_per_second: rate(books.accepted, times.publishing),
            expected,
            delivered: books.delivered,
            delivered_per_second: rate(books.delivered, times.receiving),
            shed: books.shed,
            lost: expected.saturating_sub(books.delivered + books.shed),
            latency_us: books.latencies_together().as_ref().map(Latency::of),
            latency_us_by_priority: by_priority.collect(),
            own_cpu_seconds: times.cpu.as_secs_f64(),
            seconds: times.publishing.max(times.receiving).as_secs_f64(),
        }
    }

    /// For people.
    pub fn lines(&self) -> Vec<String> {
        let server = self.router.server.as_deref().map_or("a router of part 1".to_owned(), plain);
        let mut lines = vec![
            format!(
                "{server} at {}: {} publishing, {} subscribing, payloads of {} bytes, priority {}, {}",
                self.router.router,
                self.publishers,
                self.subscribers,
                self.payload_bytes,
                self.priority,
                self.rate.map_or("as fast as possible".to_owned(), |rate| format!("{rate} events/s"))
            ),
            format!(
                "published {} events in {:.2} s: {:.0}/s{}",
                self.published,
                self.publish_seconds,
                self.published_per_second,
                self.refusals()
            ),
        ];
        if self.subscribers > 0 {
            lines.push(format!(
                "delivered {} of {}: {:.0}/s; {} shed for slow subscribers, {} lost",
                self.delivered, self.expected, self.delivered_per_second, self.shed, self.lost
            ));
        }
        lines.extend(self.latencies());
        lines.extend(self.honest());
        lines
    }

    fn refusals(&self) -> String {
        let reasons =
            self.not_taken.iter().map(|(reason, count)| format!("; {count} not taken: {}", plain(reason)));
        reasons.collect()
    }

    fn latencies(&self) -> Vec<String> {
        let Some(all) = self.latency_us else { return Vec::new() };
        let columns = ["p50", "p90", "p99", "p99.9", "max"].map(Column::Numbers);
        let columns: Vec<_> = [Column::Words("LATENCY")].into_iter().chain(columns).collect();
        let mut rows = vec![all.row("all".to_owned())];
        if self.latency_us_by_priority.len() > 1 {
            let by_priority = self.latency_us_by_priority.iter().rev();
            rows.extend(by_priority.map(|(priority, latency)| latency.row(format!("priority {priority}"))));
        }
        table::lines(&columns, &rows)
    }

    /// What the figures are of.
    fn honest(&self) -> Vec<String> {
        let share = 100.0 * self.own_cpu_seconds / self.seconds.max(1e-6);
        let place = match self.router.shared_machine {
            true => "The router and this program shared the machine",
            false => "The router was reached over the network",
        };
        let mut lines = vec![format!(
            "{place}; this program (all publishers and subscribers, one thread) worked {share:.0} % of the time."
        )];
        if share > 80.0 {
            lines.push("It was this program rather than the router that could do no more.".to_owned());
        }
        if self.rate.is_none() && self.latency_us.is_some() {
            lines.push(
                "Latencies at full load are mostly waiting in queues; --rate N shows them at a given load."
                    .to_owned(),
            );
        }
        lines
    }
}

fn shown(micros: f64) -> String {
    if micros < 1e3 {
        format!("{micros:.0} µs")
    } else if micros < 1e6 {
        format!("{:.2} ms", micros / 1e3)
    } else {
        format!("{:.2} s", micros / 1e6)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latencies_have_a_unit_that_fits() {
        assert_eq!([12.4, 1_234.0, 2_500_000.0].map(shown), ["12 µs", "1.23 ms", "2.50 s"]);
    }

    #[test]
    fn percentiles_are_those_of_what_was_recorded() {
        let mut latencies = Histogram::new(3).unwrap();
        (1..=1_000_u64).for_each(|micros| latencies.record(micros * 1_000).unwrap());
        let latency = Latency::of(&latencies);
        for (found, right) in [
            (latency.p50, 500.0),
            (latency.p90, 900.0),
            (latency.p99, 990.0),
            (latency.p999, 999.0),
            (latency.max, 1000.0),
        ] {
            assert!((found - right).abs() <= right * 0.002, "{found} instead of {right}");
        }
    }
}
