//! The way out: a connection takes what waits for it, highest first, and puts back what it could not write.

use std::sync::Arc;
use std::task::Waker;

use slab::Slab;
use uuid::Uuid;

use super::client::{Client, Notice, Rest};
use super::lane::{put_back_assigned, take_assigned};
use super::latency::Stamp;
use super::outbox::Waiting;
use super::replay::{conclude, put_back_replayed, take_replayed};
use super::subscription::{Subscription, SubscriptionKey};
use super::{Attempt, ClientKey, Close, DeadLetter, DeadLetters, Millis, Moment, Reason, Router};
use crate::protocol::Event;

/// How much a connection takes in one turn.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    /// Deliveries at most.
    pub events: usize,
    /// Bytes of events; the one that crosses it is the last.
    pub bytes: usize,
    /// Bytes that are counted for each event beside its own.
    pub overhead: usize,
    /// Events that the client was given before and still has to do.
    pub held: usize,
}

impl Budget {
    /// So many events and bytes, nothing counted beside.
    pub const fn new(events: usize, bytes: usize) -> Self {
        Self { events, bytes, overhead: 0, held: 0 }
    }
}

/// An event on its way to a connection.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The event.
    pub event: Arc<Event>,
    /// The subscription's id.
    pub subscription: Uuid,
    /// The subscription's number, for lean deliveries.
    pub number: u32,
    pub(super) key: SubscriptionKey,
    pub(super) accepted: Stamp,
    pub(super) deadline: Millis,
    /// What few deliveries have besides.
    pub beside: Option<Box<Beside>>,
}

/// What a delivery has that is to be acknowledged, or whose subscriber counts what is stored.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Beside {
    /// It is to be acknowledged.
    pub assignment: Option<Assignment>,
    /// Its number in the store, where its subscriber counts them; else 0.
    pub sequence: u64,
    /// It was read from the store for a replay.
    pub(super) replayed: bool,
}

/// What a delivery that is to be acknowledged has besides.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Assignment {
    /// Its number in its consumer's ledger.
    pub(super) task: u64,
    /// What the client calls it when it acknowledges.
    pub name: Box<str>,
    /// Which attempt it is, from 1 on.
    pub number: u32,
    /// Why the one before failed.
    pub error: Option<Box<str>>,
}

impl Delivery {
    /// What it has besides, if it is to be acknowledged.
    pub fn assignment(&self) -> Option<&Assignment> {
        self.beside.as_ref()?.assignment.as_ref()
    }

    /// Its number in the store, where its subscriber counts them; else 0.
    pub fn sequence(&self) -> u64 {
        self.beside.as_ref().map_or(0, |beside| beside.sequence)
    }

    /// It was read from the store for a replay.
    pub(super) fn is_replayed(&self) -> bool {
        self.beside.as_ref().is_some_and(|beside| beside.replayed)
    }

    /// What it was in the outbox.
    pub(super) fn into_waiting(self) -> Waiting {
        let Self { event, key, accepted, deadline, .. } = self;
        Waiting { event, subscription: key, accepted, deadline }
    }
}

/// What a connection gets in one turn. Kept by the connection's thread for its memory.
#[derive(Default, Debug)]
pub struct Turn {
    /// To be told first.
    pub notices: Vec<Notice>,
    /// Highest priority first.
    pub deliveries: Vec<Delivery>,
    /// Some of them are to be acknowledged.
    pub has_assignments: bool,
    /// Nothing waits behind these: the connection is woken when there is more.
    pub is_last: bool,
    /// Those of the last turn, to be dropped outside of any lock.
    pub written: Vec<Delivery>,
    /// The connection is to be closed after this turn.
    pub close: Option<Close>,
}

