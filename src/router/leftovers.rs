//! What is left when the router ends, and what an earlier run left: events and the deliveries that are owed.
//!
//! Connections do not survive a restart, so a subscription is recognised by what it asks for. What an earlier run owed
//! is held until a subscription that asks for the same is made, for as long as the service says.

use std::collections::HashSet;
use std::sync::Arc;

use uuid::Uuid;

use super::delivery::lose;
use super::ingress::{Offered, Queued};
use super::latency::Stamp;
use super::ledger::Task;
use super::outbox::{Ahead, Waiting};
use super::subscription::SubscriptionKey;
use super::{ClientKey, DeadLetter, Delivery, Millis, Moment, Reason, Receipt, Refusals, Router};
use crate::protocol::{Event, Priority, Subscription as Wanted};

/// An event that is left.
#[derive(Clone, Debug)]
pub struct Leftover {
    /// The event.
    pub event: Arc<Event>,
    /// When it expires on the engine's clock; [`Millis::MAX`] = never.
    pub deadline: Millis,
    /// It is a dead letter if nobody subscribes to it.
    pub mandatory: bool,
    pub(super) receipt: Option<Receipt>,
}

impl Leftover {
    /// An event of an earlier run.
    pub fn new(event: Arc<Event>, deadline: Millis) -> Self {
        Self { event, deadline, mandatory: false, receipt: None }
    }
}

/// What one subscription has not got.
#[derive(Clone, Debug)]
pub struct Owed {
    /// What it asked for, lists in order.
    pub wanted: Wanted,
    /// Highest priority first.
    pub deliveries: Vec<Leftover>,
    /// Whose it was; `None` = an earlier run's.
    of: Option<(ClientKey, Uuid)>,
}

impl Owed {
    /// What an earlier run owed to a subscription.
    pub fn new(wanted: Wanted, deliveries: Vec<Leftover>) -> Self {
        Self { wanted: ordered(wanted), deliveries, of: None }
    }
}

/// All that is left.
#[derive(Clone, Default, Debug)]
pub struct Left {
    /// Accepted, and not matched yet; highest priority first.
    pub queued: Vec<Leftover>,
    /// Matched, and not delivered.
    pub owed: Vec<Owed>,
}

impl Left {
    /// How many there are of each priority, lowest first.
    pub fn by_priority(&self) -> [u64; Priority::LEVELS] {
        let mut counts = [0; Priority::LEVELS];
        for leftover in self.iter() {
            counts[leftover.event.priority().index()] += 1;
        }
        counts
    }

    /// How many clients are owed something. Of an earlier run only subscriptions are known.
    pub fn subscribers(&self) -> usize {
        let here: HashSet<_> = self.owed.iter().filter_map(|owed| Some(owed.of?.0)).collect();
        here.len() + self.owed.iter().filter(|owed| owed.of.is_none()).count()
    }

    /// All that is left.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Leftover> {
        self.queued.iter().chain(self.owed.iter().flat_map(|owed| &owed.deliveries))
    }

    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.queued.is_empty() && self.owed.iter().all(|owed| owed.deliveries.is_empty())
    }

    /// Adds what came late. It had been taken out first, so it is in front of what its subscription was owed besides.
    pub fn add_late(&mut self, late: Self) {
        self.queued.splice(0..0, late.queued);
        for Owed { wanted, deliveries, of } in late.owed {
            match self.owed.iter_mut().find(|owed| of.is_some() && owed.of == of) {
                Some(owed) => drop(owed.deliveries.splice(0..0, deliveries)),
                None => self.owed.push(Owed { wanted, deliveries, of }),
            }
        }
    }
}

impl Router {
    /// The router ends: takes out all that waits, also what it still holds of an earlier run. What connections have
    /// taken and cannot write comes with [`Router::take_late`].
    pub fn take_left(&mut self) -> Left {
        self.ended = true;
        let mut left = std::mem::take(&mut self.held);
        while let Some(Queued { event, deadline, receipt, mandatory, .. }) = self.ingress.pop() {
            if !receipt.is_some_and(|receipt| receipt.is_probe()) {
                left.queued.push(Leftover { event, deadline, mandatory, receipt });
            }
        }
        for key in self.client_keys() {
            self.keep_left(key, &mut left);
        }
        for (wanted, tasks) in self.take_tasks() {
            let deliveries = tasks.into_iter().map(|task| Leftover::new(task.event, task.deadline)).collect();
            left.owed.push(Owed { wanted, deliveries, of: None });
        }
        left
    }

