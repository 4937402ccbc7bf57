//! How the model matches an event: every subscription is asked, one after the other.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use gadugi_router::protocol::Event;
use gadugi_router::router::{ClientKey, Close, Millis, Notice, Reason, Refusals, SlowConsumer};
use uuid::Uuid;

use super::model::Model;
use super::state::{Queued, Subscription, Waiting};

/// What became of one event.
#[derive(Clone, Default)]
struct Score {
    matched: u32,
    refused: Refusals,
}

impl Subscription {
    fn admits(&self, event: &Event) -> bool {
        let wanted = &self.wanted;
        let topics = &wanted.topics;
        (topics.is_empty() || topics.iter().any(|pattern| pattern.matches(event.topic())))
            && wanted.types.admits(event.kind())
            && event.priority() >= wanted.min_priority
            && (wanted.sources.is_empty() || wanted.sources.iter().any(|source| **source == *event.source()))
            && wanted
                .targets
                .as_ref()
                .is_none_or(|targets| targets.iter().any(|target| Some(&**target) == event.target()))
    }
}

impl Model {
    /// Matches the next event. `reached` are the subscriptions that the engine gave it to or lost it for, in its order.
    pub fn dispatch_one(&mut self, reached: &[Uuid], now: Millis) {
        let queued = self.queue.remove(0);
        if queued.deadline <= now {
            return self.lose_queued(queued, Reason::Expired, now);
        }
        self.stats.processed += 1;
        self.sequence += 1;
        let mut direct = Vec::new();
        let mut groups: BTreeMap<&str, Vec<Uuid>> = BTreeMap::new();
        for subscription in
            self.subscriptions.iter().filter(|subscription| subscription.admits(&queued.event))
        {
            match &subscription.wanted.group {
                None => direct.push(subscription.id),
                Some(group) => groups.entry(group).or_default().push(subscription.id),
            }
        }
        let place = |id: &Uuid| reached.iter().position(|other| other == id).unwrap_or(usize::MAX);
        let mut groups: Vec<_> = groups.into_values().collect();
        groups.sort_by_key(|members| members.iter().map(place).min());
        direct.sort_by_key(place);
        let mut score = Score::default();
        for id in direct {
            self.deliver(id, &queued, &mut score, now);
        }
        self.share(groups, &queued, reached, &mut score, now);
        if let Some(receipt) = queued.receipt {
            let Score { matched, refused } = score;
            self.notify(
                receipt.client,
                Notice::Dispatched { token: receipt.token, matched, refused, sequence: 0 },
            );
        }
    }

    /// Gives the event to one member of each group. Which group comes first is the engine's choice, and matters if a
    /// client is in several: one order must explain all that the engine did.
    fn share(
        &mut self,
        groups: Vec<Vec<Uuid>>,
        queued: &Queued,
        reached: &[Uuid],
        score: &mut Score,
        now: Millis,
    ) {
        if groups.is_empty() {
            return;
        }
        let backwards = groups.iter().rev().cloned().collect();
        let mut wrong = String::new();
        for order in [groups, backwards] {
            let (mut trial, mut trial_score) = (self.clone(), score.clone());
            let shared = order
                .iter()
                .try_for_each(|members| trial.share_one(members, queued, reached, &mut trial_score, now));
            match shared {
                Ok(()) => {
                    *self = trial;
                    *score = trial_score;
                    return;
                }
                Err(problem) => wrong = problem,
            }
        }
        panic!("{wrong}");
    }

    fn share_one(
        &mut self,
        members: &[Uuid],
        queued: &Queued,
        reached: &[Uuid],
        score: &mut Score,
        now: Millis,
    ) -> Result<(), String> {
        let winners: Vec<_> = members.iter().filter(|member| reached.contains(member)).collect();
        let fitness: Vec<_> =
            members.iter().filter_map(|&id| Some((id, self.fitness(id, &queued.event)?))).collect();
        let Some(best) = fitness.iter().map(|(_, fitness)| fitness).max() else {
            // An earlier delivery of this event has expelled them all.
            return if winners.is_empty() {
                Ok(())
            } else {
                Err("an event went to a group that is gone".into())
            };
        };
        let [&winner] = winners[..] else {
            return Err(format!("{} members of a group got {}, not one", winners.len(), queued.event.id()));
        };
        if !fitness.iter().any(|(id, fitness)| *id == winner && fitness >= best) {
            return Err(format!(
                "{} went to {winner}, which was not the least loaded member that could take it: {fitness:?}",
                queued.event.id()
            ));
        }
        let sequence = self.sequence;
        self.subscriptions.iter_mut().filter(|sub| sub.id == winner).for_each(|sub| sub.chosen = sequence);
        self.deliver(winner, queued, score, now);
        Ok(())
    }

    /// Whether it can take the event (2: freely, 1: by shedding lower ones); how much waits for its client; how long it has gone without one.
    fn fitness(&self, id: Uuid, event: &Event) -> Option<(u8, Reverse<usize>, Reverse<u64>)> {
        let subscription = self.subscriptions.iter().find(|subscription| subscription.id == id)?;
        let client = self.clients.iter().find(|client| client.key == subscription.client)?;
        let mut rest = client.clone();
        rest.waiting.retain(|other| other.event.priority() >= event.priority());
        let sheds = self.settings.slow_consumer == SlowConsumer::Evict;
        let can_take = if client.has_room(event.size(), &self.settings) {
            2
        } else {
            u8::from(sheds && rest.has_room(event.size(), &self.settings))
        };
        Some((can_take, Reverse(client.len() + client.held), Reverse(subscription.chosen)))
    }

    fn deliver(&mut self, id: Uuid, queued: &Queued, score: &mut Score, now: Millis) {
        let Some(subscription) = self.subscriptions.iter().find(|subscription| subscription.id == id) else {
            return;
        };
        let key = subscription.client;
        let event = &queued.event;
        self.stats.matched += 1;
        if let Some(account) = self.accounts.get_mut(&id) {
            account.matched[event.priority().index()] += 1;
        }
        let waiting = Waiting { event: event.clone(), subscription: id, deadline: queued.deadline };
        let settings = self.settings.clone();
        let Some(client) = self.client(key) else { return };
        if client.has_room(event.size(), &settings) {
            client.push(waiting);
            score.matched += 1;
        } else if event.size() > settings.outbox_size {
            self.lose_all(key, vec![waiting], Reason::Oversized, now);
            score.refused.oversized += 1;
        } else if settings.slow_consumer == SlowConsumer::Disconnect {
            self.lose_all(key, vec![waiting], Reason::SlowConsumer, now);
            score.refused.slow_consumer += 1;
            self.expel(key, now);
        } else {
            let mut rest = client.clone();
            rest.waiting.retain(|other| other.event.priority() >= event.priority());
            if rest.has_room(event.size(), &settings) {
                let mut shed = Vec::new();
                while !client.has_room(event.size(), &settings) {
                    shed.extend(client.waiting.pop());
                }
                client.push(waiting);
                self.lose_all(key, shed, Reason::Evicted, now);
                score.matched += 1;
            } else {
                self.lose_all(key, vec![waiting], Reason::Evicted, now);
                score.refused.outbox_full += 1;
            }
        }
        self.client(key).into_iter().for_each(|client| client.touch());
    }

    fn expel(&mut self, key: ClientKey, now: Millis) {
        self.clear(key, Reason::SlowConsumer, now);
        self.subscriptions.retain(|subscription| subscription.client != key);
        self.accounts.retain(|_, account| account.client != key);
        self.client(key).into_iter().for_each(|client| client.gaps.clear());
        self.close(key, Close::SlowConsumer);
    }
}
