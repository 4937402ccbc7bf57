//! The way in: publish puts an event on the ingress queue, dispatch takes it off and offers it to whoever it
//! matches.

use std::sync::Arc;
use std::task::Waker;

use super::client::{Notice, Rest};
use super::delivery::lose;
use super::ingress::{Offered, Queued};
use super::latency::Stamp;
use super::ledger::Task;
use super::outbox::Waiting;
use super::replay::Live;
use super::subscription::{GroupKey, SubscriptionKey};
use super::{ClientKey, DeadLetter, Millis, Moment, Reason, Router};
use crate::protocol::{Event, is_of_dead_letters};

/// Who wants to know how an event was matched.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Receipt {
    /// The publisher.
    pub client: ClientKey,
    /// Its own mark, handed back in the notice.
    pub token: u64,
}

/// What becomes of a publish.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Published {
    /// Accepted: it will be matched, or end in the dead letters.
    Queued,
    /// Not accepted: the queue is full and it outranks nothing there.
    QueueFull,
    /// Not accepted: the router winds down.
    Draining,
}

/// Subscriptions that matched an event and could not take it, by reason.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Refusals {
    /// The outbox was full and everything in it outranked the event, or came before.
    pub outbox_full: u32,
    /// Larger than the whole outbox.
    pub oversized: u32,
    /// The subscriber was disconnected for being slow.
    pub slow_consumer: u32,
}

impl Receipt {
    /// Belongs to no client, and marks what only shows that the dispatcher works.
    const PROBE: Self = Self { client: ClientKey { index: u32::MAX, generation: u32::MAX }, token: 0 };
    /// Belongs to no client.
    pub const NOBODY: Self = Self { client: ClientKey { index: u32::MAX, generation: 0 }, token: 0 };

    pub(super) fn is_probe(self) -> bool {
        self == Self::PROBE
    }
}

impl Router {
    /// Sends an event through the queue to the dispatcher, which wakes `waker` and forgets it: no subscription sees
    /// it and no counter counts it, and [`Router::probes`] tells that it arrived. Full queues have room for it.
    pub fn probe(&mut self, event: Arc<Event>, waker: Waker) {
        self.prober = Some(waker);
        let (receipt, accepted) = (Some(Receipt::PROBE), Stamp::default());
        self.ingress.force(Queued { event, deadline: Millis::MAX, receipt, mandatory: false, accepted });
    }

    /// How many probes the dispatcher has seen.
    pub fn probes(&self) -> u64 {
        self.probes
    }

    /// Offers an event to the ingress queue. It expires `ttl` milliseconds from `now`.
    pub fn publish(
        &mut self,
        event: Arc<Event>,
        ttl: Option<Millis>,
        receipt: Option<Receipt>,
        now: impl Into<Moment>,
    ) -> Published {
        self.publish_as(event, ttl, receipt, false, now)
    }

    /// As [`publish`](Self::publish); `mandatory`: it becomes a dead letter if nobody subscribes to it.
    pub fn publish_as(
        &mut self,
        event: Arc<Event>,
        ttl: Option<Millis>,
        receipt: Option<Receipt>,
        mandatory: bool,
        now: impl Into<Moment>,
    ) -> Published {
        let Moment { millis: now, stamp: accepted } = now.into();
        if self.draining {
            self.stats.refused += 1;
            return Published::Draining;
        }
        let priority = event.priority().index();
        let deadline = ttl.map_or(Millis::MAX, |ttl| now.saturating_add(ttl));
        self.new_deadline |= ttl.is_some();
        match self.ingress.offer(Queued { event, deadline, receipt, mandatory, accepted }) {
            Offered::Queued => {}
            Offered::InPlaceOf(victim) => self.lose_queued(victim, Reason::Evicted, now),
            Offered::Refused(_) => {
                self.stats.refused += 1;
                self.stats.queue_full += 1;
                return Published::QueueFull;
            }
        }
        self.stats.accepted[priority] += 1;
        self.accepted_lately.add(1, now);
        self.stats.last_event = Some(now);
        Published::Queued
    }

    /// So many of the events that were accepted were this client's.
    pub fn published_by(&mut self, key: ClientKey, events: u64, now: Millis) {
        if let Some(client) = self.client(key) {
            client.published += events;
            client.published_lately.add(events, now);
        }
    }

    /// Matches queued events, highest first, until the queue is empty or about `budget` deliveries were made.
    /// True: there is more to do.
    pub fn dispatch(&mut self, budget: usize, now: impl Into<Moment>) -> bool {
        let now = now.into();
        let mut spent = 0;
        while spent < budget {
            let Some(queued) = self.ingress.pop() else { return false };
            spent += 1;
            if queued.receipt.is_some_and(Receipt::is_probe) {
                self.probes += 1;
                self.wakers.extend(self.prober.take());
            } else if queued.deadline <= now.millis {
                self.lose_queued(queued, Reason::Expired, now.millis);
            } else {
                self.latency.matched(queued.event.priority(), queued.accepted, now);
                spent += self.route(queued, now.millis);
            }
        }
        !self.ingress.is_empty()
    }

