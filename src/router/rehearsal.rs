//! What would become of an event if it were matched now: dispatch gone through without doing anything.
//!
//! It takes the steps of dispatch in their order and asks the same questions: the index, the filters, the outboxes, the
//! groups. Only what dispatch changes on its way (what comes first fills an outbox, or expels a client) is kept here.

use std::collections::{HashMap, HashSet};

use super::groups::Fitness;
use super::outbox::{Ahead, Room};
use super::subscription::{GroupKey, Subscription, SubscriptionKey};
use super::{ClientKey, Reason, Router};
use crate::protocol::{Event, Priority};

/// What would become of the event for one subscription that it is for.
#[derive(Clone, Copy)]
pub(super) enum Outcome {
    /// Its outbox takes it.
    Taken(Room),
    /// Its outbox does not.
    Lost(Reason),
    /// An earlier delivery of the same event has its client disconnected.
    Expelled,
    /// Another member of its group gets it.
    GivenTo { fittest: SubscriptionKey, its: Fitness, own: Fitness },
}

/// What would become of one event.
pub(super) struct Rehearsal<'a> {
    router: &'a Router,
    /// What it takes in an outbox.
    measure: (usize, Priority),
    /// Every subscription that the index names.
    found: HashSet<SubscriptionKey>,
    outcomes: HashMap<SubscriptionKey, Outcome>,
    /// What comes first for a client; `None` when that has it disconnected.
    ahead: HashMap<u32, Option<Ahead>>,
}

impl<'a> Rehearsal<'a> {
    /// `size` is what the event counts as in outboxes, which may be more than it has.
    pub fn new(router: &'a Router, event: &Event, size: usize) -> Self {
        let measure = (size, event.priority());
        let mut found = Vec::new();
        router.index.matches(event.topic(), &mut found);
        let (found, outcomes, ahead) = (found, HashMap::new(), HashMap::new());
        let mut rehearsal =
            Self { router, measure, found: HashSet::with_capacity(found.len()), outcomes, ahead };
        let mut contenders = Vec::new();
        for key in found {
            // Two patterns of one subscription may match.
            if !rehearsal.found.insert(key) {
                continue;
            }
            let Some(subscription) = router.subscriptions.get(key.0 as usize) else { continue };
            if !subscription.admits(event) {
                continue;
            }
            match subscription.group {
                Some(group) => contenders.push((group, key)),
                None => rehearsal.deliver(key, subscription),
            }
        }
        rehearsal.share(contenders);
        rehearsal
    }

    /// Whether one of its patterns matches the topic.
    pub fn is_on_topic(&self, key: SubscriptionKey) -> bool {
        self.found.contains(&key)
    }

    /// `None` when the event is not for it.
    pub fn outcome(&self, key: SubscriptionKey) -> Option<Outcome> {
        self.outcomes.get(&key).copied()
    }

    fn share(&mut self, mut contenders: Vec<(GroupKey, SubscriptionKey)>) {
        contenders.sort_unstable();
        for group in contenders.chunk_by(|one, other| one.0 == other.0) {
            let fittest = self.router.fittest(group, self.measure, |client| self.ahead_of(client));
            for &(_, key) in group {
                let own = self.router.fitness(key, self.measure, |client| self.ahead_of(client));
                let outcome = match (fittest, own) {
                    (Some((its, fittest)), Some(own)) => Outcome::GivenTo { fittest, its, own },
                    _ => Outcome::Expelled,
                };
                self.outcomes.insert(key, outcome);
            }
            let chosen =
                fittest.and_then(|(_, key)| self.router.subscriptions.get(key.0 as usize).zip(Some(key)));
            if let Some((subscription, key)) = chosen {
                self.deliver(key, subscription);
            }
        }
    }

    fn deliver(&mut self, key: SubscriptionKey, subscription: &Subscription) {
        let owner = subscription.client;
        if let Some(consumer) = subscription.consumer {
            let (bytes, priority) = self.measure;
            let outcome = match self.router.prospect_of(consumer, bytes, priority) {
                Some((Ok(room), _)) => Outcome::Taken(room),
                Some((Err(reason), _)) => Outcome::Lost(reason),
                None => Outcome::Expelled,
            };
            self.outcomes.insert(key, outcome);
            return;
        }
        let Some(client) = self.router.clients.get(owner.index as usize) else { return };
        let settings = &self.router.settings;
        let before = self.ahead.entry(owner.index).or_insert(Some(Ahead::default()));
        let outcome = match before {
            None => Outcome::Expelled,
            Some(ahead) => {
                let (bytes, priority) = self.measure;
                match client.outbox.prospect(*ahead, bytes, priority, settings) {
                    Ok(room) => {
                        client.outbox.take_ahead(ahead, bytes, settings);
                        Outcome::Taken(room)
                    }
                    Err(reason) => {
                        if reason == Reason::SlowConsumer {
                            *before = None;
                        }
                        Outcome::Lost(reason)
                    }
                }
            }
        };
        self.outcomes.insert(key, outcome);
    }

    fn ahead_of(&self, client: ClientKey) -> Option<Ahead> {
        self.ahead.get(&client.index).copied().unwrap_or(Some(Ahead::default()))
    }
}
