//! The two formats of metrics, which of them is wanted, and how a family of metrics is written in either.

use std::fmt;

use hyper::HeaderMap;
use hyper::header::ACCEPT;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{
    DescriptorEncoder, EncodeMetric, MetricEncoder, NoLabelSet, prometheus_text, text,
};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::{Registry, Unit};

use crate::protocol::Priority;
use crate::router::Histogram;

/// The names of priorities.
const PRIORITIES: [&str; Priority::LEVELS] = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "10"];
const OPEN_METRICS: &str = "application/openmetrics-text";
const PLAIN: &str = "text/plain";

/// How metrics are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Format {
    /// OpenMetrics 1.0.
    OpenMetrics,
    /// Prometheus' own older one, which every program knows and people can read.
    Prometheus,
}

impl Format {
    /// What is asked for: OpenMetrics if it is named and nothing is preferred to it.
    pub fn wanted(headers: &HeaderMap) -> Self {
        let accepted = headers.get_all(ACCEPT).into_iter().filter_map(|value| value.to_str().ok());
        let (mut open, mut plain) = (0.0, 0.0);
        for (kind, weight) in accepted.flat_map(|value| value.split(',')).map(weighed) {
            match kind {
                _ if kind.eq_ignore_ascii_case(OPEN_METRICS) => open = weight.max(open),
                _ if kind.eq_ignore_ascii_case(PLAIN) => plain = weight.max(plain),
                _ => {}
            }
        }
        if open > 0.0 && open >= plain { Self::OpenMetrics } else { Self::Prometheus }
    }

    /// Its name.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Prometheus => prometheus_text::CONTENT_TYPE,
        }
    }

    /// Writes all that the collector has.
    pub fn write(self, collector: impl Collector) -> Result<String, fmt::Error> {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(collector));
        let mut body = String::new();
        match self {
            Self::OpenMetrics => text::encode(&mut body, &registry)?,
            Self::Prometheus => prometheus_text::encode(&mut body, &registry)?,
        }
        Ok(body)
    }
}

/// A media type and how much it is wanted, 0 to 1 (RFC 9110, 12.4.2).
fn weighed(item: &str) -> (&str, f64) {
    let mut parts = item.split(';').map(str::trim);
    let kind = parts.next().unwrap_or_default();
    let weight = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
    (kind, weight.map_or(1.0, |weight| weight.parse().unwrap_or(0.0)))
}

/// Writes families of metrics, each with its help and its unit.
pub(super) struct Families<'a>(pub DescriptorEncoder<'a>);

/// A family's name, without its unit and what its type adds, its help, and its unit.
pub(super) type About = (&'static str, &'static str, Option<Unit>);

impl Families<'_> {
    /// A fact about the program.
    pub fn info(&mut self, about: About, label: (&'static str, &'static str)) -> fmt::Result {
        self.family(&about, MetricType::Info, |mut encoder| encoder.encode_info(&[label]))
    }

    /// Something that only grows.
    pub fn counter(&mut self, about: About, value: u64) -> fmt::Result {
        self.family(&about, MetricType::Counter, |encoder| ConstCounter::new(value).encode(encoder))
    }

    /// Seconds that only grow.
    pub fn seconds(&mut self, about: About, value: f64) -> fmt::Result {
        self.family(&about, MetricType::Counter, |encoder| ConstCounter::new(value).encode(encoder))
    }

    /// Something that only grows, for several sets of labels.
    pub fn counters<const N: usize>(
        &mut self,
        about: About,
        values: impl IntoIterator<Item = ([(&'static str, &'static str); N], u64)>,
    ) -> fmt::Result {
        self.family(&about, MetricType::Counter, |mut encoder| {
            values.into_iter().try_for_each(|(labels, value)| {
                ConstCounter::new(value).encode(encoder.encode_family(&labels)?)
            })
        })
    }

    /// Something that goes up and down.
    pub fn gauge(&mut self, about: About, value: f64) -> fmt::Result {
        self.family(&about, MetricType::Gauge, |encoder| ConstGauge::new(value).encode(encoder))
    }

    /// A whole number that goes up and down.
    pub fn level(&mut self, about: About, value: u64) -> fmt::Result {
        self.family(&about, MetricType::Gauge, |encoder| ConstGauge::new(value).encode(encoder))
    }

    /// Whole numbers that go up and down, one for each value of a label.
    pub fn levels(
        &mut self,
        about: About,
        values: impl IntoIterator<Item = ((&'static str, &'static str), u64)>,
    ) -> fmt::Result {
        self.family(&about, MetricType::Gauge, |mut encoder| {
            values.into_iter().try_for_each(|(label, value)| {
                ConstGauge::new(value).encode(encoder.encode_family(&[label])?)
            })
        })
    }

    /// How often something took how long, by priority.
    pub fn histograms(&mut self, about: About, values: &[Histogram; Priority::LEVELS]) -> fmt::Result {
        self.family(&about, MetricType::Histogram, |mut encoder| {
            for (label, histogram) in by_priority(values) {
                let bounds = Histogram::bounds().into_iter().chain([f64::INFINITY]);
                let buckets: Vec<_> = bounds.zip(*histogram.counts()).collect();
                let labels = [label];
                let mut encoder = encoder.encode_family(&labels)?;
                encoder.encode_histogram::<NoLabelSet>(histogram.sum(), histogram.count(), &buckets, None)?;
            }
            Ok(())
        })
    }

    fn family(
        &mut self,
        (name, help, unit): &About,
        kind: MetricType,
        write: impl FnOnce(MetricEncoder<'_>) -> fmt::Result,
    ) -> fmt::Result {
        write(self.0.encode_descriptor(name, help, unit.as_ref(), kind)?)
    }
}

/// Each with its label, lowest first.
pub(super) fn by_priority<T>(
    values: impl IntoIterator<Item = T>,
) -> impl Iterator<Item = ((&'static str, &'static str), T)> {
    PRIORITIES.into_iter().map(|priority| ("priority", priority)).zip(values)
}