    /// What came back after [`Router::take_left`] from connections that ended in the middle of a write. To be called
    /// when there are no connections any more.
    pub fn take_late(&mut self) -> Left {
        let mut late = std::mem::take(&mut self.held);
        late.owed.splice(0..0, self.begun.drain(..).map(|(_, owed)| owed));
        late
    }

    /// Gives up what is left: all of it goes to the dead letters, and into the gaps that clients are told of.
    pub fn bury(&mut self, left: Left, now: Millis) {
        for Leftover { event, deadline, mandatory, receipt } in left.queued {
            let accepted = Stamp::default();
            self.lose_queued(Queued { event, deadline, receipt, mandatory, accepted }, Reason::Drain, now);
        }
        let Self { clients, subscriptions, dead, by_id, .. } = self;
        for Owed { deliveries, of, .. } in left.owed {
            let known = of.and_then(|(key, id)| {
                let place = *by_id.get(&id)?;
                Some((
                    clients.get_mut(key.index as usize).filter(|it| it.generation == key.generation)?,
                    place,
                ))
            });
            let Some((client, subscription)) = known else {
                let subscription = of.map(|(_, id)| id);
                for Leftover { event, .. } in deliveries {
                    dead.push(DeadLetter {
                        event,
                        reason: Reason::Drain,
                        at: now.cast_signed(),
                        subscription,
                        attempts: Vec::new(),
                    });
                }
                continue;
            };
            for Leftover { event, deadline, .. } in deliveries {
                let waiting = Waiting { event, subscription, accepted: Stamp::default(), deadline };
                lose(subscriptions, dead, client, waiting, Reason::Drain, Vec::new(), now);
            }
        }
    }

    /// Takes in what an earlier run left: it waits for its subscriptions until [`Router::release`].
    pub fn restore(&mut self, left: Left) {
        self.held = left;
    }

    /// Events of an earlier run that still wait for their subscriptions.
    pub fn held(&self) -> u64 {
        self.held.by_priority().iter().sum()
    }

    /// Gives a new subscription what an earlier run owed to one that asked for the same.
    pub fn adopt(&mut self, id: Uuid, now: Millis) {
        if self.held.owed.is_empty() {
            return;
        }
        let Some(&place) = self.by_id.get(&id) else { return };
        let Some(wanted) = self.wanted(place) else { return };
        if let Some(at) = self.held.owed.iter().position(|owed| owed.wanted == wanted) {
            for leftover in self.held.owed.remove(at).deliveries {
                self.hand_over(place, leftover, now);
            }
        }
    }

    /// Waits no longer for the subscriptions of an earlier run: what was never matched is queued, and each delivery
    /// that nobody claimed goes to one subscription that it matches, or to the dead letters.
    pub fn release(&mut self, now: Millis) {
        let Left { queued, owed } = std::mem::take(&mut self.held);
        for Leftover { event, deadline, mandatory, receipt } in queued {
            self.new_deadline |= deadline < Millis::MAX;
            self.stats.accepted[event.priority().index()] += 1;
            match self.ingress.offer(Queued {
                event,
                deadline,
                receipt,
                mandatory,
                accepted: Moment::from(now).stamp,
            }) {
                Offered::Queued => {}
                Offered::InPlaceOf(other) | Offered::Refused(other) => {
                    self.lose_queued(other, Reason::Evicted, now);
                }
            }
        }
        for leftover in owed.into_iter().flat_map(|owed| owed.deliveries) {
            match self.any_match(&leftover.event) {
                Some(place) => self.hand_over(place, leftover, now),
                None => {
                    let event = leftover.event;
                    self.dead.push(DeadLetter {
                        event,
                        reason: Reason::Drain,
                        at: now.cast_signed(),
                        subscription: None,
                        attempts: Vec::new(),
                    });
                }
            }
        }
    }

    /// A connection ends, or is about to, in the middle of this event: it is not delivered until
    /// [`Router::end_begun`] says so. Otherwise as [`Router::disconnect`].
    pub fn disconnect_amid(&mut self, key: ClientKey, begun: &Delivery, now: Millis) {
        let Some(client) = self.client(key) else { return };
        if begun.assignment().is_some() {
            // It is given back as all that is not acknowledged.
            return self.disconnect(key, now);
        }
        let leftover = Leftover::new(Arc::clone(&begun.event), begun.deadline);
        client.outbox.untake(&begun.clone().into_waiting());
        let wanted = self.wanted(begun.key).unwrap_or_default();
        let owed = Owed { wanted, deliveries: vec![leftover], of: Some((key, begun.subscription)) };
        self.begun.push((key, owed));
        self.disconnect(key, now);
    }

