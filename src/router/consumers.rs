//! Consumers: who does the tasks of a ledger. Each subscription that acknowledges belongs to one; members of a group
//! that ask for the same share one, so that whoever is free next gets the most urgent of what waits for all of them.
//!
//! What a member has been assigned lies in its client's lane until its connection takes it. From then on its time runs.

use slab::Slab;

use super::client::{Client, Rest};
use super::delivery::lose;
use super::durable::Durable;
use super::lane::Assigned;
use super::ledger::{Dead, Ledger, Task};
use super::outbox::{Room, Waiting};
use super::publish::Refusals;
use super::subscription::{GroupKey, Subscription, SubscriptionKey};
use super::{ClientKey, DeadLetter, Errand, Millis, Reason, Refusal, Router};
use crate::protocol::{Acknowledge, Acks, Event, Priority, Subscription as Wanted};

/// A place in the engine's table of consumers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct ConsumerKey(pub u32);

/// Those who share a ledger.
pub(super) struct Consumer {
    /// What its members ask for, lists in order, the group's name apart.
    pub wanted: Wanted,
    pub group: Option<GroupKey>,
    pub ledger: Ledger<SubscriptionKey>,
    /// Who was given something longest ago comes first.
    pub members: Vec<SubscriptionKey>,
    /// How far it is in the store, if it is a durable subscription's.
    pub durable: Option<Box<Durable>>,
    /// When its members are told next of what waits.
    pub told: Millis,
}

impl Consumer {
    pub fn new(wanted: Wanted, acks: Acks, group: Option<GroupKey>) -> Self {
        Self { wanted, group, ledger: Ledger::new(acks), members: Vec::new(), durable: None, told: 0 }
    }

    /// An event is done with, in whatever way. What the store is to note of it.
    pub fn finish(&mut self, event: &Event) -> Option<Errand> {
        let durable = self.durable.as_mut().filter(|_| event.sequence() > 0)?;
        Some(durable.finish(event.priority(), event.sequence()))
    }
}

impl Router {
    /// A subscription that acknowledges joins its consumer, or begins one.
    pub(super) fn enlist(&mut self, place: SubscriptionKey) {
        let Some(wanted) = self.wanted(place).filter(|wanted| wanted.durable.is_none()) else { return };
        let Some(subscription) = self.subscriptions.get(place.0 as usize) else { return };
        let (Some(acks), group) = (wanted.ack, subscription.group) else { return };
        let same = |(_, known): &(usize, &Consumer)| {
            group.is_some() && known.group == group && known.wanted == wanted && known.durable.is_none()
        };
        let known = self.consumers.iter().find(same).map(|(at, _)| at);
        let at = known.unwrap_or_else(|| self.consumers.insert(Consumer::new(wanted, acks, group)));
        self.join(place, ConsumerKey(at as u32));
    }

    /// A subscription becomes a member of a consumer.
    pub(super) fn join(&mut self, place: SubscriptionKey, key: ConsumerKey) {
        let Some(subscription) = self.subscriptions.get_mut(place.0 as usize) else { return };
        let Some(consumer) = self.consumers.get_mut(key.0 as usize) else { return };
        subscription.consumer = Some(key);
        // It was given nothing yet.
        consumer.members.insert(0, place);
        // Whoever comes is told soon.
        consumer.told = 0;
        self.new_deadline = true;
        self.supply(key);
    }

    /// Room that a consumer has for an event, and how much it has to do.
    pub(super) fn prospect_of(
        &self,
        key: ConsumerKey,
        bytes: usize,
        priority: Priority,
    ) -> Option<(Result<Room, Reason>, usize)> {
        let Consumer { ledger, durable, .. } = self.consumers.get(key.0 as usize)?;
        let mut room = ledger.prospect(bytes, priority, &self.settings);
        // What a durable subscription has no room for waits in the store.
        if durable.is_some() && room == Err(Reason::Evicted) {
            room = Ok(Room::Free);
        }
        Some((room, ledger.len()))
    }

