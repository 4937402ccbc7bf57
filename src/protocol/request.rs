//! What a client can ask for, decoded.

use std::{borrow::Cow, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{Event, Subscription, WireError};

/// The longest `request_id`, in bytes of JSON with its quotes. It is copied into the reply, and replies wait in
/// a lane that events cannot fill: what a client can put there is kept small.
pub const MAX_REQUEST_ID: usize = 1_024;

/// The longest `hello.client`, in bytes of JSON with its quotes: it goes into logs.
pub const MAX_CLIENT_NAME: usize = 1_024;

/// The most events in one `publish_batch`. An event of a few bytes becomes most of a kilobyte when its defaults
/// are filled in; the bound keeps one message from becoming hundreds of megabytes.
pub const MAX_BATCH: usize = 10_000;

/// A message and the name its sender gave it.
#[derive(Debug)]
pub struct Incoming<'a> {
    /// What is asked.
    pub request: Request<'a>,
    /// A JSON string, quotes included, to be copied into the reply as it is.
    pub request_id: Option<&'a str>,
}

/// A client's message by its `type`.
#[derive(Debug)]
pub enum Request<'a> {
    /// `ping`
    Ping {
        /// Any JSON, to be sent back as it came.
        echo: Option<&'a str>,
    },
    /// `publish`
    Publish(Publish),
    /// `publish_batch`
    PublishBatch(PublishBatch),
    /// `subscribe`
    Subscribe(Subscription),
    /// `unsubscribe`
    Unsubscribe {
        /// Whatever string the client sent; not yet known to be a UUID.
        subscription_id: Cow<'a, str>,
        /// If it is durable, its name is forgotten, and what it has not got.
        forget: bool,
    },
    /// `get_health`
    GetHealth,
    /// `hello`
    Hello(Hello<'a>),
    /// `credit`
    Credit(Credit),
    /// `ack`, `nack` or `in_progress`
    Acknowledge {
        /// The delivery's name, whatever string the client sent.
        delivery_id: Cow<'a, str>,
        /// What is said of it.
        what: Acknowledge<'a>,
    },
}

/// One event and the wishes about its delivery.
#[derive(Clone, Debug)]
pub struct Publish {
    /// The event, complete.
    pub event: Arc<Event>,
    /// Wishes about its delivery.
    pub options: PublishOptions,
}

/// Several events with the same wishes.
#[derive(Debug)]
pub struct PublishBatch {
    /// In the order they were sent; one that breaks a rule does not spoil the others.
    pub events: Vec<Result<Arc<Event>, WireError>>,
    /// Wishes about their delivery.
    pub options: PublishOptions,
}

/// Wishes about the delivery of what is published.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct PublishOptions {
    /// Not delivered after that many milliseconds; at least 1.
    pub ttl_ms: Option<u64>,
    /// When the publisher wants its answer.
    pub receipt: Receipt,
    /// A dead letter (`no_subscriber`) if nobody subscribes to it, unless it is stored.
    pub mandatory: bool,
}

/// When `published` is sent.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Receipt {
    /// As soon as the event is in the queue.
    #[default]
    Queued,
    /// After matching, with how many subscriptions took it.
    Dispatched,
}

/// A client that speaks part 2 introduces itself. Its `token` is not read: there is no authorisation yet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hello<'a> {
    /// The version it wants to speak.
    pub protocol: u64,
    /// Its name and version, for logs.
    pub client: Option<Cow<'a, str>>,
    /// It wants events without what can be filled in again.
    pub lean: bool,
    /// It wants no more events than it has room for.
    pub credit: Option<Credit>,
}

/// What a client says of a delivery.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Acknowledge<'a> {
    /// It is done.
    Done,
    /// It was not done, and is to be tried again.
    Failed {
        /// Not before so many milliseconds; `None` = as long as the router finds right.
        delay_ms: Option<u64>,
        /// Why.
        reason: Option<Cow<'a, str>>,
    },
    /// The client is still at it.
    InProgress,
}

/// The longest `reason` of a `nack`, in bytes of JSON with its quotes: it is kept with the event.
pub const MAX_REASON: usize = 1_024;

/// How much more a client may be sent.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Credit {
    /// Deliveries. In `hello`, none means that they have no bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub events: Option<u64>,
    /// Bytes of their messages. In `hello`, none means that they have no bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
}
