//! What is measured and what went wrong lately, as answers tell it.

use serde::{Deserialize, Serialize};

use super::Client;

/// How much happens in a second, over about the last ten; events of a moment ago count most.
#[derive(Clone, Copy, PartialEq, Default, Debug, Serialize, Deserialize)]
pub struct Rates {
    /// Events that were accepted.
    pub accepted: f64,
    /// Deliveries that were handed to the operating system.
    pub delivered: f64,
}

/// How long events of one priority took, since the start.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Latency {
    /// 1 to 10.
    pub priority: u8,
    /// From being accepted to being matched.
    pub queue_wait: Quantiles,
    /// From being accepted to being handed to the socket, for each delivery.
    pub delivery: Quantiles,
}

/// A distribution in short.
#[derive(Clone, Copy, PartialEq, Default, Debug, Serialize, Deserialize)]
pub struct Quantiles {
    /// How many there were.
    pub count: u64,
    /// Seconds that half of them did not exceed, about; none when there are none.
    pub p50: Option<f64>,
    /// Seconds that 99 % of them did not exceed, about; 10 when it is more.
    pub p99: Option<f64>,
}

/// A warning or an error of the log.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LoggedError {
    /// When it last happened.
    pub time: String,
    /// warning, error.
    pub level: String,
    /// What the log says.
    pub message: String,
    /// How often it happened, once included.
    pub times: u64,
}

/// The subscription of a client for which the most events wait.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Slowest {
    /// Its id.
    pub id: String,
    /// Its first three patterns; none means `*`.
    pub topics: Vec<String>,
    /// How many more patterns it has.
    pub more_topics: usize,
    /// Events that wait for it; an estimate when more than 100 wait for the client.
    pub waiting_events: usize,
}

/// What a screen shows that looks again and again.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Top {
    /// When it was looked, in seconds since the start.
    pub uptime: f64,
    /// running, draining, closing connections.
    pub phase: String,
    /// healthy, degraded, unhealthy.
    pub health: String,
    /// Why it is not healthy.
    pub errors: Vec<String>,
    /// Clients that are connected.
    pub clients: u64,
    /// Subscriptions.
    pub subscriptions: u64,
    /// Counters since the start.
    pub totals: super::Totals,
    /// Lately.
    pub rates: Rates,
    /// Dead letters since the start.
    pub dead_letters: u64,
    /// Events in the queue by priority, 1 to 10.
    pub queue_depth: [usize; 10],
    /// Events that the queue has room for.
    pub queue_capacity: usize,
    /// Deliveries that wait for subscribers or are being written.
    pub waiting_deliveries: u64,
    /// Of the priorities that there were events of, lowest first.
    pub latency: Vec<Latency>,
    /// The busiest topics, the busiest first, 50 at most.
    pub topics: Vec<Topic>,
    /// Events on topics that are not told one by one.
    pub other_topics: u64,
    /// Of how many seconds the topics' events are; topics are counted from the first such request on.
    pub topics_seconds: f64,
    /// The 20 clients for which the most events wait, those first; clients for which nothing waits are left out.
    pub slowest: Vec<Client>,
}

/// A topic, and how many events there were on it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Topic {
    /// The topic.
    pub topic: String,
    /// Events that were matched.
    pub events: u64,
}
