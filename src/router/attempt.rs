//! Attempts to have an event done that were in vain.

use std::fmt;

use super::{Millis, Then};
use crate::protocol::Priority;

/// The wait before the second attempt is up to this; each further one may be twice as long.
const FIRST_REST: Millis = 1_000;
/// No wait is longer.
const LONGEST_REST: Millis = 60_000;

/// Why an attempt failed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Failure {
    /// Not acknowledged in time.
    TimedOut,
    /// The client said so, and why.
    Nacked(Option<Box<str>>),
    /// The client went away.
    Disconnected,
    /// In the words of an earlier run of the router.
    Recalled(Box<str>),
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TimedOut => out.write_str("not acknowledged in time"),
            Self::Nacked(None) => out.write_str("the subscriber refused it"),
            Self::Nacked(Some(text)) | Self::Recalled(text) => out.write_str(text),
            Self::Disconnected => out.write_str("the subscriber disconnected"),
        }
    }
}

/// What was tried in vain with an event.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tried {
    /// The event's level.
    pub priority: Priority,
    /// Its number in the store.
    pub sequence: u64,
    /// All that was tried, the oldest first.
    pub attempts: Vec<Attempt>,
}

/// An attempt that failed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Attempt {
    /// When it had failed, on the engine's clock.
    pub at: Then,
    /// Why.
    pub failure: Failure,
}

/// How long a task rests after so many failures: between half of a bound that doubles, and all of it. The half that is
/// left to chance comes from the delivery's number, for the engine has no other chance.
pub(super) fn rest(failures: usize, id: u64) -> Millis {
    let doubled = u32::try_from(failures.saturating_sub(1)).unwrap_or(u32::MAX);
    let bound = FIRST_REST.checked_shl(doubled.min(32)).unwrap_or(LONGEST_REST).min(LONGEST_REST);
    // Fibonacci hashing: neighbouring numbers end far from each other.
    let chance = id.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    bound / 2 + (((bound / 2) * chance) >> 32)
}
