//! What a client asks for, written.

use serde::Serialize;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::{Nack, NewEvent, Options, Token};
use crate::protocol::{Credit, PROTOCOL, PublishOptions, Receipt, Subscription};

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
    /// A delivery is done.
    Ack {
        /// What it is called.
        delivery_id: &'a str,
    },
    /// A delivery is not done, and is to be tried again.
    Nack {
        /// What it is called.
        delivery_id: &'a str,
        /// Why, and when.
        nack: &'a Nack,
    },
    /// A delivery is being worked on: its time-out begins anew.
    InProgress {
        /// What it is called.
        delivery_id: &'a str,
    },
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
        #[serde(skip_serializing_if = "is_false")]
        mandatory: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        request_id: Option<&'a str>,
    },
    PublishBatch {
        events: &'a [E],
        #[serde(skip_serializing_if = "Option::is_none")]
        ttl_ms: Option<u64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        receipt: Option<&'static str>,
        #[serde(skip_serializing_if = "is_false")]
        mandatory: bool,
        request_id: &'a str,
    },
    Subscribe {
        subscription: &'a Subscription,
        #[serde(skip_serializing_if = "Option::is_none")]
        request_id: Option<&'a str>,
    },
    Unsubscribe {
        subscription_id: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        forget: Option<bool>,
        #[serde(skip_serializing_if = "Option::is_none")]
        request_id: Option<&'a str>,
    },
    Ack {
        delivery_id: &'a str,
    },
    Nack {
        delivery_id: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        delay_ms: Option<u64>,
        #[serde(skip_serializing_if = "str::is_empty")]
        reason: &'a str,
    },
    InProgress {
        delivery_id: &'a str,
    },
    GetHealth,
    Hello {
        protocol: u64,
        client: &'a str,
        lean: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        token: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        credit: Option<Credit>,
    },
    Credit(Credit),
}

/// What `hello` says beside who this is.
#[derive(Clone, Copy)]
pub(super) struct Greeting<'a> {
    pub token: Option<&'a Token>,
    pub credit: Option<Credit>,
}

/// As a message is written that holds no event.
type Plain<'a> = Wire<'a, ()>;

impl Request<'_> {
    pub(super) fn text(&self) -> serde_json::Result<String> {
        match *self {
            Self::Publish { event, options, request_id } => {
                let (ttl_ms, receipt, mandatory) = wishes(options);
                serde_json::to_string(&Wire::Publish { event, ttl_ms, receipt, mandatory, request_id })
            }
            Self::Subscribe(subscription) => subscribe(subscription, None),
            Self::Ack { delivery_id } => serde_json::to_string(&Plain::Ack { delivery_id }),
            Self::Nack { delivery_id, nack } => {
                let delay_ms = nack.delay().map(|delay| delay.as_millis().try_into().unwrap_or(u64::MAX));
                serde_json::to_string(&Plain::Nack { delivery_id, delay_ms, reason: nack.reason() })
            }
            Self::InProgress { delivery_id } => serde_json::to_string(&Plain::InProgress { delivery_id }),
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
    let (ttl_ms, receipt, mandatory) = wishes(options);
    serde_json::to_string(&Wire::Publish { event: &event, ttl_ms, receipt, mandatory, request_id })
}

/// Several events that are written already, with the same wishes.
pub(super) fn publish_batch(
    events: &[&RawValue],
    options: PublishOptions,
    request_id: &str,
) -> serde_json::Result<String> {
    let (ttl_ms, receipt, mandatory) = wishes(options);
    serde_json::to_string(&Wire::PublishBatch { events, ttl_ms, receipt, mandatory, request_id })
}

pub(super) fn subscribe(wanted: &Subscription, request_id: Option<&str>) -> serde_json::Result<String> {
    serde_json::to_string(&Plain::Subscribe { subscription: wanted, request_id })
}

pub(super) fn unsubscribe(subscription_id: Uuid) -> serde_json::Result<String> {
    let subscription_id = subscription_id.to_string();
    serde_json::to_string(&Plain::Unsubscribe { subscription_id, forget: None, request_id: None })
}

/// Ends a durable subscription itself.
pub(super) fn forget(subscription_id: Uuid, request_id: &str) -> serde_json::Result<String> {
    let (subscription_id, request_id) = (subscription_id.to_string(), Some(request_id));
    serde_json::to_string(&Plain::Unsubscribe { subscription_id, forget: Some(true), request_id })
}

/// The introduction of a client that speaks part 2.
pub(super) fn hello(options: &Options, greeting: Greeting<'_>) -> serde_json::Result<String> {
    let Options { software, lean, .. } = options;
    let (token, credit) = (greeting.token.map(Token::as_str), greeting.credit);
    serde_json::to_string(&Plain::Hello { protocol: PROTOCOL, client: software, lean: *lean, token, credit })
}

/// More room than was granted before.
pub(super) fn credit(credit: Credit) -> serde_json::Result<String> {
    serde_json::to_string(&Plain::Credit(credit))
}

fn wishes(options: PublishOptions) -> (Option<u64>, Option<&'static str>, bool) {
    let receipt = (options.receipt == Receipt::Dispatched).then_some("dispatched");
    (options.ttl_ms, receipt, options.mandatory)
}

// As serde calls it.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_false(it: &bool) -> bool {
    !it
}
