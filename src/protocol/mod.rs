//! The wire: events, topics and patterns, messages both ways, error codes. No I/O, no clock, no randomness of
//! its own: what a default needs comes from the caller ([`Fill`]).
//!
//! A message goes through here in this order: [`decode()`] reads its JSON in one pass over borrowed bytes, an
//! event in it is checked and becomes an [`Event`], and a [`reply::Reply`] or a [`delivery`] goes out.

mod acks;
mod attempt;
mod check;
mod decode;
pub mod delivery;
mod error;
mod event;
mod fields;
mod fill;
mod health;
mod json;
mod kept;
mod kind;
mod lasting;
mod lead;
mod lean;
mod message;
mod priority;
mod raw_event;
pub mod reply;
mod request;
mod runs;
mod strings;
mod subscription;
mod time;
mod topic;
mod write;
mod written;

pub use acks::Acks;
pub use attempt::Attempt;
pub use decode::decode;
pub use error::{ErrorCode, Refused, WireError};
pub use event::Event;
pub use fill::{Blank, Fill};
pub use health::{Health, HealthStatus};
pub use json::MAX_DEPTH;
pub use kind::{EventType, EventTypes};
pub use lasting::{MAX_DURABLE, Start, check as check_lasting};
pub use priority::Priority;
pub use request::{
    Acknowledge, Credit, Hello, Incoming, MAX_BATCH, MAX_CLIENT_NAME, MAX_REASON, MAX_REQUEST_ID, Publish,
    PublishBatch, PublishOptions, Receipt, Request,
};
pub use subscription::{MAX_GROUP, MAX_NAMES, MAX_PATTERNS, Subscription};
pub use time::Time;
pub use topic::{DEAD_TOPICS, MAX_TOPIC, Mismatch, Pattern, check_topic, is_of_dead_letters};

/// The version of the protocol that `hello` speaks: part 2.
pub const PROTOCOL: u64 = 2;

/// The extensions that this router has, by the names `hello` lists, sorted.
pub const FEATURES: &[&str] = &[
    "ack",
    "backlog",
    "batch",
    "credit",
    "dead_letters",
    "draining",
    "expiry",
    "gap",
    "groups",
    "lean",
    "mandatory",
    "receipt",
    "request_id",
    "several_levels",
    "targets",
];

/// The extensions that it has besides where it has a store.
pub const STORE_FEATURES: &[&str] = &["durable", "replay", "store"];

#[cfg(test)]
mod tests;
