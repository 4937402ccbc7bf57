//! What is subscribed: names that stay the same, whatever the router calls it this time.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use uuid::Uuid;

use super::inbox::Inbox;
use super::replies::Replies;
use super::seen::Seen;
use super::{Delivery, Event};
use crate::protocol::Subscription;

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
    wanted: Subscription,
    taker: Taker,
    seen: Seen,
    /// What the router calls it on this connection.
    name: Option<Uuid>,
}

/// All of them.
#[derive(Default)]
pub(super) struct Table {
    all: HashMap<Uuid, Entry>,
    by_name: HashMap<Uuid, Uuid>,
    early: VecDeque<Delivery>,
    dedupe: usize,
}

impl Table {
    pub fn new(dedupe: usize) -> Self {
        Self { dedupe, ..Self::default() }
    }

    pub fn add(&mut self, id: Uuid, wanted: Subscription, taker: Taker) {
        self.all.insert(id, Entry { wanted, taker, seen: Seen::new(self.dedupe), name: None });
    }

    /// The router's names are void; all that is to be subscribed again.
    pub fn begin(&mut self) -> Vec<Uuid> {
        self.by_name.clear();
        self.early.clear();
        self.all.values_mut().for_each(|entry| entry.name = None);
        self.all.keys().copied().collect()
    }

    pub fn wanted(&self, id: Uuid) -> Option<&Subscription> {
        self.all.get(&id).map(|entry| &entry.wanted)
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

    /// What its user calls what the router calls so.
    pub fn id_of(&self, name: Uuid) -> Option<Uuid> {
        self.by_name.get(&name).copied()
    }

    /// An event has come.
    pub fn deliver(&mut self, delivery: Delivery) {
        let Some(id) = delivery.subscription.and_then(|name| self.id_of(name)) else {
            if self.early.len() < EARLY && self.all.values().any(|entry| entry.name.is_none()) {
                self.early.push_back(delivery);
            }
            return;
        };
        if let Some(entry) = self.all.get_mut(&id)
            && entry.seen.is_new(&delivery.event.id)
        {
            entry.taker.take(delivery.event);
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

    /// The inbox with the least urgent event.
    pub fn least_urgent(&self) -> Option<&Arc<Inbox>> {
        let inboxes = self.all.values().filter_map(|entry| match &entry.taker {
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

impl Taker {
    fn take(&self, event: Event) {
        match self {
            Self::Stream(inbox) => inbox.push(event),
            Self::Replies(replies) => replies.came(event),
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