/// A delivery is lost: to the dead letters, and into the gap that a `hello` client is told of.
pub(super) fn lose(
    subscriptions: &mut Slab<Subscription>,
    dead: &mut DeadLetters,
    client: &mut Client,
    waiting: Waiting,
    reason: Reason,
    attempts: Vec<Attempt>,
    now: Millis,
) {
    client.shed += u64::from(matches!(reason, Reason::Evicted | Reason::SlowConsumer));
    let subscription = subscriptions.get_mut(waiting.subscription.0 as usize);
    let id = subscription.as_ref().map(|subscription| subscription.id);
    if client.hello
        && let Some(subscription) = subscription
    {
        let gap = subscription.gap.get_or_insert_with(|| {
            client.gaps.push(waiting.subscription);
            Box::default()
        });
        let counts = if reason == Reason::Expired { &mut gap.expired } else { &mut gap.evicted };
        counts[waiting.event.priority().index()] += 1;
    }
    dead.push(DeadLetter { event: waiting.event, reason, at: now.cast_signed(), subscription: id, attempts });
}

impl Router {
    /// All that was taken in the last turn and not put back is written, and what of it is still in `turn` is counted
    /// as handed over now; fills `turn` with what is next. When that leaves nothing, `waker` is woken as soon as there
    /// is more, and where the budget has no room for events, when there is a notice; for a close it is woken in any case.
    pub fn take(
        &mut self,
        key: ClientKey,
        budget: Budget,
        turn: &mut Turn,
        waker: &Waker,
        now: impl Into<Moment>,
    ) {
        let now = now.into();
        self.count_written(turn, now);
        let now = now.millis;
        if self.client(key).is_none() {
            turn.close = Some(Close::GoingAway);
            return;
        }
        self.settle(key, now);
        let Self { clients, subscriptions, consumers, dead, new_deadline, errands, .. } = self;
        let client = &mut clients[key.index as usize];
        let mut bytes = 0;
        turn.has_assignments = false;
        let is_closing = client.replays.is_some() && conclude(client, subscriptions);
        while !is_closing && turn.deliveries.len() < budget.events && bytes < budget.bytes {
            if client.lane.is_some()
                && let Some(delivery) = take_assigned(client, subscriptions, consumers, (dead, errands), now)
            {
                bytes += delivery.event.size() + budget.overhead;
                turn.deliveries.push(delivery);
                turn.has_assignments = true;
                // Its time runs.
                *new_deadline = true;
                continue;
            }
            let Some(waiting) = client.outbox.take() else { break };
            if waiting.deadline <= now {
                client.outbox.untake(&waiting);
                lose(subscriptions, dead, client, waiting, Reason::Expired, Vec::new(), now);
                continue;
            }
            let Some(subscription) = subscriptions.get(waiting.subscription.0 as usize) else { continue };
            bytes += waiting.event.size() + budget.overhead;
            let counted = subscription.lasting.as_ref().map(|_| waiting.event.sequence());
            let counted = counted.map(|sequence| Box::new(Beside { sequence, ..Beside::default() }));
            turn.deliveries.push(Delivery {
                event: waiting.event,
                subscription: subscription.id,
                number: subscription.number,
                key: waiting.subscription,
                accepted: waiting.accepted,
                deadline: waiting.deadline,
                beside: counted,
            });
        }
        if client.replays.is_some() {
            errands.extend(take_replayed(client, subscriptions, (budget, &mut bytes), turn, now));
        }
        for place in client.gaps.drain(..) {
            if let Some(subscription) = subscriptions.get_mut(place.0 as usize)
                && let Some(gap) = subscription.gap.take()
            {
                client.notices.push_back(Notice::Gap { subscription: subscription.id, gap });
            }
        }
        turn.notices.extend(client.notices.drain(..));
        turn.close = client.close;
        client.held = budget.held;
        client.rest = if !client.has_waiting() {
            Rest::Idle
        } else if budget.events == 0 || budget.bytes == 0 {
            Rest::Starved
        } else {
            Rest::Busy
        };
        turn.is_last = client.rest == Rest::Idle;
        if !client.waker.as_ref().is_some_and(|known| known.will_wake(waker)) {
            client.waker = Some(waker.clone());
        }
    }

    /// Nothing waits for the client, and it is woken as soon as something does.
    pub fn is_idle(&self, key: ClientKey) -> bool {
        let client = self.clients.get(key.index as usize);
        client.filter(|client| client.generation == key.generation).is_some_and(|client| {
            // Gaps wait for the next turn, whatever it is for.
            client.rest == Rest::Idle && client.gaps.is_empty()
        })
    }

