//! What a client asks for, written.

use serde::Serialize;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::{NewEvent, Options};
use crate::protocol::{EventType, PROTOCOL, Priority, PublishOptions, Receipt, Subscription};

/// A message to a router.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Request<'a> {
    /// To publish an event.
    Publish {
        /// The event.
        event: &'a NewEvent,
        /// Wishes about its delivery; a router of part 1 passes over them.
        options: PublishOptions,
        /// What the answer shall be called.
        request_id: Option<&'a str>,
    },
    /// To get events.
    Subscribe(&'a Subscription),
    /// To hear how the router is.
    GetHealth,
}

/// The shapes of the wire; `E` is an event, written or to be written.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Wire<'a, E = NewEvent> {
    Publish {
        event: &'a E,
        #[serde(skip_serializing_if = "Option::is_none")]
        ttl_ms: Option<u64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        receipt: Option<&'static str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        request_id: Option<&'a str>,
    },
    PublishBatch {
        events: &'a [E],
        #[serde(skip_serializing_if = "Option::is_none")]
        ttl_ms: Option<u64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        receipt: Option<&'static str>,
        request_id: &'a str,
    },
    Subscribe {
        subscription: Wanted<'a>,
        #[serde(skip_serializing_if = "Option::is_none")]
        request_id: Option<&'a str>,
    },
    Unsubscribe {
        subscription_id: String,
    },
    GetHealth,
    Hello {
        protocol: u64,
        client: &'a str,
        lean: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        token: Option<&'a str>,
    },
}

#[derive(Serialize)]
struct Wanted<'a> {
    topics: Vec<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    types: Vec<EventType>,
    #[serde(skip_serializing_if = "Option::is_none")]
    priorities: Option<[Priority; 1]>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    sources: &'a [Box<str>],
    #[serde(skip_serializing_if = "Option::is_none")]
    targets: Option<&'a [Box<str>]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<&'a str>,
}

/// As a message is written that holds no event.
type Plain<'a> = Wire<'a, ()>;

impl Request<'_> {
    pub(super) fn text(&self) -> serde_json::Result<String> {
        match *self {
            Self::Publish { event, options, request_id } => {
                let (ttl_ms, receipt) = wishes(options);
                serde_json::to_string(&Wire::Publish { event, ttl_ms, receipt, request_id })
            }
            Self::Subscribe(subscription) => subscribe(subscription, None),
            Self::GetHealth => serde_json::to_string(&Plain::GetHealth),
        }
    }
}

/// One event that is written already.
pub(super) fn publish(
    event: &RawValue,
    options: PublishOptions,
    request_id: Option<&str>,
) -> serde_json::Result<String> {
    let (ttl_ms, receipt) = wishes(options);
    serde_json::to_string(&Wire::Publish { event: &event, ttl_ms, receipt, request_id })
}

/// Several events that are written already, with the same wishes.
pub(super) fn publish_batch(
    events: &[&RawValue],
    options: PublishOptions,
    request_id: &str,
) -> serde_json::Result<String> {
    let (ttl_ms, receipt) = wishes(options);
    serde_json::to_string(&Wire::PublishBatch { events, ttl_ms, receipt, request_id })
}

pub(super) fn subscribe(wanted: &Subscription, request_id: Option<&str>) -> serde_json::Result<String> {
    serde_json::to_string(&Plain::Subscribe { subscription: self::wanted(wanted), request_id })
}

pub(super) fn unsubscribe(subscription_id: Uuid) -> serde_json::Result<String> {
    serde_json::to_string(&Plain::Unsubscribe { subscription_id: subscription_id.to_string() })
}

/// The introduction of a client that speaks part 2.
pub(super) fn hello(options: &Options) -> serde_json::Result<String> {
    let Options { software, lean, token, .. } = options;
    let token = token.as_ref().map(|token| token.as_str());
    serde_json::to_string(&Plain::Hello { protocol: PROTOCOL, client: software, lean: *lean, token })
}

fn wishes(options: PublishOptions) -> (Option<u64>, Option<&'static str>) {
    (options.ttl_ms, (options.receipt == Receipt::Dispatched).then_some("dispatched"))
}

fn wanted(subscription: &Subscription) -> Wanted<'_> {
    let types = subscription.types;
    let named = EventType::ALL.iter().copied().filter(|kind| !types.is_empty() && types.admits(*kind));
    let least = subscription.min_priority;
    Wanted {
        topics: subscription.topics.iter().map(|pattern| pattern.as_str()).collect(),
        types: named.collect(),
        priorities: (least > Priority::LOWEST).then_some([least]),
        sources: &subscription.sources,
        targets: subscription.targets.as_deref(),
        group: subscription.group.as_deref(),
    }
}
