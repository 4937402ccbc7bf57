//! The router's health as it is told to clients.

use serde::Deserialize;

use super::Time;

/// The router's health in one word.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HealthStatus {
    /// All is well.
    Healthy,
    /// The queue is more than 80 % full.
    Degraded,
    /// More than 10 % of the processed events failed.
    Unhealthy,
}

impl HealthStatus {
    /// Its name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Degraded => "degraded",
            Self::Unhealthy => "unhealthy",
        }
    }
}

/// The `health` object of the reply to `get_health`.
#[derive(Clone, PartialEq, Debug, Deserialize)]
pub struct Health {
    /// In one word.
    pub status: HealthStatus,
    /// Seconds since the router started.
    pub uptime: f64,
    /// Events matched against the subscriptions so far.
    pub events_processed: u64,
    /// Events that could not be delivered to somebody.
    pub events_failed: u64,
    /// Events waiting to be matched.
    pub events_in_queue: u64,
    /// Subscriptions of all clients.
    pub active_subscriptions: u64,
    /// Connections that are open.
    pub connected_clients: u64,
    /// When the last event came in.
    pub last_event_at: Option<Time>,
    /// What went wrong lately, in words.
    pub errors: Vec<String>,
}
