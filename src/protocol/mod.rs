//! The wire: events, topics and patterns, messages both ways, error codes. No I/O, no clock, no randomness of
//! its own: what a default needs comes from the caller.

mod kind;
mod priority;

pub use kind::{EventType, EventTypes};
pub use priority::Priority;
