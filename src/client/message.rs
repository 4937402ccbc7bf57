//! What a router says, read.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Event;
use crate::protocol::reply::{Counts, Status};
use crate::protocol::{Health, Priority, delivery};

/// A message from a router.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Message {
    /// An event.
    Event(Box<Arrival>),
    /// What became of an event that was published.
    Published(Published),
    /// What became of events that were published together.
    PublishedBatch(PublishedBatch),
    /// A subscription was made.
    Subscribed(Subscribed),
    /// A subscription has ended, as it was asked for.
    Unsubscribed(Unsubscribed),
    /// Something is wrong; the connection stays open.
    Error(Refusal),
    /// How the router is.
    Health(Health),
    /// Events were shed, for this client is slow.
    Gap(Box<Gap>),
    /// A replay has reached what is live.
    Replayed(Replayed),
    /// Something waits for a subscription that acknowledges.
    Backlog(Backlog),
    /// The router winds down.
    Draining(Draining),
    /// Something else, by its `type`.
    Other(String),
    /// It is not as the protocol has it: what is wrong, and how it begins. What comes after it can be read all the same.
    Unreadable(String),
}

/// An event as it arrives, and the subscription that it is delivered for.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// The event, whole.
    pub event: Event,
    /// The subscription; none if the router did not tell this client of it.
    pub subscription: Option<Uuid>,
    /// Its number in the router's store, where the subscription counts them.
    pub sequence: Option<u64>,
    /// What the delivery is called, if it has to be acknowledged on this connection.
    pub delivery_id: Option<Box<str>>,
    /// What a lean delivery calls the subscription.
    pub(super) sub: Option<u32>,
    /// How many bytes came.
    pub(super) size: usize,
}

/// What became of an event that was published.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Published {
    /// The event's id.
    pub event_id: String,
    /// Whether it was taken.
    pub status: Status,
    /// Why not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Its number, if it is stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sequence: Option<u64>,
    /// More about the reason, for a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// With the receipt `dispatched`: how many subscriptions took it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub matched: Option<u64>,
    /// With the receipt `dispatched`: how many could not take it, by reason.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub refused: BTreeMap<String, u64>,
    /// What its request was called.
    #[serde(default, skip_serializing)]
    pub request_id: Option<String>,
    /// How often a [`Client`](super::Client) sent it, should answers have been lost; 0 in what a router says.
    #[serde(skip)]
    pub attempts: u32,
}

/// What became of events that were published together.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
pub struct PublishedBatch {
    /// One for each event, in their order.
    pub results: Vec<BatchResult>,
    /// What their request was called.
    pub request_id: Option<String>,
}

/// What became of one event of a batch.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
pub struct BatchResult {
    /// Whether it was taken.
    pub status: Status,
    /// Why not, if it was an event.
    pub reason: Option<String>,
    /// As in [`Published`].
    pub sequence: Option<u64>,
    /// As in [`Published`].
    pub detail: Option<String>,
    /// As in [`Published`].
    pub matched: Option<u64>,
    /// As in [`Published`].
    #[serde(default)]
    pub refused: BTreeMap<String, u64>,
    /// What is wrong with it, if it is no event.
    pub error: Option<String>,
    /// That, for programs.
    pub code: Option<String>,
}

/// A subscription that was made.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
pub struct Subscribed {
    /// Its name.
    #[serde(deserialize_with = "uuid")]
    pub subscription_id: Uuid,
    /// Its short name, in lean deliveries.
    pub(super) sub: Option<u32>,
    /// What its request was called.
    pub request_id: Option<String>,
}

/// A subscription that has ended.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
pub struct Unsubscribed {
    /// What its request was called.
    pub request_id: Option<String>,
}

/// An error as the router tells it.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
pub struct Refusal {
    /// For people.
    pub error: String,
    /// For people too, where `error` is for programs.
    pub message: Option<String>,
    /// For programs; routers of part 1 have none.
    pub code: Option<String>,
    /// What the request that went wrong was called.
    pub request_id: Option<String>,
}

impl Refusal {
    /// Whether asking again would be answered in the same way, unless somebody else asks.
    pub(super) fn is_about_who_asks(&self) -> bool {
        matches!(self.code.as_deref(), Some("unauthorized" | "forbidden"))
    }
}

/// How many events were shed for this client.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
pub struct Gap {
    /// The subscription that missed them.
    #[serde(deserialize_with = "uuid")]
    pub subscription_id: Uuid,
    /// For want of room, by priority.
    #[serde(default, deserialize_with = "counts")]
    pub evicted: Counts,
    /// Because their time was over, by priority.
    #[serde(default, deserialize_with = "counts")]
    pub expired: Counts,
    /// Of a durable subscription: deleted from the store before they were delivered, by priority.
    #[serde(default, deserialize_with = "counts")]
    pub lost: Counts,
}

impl Gap {
    /// All of them together.
    pub fn total(&self) -> u64 {
        self.evicted.iter().chain(&self.expired).chain(&self.lost).sum()
    }
}