    /// An accepted event is lost before it was matched.
    pub(super) fn lose_queued(&mut self, queued: Queued, reason: Reason, now: Millis) {
        if reason == Reason::Evicted {
            self.stats.failed += 1;
        }
        let sequence = queued.event.sequence();
        self.leave_stored(queued.event.priority(), sequence);
        if let Some(receipt) = queued.receipt {
            self.notify(receipt.client, Notice::Lost { token: receipt.token, reason, sequence });
        }
        self.stats.lost_queued += 1;
        self.dead.push(DeadLetter {
            event: queued.event,
            reason,
            at: now.cast_signed(),
            subscription: None,
            attempts: Vec::new(),
        });
    }

    /// Returns how many subscriptions were looked at.
    fn route(&mut self, queued: Queued, now: Millis) -> usize {
        self.stats.processed += 1;
        self.sequence += 1;
        if self.topics.as_mut().is_some_and(|watch| !watch.count(queued.event.topic(), now)) {
            self.topics = None;
        }
        let mut found = std::mem::take(&mut self.found);
        self.index.matches(queued.event.topic(), &mut found);
        let looked_at = found.len();
        let (mut matched, mut refused) = (0, Refusals::default());
        if is_of_dead_letters(queued.event.topic()) {
            found.retain(|key| {
                let subscription = self.subscriptions.get(key.0 as usize);
                subscription.is_some_and(|it| it.asks_for(queued.event.topic()))
            });
        }
        for key in found.drain(..) {
            match self.admit(key, &queued.event) {
                Some(None) => self.deliver(key, &queued, now, &mut matched, &mut refused),
                Some(Some(group)) => self.contenders.push((group, key)),
                None => {}
            }
        }
        self.share(&queued, now, &mut matched, &mut refused);
        self.found = found;
        if let Some(receipt) = queued.receipt {
            let (token, sequence) = (receipt.token, queued.event.sequence());
            self.notify(receipt.client, Notice::Dispatched { token, matched, refused, sequence });
        }
        if queued.mandatory && matched == 0 && refused == Refusals::default() {
            self.bury_unmatched(queued.event, now);
        }
        looked_at
    }

    #[cold]
    fn bury_unmatched(&mut self, event: Arc<Event>, now: Millis) {
        let (reason, at) = (Reason::NoSubscriber, now.cast_signed());
        self.dead.push(DeadLetter { event, reason, at, subscription: None, attempts: Vec::new() });
    }

    /// `Some` if the event is for this subscription, with the group that it contends in, if any.
    fn admit(&mut self, key: SubscriptionKey, event: &Event) -> Option<Option<GroupKey>> {
        // It may be gone: an earlier delivery of this event may have expelled its client.
        let subscription = self.subscriptions.get_mut(key.0 as usize)?;
        if subscription.seen == self.sequence || !subscription.admits(event) {
            return None;
        }
        subscription.seen = self.sequence;
        Some(subscription.group)
    }

    pub(super) fn deliver(
        &mut self,
        key: SubscriptionKey,
        queued: &Queued,
        now: Millis,
        matched: &mut u32,
        refused: &mut Refusals,
    ) {
        let Self { clients, subscriptions, consumers, dead, settings, wakers, stats, .. } = self;
        let Some(subscription) = subscriptions.get_mut(key.0 as usize) else { return };
        match subscription.lasting.as_mut().map_or(Live::Yes, |it| it.live(queued.event.sequence())) {
            Live::Yes => {}
            Live::Later => return *matched += 1,
            Live::Known => return,
        }
        subscription.matched += 1;
        let owner = subscription.client;
        let Some(client) = clients.get_mut(owner.index as usize) else { return };
        let &Queued { deadline, accepted, .. } = queued;
        if let Some(consumer) = subscription.consumer {
            // Of what is stored, what a durable subscription takes in counts.
            let stays = queued.event.sequence() > 0
                && consumers.get(consumer.0 as usize).is_some_and(|it| it.durable.is_some());
            stats.matched += u64::from(!stays);
            let task = Task { event: Arc::clone(&queued.event), accepted, deadline, failed: Vec::new() };
            return self.entrust(consumer, key, task, now, matched, refused);
        }
        let waiting = Waiting { event: Arc::clone(&queued.event), subscription: key, accepted, deadline };
        stats.matched += 1;
        let mut victims = Vec::new();
        match client.outbox.offer(waiting, settings, |victim| victims.push(victim)) {
            Ok(()) => *matched += 1,
            Err((waiting, Reason::SlowConsumer)) => {
                lose(subscriptions, dead, client, waiting, Reason::SlowConsumer, Vec::new(), now);
                refused.slow_consumer += 1;
                return self.expel(owner, now);
            }
            Err((waiting, reason)) => {
                match reason {
                    Reason::Oversized => refused.oversized += 1,
                    _ => refused.outbox_full += 1,
                }
                lose(subscriptions, dead, client, waiting, reason, Vec::new(), now);
            }
        }
        for victim in victims {
            lose(subscriptions, dead, client, victim, Reason::Evicted, Vec::new(), now);
        }
        if client.rest == Rest::Idle {
            client.rest = Rest::Busy;
            wakers.extend(client.waker.clone());
        }
    }

    /// Tells a client something, if it is still there.
    pub(super) fn notify(&mut self, key: ClientKey, notice: Notice) {
        let Some(client) = self.client(key) else { return };
        client.notices.push_back(notice);
        if std::mem::replace(&mut client.rest, Rest::Busy) != Rest::Busy {
            let waker = client.waker.clone();
            self.wakers.extend(waker);
        }
    }
}
