//! What answers are made of.

use serde::{Deserialize, Serialize};

use super::{Latency, LoggedError, Rates, Slowest};

/// How the router is.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Status {
    /// Its process.
    pub pid: u32,
    /// Its version.
    pub version: String,
    /// Where it listens, the first of `listeners` as a client would write it.
    pub url: String,
    /// All addresses that it listens on.
    pub listeners: Vec<String>,
    /// running, draining, closing connections.
    pub phase: String,
    /// As `get_health` tells it.
    pub health: Health,
    /// Events in the queue by priority, 1 to 10.
    pub queue_depth: [usize; 10],
    /// Events that the queue has room for.
    #[serde(default)]
    pub queue_capacity: usize,
    /// Deliveries that wait for subscribers or are being written.
    pub waiting_deliveries: u64,
    /// Since the start.
    pub totals: Totals,
    /// Of subscriptions that acknowledge.
    #[serde(default)]
    pub acks: Acks,
    /// The event store, if there is one.
    #[serde(default)]
    pub store: Option<StoreHealth>,
    /// Lately.
    #[serde(default)]
    pub rates: Rates,
    /// Since the start, of the priorities that there were events of, lowest first.
    #[serde(default)]
    pub latency: Vec<Latency>,
    /// Since the start, by reason.
    pub dead_letters: Vec<Reason>,
    /// Dead letters that can be looked at.
    pub dead_letters_kept: usize,
    /// The last warnings and errors of the log, the newest last, ten at most.
    #[serde(default)]
    pub recent_errors: Vec<LoggedError>,
    /// The file that the settings are from, if its name is text.
    pub config_file: Option<String>,
    /// Else how its name looks: for people only, for it is not the name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_file_shown: Option<String>,
    /// Where the log goes: journald, stderr, or the path of a file.
    #[serde(default)]
    pub log: Option<String>,
}

/// The router's health.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Health {
    /// healthy, degraded, unhealthy.
    pub status: String,
    /// Seconds since the start.
    pub uptime: f64,
    /// Events that were matched.
    pub events_processed: u64,
    /// Events that were evicted from the queue.
    pub events_failed: u64,
    /// Events that wait to be matched.
    pub events_in_queue: u64,
    /// Subscriptions.
    pub active_subscriptions: u64,
    /// Clients.
    pub connected_clients: u64,
    /// Why it is not healthy.
    pub errors: Vec<String>,
}

/// Counters since the start.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Totals {
    /// Events that were accepted.
    pub accepted: u64,
    /// Publishes that were refused.
    pub refused: u64,
    /// Events times the subscriptions that they matched.
    pub matched: u64,
    /// Deliveries that were handed to the operating system.
    pub delivered: u64,
}

/// Deliveries that are acknowledged.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
pub struct Acks {
    /// They wait for a client, or until they are tried again.
    pub waiting: u64,
    /// Clients have them.
    pub in_flight: u64,
    /// Since the start: acknowledged.
    pub acked: u64,
    /// Refused.
    pub nacked: u64,
    /// Not acknowledged in time.
    pub timed_out: u64,
    /// Given back because the client went away.
    pub disconnected: u64,
}

/// How the event store is.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct StoreHealth {
    /// What is wrong with it, in words.
    pub failed: Option<String>,
    /// Changes that wait to be written.
    pub waiting: u64,
    /// Since the start: changes that were written.
    pub written: u64,
    /// The transactions that they were written in.
    pub commits: u64,
    /// Changes that could not be written.
    pub refused: u64,
    /// Events that were deleted, since they were beyond a limit.
    pub deleted: u64,
    /// How many of these a durable subscription had still to get.
    pub lost: u64,
}

/// Dead letters of one reason.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Reason {
    /// Its name.
    pub reason: String,
    /// How many.
    pub count: u64,
}

/// A page of clients.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Clients {
    /// The clients.
    pub clients: Vec<Client>,
    /// Where the next page begins, if there may be one.
    pub next: Option<usize>,
}