/// A replay has reached what is live.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
pub struct Replayed {
    /// The subscription.
    #[serde(deserialize_with = "uuid")]
    pub subscription_id: Uuid,
    /// All stored events up to this one were looked at.
    pub sequence: u64,
    /// How many of them came.
    pub events: u64,
}

/// What waits for a subscription that acknowledges, as it was asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
pub struct Backlog {
    /// The subscription.
    #[serde(deserialize_with = "uuid")]
    pub subscription_id: Uuid,
    /// How many events wait in the router.
    pub waiting: u64,
    /// There are others in its store.
    #[serde(default)]
    pub more: bool,
    /// For how many milliseconds the oldest has waited.
    pub oldest_age_ms: u64,
    /// The most urgent of them.
    pub highest_priority: Priority,
}

/// The router winds down, and delivers what it has until the deadline.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
pub struct Draining {
    /// When that is.
    pub deadline: String,
    /// How long to wait after the end of the connection before coming back, in milliseconds.
    pub reconnect_after_ms: u64,
}

/// The first thing a router says.
#[derive(Deserialize)]
pub(super) struct Welcome {
    pub client_id: String,
}

/// A router that knows part 2 introduces itself.
#[derive(Deserialize)]
pub(super) struct Hello {
    pub server: String,
    pub features: Vec<String>,
}

/// A message as it comes, before a connection knows what it means.
pub(super) enum Heard {
    Welcome(Welcome),
    Hello(Hello),
    /// Readable or not, and how many bytes it was.
    Event(Result<Box<Arrival>, String>, usize),
    /// It means the same at all times.
    Plain(Message),
}

#[derive(Deserialize)]
struct Kind<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
}

/// An event, and what names its subscription.
#[derive(Deserialize)]
struct Delivered {
    event: Event,
    #[serde(default, deserialize_with = "name")]
    subscription_id: Option<Uuid>,
    sub: Option<u32>,
    sequence: Option<u64>,
    delivery_id: Option<Box<str>>,
}

#[derive(Deserialize)]
struct Healthy {
    health: Health,
}

/// Reads a message.
pub(super) fn read(text: &str) -> Heard {
    if text.as_bytes().starts_with(delivery::HEAD) {
        return Heard::Event(delivered(text), text.len());
    }
    match plain(text) {
        Ok(heard) => heard,
        Err(error) => Heard::Plain(Message::Unreadable(unreadable(text, &error))),
    }
}

fn plain(text: &str) -> serde_json::Result<Heard> {
    let Kind { kind } = serde_json::from_str(text)?;
    Ok(Heard::Plain(match &*kind {
        "event" => return Ok(Heard::Event(delivered(text), text.len())),
        "welcome" => return serde_json::from_str(text).map(Heard::Welcome),
        "hello" => return serde_json::from_str(text).map(Heard::Hello),
        "published" => Message::Published(serde_json::from_str(text)?),
        "published_batch" => Message::PublishedBatch(serde_json::from_str(text)?),
        "subscribed" => Message::Subscribed(serde_json::from_str(text)?),
        "unsubscribed" => Message::Unsubscribed(serde_json::from_str(text)?),
        "error" => Message::Error(serde_json::from_str(text)?),
        "gap" => Message::Gap(Box::new(serde_json::from_str(text)?)),
        "draining" => Message::Draining(serde_json::from_str(text)?),
        "replayed" => Message::Replayed(serde_json::from_str(text)?),
        "backlog" => Message::Backlog(serde_json::from_str(text)?),
        "health" => Message::Health(serde_json::from_str::<Healthy>(text)?.health),
        other => Message::Other(other.to_owned()),
    }))
}

fn delivered(text: &str) -> Result<Box<Arrival>, String> {
    let Delivered { event, subscription_id: subscription, sub, sequence, delivery_id } =
        serde_json::from_str(text).map_err(|error| unreadable(text, &error))?;
    Ok(Box::new(Arrival { event, subscription, sequence, delivery_id, sub, size: text.len() }))
}

/// Enough of it to be recognised.
fn unreadable(text: &str, error: &serde_json::Error) -> String {
    format!("{error}: {text:.200}")
}

/// A subscription that has another name than ours is not ours.
fn name<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Uuid>, D::Error> {
    let text = Option::<Cow<str>>::deserialize(from)?;
    Ok(text.and_then(|text| Uuid::parse_str(&text).ok()))
}

fn uuid<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Uuid, D::Error> {
    let text = Cow::<str>::deserialize(from)?;
    Uuid::parse_str(&text).map_err(serde::de::Error::custom)
}

fn counts<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Counts, D::Error> {
    let mut counts = Counts::default();
    for (level, count) in BTreeMap::<u8, u64>::deserialize(from)? {
        let priority = Priority::new(level.into()).ok_or_else(|| serde::de::Error::custom("no priority"))?;
        counts[priority.index()] = count;
    }
    Ok(counts)
}
