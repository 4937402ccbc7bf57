//! What a client asks for, written.

use serde::Serialize;

use super::NewEvent;
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

/// The shapes of the wire.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Wire<'a> {
    Publish {
        event: &'a NewEvent,
        #[serde(skip_serializing_if = "Option::is_none")]
        ttl_ms: Option<u64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        receipt: Option<&'static str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        request_id: Option<&'a str>,
    },
    Subscribe {
        subscription: Wanted<'a>,
    },
    GetHealth,
    Hello {
        protocol: u64,
        client: &'a str,
        lean: bool,
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

impl Request<'_> {
    pub(super) fn text(&self) -> serde_json::Result<String> {
        serde_json::to_string(&match *self {
            Self::Publish { event, options, request_id } => Wire::Publish {
                event,
                ttl_ms: options.ttl_ms,
                receipt: (options.receipt == Receipt::Dispatched).then_some("dispatched"),
                request_id,
            },
            Self::Subscribe(subscription) => Wire::Subscribe { subscription: wanted(subscription) },
            Self::GetHealth => Wire::GetHealth,
        })
    }
}

/// The introduction of a client that speaks part 2.
pub(super) fn hello(client: &str, lean: bool) -> serde_json::Result<String> {
    serde_json::to_string(&Wire::Hello { protocol: PROTOCOL, client, lean })
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
