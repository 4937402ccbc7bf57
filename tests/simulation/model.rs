//! The engine as one would write it if time and memory were free: plain lists, searched from end to end.
//!
//! It is told by nobody how the engine works inside. Where the protocol leaves the engine a choice (which of a client's
//! subscriptions comes first, which of equal members of a group), [`super::matching`] follows the engine's, after checking
//! that it was one of those allowed.

use std::collections::BTreeMap;
use std::sync::Arc;

use gadugi_router::protocol::{Event, Subscription as Wanted};
use gadugi_router::router::{
    Budget, ClientKey, Close, Millis, Notice, Published, Reason, Receipt, Settings, Stats,
};
use uuid::Uuid;

use super::state::{Account, ByPriority, Client, Letter, Queued, Subscription, Taken, Waiting};

#[derive(Clone)]
pub struct Model {
    pub settings: Settings,
    /// In the order in which they will be matched.
    pub queue: Vec<Queued>,
    pub clients: Vec<Client>,
    pub subscriptions: Vec<Subscription>,
    pub accounts: BTreeMap<Uuid, Account>,
    pub stats: Stats,
    /// By reason, in the order of [`Reason::ALL`].
    pub dead: [ByPriority; Reason::ALL.len()],
    /// Lost in this step.
    pub letters: Vec<Letter>,
    pub draining: bool,
    /// What was left is recorded: what comes back from now on is kept, by priority.
    pub late: Option<ByPriority>,
    pub sequence: u64,
}

