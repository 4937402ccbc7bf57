//! A copy of what the engine counts, made in a moment under its lock.

use crate::protocol::Priority;
use crate::router::{Acknowledged, Latency, Reason, Router, Stats};

/// What the engine counts. Lists are by priority, lowest first.
#[derive(Debug)]
pub(super) struct Snapshot {
    pub stats: Stats,
    /// Events that wait to be matched.
    pub queue: [usize; Priority::LEVELS],
    /// How full that is, 0 to 1.
    pub fullness: f64,
    /// Deliveries that wait for subscribers.
    pub waiting: u64,
    pub clients: usize,
    pub max_clients: usize,
    pub subscriptions: usize,
    /// As [`Reason::ALL`] has them.
    pub dead_letters: [[u64; Priority::LEVELS]; Reason::ALL.len()],
    /// Dead letters that can be looked at.
    pub kept: usize,
    pub latency: Latency,
    /// Deliveries that are acknowledged.
    pub acknowledged: Acknowledged,
}

impl Snapshot {
    pub fn of(router: &Router) -> Self {
        let dead = router.dead_letters();
        Self {
            stats: router.stats().clone(),
            queue: router.queue_depth(),
            fullness: router.queue_fullness(),
            waiting: router.waiting_deliveries(),
            clients: router.connected_clients(),
            max_clients: router.settings().max_clients,
            subscriptions: router.subscriptions(),
            dead_letters: Reason::ALL.map(|reason| dead.count(reason)),
            kept: dead.iter().len(),
            latency: router.latency().clone(),
            acknowledged: router.acknowledged(),
        }
    }
}
