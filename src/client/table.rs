//! What is subscribed: names that stay the same, whatever the router calls it this time.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use super::acks::Acks;
use super::inbox::{Inbox, Waiting};
use super::reached::Reached;
use super::replies::Replies;
use super::seen::Seen;
use super::subscribing::Wanted;
use super::{Arrival, Replayed};
use crate::protocol::{Start, Subscription};

/// Events that came before the answer to their subscription, which a router of part 1 may send so; more are lost.
const EARLY: usize = 1_000;

/// Whom events go to.
#[derive(Clone, Debug)]
pub(super) enum Taker {
    /// A stream.
    Stream(Arc<Inbox>),
    /// Those who wait for replies.
    Replies(Arc<Replies>),
}

/// One subscription, over all connections.
struct Entry {
    wanted: Wanted,
    reached: Reached,
    /// Events come in the order in which they were stored, whatever their priority.
    is_replaying: bool,
    taker: Taker,
    seen: Seen,
    /// What the router calls it on this connection.
    name: Option<Uuid>,
    /// The router has not said that it does not take it.
    is_hoped_for: bool,
}

/// All of them.
#[derive(Default)]
pub(super) struct Table {
    all: HashMap<Uuid, Entry>,
    by_name: HashMap<Uuid, Uuid>,
    early: VecDeque<Box<Arrival>>,
    dedupe: usize,
    acks: Arc<Acks>,
}

impl Table {
    pub fn new(dedupe: usize, acks: Arc<Acks>) -> Self {
        Self { dedupe, acks, ..Self::default() }
    }

    pub fn add(&mut self, id: Uuid, wanted: Wanted, taker: Taker) {
        let subscription = &wanted.subscription;
        // What is delivered again has been here before.
        let seen = Seen::new(if subscription.ack.is_some() { 0 } else { self.dedupe });
        let is_replaying = wanted.is_replayed();
        let reached = Reached::default();
        self.all
            .insert(id, Entry { wanted, reached, is_replaying, taker, seen, name: None, is_hoped_for: true });
    }

    /// The router's names are void; all that is to be subscribed again.
    pub fn begin(&mut self) -> Vec<Uuid> {
        self.by_name.clear();
        self.early.clear();
        self.all.values_mut().for_each(|entry| (entry.name, entry.is_hoped_for) = (None, true));
        self.all.keys().copied().collect()
    }

    /// What the router is to be asked for now: a replay goes on where it was.
    pub fn wish(&mut self, id: Uuid) -> Option<Subscription> {
        let entry = self.all.get_mut(&id)?;
        let mut wish = entry.wanted.subscription.clone();
        entry.is_replaying = entry.wanted.is_replayed();
        if entry.is_replaying
            && let Some(next) = entry.reached.next(wish.min_priority)
        {
            wish.from = Some(Start::Sequence(next));
        }
        Some(wish)
    }

    /// A replay has reached what is live. Whose it was.
    pub fn replayed(&mut self, replayed: &Replayed) -> Option<Uuid> {
        let id = self.id_of(replayed.subscription_id)?;
        let entry = self.all.get_mut(&id)?;
        entry.is_replaying = false;
        entry.reached.all(replayed.sequence);
        Some(id)
    }

    /// The connection is no more: what came on it and has to be acknowledged is not to be had any more.
    pub fn ended(&mut self) {
        for entry in self.all.values().filter(|entry| entry.wanted.subscription.ack.is_some()) {
            entry.taker.clear();
        }
    }

    /// What the router calls it.
    pub fn name_of(&self, id: Uuid) -> Option<Uuid> {
        self.all.get(&id)?.name
    }

    /// The router has named it. What came for it before that is delivered now. False: nobody wants it any more.
    pub fn named(&mut self, id: Uuid, name: Uuid) -> bool {
        let Some(entry) = self.all.get_mut(&id) else { return false };
        entry.name = Some(name);
        self.by_name.insert(name, id);
        for delivery in std::mem::take(&mut self.early) {
            self.deliver(delivery);
        }
        true
    }

    /// Whether a subscription is there already.
    pub fn has(&self, id: Uuid) -> bool {
        self.all.contains_key(&id)
    }

