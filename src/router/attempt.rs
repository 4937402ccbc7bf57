//! Attempts to have an event done that were in vain.

use std::fmt;

use super::Then;

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

/// An attempt that failed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Attempt {
    /// When it had failed, on the engine's clock.
    pub at: Then,
    /// Why.
    pub failure: Failure,
}
