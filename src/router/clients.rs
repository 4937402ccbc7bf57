//! Clients and their subscriptions come and go.

use std::fmt;

use uuid::Uuid;

use super::client::{Client, ClientName, Notice};
use super::delivery::lose;
use super::subscription::{Subscription, SubscriptionKey};
use super::{ClientKey, Close, Millis, Reason, Router};
use crate::protocol::Subscription as Wanted;

/// Why the engine says no. Each carries what the message to the client needs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// As many clients are connected as may be.
    MaxClients(usize),
    /// The client has as many subscriptions as it may have.
    MaxSubscriptions(usize),
    /// No subscription has this id.
    NotFound,
    /// The subscription is another client's.
    NotOwner,
    /// Others are there of this durable subscription.
    DurableTaken,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MaxClients(limit) => {
                write!(f, "as many clients are connected as may be (max_clients is {limit})")
            }
            Self::MaxSubscriptions(limit) => {
                write!(f, "it has as many subscriptions as it may have (limits.max_subscriptions is {limit})")
            }
            Self::NotFound => write!(f, "no subscription has this id"),
            Self::NotOwner => write!(f, "the subscription is another client's"),
            Self::DurableTaken => write!(f, "others are there of this durable subscription"),
        }
    }
}

/// A subscription that was made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Subscribed {
    /// The number that lean deliveries carry instead of the id.
    pub number: u32,
}

impl Router {
    /// Lets a client in.
    ///
    /// # Errors
    /// [`Refusal::MaxClients`].
    pub fn connect(&mut self) -> Result<ClientKey, Refusal> {
        if self.clients.len() >= self.settings.max_clients {
            return Err(Refusal::MaxClients(self.settings.max_clients));
        }
        let generation = self.next_generation;
        self.next_generation = generation.wrapping_add(1);
        let index = self.clients.insert(Client::new(generation)) as u32;
        Ok(ClientKey { index, generation })
    }

    /// The client said `hello`: from now on it is told of gaps.
    pub fn hello(&mut self, key: ClientKey) {
        if let Some(client) = self.client(key) {
            let is_new = !std::mem::replace(&mut client.hello, true);
            if is_new {
                self.say_goodbye(key);
            }
        }
    }

    /// What to call a client in reports, and since when.
    pub fn name(&mut self, key: ClientKey, name: ClientName, now: Millis) {
        if let Some(client) = self.client(key) {
            client.name = Some(Box::new(name));
            client.since = now;
        }
    }

    /// What a client says it is, for reports.
    pub fn software(&mut self, key: ClientKey, software: &str) {
        if let Some(client) = self.client(key) {
            client.software = Some(software.into());
        }
    }

    /// All that are connected.
    pub fn client_keys(&self) -> Vec<ClientKey> {
        let key = |(index, client): (usize, &Client)| ClientKey {
            index: index as u32,
            generation: client.generation,
        };
        self.clients.iter().map(key).collect()
    }

    /// A client is gone, or about to be: it gets nothing more. What waits for it goes to the dead letters; what it took
    /// and did not put back counts as written.
    pub fn disconnect(&mut self, key: ClientKey, now: Millis) {
        if self.ended {
            self.keep_late(key);
        }
        self.drop_deliveries(key, Reason::Disconnected, now);
        self.drop_subscriptions(key, Reason::Disconnected, now);
        if self.client(key).is_some() {
            // What it did not write it has put back.
            let mut client = self.clients.remove(key.index as usize);
            let replayed = client.replays.map_or(0, |mut lane| lane.settle());
            let written = client.outbox.settle() + client.lane.map_or(0, |mut lane| lane.settle()) + replayed;
            self.stats.matched += replayed as u64;
            self.count_delivered(written as u64, now);
        }
    }