impl Model {
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            queue: Vec::new(),
            clients: Vec::new(),
            subscriptions: Vec::new(),
            accounts: BTreeMap::new(),
            stats: Stats::default(),
            dead: Default::default(),
            letters: Vec::new(),
            draining: false,
            late: None,
            sequence: 0,
        }
    }

    pub fn client(&mut self, key: ClientKey) -> Option<&mut Client> {
        self.clients.iter_mut().find(|client| client.key == key)
    }

    pub fn connect(&mut self, key: ClientKey) {
        self.clients.push(Client::new(key));
    }

    pub fn disconnect(&mut self, key: ClientKey, now: Millis) {
        self.stats.delivered += self.client(key).map_or(0, |client| client.taken.len()) as u64;
        if let (Some(mut late), Some(client)) = (self.late, self.client(key)) {
            client.waiting.drain(..).for_each(|waiting| late[waiting.event.priority().index()] += 1);
            self.late = Some(late);
        }
        self.clear(key, Reason::Disconnected, now);
        self.subscriptions.retain(|subscription| subscription.client != key);
        self.accounts.retain(|_, account| account.client != key);
        self.clients.retain(|client| client.key != key);
    }

    /// The number that lean deliveries carry.
    pub fn subscribe(&mut self, key: ClientKey, id: Uuid, wanted: Wanted) -> u32 {
        let Some(client) = self.client(key) else { return 0 };
        let number = client.next_number;
        client.next_number += 1;
        if client.hello {
            self.accounts.insert(id, Account { client: key, matched: ByPriority::default() });
        }
        self.subscriptions.push(Subscription { id, number, client: key, wanted, chosen: 0 });
        number
    }

    pub fn unsubscribe(&mut self, key: ClientKey, id: Uuid, now: Millis) {
        let Some(client) = self.client(key) else { return };
        let (gone, left) =
            std::mem::take(&mut client.waiting).into_iter().partition(|w| w.subscription == id);
        client.waiting = left;
        self.lose_all(key, gone, Reason::Unsubscribed, now);
        self.subscriptions.retain(|subscription| subscription.id != id);
        let Some(client) = self.client(key) else { return };
        if let Some(gap) = client.gaps.remove(&id) {
            client.notices.push(Notice::Gap { subscription: id, gap: Box::new(gap) });
        }
    }

    pub fn close(&mut self, key: ClientKey, close: Close) {
        let Some(client) = self.client(key) else { return };
        client.close.get_or_insert(close);
        client.wakeable = true;
        client.tell();
    }

    pub fn publish(
        &mut self,
        event: Arc<Event>,
        ttl: Option<Millis>,
        receipt: Option<Receipt>,
        now: Millis,
    ) -> Published {
        if self.draining {
            self.stats.refused += 1;
            return Published::Draining;
        }
        let priority = event.priority();
        let (class, capacity) = self.class(priority);
        let rivals =
            self.queue.iter().filter(|queued| class.contains(&queued.event.priority().get())).count();
        if rivals >= capacity {
            let lowest = self.queue.iter().rposition(|queued| class.contains(&queued.event.priority().get()));
            let Some(lowest) = lowest.filter(|&at| self.queue[at].event.priority() < priority) else {
                self.stats.refused += 1;
                self.stats.queue_full += 1;
                return Published::QueueFull;
            };
            let victim = self.queue.remove(lowest);
            self.lose_queued(victim, Reason::Evicted, now);
        }
        let place = self.queue.iter().take_while(|queued| queued.event.priority() >= priority).count();
        let deadline = ttl.map_or(Millis::MAX, |ttl| now + ttl);
        self.queue.insert(place, Queued { event, deadline, receipt });
        self.stats.accepted[priority.index()] += 1;
        self.stats.last_event = Some(now);
        Published::Queued
    }

    pub fn take(&mut self, key: ClientKey, budget: Budget, now: Millis) -> Option<Taken> {
        let Budget { events, bytes, overhead, held } = budget;
        let client = self.client(key)?;
        let written = std::mem::take(&mut client.taken).len();
        let (mut expired, mut used) = (Vec::new(), 0);
        while client.taken.len() < events && used < bytes && !client.waiting.is_empty() {
            let next = client.waiting.remove(0);
            if next.deadline <= now {
                expired.push(next);
            } else {
                used += next.event.size() + overhead;
                client.taken.push(next);
            }
        }
        self.stats.delivered += written as u64;
        self.lose_all(key, expired, Reason::Expired, now);
        let client = self.client(key)?;
        let mut notices = std::mem::take(&mut client.notices);
        notices.extend(
            std::mem::take(&mut client.gaps)
                .into_iter()
                .map(|(subscription, gap)| Notice::Gap { subscription, gap: Box::new(gap) }),
        );
        client.idle = client.waiting.is_empty();
        client.starved = !client.idle && (events == 0 || bytes == 0);
        client.held = held;
        client.due = false;
        Some(Taken { deliveries: client.taken.clone(), notices, close: client.close })
    }

    /// The last `count` that were taken were not written.
    pub fn put_back(&mut self, key: ClientKey, count: usize, now: Millis) {
        for _ in 0..count {
            let known: Vec<_> = self.subscriptions.iter().map(|subscription| subscription.id).collect();
            let Some(client) = self.client(key) else { return };
            let Some(last) = client.taken.pop() else { return };
            // Its socket is full, and wakes it itself.
            client.idle = false;
            client.starved = false;
            if known.contains(&last.subscription) {
                client.push_front(last);
            } else {
                let expelled = client.close == Some(Close::SlowConsumer);
                let reason = if expelled { Reason::SlowConsumer } else { Reason::Unsubscribed };
                self.bury(last.event, reason, now, Some(last.subscription));
            }
        }
        self.shrink(key, now);
    }

    /// An accepted event is lost before it was matched.
    pub fn lose_queued(&mut self, queued: Queued, reason: Reason, now: Millis) {
        self.stats.failed += u64::from(reason == Reason::Evicted);
        self.stats.lost_queued += 1;
        if let Some(Receipt { client, token }) = queued.receipt {
            self.notify(client, Notice::Lost { token, reason, sequence: 0 });
        }
        self.bury(queued.event, reason, now, None);
    }

    pub fn notify(&mut self, key: ClientKey, notice: Notice) {
        if let Some(client) = self.client(key) {
            client.notices.push(notice);
            client.tell();
        }
    }

    /// Deliveries are lost.
    pub fn lose_all(&mut self, key: ClientKey, lost: Vec<Waiting>, reason: Reason, now: Millis) {
        for Waiting { event, subscription, .. } in lost {
            if let Some(client) = self.client(key).filter(|client| client.hello) {
                let gap = client.gaps.entry(subscription).or_default();
                let counts = if reason == Reason::Expired { &mut gap.expired } else { &mut gap.evicted };
                counts[event.priority().index()] += 1;
            }
            self.bury(event, reason, now, Some(subscription));
        }
    }

    pub fn clear(&mut self, key: ClientKey, reason: Reason, now: Millis) {
        let waiting = self.client(key).map(|client| std::mem::take(&mut client.waiting)).unwrap_or_default();
        self.lose_all(key, waiting, reason, now);
    }

    fn bury(&mut self, event: Arc<Event>, reason: Reason, at: Millis, subscription: Option<Uuid>) {
        self.dead[reason as usize][event.priority().index()] += 1;
        self.letters.push(Letter { event, reason, at, subscription });
    }
}
