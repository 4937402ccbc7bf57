//! What can be asked of a driver.

use std::path::PathBuf;

use gadugi_router::protocol::EventType;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// A line of input: each command looks at those fields that it needs.
#[derive(Deserialize)]
pub struct Command {
    pub id: u64,
    #[serde(rename = "do")]
    pub name: String,
    #[serde(default)]
    pub client: String,
    #[serde(default)]
    pub sub: String,
    #[serde(default)]
    pub url: String,
    #[serde(default)]
    pub options: Connecting,
    pub event: Option<Given>,
    #[serde(default)]
    pub events: Vec<Given>,
    pub wanted: Option<Wanted>,
    #[serde(default)]
    pub topic: String,
    pub payload: Option<Box<RawValue>>,
    pub group: Option<String>,
    #[serde(default)]
    pub count: u64,
    #[serde(default)]
    pub priorities: Vec<u64>,
    #[serde(default)]
    pub pad: usize,
    #[serde(default)]
    pub wait: bool,
    #[serde(default)]
    pub pace_ms: u64,
    #[serde(default)]
    pub handler_ms: u64,
    #[serde(default)]
    pub held: bool,
    #[serde(default)]
    pub brief: bool,
    #[serde(default)]
    pub timeout_ms: u64,
    #[serde(default)]
    pub within_ms: u64,
    #[serde(default)]
    pub window_ms: u64,
}

/// Wishes about a client, or about a publish.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Connecting {
    pub reconnect_ms: Option<u64>,
    pub max_reconnect_ms: Option<u64>,
    pub max_reconnect_attempts: Option<u32>,
    pub heartbeat_ms: Option<u64>,
    pub heartbeat_timeout_ms: Option<u64>,
    pub timeout_ms: Option<u64>,
    pub buffer_size: Option<usize>,
    pub buffer_bytes: Option<usize>,
    pub overflow: Option<String>,
    pub prefetch: Option<usize>,
    pub max_local_events: Option<usize>,
    pub receive_buffer: Option<u32>,
    pub token: Option<String>,
    /// One for each attempt.
    pub tokens: Vec<String>,
    pub source: Option<String>,
    /// A file with the certificates that are trusted.
    pub ca: Option<PathBuf>,
    pub ttl_ms: Option<u64>,
    pub receipt: Option<String>,
    pub mandatory: bool,
}

/// An event to be published.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Given {
    pub id: Option<String>,
    pub topic: String,
    #[serde(rename = "type")]
    pub kind: Option<EventType>,
    pub payload: Option<Box<RawValue>>,
    pub priority: Option<u64>,
    pub target: Option<String>,
    pub source: Option<String>,
    #[serde(default)]
    pub metadata: Map<String, Value>,
}

/// A subscription to be made.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    pub topics: Vec<String>,
    #[serde(default)]
    pub types: Vec<EventType>,
    pub min_priority: Option<u64>,
    #[serde(default)]
    pub sources: Vec<String>,
    pub targets: Option<Vec<String>>,
    pub group: Option<String>,
    #[serde(default)]
    pub ack: bool,
    pub durable: Option<String>,
    pub max_in_flight: Option<u32>,
    pub ack_timeout_ms: Option<u64>,
    pub max_retries: Option<u32>,
    pub from_sequence: Option<u64>,
    pub last: Option<u64>,
}
