//! What is shown: the router's last answer, what it means beside the one before, and how the viewer wants it.

use std::cmp::Reverse;
use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use super::watch::Seen;
use crate::admin::messages::{Client, Top};

/// Rates that are remembered: more than a screen has columns.
const REMEMBERED: usize = 512;

/// By what the slowest subscribers are sorted, the most first.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) enum Order {
    #[default]
    Events,
    Bytes,
    Seconds,
}

/// By what the topics are sorted.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) enum TopicOrder {
    #[default]
    Rate,
    Name,
}

/// A rate, now and before.
#[derive(Default)]
pub(super) struct Trend {
    /// By the second.
    pub now: f64,
    /// The newest last.
    pub past: VecDeque<u64>,
}

impl Trend {
    fn push(&mut self, rate: f64) {
        self.now = rate;
        self.past.push_back(rate.round() as u64);
        if self.past.len() > REMEMBERED {
            self.past.pop_front();
        }
    }
}

/// All that is shown.
pub(super) struct State {
    pub interval: Duration,
    pub seen: Option<Seen>,
    /// Why there is nothing newer.
    pub gone: Option<String>,
    pub accepted: Trend,
    pub delivered: Trend,
    topic_rates: HashMap<String, f64>,
    pub order: Order,
    pub topic_order: TopicOrder,
    pub paused: bool,
    pub help: bool,
}

impl State {
    pub fn new(interval: Duration) -> Self {
        Self {
            interval,
            seen: None,
            gone: None,
            accepted: Trend::default(),
            delivered: Trend::default(),
            topic_rates: HashMap::new(),
            order: Order::default(),
            topic_order: TopicOrder::default(),
            paused: false,
            help: false,
        }
    }

    /// The router has answered.
    pub fn saw(&mut self, seen: Seen) {
        self.gone = None;
        if self.paused {
            return;
        }
        let (now, before) = (&seen.top, self.seen.as_ref().map(|seen| &seen.top));
        // One that was started again counts from zero.
        let before = before.filter(|before| before.uptime < now.uptime);
        match before {
            Some(before) => {
                let by = |new: u64, old: u64| new.saturating_sub(old) as f64 / (now.uptime - before.uptime);
                self.accepted.push(by(now.totals.accepted, before.totals.accepted));
                self.delivered.push(by(now.totals.delivered, before.totals.delivered));
            }
            None => {
                self.accepted.push(now.rates.accepted);
                self.delivered.push(now.rates.delivered);
            }
        }
        self.topic_rates = topic_rates(now, before.map(|before| &**before));
        self.seen = Some(seen);
    }

    /// The router has not answered.
    pub fn missed(&mut self, why: String) {
        self.gone = Some(why);
    }

    /// The slowest subscribers in the order that is wanted.
    pub fn slowest(&self) -> Vec<&Client> {
        let mut slowest: Vec<_> = self.seen.iter().flat_map(|seen| &seen.top.slowest).collect();
        match self.order {
            Order::Events => slowest.sort_by_key(|client| Reverse(client.waiting_events)),
            Order::Bytes => slowest.sort_by_key(|client| Reverse(client.waiting_bytes)),
            Order::Seconds => {
                slowest.sort_by(|one, other| other.behind_seconds.total_cmp(&one.behind_seconds))
            }
        }
        slowest
    }

    /// The topics in the order that is wanted, with their rates.
    pub fn topics(&self) -> Vec<(&str, f64)> {
        let topics = self.seen.iter().flat_map(|seen| &seen.top.topics);
        let rate = |topic: &str| self.topic_rates.get(topic).copied().unwrap_or_default();
        let mut topics: Vec<_> = topics.map(|topic| (&*topic.topic, rate(&topic.topic))).collect();
        match self.topic_order {
            TopicOrder::Rate => {
                topics.sort_by(|one, other| other.1.total_cmp(&one.1).then(one.0.cmp(other.0)))
            }
            TopicOrder::Name => topics.sort_by_key(|&(topic, _)| topic),
        }
        topics
    }
}

/// Events a second on each topic: since the answer before, or for as long as they are counted.
fn topic_rates(now: &Top, before: Option<&Top>) -> HashMap<String, f64> {
    // The router begins anew when nobody has looked for a while.
    let before = before.filter(|before| before.topics_seconds < now.topics_seconds);
    let counted: HashMap<_, _> =
        before.iter().flat_map(|before| &before.topics).map(|topic| (&*topic.topic, topic.events)).collect();
    let of_one = |events: u64, since: u64, seconds: f64| {
        if seconds > 0.0 { events.saturating_sub(since) as f64 / seconds } else { 0.0 }
    };
    let rate = |topic: &str, events| match (before, counted.get(topic)) {
        (Some(before), Some(&since)) => of_one(events, since, now.topics_seconds - before.topics_seconds),
        _ => of_one(events, 0, now.topics_seconds),
    };
    now.topics.iter().map(|topic| (topic.topic.clone(), rate(&topic.topic, topic.events))).collect()
}
