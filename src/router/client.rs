//! One connected client, as the engine sees it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Waker;

use uuid::Uuid;

use super::lane::Lane;
use super::outbox::Outbox;
use super::recent::Recent;
use super::replay::ReplayLane;
use super::subscription::{Gap, SubscriptionKey};
use super::{Millis, Reason, Refusals};
use crate::protocol::{Priority, Time};

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

/// What waits for those who acknowledge.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Backlog {
    /// Events in the engine, also those that rest until they are tried again.
    pub waiting: u64,
    /// More are in the store.
    pub more: bool,
    /// For how long the oldest has waited, in milliseconds.
    pub oldest: Millis,
    /// The most urgent of them.
    pub highest: Priority,
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
        /// The event's number; 0 = it is not stored.
        sequence: u64,
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
        /// Its number, if it is stored all the same.
        sequence: u64,
    },
    /// What waits for a subscription that acknowledges.
    Backlog {
        /// The subscription.
        subscription: Uuid,
        /// What it is.
        backlog: Backlog,
    },
    /// A replay has reached what is live.
    Replayed {
        /// The subscription.
        subscription: Uuid,
        /// All stored events up to this one were looked at.
        sequence: u64,
        /// How many of them were taken.
        events: u64,
    },
    /// What became of a subscription that had to be looked up first.
    Resumed {
        /// The client's own mark.
        token: u64,
        /// Its id and the number that lean deliveries carry, or why there is none.
        outcome: Result<(Uuid, u32), Arc<str>>,
    },
    /// An event is stored.
    Stored {
        /// The publisher's own mark.
        token: u64,
        /// Its number.
        sequence: u64,
    },
    /// An event could not be stored.
    NotStored {
        /// The publisher's own mark.
        token: u64,
        /// Why, for a person.
        why: Arc<str>,
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
    /// What it was assigned of what it has to acknowledge.
    pub lane: Option<Box<Lane>>,
    /// What was read for it from the store.
    pub replays: Option<Box<ReplayLane>>,
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
    /// Whether something waits for its connection.
    pub fn has_waiting(&self) -> bool {
        self.outbox.waiting() > 0
            || self.lane.as_ref().is_some_and(|lane| !lane.is_empty())
            || self.replays.as_ref().is_some_and(|lane| !lane.is_empty())
    }

    pub fn new(generation: u32) -> Self {
        Self {
            generation,
            hello: false,
            outbox: Outbox::new(),
            lane: None,
            replays: None,
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