    /// What was taken and not put back is written.
    fn settle(&mut self, key: ClientKey, now: Millis) {
        let Self { clients, stats, delivered_lately, .. } = self;
        let Some(client) = clients.get_mut(key.index as usize) else { return };
        let replayed = client.replays.as_mut().map_or(0, |lane| lane.settle()) as u64;
        let assigned = client.lane.as_mut().map_or(0, |lane| lane.settle());
        let written = (client.outbox.settle() + assigned) as u64 + replayed;
        // What is read from the store matches as it is delivered.
        stats.matched += replayed;
        if written > 0 {
            stats.delivered += written;
            client.delivered += written;
            client.delivered_lately.add(written, now);
            delivered_lately.add(written, now);
        }
    }

    /// Counts what is in the turn as handed over, all of one read together.
    fn count_written(&mut self, turn: &mut Turn, now: Moment) {
        let Turn { deliveries, written, .. } = turn;
        written.clear();
        std::mem::swap(deliveries, written);
        let alike = |one: &Delivery, other: &Delivery| {
            one.accepted == other.accepted && one.event.priority() == other.event.priority()
        };
        for run in written.chunk_by(alike) {
            if let [first, ..] = run {
                self.latency.delivered(first.event.priority(), first.accepted, now, run.len() as u64);
            }
        }
    }

    /// What a connection that is still writing what it took is to be told: nothing counts as written by this.
    pub fn take_notices(&mut self, key: ClientKey, turn: &mut Turn) {
        let Some(client) = self.client(key) else { return turn.close = Some(Close::GoingAway) };
        turn.notices.extend(client.notices.drain(..));
        turn.close = client.close;
    }

    /// The last deliveries taken could not be written: back in front, in order. `turn.deliveries` is drained: what is
    /// before `from` is counted as handed over. If the bounds have become smaller since they were taken, the lowest,
    /// newest go.
    pub fn put_back(&mut self, key: ClientKey, turn: &mut Turn, from: usize, now: impl Into<Moment>) {
        let now = now.into();
        let Self { clients, subscriptions, consumers, dead, settings, new_deadline, .. } = self;
        let client = clients.get_mut(key.index as usize).filter(|client| client.generation == key.generation);
        let Some(client) = client else {
            turn.deliveries.truncate(from);
            return self.count_written(turn, now);
        };
        // Its socket is full, and wakes it when there is room.
        client.rest = Rest::Busy;
        for delivery in turn.deliveries.drain(from..).rev() {
            if let Some(task) = delivery.assignment().map(|assignment| assignment.task) {
                put_back_assigned(client, subscriptions, consumers, &delivery, task);
                continue;
            }
            if delivery.is_replayed() {
                put_back_replayed(client, subscriptions, delivery);
                continue;
            }
            let subscription = delivery.subscription;
            let waiting = delivery.into_waiting();
            let known = subscriptions.get(waiting.subscription.0 as usize);
            if known.is_some_and(|known| known.id == subscription) {
                // While it was taken, nothing that expires may have been left to look for.
                *new_deadline |= waiting.deadline < Millis::MAX;
                client.outbox.put_back(waiting);
            } else {
                // Another thread's dispatch has expelled this client in the meantime, or it has itself ended the
                // subscription, with this delivery half written.
                client.outbox.untake(&waiting);
                let expelled = client.close == Some(Close::SlowConsumer);
                let reason = if expelled { Reason::SlowConsumer } else { Reason::Unsubscribed };
                let event = waiting.event;
                dead.push(DeadLetter {
                    event,
                    reason,
                    at: now.millis.cast_signed(),
                    subscription: Some(subscription),
                    attempts: Vec::new(),
                });
            }
        }
        let mut gone = Vec::new();
        client.outbox.shrink(settings, |waiting| gone.push(waiting));
        for waiting in gone {
            lose(subscriptions, dead, client, waiting, Reason::Evicted, Vec::new(), now.millis);
        }
        self.count_written(turn, now);
    }
}