    /// An event is to be done by a consumer; `place` is the member that it matched.
    pub(super) fn entrust(
        &mut self,
        key: ConsumerKey,
        place: SubscriptionKey,
        task: Task,
        now: Millis,
        matched: &mut u32,
        refused: &mut Refusals,
    ) {
        if task.event.sequence() > 0 && self.is_durable(key) {
            return self.entrust_stored(key, place, task, now, matched, refused);
        }
        let mut dead = Vec::new();
        let Some(consumer) = self.consumers.get_mut(key.0 as usize) else { return };
        let settings = &self.settings;
        self.new_deadline |= task.deadline < Millis::MAX;
        match consumer.ledger.offer(task, settings, |task| dead.push(Dead { task, reason: Reason::Evicted }))
        {
            Ok(()) => *matched += 1,
            Err(refusal) => {
                match refusal.reason {
                    Reason::Oversized => refused.oversized += 1,
                    _ => refused.outbox_full += 1,
                }
                dead.push(refusal);
            }
        }
        self.bury_tasks(key, place, dead, now);
        self.supply(key);
    }

    /// Assigns what waits to members that have room, those with the least to do first.
    pub(super) fn supply(&mut self, key: ConsumerKey) {
        self.assign(key);
        self.feed(key);
    }

    fn assign(&mut self, key: ConsumerKey) {
        let Self { consumers, clients, subscriptions, wakers, .. } = self;
        let Some(Consumer { ledger, members, durable, .. }) = consumers.get_mut(key.0 as usize) else {
            return;
        };
        // What a durable subscription has not been given when the router ends stays in the store.
        if durable.is_some() && self.draining {
            return;
        }
        while ledger.next_priority().is_some() {
            let fit = |(at, &place): (usize, &SubscriptionKey)| {
                let client = client_of(clients, subscriptions, place)?;
                (client.close.is_none() && ledger.has_room_for(place))
                    .then(|| (ledger.load(place), at, place))
            };
            let best = members.iter().enumerate().filter_map(fit).min_by_key(|&(load, ..)| load);
            let Some((_, at, place)) = best else { return };
            // Equals take turns, also so that what one has not managed goes to another.
            members[at..].rotate_left(1);
            let Some((task, priority)) = ledger.assign(place) else { return };
            let Some(client) = client_mut(clients, subscriptions, place) else { return };
            client.lane.get_or_insert_default().push(Assigned { subscription: place, task, priority });
            if client.rest == Rest::Idle {
                client.rest = Rest::Busy;
                wakers.extend(client.waker.clone());
            }
        }
    }

    /// A client says what became of a delivery.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] if it does not have it, or not any more.
    pub fn acknowledge(
        &mut self,
        key: ClientKey,
        delivery: &str,
        what: Acknowledge<'_>,
        now: Millis,
    ) -> Result<(), Refusal> {
        let (place, consumer, task) = self.delivery_named(key, delivery).ok_or(Refusal::NotFound)?;
        let Some(its) = self.consumers.get_mut(consumer.0 as usize) else {
            return Err(Refusal::NotFound);
        };
        let ledger = &mut its.ledger;
        match what {
            Acknowledge::Done => {
                let done = ledger.ack(place, task).ok_or(Refusal::NotFound)?;
                let errand = its.finish(&done.event);
                errand.into_iter().for_each(|errand| self.send(errand));
            }
            Acknowledge::InProgress => {
                ledger.renew(place, task, now).then_some(()).ok_or(Refusal::NotFound)?
            }
            Acknowledge::Failed { delay_ms, reason } => {
                let reason = reason.map(|text| text.into_owned().into_boxed_str());
                let dead = ledger.nack(place, task, delay_ms, reason, now).ok_or(Refusal::NotFound)?;
                self.new_deadline = true;
                self.note_tried(consumer);
                self.bury_tasks(consumer, place, dead, now);
            }
        }
        self.supply(consumer);
        Ok(())
    }