    /// Whether somebody else could have something of what comes.
    pub fn shares_work(&self) -> bool {
        self.all.values().any(|Entry { wanted: Wanted { subscription, .. }, .. }| {
            subscription.group.is_some() || subscription.durable.is_some()
        })
    }

    /// What its user calls what the router calls so.
    pub fn id_of(&self, name: Uuid) -> Option<Uuid> {
        self.by_name.get(&name).copied()
    }

    /// An event has come.
    pub fn deliver(&mut self, delivery: Box<Arrival>) {
        let Some(id) = delivery.subscription.and_then(|name| self.id_of(name)) else {
            let is_hoped_for = |entry: &Entry| entry.name.is_none() && entry.is_hoped_for;
            if self.early.len() < EARLY && self.all.values().any(is_hoped_for) {
                self.early.push_back(delivery);
            }
            return;
        };
        if let Some(entry) = self.all.get_mut(&id)
            && entry.is_new(&delivery)
        {
            let ack = entry.wanted.subscription.ack;
            let timeout = ack.filter(|_| entry.wanted.heartbeat).map(|ack| ack.timeout_ms);
            let timeout = timeout.map(Duration::from_millis);
            let hold = delivery.delivery_id.as_deref().map(|id| self.acks.hold(id, timeout));
            entry.taker.take(Waiting { arrival: delivery, hold }, entry.is_replaying);
        }
    }

    /// The router does not take it on this connection.
    pub fn refused(&mut self, id: Uuid) {
        if let Some(entry) = self.all.get_mut(&id) {
            entry.is_hoped_for = false;
        }
    }

    /// Forgets one that the router refused.
    pub fn remove(&mut self, id: Uuid) {
        if let Some(entry) = self.all.remove(&id) {
            entry.taker.close();
        }
    }

    /// Forgets all whose streams are gone. Returns what the router calls them.
    pub fn sweep(&mut self) -> Vec<Uuid> {
        let gone: Vec<_> = self.all.extract_if(|_, entry| entry.taker.is_gone()).collect();
        let names: Vec<_> = gone.into_iter().filter_map(|(_, entry)| entry.name).collect();
        self.by_name.retain(|name, _| !names.contains(name));
        names
    }

    /// The inbox with the least urgent event. What has to be acknowledged is not shed: it is few, and the router's.
    pub fn least_urgent(&self) -> Option<&Arc<Inbox>> {
        let sheds = |entry: &&Entry| entry.wanted.subscription.ack.is_none();
        let inboxes = self.all.values().filter(sheds).filter_map(|entry| match &entry.taker {
            Taker::Stream(inbox) => Some((inbox.lowest()?, inbox)),
            Taker::Replies(_) => None,
        });
        inboxes.min_by_key(|(lowest, _)| *lowest).map(|(_, inbox)| inbox)
    }

    /// Nothing more will come.
    pub fn close(&mut self) {
        self.all.drain().for_each(|(_, entry)| entry.taker.close());
    }
}

impl Entry {
    /// Whether an event was not here before.
    fn is_new(&mut self, delivery: &Arrival) -> bool {
        let is_new = match (self.wanted.is_replayed(), delivery.sequence) {
            (true, Some(sequence)) => {
                self.reached.is_new(delivery.event.priority, sequence, self.is_replaying)
            }
            _ => true,
        };
        is_new && self.seen.is_new(&delivery.event.id)
    }
}

impl Taker {
    fn take(&self, waiting: Waiting, is_replaying: bool) {
        match self {
            Self::Stream(inbox) => inbox.push(waiting, is_replaying),
            Self::Replies(replies) => replies.came(waiting.arrival.event),
        }
    }

    fn clear(&self) {
        if let Self::Stream(inbox) = self {
            inbox.clear();
        }
    }

    fn is_gone(&self) -> bool {
        match self {
            Self::Stream(inbox) => inbox.is_closed(),
            Self::Replies(_) => false,
        }
    }

    fn close(&self) {
        if let Self::Stream(inbox) = self {
            inbox.close();
        }
    }
}
