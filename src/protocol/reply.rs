//! Every message to a client but the events themselves. Compact JSON, `type` first.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    ErrorCode, FEATURES, Health, PROTOCOL, Pattern, Priority, STORE_FEATURES, Time, WireError, write,
};

/// A message to a client.
#[derive(Clone, Copy, Debug)]
pub enum Reply<'a> {
    /// The first thing a client hears.
    Welcome {
        /// The client's name for this connection.
        client_id: Uuid,
        /// Now.
        server_time: Time,
    },
    /// Something is wrong; the connection stays open.
    Error {
        /// What.
        error: &'a WireError,
        /// Now.
        timestamp: Time,
    },
    /// The router has as many clients as it may have. The connection is closed after it.
    MaxClientsReached {
        /// How many that is.
        limit: usize,
        /// Now.
        timestamp: Time,
    },
    /// The answer to `ping`.
    Pong {
        /// Now.
        timestamp: Time,
        /// JSON, as the client sent it.
        echo: Option<&'a str>,
    },
    /// The answer to `publish`.
    Published(Outcome<'a>),
    /// The answer to `publish_batch`, a result for each event in the order they were sent.
    PublishedBatch(&'a [BatchResult<'a>]),
    /// The answer to `subscribe`.
    Subscribed {
        /// The subscription's name.
        subscription_id: Uuid,
        /// The topics as they were sent.
        topics: &'a [Pattern],
        /// The short name that lean deliveries use.
        sub: Option<u32>,
    },
    /// The answer to `unsubscribe`.
    Unsubscribed {
        /// The subscription that is no more.
        subscription_id: Uuid,
    },
    /// The answer to `get_health`.
    Health(&'a Health),
    /// The answer to `hello`.
    Hello {
        /// The router has a store.
        stores: bool,
    },
    /// What a client said of a delivery is noted; only to those who name their message.
    Acknowledged {
        /// The delivery's name.
        delivery_id: &'a str,
    },
    /// What waits for a subscription that acknowledges.
    Backlog {
        /// The subscription.
        subscription_id: Uuid,
        /// How many events wait in the router, also until they are tried again.
        waiting: u64,
        /// More of them are in the store.
        more: bool,
        /// For how long the oldest has waited, in milliseconds.
        oldest_age_ms: u64,
        /// The most urgent of them.
        highest_priority: Priority,
    },
    /// A replay has reached what is live.
    Replayed {
        /// The subscription.
        subscription_id: Uuid,
        /// All stored events up to this one were looked at.
        sequence: u64,
        /// How many of them were sent.
        events: u64,
    },
    /// The router winds down.
    Draining {
        /// When it gives up what is left, and closes.
        deadline: Time,
        /// How long to wait after the end of the connection before coming back, in milliseconds.
        reconnect_after: u64,
    },
    /// What was shed for a slow consumer, as soon as there is room to tell it.
    Gap {
        /// The subscription that missed something.
        subscription_id: Uuid,
        /// How many were evicted, by priority; zeros are left out.
        evicted: &'a Counts,
        /// How many expired, by priority; left out if there were none.
        expired: &'a Counts,
        /// How many of a durable subscription were deleted before they could be delivered; left out if there were none.
        lost: &'a Counts,
    },
}

/// A number for each priority, lowest first: index it by [`Priority::index`].
pub type Counts = [u64; Priority::LEVELS];

/// What became of a published event.
#[derive(Clone, Copy, Debug)]
pub struct Outcome<'a> {
    /// The event's id as a JSON string, quotes included: [`Event::id_json`](super::Event::id_json).
    pub event_id: &'a str,
    /// Whether it was taken.
    pub status: Status,
    /// Why not.
    pub reason: Option<&'a str>,
    /// With `receipt: "dispatched"`: how many subscriptions took it.
    pub matched: Option<u64>,
    /// With `receipt: "dispatched"`: how many subscriptions could not take it, by reason.
    pub refused: Option<&'a [(&'a str, u64)]>,
    /// Its number in the store.
    pub sequence: Option<u64>,
    /// More about the reason, for a person.
    pub detail: Option<&'a str>,
}