    /// The subscription and the task that a delivery's name stands for.
    fn delivery_named(&mut self, key: ClientKey, name: &str) -> Option<(SubscriptionKey, ConsumerKey, u64)> {
        let (number, task) = name.split_once('-')?;
        let (number, task): (u32, u64) = (number.parse().ok()?, task.parse().ok()?);
        let places = self.client(key)?.subscriptions.clone();
        places.into_iter().find_map(|place| {
            let subscription = self.subscriptions.get(place.0 as usize)?;
            (subscription.number == number).then_some((place, subscription.consumer?, task))
        })
    }

    /// Time passes for all ledgers.
    pub(super) fn tick_consumers(&mut self, now: Millis) {
        self.retry_feeds(now);
        self.tell_backlogs(now);
        let due = |(at, consumer): (usize, &Consumer)| (consumer.ledger.soonest() <= now).then_some(at);
        let due: Vec<_> = self.consumers.iter().filter_map(due).collect();
        for at in due {
            let Consumer { ledger, members, .. } = &mut self.consumers[at];
            let mut dead = Vec::new();
            ledger.tick(now, |gone| dead.push(gone));
            let first = members.first().copied();
            self.note_tried(ConsumerKey(at as u32));
            if let Some(place) = first {
                self.bury_tasks(ConsumerKey(at as u32), place, dead, now);
            }
            self.supply(ConsumerKey(at as u32));
        }
    }

    /// When the next ledger has something to do.
    pub(super) fn consumers_due(&self) -> Millis {
        let due = |consumer: &Consumer| {
            let resumes = consumer.durable.as_ref().map_or(Millis::MAX, |durable| durable.resumes);
            consumer.ledger.soonest().min(resumes).min(consumer.tells_at())
        };
        self.consumers.iter().map(|(_, consumer)| due(consumer)).min().unwrap_or(Millis::MAX)
    }

    /// Events that are to be acknowledged and are not yet, wherever they are.
    pub fn tasks_count(&self) -> usize {
        self.consumers.iter().map(|(_, consumer)| consumer.ledger.len()).sum()
    }

    /// Whether everything is done.
    pub(super) fn consumers_are_done(&self) -> bool {
        // Of a durable subscription only what its clients have: the rest is safe.
        self.consumers
            .iter()
            .all(|(_, it)| (if it.durable.is_some() { it.ledger.flying() } else { it.ledger.len() }) == 0)
    }

    /// Bounds have become smaller.
    pub(super) fn shrink_consumers(&mut self, now: Millis) {
        let keys: Vec<_> = self.consumers.iter().map(|(at, _)| at).collect();
        for at in keys {
            let Consumer { ledger, members, durable, .. } = &mut self.consumers[at];
            let mut dead = Vec::new();
            ledger.shrink(&self.settings, |task| match durable {
                Some(durable) if task.event.sequence() > 0 => durable.take_back(task),
                _ => dead.push(Dead { task, reason: Reason::Evicted }),
            });
            if let Some(&place) = members.first() {
                self.bury_tasks(ConsumerKey(at as u32), place, dead, now);
            }
        }
    }

    /// A member goes: what it has is given back at once, to the others of its consumer, then of its group; if there is
    /// nobody, it ends with `reason`.
    pub(super) fn resign(&mut self, place: SubscriptionKey, reason: Reason, now: Millis) {
        let Some(subscription) = self.subscriptions.get_mut(place.0 as usize) else { return };
        let (Some(key), owner) = (subscription.consumer.take(), subscription.client) else { return };
        if let Some(lane) = self.client(owner).and_then(|client| client.lane.as_mut()) {
            lane.waiting.retain(|assigned| assigned.subscription != place);
        }
        let Some(Consumer { ledger, members, .. }) = self.consumers.get_mut(key.0 as usize) else { return };
        let mut dead = Vec::new();
        ledger.leave(place, now, |gone| dead.push(gone));
        members.retain(|&member| member != place);
        let is_last = members.is_empty();
        self.note_tried(key);
        self.bury_tasks(key, place, dead, now);
        if !is_last {
            return self.supply(key);
        }
        let Consumer { mut ledger, group, wanted, durable, .. } = self.consumers.remove(key.0 as usize);
        self.outcomes += ledger.outcomes;
        let mut tasks = ledger.clear();
        if let Some(durable) = durable {
            self.depart(durable, &mut tasks);
        }
        for task in tasks {
            match group.and_then(|group| self.other_of(group, place, &task.event)) {
                Some((other, place)) => {
                    self.entrust(other, place, task, now, &mut 0, &mut Refusals::default());
                }
                None if self.ended => self.keep_task(&wanted, task),
                None => self.bury_tasks(key, place, [Dead { task, reason }], now),
            }
        }
    }

