//! One connected client, as the engine sees it.

use std::collections::VecDeque;
use std::task::Waker;

use uuid::Uuid;

use super::outbox::Outbox;
use super::recent::Recent;
use super::subscription::{Gap, SubscriptionKey};
use super::{Millis, Reason, Refusals};
use crate::protocol::Time;

/// A connected client. It never names another one: places are used again, generations are not.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ClientKey {
    pub(super) index: u32,
    pub(super) generation: u32,
}

/// What a client is called in logs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClientName {
    /// Its `client_id`.
    pub id: Uuid,
    /// Where it comes from.
    pub remote: Box<str>,
}

/// Why the engine wants a connection closed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Close {
    /// Its outbox was full, and `slow_consumer` says `disconnect`.
    SlowConsumer,
    /// The router ends.
    GoingAway,
    /// Somebody who may do so wants it closed.
    Kicked,
}

/// Something that a client is told besides events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// What was shed from a subscription.
    Gap {
        /// The subscription.
        subscription: Uuid,
        /// How much, by priority.
        gap: Box<Gap>,
    },
    /// An event whose publisher asked for it has been matched.
    Dispatched {
        /// The publisher's own mark.
        token: u64,
        /// Subscriptions that took it.
        matched: u32,
        /// Subscriptions that could not, by reason.
        refused: Refusals,
    },
    /// The router winds down.
    Draining {
        /// When it gives up what is left.
        deadline: Time,
        /// Milliseconds after the end of the connection; another number for each client.
        reconnect_after: Millis,
    },
    /// An event whose publisher asked was lost before it could be matched.
    Lost {
        /// The publisher's own mark.
        token: u64,
        /// Why.
        reason: Reason,
    },
}

/// What a connection does since its last turn.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Rest {
    /// It comes by itself.
    Busy,
    /// Its client wants no more events now: it waits for that, or for a notice.
    Starved,
    /// Nothing waits: it is to be woken by the next thing that does.
    Idle,
}

pub(super) struct Client {
    pub generation: u32,
    /// Wants gap notices.
    pub hello: bool,
    pub outbox: Outbox,
    /// At most a gap for each subscription, and an answer for each receipt that is asked for.
    pub notices: VecDeque<Notice>,
    pub subscriptions: Vec<SubscriptionKey>,
    /// Subscriptions that have a gap to tell.
    pub gaps: Vec<SubscriptionKey>,
    pub next_number: u32,
    /// The connection.
    pub waker: Option<Waker>,
    /// What the connection does meanwhile.
    pub rest: Rest,
    /// Events that it was given before and still has to do, as far as it tells.
    pub held: usize,
    pub close: Option<Close>,
    pub name: Option<Box<ClientName>>,
    /// What it said it is.
    pub software: Option<Box<str>>,
    /// When it was named.
    pub since: Millis,
    /// Events of it that were accepted.
    pub published: u64,
    pub published_lately: Recent,
    /// Deliveries that it took and wrote.
    pub delivered: u64,
    pub delivered_lately: Recent,
    /// Deliveries that were shed because it is slow, and how many of them are reported.
    pub shed: u64,
    pub shed_reported: u64,
}

impl Client {
    pub fn new(generation: u32) -> Self {
        Self {
            generation,
            hello: false,
            outbox: Outbox::new(),
            notices: VecDeque::new(),
            subscriptions: Vec::new(),
            gaps: Vec::new(),
            next_number: 1,
            waker: None,
            rest: Rest::Busy,
            held: 0,
            close: None,
            name: None,
            software: None,
            since: 0,
            published: 0,
            published_lately: Recent::default(),
            delivered: 0,
            delivered_lately: Recent::default(),
            shed: 0,
            shed_reported: 0,
        }
    }
}