impl<'a> Outcome<'a> {
    /// An event that is in the queue, in the short form every publisher gets by default.
    pub const fn queued(event_id: &'a str) -> Self {
        Self {
            event_id,
            status: Status::Queued,
            reason: None,
            matched: None,
            refused: None,
            sequence: None,
            detail: None,
        }
    }
}

/// Whether a published event was taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It was.
    Queued,
    /// There was no room for it.
    Dropped,
    /// The router takes no such event, or none at all now.
    Rejected,
}

impl Status {
    /// Its name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Dropped => "dropped",
            Self::Rejected => "rejected",
        }
    }
}

/// One event of a batch.
#[derive(Clone, Copy, Debug)]
pub enum BatchResult<'a> {
    /// It was an event, and this became of it.
    Published(Outcome<'a>),
    /// It broke a rule.
    Invalid(&'a WireError),
}

impl Reply<'_> {
    /// Appends the message. `request_id` is a JSON string, quotes included, as the client sent it.
    pub fn write(&self, request_id: Option<&str>, out: &mut Vec<u8>) {
        match *self {
            Self::Published(ref outcome) => {
                out.extend_from_slice(br#"{"type":"published","#);
                outcome.write(out);
            }
            Self::PublishedBatch(results) => published_batch(results, out),
            Self::Welcome { client_id, server_time } => {
                begin(out, "welcome");
                write::uuid(key(out, "client_id"), client_id);
                write::time(key(out, "server_time"), server_time);
            }
            Self::Error { error, timestamp } => {
                begin(out, "error");
                write::string(key(out, "error"), &error.text);
                string(out, "code", error.code.as_str());
                write::time(key(out, "timestamp"), timestamp);
            }
            Self::MaxClientsReached { limit, timestamp } => {
                let code = ErrorCode::MaxClientsReached.as_str();
                begin(out, "error");
                string(out, "error", code);
                string(out, "message", &format!("Maximum clients ({limit}) reached"));
                string(out, "code", code);
                write::time(key(out, "timestamp"), timestamp);
            }
            Self::Pong { timestamp, echo } => {
                begin(out, "pong");
                write::time(key(out, "timestamp"), timestamp);
                raw(out, "echo", echo.unwrap_or("null"));
            }
            Self::Subscribed { subscription_id, topics, sub } => {
                begin(out, "subscribed");
                write::uuid(key(out, "subscription_id"), subscription_id);
                list(key(out, "topics"), topics, |out, topic| write::string(out, topic.as_str()));
                if let Some(sub) = sub {
                    number(out, "sub", sub.into());
                }
            }
            Self::Unsubscribed { subscription_id } => {
                begin(out, "unsubscribed");
                write::uuid(key(out, "subscription_id"), subscription_id);
            }
            Self::Health(health) => {
                begin(out, "health");
                write_health(health, key(out, "health"));
            }
            Self::Hello { stores } => hello(stores, out),
            Self::Acknowledged { delivery_id } => {
                begin(out, "acknowledged");
                string(out, "delivery_id", delivery_id);
            }
            ref notice => notice.write_notice(out),
        }
        if let Some(request_id) = request_id {
            out.extend_from_slice(br#","request_id":"#);
            out.extend_from_slice(request_id.as_bytes());
        }
        out.push(b'}');
    }
}

impl Outcome<'_> {
    /// Its members, without the braces around them.
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(br#""event_id":"#);
        out.extend_from_slice(self.event_id.as_bytes());
        out.extend_from_slice(match self.status {
            Status::Queued => br#","status":"queued""#,
            Status::Dropped => br#","status":"dropped""#,
            Status::Rejected => br#","status":"rejected""#,
        });
        if let Some(reason) = self.reason {
            string(out, "reason", reason);
        }
        if let Some(sequence) = self.sequence {
            number(out, "sequence", sequence);
        }
        if let Some(detail) = self.detail {
            string(out, "detail", detail);
        }
        if let Some(matched) = self.matched {
            number(out, "matched", matched);
        }
        if let Some(refused) = self.refused {
            out.extend_from_slice(br#","refused":{"#);
            members(out, refused.iter().copied());
        }
    }
}

fn published_batch(results: &[BatchResult<'_>], out: &mut Vec<u8>) {
    begin(out, "published_batch");
    list(key(out, "results"), results, |out, result| {
        out.push(b'{');
        match result {
            BatchResult::Published(outcome) => outcome.write(out),
            BatchResult::Invalid(error) => {
                out.extend_from_slice(br#""status":"rejected""#);
                string(out, "error", &error.text);
                string(out, "code", error.code.as_str());
            }
        }
        out.push(b'}');
    });
}

fn hello(stores: bool, out: &mut Vec<u8>) {
    begin(out, "hello");
    number(out, "protocol", PROTOCOL);
    string(out, "server", concat!("gadugi-router/", env!("CARGO_PKG_VERSION")));
    let of_store = if stores { STORE_FEATURES } else { &[] };
    let mut features = [FEATURES, of_store].concat();
    features.sort_unstable();
    list(key(out, "features"), &features, |out, name| write::string(out, name));
}

fn write_health(health: &Health, out: &mut Vec<u8>) {
    out.extend_from_slice(br#"{"status":"#);
    write::string(out, health.status.as_str());
    raw(out, "uptime", &format!("{:.6}", if health.uptime.is_finite() { health.uptime } else { 0.0 }));
    number(out, "events_processed", health.events_processed);
    number(out, "events_failed", health.events_failed);
    number(out, "events_in_queue", health.events_in_queue);
    number(out, "active_subscriptions", health.active_subscriptions);
    number(out, "connected_clients", health.connected_clients);
    match health.last_event_at {
        Some(time) => write::time(key(out, "last_event_at"), time),
        None => raw(out, "last_event_at", "null"),
    }
    list(key(out, "errors"), &health.errors, |out, error| write::string(out, error));
    out.push(b'}');
}

fn begin(out: &mut Vec<u8>, kind: &str) {
    out.extend_from_slice(br#"{"type":""#);
    out.extend_from_slice(kind.as_bytes());
    out.push(b'"');
}

/// Appends a comma and a key; its value goes into what comes back.
fn key<'o>(out: &'o mut Vec<u8>, name: &str) -> &'o mut Vec<u8> {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
    out
}

fn raw(out: &mut Vec<u8>, name: &str, json: &str) {
    key(out, name).extend_from_slice(json.as_bytes());
}

fn string(out: &mut Vec<u8>, name: &str, text: &str) {
    write::string(key(out, name), text);
}

fn number(out: &mut Vec<u8>, name: &str, value: u64) {
    write::number(key(out, name), value);
}

fn list<T>(out: &mut Vec<u8>, items: &[T], mut write: impl FnMut(&mut Vec<u8>, &T)) {
    out.push(b'[');
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        write(out, item);
    }
    out.push(b']');
}

fn counts(out: &mut Vec<u8>, counts: &Counts) {
    let names = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "10"];
    out.push(b'{');
    members(out, names.into_iter().zip(counts.iter().copied()).filter(|&(_, count)| count > 0));
}

/// Appends names and numbers and the brace that ends them.
fn members<'n>(out: &mut Vec<u8>, entries: impl Iterator<Item = (&'n str, u64)>) {
    for (at, (name, count)) in entries.enumerate() {
        if at > 0 {
            out.push(b',');
        }
        write::string(out, name);
        out.push(b':');
        write::number(out, count);
    }
    out.push(b'}');
}

mod notices;