    /// Takes out all tasks, for a later run, with what their consumers ask for.
    pub(super) fn take_tasks(&mut self) -> Vec<(Wanted, Vec<Task>)> {
        for (_, client) in &mut self.clients {
            if let Some(lane) = &mut client.lane {
                lane.waiting.clear();
            }
        }
        let taken = self.consumers.iter_mut().map(|(_, it)| {
            let mut tasks = it.ledger.clear();
            tasks.retain(|task| it.durable.is_none() || task.event.sequence() == 0);
            (it.wanted.clone(), tasks)
        });
        taken.filter(|(_, tasks)| !tasks.is_empty()).collect()
    }

    /// Another member of a group that wants this event and acknowledges, the one with the least to do.
    fn other_of(
        &self,
        group: GroupKey,
        but: SubscriptionKey,
        event: &Event,
    ) -> Option<(ConsumerKey, SubscriptionKey)> {
        let mut found = Vec::new();
        self.index.matches(event.topic(), &mut found);
        let fit = |place: SubscriptionKey| {
            let subscription = self.subscriptions.get(place.0 as usize)?;
            let key = subscription.consumer?;
            let fits = place != but && subscription.group == Some(group) && subscription.admits(event);
            let load = self.consumers.get(key.0 as usize)?.ledger.len();
            fits.then_some((load, key, place))
        };
        let best = found.into_iter().filter_map(fit).min_by_key(|&(load, ..)| load);
        best.map(|(_, key, place)| (key, place))
    }

    /// Tasks that will not be done: to the dead letters, with what was tried.
    pub(super) fn bury_tasks(
        &mut self,
        key: ConsumerKey,
        place: SubscriptionKey,
        dead: impl IntoIterator<Item = Dead>,
        now: Millis,
    ) {
        for Dead { task: Task { event, accepted, deadline, failed }, reason } in dead {
            let errand = self.consumers.get_mut(key.0 as usize).and_then(|it| it.finish(&event));
            errand.into_iter().for_each(|errand| self.send(errand));
            let Self { clients, subscriptions, dead: letters, wakers, .. } = self;
            match client_mut(clients, subscriptions, place) {
                Some(client) => {
                    let waiting = Waiting { event, subscription: place, accepted, deadline };
                    lose(subscriptions, letters, client, waiting, reason, failed, now);
                    // Whoever is told of gaps shall hear of this one even if nothing else comes.
                    if !client.gaps.is_empty() && client.rest != Rest::Busy {
                        client.rest = Rest::Busy;
                        wakers.extend(client.waker.clone());
                    }
                }
                None => letters.push(DeadLetter {
                    event,
                    reason,
                    at: now.cast_signed(),
                    subscription: None,
                    attempts: failed,
                }),
            }
        }
    }
}

fn client_of<'a>(
    clients: &'a Slab<Client>,
    subscriptions: &Slab<Subscription>,
    place: SubscriptionKey,
) -> Option<&'a Client> {
    let owner = subscriptions.get(place.0 as usize)?.client;
    clients.get(owner.index as usize).filter(|client| client.generation == owner.generation)
}

fn client_mut<'a>(
    clients: &'a mut Slab<Client>,
    subscriptions: &Slab<Subscription>,
    place: SubscriptionKey,
) -> Option<&'a mut Client> {
    let owner = subscriptions.get(place.0 as usize)?.client;
    clients.get_mut(owner.index as usize).filter(|client| client.generation == owner.generation)
}