    /// Makes a subscription under `id`.
    ///
    /// # Errors
    /// [`Refusal::MaxSubscriptions`], or [`Refusal::NotFound`] when the client is gone or about to be.
    pub fn subscribe(&mut self, key: ClientKey, id: Uuid, mut wanted: Wanted) -> Result<Subscribed, Refusal> {
        let most = self.settings.max_subscriptions;
        let client = self.client(key).filter(|client| client.close.is_none()).ok_or(Refusal::NotFound)?;
        if client.subscriptions.len() >= most {
            return Err(Refusal::MaxSubscriptions(most));
        }
        let number = client.next_number;
        client.next_number = number.wrapping_add(1);
        let group = wanted.group.take().map(|name| self.groups.join(&name));
        let subscription = Subscription::new(id, number, key, wanted, group);
        let entry = self.subscriptions.vacant_entry();
        let place = SubscriptionKey(entry.key() as u32);
        if subscription.patterns.is_empty() {
            self.index.insert("*", place);
        }
        for pattern in &subscription.patterns {
            self.index.insert(pattern.as_str(), place);
        }
        self.mourners += usize::from(subscription.mourns());
        self.dead.tell(self.mourners > 0);
        entry.insert(subscription);
        self.by_id.insert(id, place);
        if let Some(client) = self.client(key) {
            client.subscriptions.push(place);
        }
        self.enlist(place);
        self.begin_replay(place);
        Ok(Subscribed { number })
    }

    /// Ends a subscription. What waits for it goes to the dead letters, and into a last gap notice.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] or [`Refusal::NotOwner`].
    pub fn unsubscribe(&mut self, key: ClientKey, id: Uuid, now: Millis) -> Result<(), Refusal> {
        let place = *self.by_id.get(&id).ok_or(Refusal::NotFound)?;
        if self.subscriptions[place.0 as usize].client != key {
            return Err(Refusal::NotOwner);
        }
        self.resign(place, Reason::Unsubscribed, now);
        let Self { clients, subscriptions, dead, .. } = self;
        let Some(client) = clients.get_mut(key.index as usize) else { return Err(Refusal::NotFound) };
        let mut waiting = Vec::new();
        client.outbox.forget(place, |gone| waiting.push(gone));
        for gone in waiting {
            lose(subscriptions, dead, client, gone, Reason::Unsubscribed, Vec::new(), now);
        }
        if let Some(gap) = subscriptions[place.0 as usize].gap.take() {
            client.notices.push_back(Notice::Gap { subscription: id, gap });
        }
        client.gaps.retain(|&gap| gap != place);
        client.subscriptions.retain(|&own| own != place);
        self.remove_subscription(place);
        self.forget_replay(key, place);
        Ok(())
    }

    /// Asks the connection of this client to close.
    pub fn close(&mut self, key: ClientKey, close: Close) {
        let waker = self.client(key).and_then(|client| {
            client.close.get_or_insert(close);
            client.waker.clone()
        });
        self.wakers.extend(waker);
    }

    /// Whether this connection is to be closed. [`Router::take`] tells it as well.
    pub fn close_wanted(&self, key: ClientKey) -> Option<Close> {
        self.clients.get(key.index as usize).filter(|client| client.generation == key.generation)?.close
    }

    /// A slow subscriber is to be disconnected: nothing more is matched to it.
    pub(super) fn expel(&mut self, key: ClientKey, now: Millis) {
        self.drop_deliveries(key, Reason::SlowConsumer, now);
        self.drop_subscriptions(key, Reason::SlowConsumer, now);
        self.close(key, Close::SlowConsumer);
    }

    pub(super) fn drop_deliveries(&mut self, key: ClientKey, reason: Reason, now: Millis) {
        if self.client(key).is_none() {
            return;
        }
        let Self { clients, subscriptions, dead, .. } = self;
        let client = &mut clients[key.index as usize];
        let mut waiting = Vec::new();
        client.outbox.clear(|gone| waiting.push(gone));
        for gone in waiting {
            lose(subscriptions, dead, client, gone, reason, Vec::new(), now);
        }
    }

    fn drop_subscriptions(&mut self, key: ClientKey, reason: Reason, now: Millis) {
        let Some(client) = self.client(key) else { return };
        let places = client.subscriptions.clone();
        for &place in &places {
            self.resign(place, reason, now);
        }
        let Some(client) = self.client(key) else { return };
        client.gaps.clear();
        client.subscriptions.clear();
        for place in places {
            self.remove_subscription(place);
            self.forget_replay(key, place);
        }
    }

    fn remove_subscription(&mut self, place: SubscriptionKey) {
        let subscription = self.subscriptions.remove(place.0 as usize);
        self.mourners -= usize::from(subscription.mourns());
        self.dead.tell(self.mourners > 0);
        if subscription.patterns.is_empty() {
            self.index.remove("*", place);
        }
        for pattern in &subscription.patterns {
            self.index.remove(pattern.as_str(), place);
        }
        self.by_id.remove(&subscription.id);
        if let Some(group) = subscription.group {
            self.groups.leave(group);
        }
    }
}
