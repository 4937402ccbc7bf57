//! What is shown: the router's last answer, what it means beside the one before, and how the viewer wants it.

use std::cmp::Reverse;
use std::collections::VecDeque;
use std::time::Duration;

use super::watch::Seen;
use crate::admin::messages::Client;

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

    /// The topics in the order that is wanted, with their rates over the last seconds.
    pub fn topics(&self) -> Vec<(&str, f64)> {
        let Some(Seen { top, .. }) = &self.seen else { return Vec::new() };
        let rate =
            |events: u64| if top.topics_seconds > 0.0 { events as f64 / top.topics_seconds } else { 0.0 };
        let mut topics: Vec<_> = top.topics.iter().map(|it| (&*it.topic, rate(it.events))).collect();
        match self.topic_order {
            TopicOrder::Rate => {
                topics.sort_by(|one, other| other.1.total_cmp(&one.1).then(one.0.cmp(other.0)))
            }
            TopicOrder::Name => topics.sort_by_key(|&(topic, _)| topic),
        }
        topics
    }
}