    /// What became of the event that a connection had begun to write when it was disconnected.
    pub fn end_begun(&mut self, key: ClientKey, is_written: bool, now: Millis) {
        let Some(at) = self.begun.iter().position(|(of, _)| *of == key) else { return };
        let (_, owed) = self.begun.swap_remove(at);
        if is_written {
            self.count_delivered(1, now);
        } else if self.ended {
            self.held.owed.insert(0, owed);
        } else {
            let subscription = owed.of.map(|(_, id)| id);
            for Leftover { event, .. } in owed.deliveries {
                self.dead.push(DeadLetter {
                    event,
                    reason: Reason::Disconnected,
                    at: now.cast_signed(),
                    subscription,
                    attempts: Vec::new(),
                });
            }
        }
    }

    /// What waits for a client that leaves while the router ends is kept.
    pub(super) fn keep_late(&mut self, key: ClientKey) {
        let mut late = std::mem::take(&mut self.held);
        self.keep_left(key, &mut late);
        self.held = late;
    }

    /// A task that nobody is left for, while the router ends.
    pub(super) fn keep_task(&mut self, wanted: &Wanted, task: Task) {
        let leftover = Leftover::new(task.event, task.deadline);
        match self.held.owed.iter_mut().find(|owed| owed.of.is_none() && owed.wanted == *wanted) {
            Some(owed) => owed.deliveries.push(leftover),
            None => {
                self.held.owed.push(Owed { wanted: wanted.clone(), deliveries: vec![leftover], of: None })
            }
        }
    }

    fn keep_left(&mut self, key: ClientKey, left: &mut Left) {
        let Some(client) = self.client(key) else { return };
        let mut waiting = Vec::new();
        client.outbox.clear(|gone| waiting.push(gone));
        let first = left.owed.len();
        let mut places: Vec<SubscriptionKey> = Vec::new();
        for Waiting { event, subscription, deadline, .. } in waiting {
            let at = places.iter().position(|place| *place == subscription).unwrap_or_else(|| {
                let id = self.subscriptions.get(subscription.0 as usize).map_or(Uuid::nil(), |it| it.id);
                let wanted = self.wanted(subscription).unwrap_or_default();
                left.owed.push(Owed { wanted, deliveries: Vec::new(), of: Some((key, id)) });
                places.push(subscription);
                places.len() - 1
            });
            left.owed[first + at].deliveries.push(Leftover::new(event, deadline));
        }
    }

    fn hand_over(&mut self, place: SubscriptionKey, leftover: Leftover, now: Millis) {
        self.new_deadline |= leftover.deadline < Millis::MAX;
        let Leftover { event, deadline, .. } = leftover;
        let queued =
            Queued { event, deadline, receipt: None, mandatory: false, accepted: Moment::from(now).stamp };
        self.deliver(place, &queued, now, &mut 0, &mut Refusals::default());
    }

    /// The fittest of all subscriptions that match an event.
    fn any_match(&mut self, event: &Event) -> Option<SubscriptionKey> {
        let mut found = Vec::new();
        self.index.matches(event.topic(), &mut found);
        let admits = |place: &SubscriptionKey| {
            self.subscriptions.get(place.0 as usize).is_some_and(|subscription| subscription.admits(event))
        };
        let fit = |place| {
            Some((self.fitness(place, (event.size(), event.priority()), |_| Some(Ahead::default()))?, place))
        };
        found.into_iter().filter(admits).filter_map(fit).max_by_key(|&(fitness, _)| fitness).map(|(_, it)| it)
    }

    /// What a subscription asked for, lists in order.
    pub(super) fn wanted(&self, place: SubscriptionKey) -> Option<Wanted> {
        let subscription = self.subscriptions.get(place.0 as usize)?;
        let group = subscription.group.and_then(|group| self.groups.name(group));
        Some(ordered(subscription.wanted(group)))
    }
}

/// The same wish always in the same words.
pub(super) fn ordered(mut wanted: Wanted) -> Wanted {
    if wanted.topics.is_empty() {
        wanted.topics = Wanted::default().topics;
    }
    wanted.topics.sort_by(|one, other| one.as_str().cmp(other.as_str()));
    wanted.topics.dedup();
    for names in std::iter::once(&mut wanted.sources).chain(&mut wanted.targets) {
        names.sort();
        names.dedup();
    }
    wanted
}