/// A client.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Client {
    /// Its `client_id`.
    pub id: String,
    /// Where it comes from.
    pub remote: String,
    /// What it said it is.
    pub software: Option<String>,
    /// Seconds since it came.
    pub connected_for: f64,
    /// When it came.
    #[serde(default)]
    pub connected_since: Option<String>,
    /// How many subscriptions it has.
    pub subscriptions: usize,
    /// Events that wait for it or are being written.
    pub waiting_events: usize,
    /// Their bytes.
    pub waiting_bytes: usize,
    /// Events that wait for it by priority, 1 to 10.
    pub depth: [usize; 10],
    /// Events that are being written to it; they are of the waiting ones, but in no level any more.
    #[serde(default)]
    pub in_flight: usize,
    /// Something waits for it, and it has not asked for more (flow control by credit).
    #[serde(default)]
    pub awaits_credit: bool,
    /// Events that it was sent and still has to do, as far as its credit tells.
    #[serde(default)]
    pub held: usize,
    /// Seconds since the oldest of them was accepted; 0 when nothing waits.
    #[serde(default)]
    pub behind_seconds: f64,
    /// The subscription for which the most waits, if something does.
    #[serde(default)]
    pub slowest_subscription: Option<Slowest>,
    /// Events of it that were accepted.
    #[serde(default)]
    pub published: u64,
    /// The same by the second, over about the last ten.
    #[serde(default)]
    pub published_rate: f64,
    /// Deliveries that it has taken.
    pub delivered: u64,
    /// The same by the second, over about the last ten.
    #[serde(default)]
    pub delivered_rate: f64,
    /// Deliveries that it missed because it is slow.
    pub evicted: u64,
}

/// A page of subscriptions.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Subscriptions {
    /// The subscriptions.
    pub subscriptions: Vec<Subscription>,
    /// Where the next page begins, if there may be one.
    pub next: Option<usize>,
}

/// A subscription.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Subscription {
    /// Its id.
    pub id: String,
    /// The `client_id` of whose it is.
    pub client: Option<String>,
    /// Patterns; none means `*`.
    pub topics: Vec<String>,
    /// Event types; none means all.
    pub types: Vec<String>,
    /// The least priority.
    pub min_priority: u8,
    /// Sources; none means all.
    pub sources: Vec<String>,
    /// Targets, if it asks for some.
    pub targets: Option<Vec<String>>,
    /// The group that it shares its work with.
    pub group: Option<String>,
    /// Events that were for it.
    pub matched: u64,
    /// Its durable name.
    #[serde(default)]
    pub durable: Option<String>,
    /// If it acknowledges: deliveries that wait for it, and for those that share its work.
    #[serde(default)]
    pub waiting: Option<usize>,
    /// And those that they have.
    #[serde(default)]
    pub in_flight: Option<usize>,
}

/// A client that was disconnected.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Kicked {
    /// Its `client_id`.
    pub id: String,
    /// Where it came from.
    pub remote: String,
}

/// What a reload changes.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
pub struct Reloaded {
    /// In force at once.
    pub changed: Vec<Change>,
    /// In force after a restart.
    pub needs_restart: Vec<Change>,
    /// What is odd but no mistake.
    pub warnings: Vec<String>,
    /// The file that was read.
    pub file: Option<String>,
}

/// A setting with another value than before.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Change {
    /// Its dotted name.
    pub key: String,
    /// The value before, as TOML.
    pub old: String,
    /// The value now, as TOML.
    pub new: String,
}

/// How far the end is.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Progress {
    /// draining, closing connections.
    pub phase: String,
    /// Events that wait to be matched.
    pub queued: u64,
    /// Deliveries that wait.
    pub waiting: u64,
    /// Connections that are open.
    pub clients: u64,
}

/// How the end went.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Ended {
    /// What could not be delivered in time, by priority, 1 to 10.
    pub left: [u64; 10],
    /// What keeps it: spool. None: nothing was left, or it is lost, for dead letters are in memory.
    pub kept: Option<String>,
}

/// A setting in force.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Setting {
    /// Its dotted name.
    pub key: String,
    /// Its value as TOML.
    pub value: String,
    /// Where it is from.
    pub origin: String,
}

/// Dead letters.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Letters {
    /// The dead letters.
    pub letters: Vec<Letter>,
    /// Where the next page begins, if there is one.
    pub next: Option<usize>,
    /// With `dead_letter`: the event's JSON text, unless it is too long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,
}

/// A dead letter.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Letter {
    /// The event's id.
    pub id: String,
    /// Its topic.
    pub topic: String,
    /// Its priority.
    pub priority: u8,
    /// Why it ended here.
    pub reason: String,
    /// Seconds since then.
    pub age: f64,
    /// The subscription that it was for; none when it was lost before it was matched.
    pub subscription: Option<String>,
    /// Its bytes.
    pub size: usize,
    /// What was tried in vain, oldest first, where deliveries are acknowledged.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attempts: Vec<Tried>,
}

/// An attempt that was in vain.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Tried {
    /// Seconds since then.
    pub age: f64,
    /// Why.
    pub error: String,
}

/// Which dead letters: those for which all holds that is said.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
pub struct Which {
    /// The event's id, or the beginning of it.
    pub id: Option<String>,
    /// Why they are there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// A pattern that the event's topic matches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
}

/// What became of dead letters that were routed once more.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Requeued {
    /// Events that were accepted.
    pub events: u64,
    /// Dead letters that they were.
    pub letters: u64,
    /// Dead letters that are still there: the queue has no room.
    pub refused: u64,
}
