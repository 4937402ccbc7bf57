//! Events that could not be delivered.

use serde::Deserialize;

use super::{Error, Event};

/// An event that could not be delivered, as the router tells of it: see
/// [`Subscription::dead_letters`](super::Subscription::dead_letters).
#[derive(Clone, Debug, Deserialize)]
pub struct DeadLetter {
    /// The event.
    pub event: Event,
    /// `evicted`, `expired`, `retries`, `disconnected`, …
    pub reason: String,
    /// When.
    pub died_at: String,
    /// Whose it was, by the router's name; none: it was lost before it was matched.
    pub subscription: Option<String>,
    /// What was tried in vain.
    #[serde(default)]
    pub attempts: Vec<FailedAttempt>,
}

/// An attempt to deliver an event that failed.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
pub struct FailedAttempt {
    /// When it failed.
    pub at: String,
    /// Why.
    pub error: String,
}

impl DeadLetter {
    /// From an event on a topic `$dead.REASON`.
    ///
    /// # Errors
    /// If it is another event.
    pub fn of(notice: &Event) -> Result<Self, Error> {
        notice.read()
    }
}
