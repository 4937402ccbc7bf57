//! Work-sharing groups: of all subscriptions of one group that match an event, exactly one gets it.

use std::cmp::Reverse;
use std::collections::HashMap;

use foldhash::fast::RandomState;
use slab::Slab;

use super::ingress::Queued;
use super::outbox::{Ahead, Room};
use super::subscription::{GroupKey, SubscriptionKey};
use super::{ClientKey, Millis, Refusals, Router};
use crate::protocol::Priority;

/// How suitable a member is; the greatest gets the event.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Fitness {
    /// It has room, or can make some.
    room: Option<Room>,
    /// Events that wait for its client, or that it has and still has to do: fewer is better.
    load: Reverse<usize>,
    /// The event it was last given: longer ago is better, so that equals take turns.
    chosen: Reverse<u64>,
}

/// Why one member is fitter than another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Advantage {
    /// It has room, or can make some by shedding what ranks lower, and the other cannot.
    Room,
    /// Less waits for its client.
    Load {
        /// Events that wait for its client.
        fitter: usize,
        /// And for the other's.
        other: usize,
    },
    /// It was longer ago that its group gave it something.
    Turn,
}

impl Fitness {
    /// What it has before another that is not as fit.
    pub(super) fn advantage(self, other: Self) -> Advantage {
        if self.room != other.room {
            Advantage::Room
        } else if self.load != other.load {
            Advantage::Load { fitter: self.load.0, other: other.load.0 }
        } else {
            Advantage::Turn
        }
    }
}

struct Group {
    name: Box<str>,
    members: usize,
}

/// All groups that have a member.
#[derive(Default)]
pub(super) struct Groups {
    groups: Slab<Group>,
    by_name: HashMap<Box<str>, GroupKey, RandomState>,
}

impl Groups {
    /// The group of this name, with one more member.
    pub fn join(&mut self, name: &str) -> GroupKey {
        if let Some(&key) = self.by_name.get(name) {
            self.groups[key.0 as usize].members += 1;
            return key;
        }
        let key = GroupKey(self.groups.insert(Group { name: name.into(), members: 1 }) as u32);
        self.by_name.insert(name.into(), key);
        key
    }

    /// One member fewer; a group without members is gone.
    pub fn leave(&mut self, key: GroupKey) {
        let Some(group) = self.groups.get_mut(key.0 as usize) else { return };
        group.members -= 1;
        if group.members == 0 {
            let group = self.groups.remove(key.0 as usize);
            self.by_name.remove(&group.name);
        }
    }

    /// What a group is called.
    pub fn name(&self, key: GroupKey) -> Option<&str> {
        self.groups.get(key.0 as usize).map(|group| &*group.name)
    }

    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.groups.len()
    }
}

impl Router {
    /// Gives the event to the fittest contender of each group. One group after another: what one delivery changes,
    /// up to a client that is expelled by it, counts for the next.
    pub(super) fn share(&mut self, queued: &Queued, now: Millis, matched: &mut u32, refused: &mut Refusals) {
        let mut contenders = std::mem::take(&mut self.contenders);
        contenders.sort_unstable();
        let measure = (queued.event.size(), queued.event.priority());
        for group in contenders.chunk_by(|one, other| one.0 == other.0) {
            let Some((_, fittest)) = self.fittest(group, measure, |_| Some(Ahead::default())) else {
                continue;
            };
            if let Some(subscription) = self.subscriptions.get_mut(fittest.0 as usize) {
                subscription.chosen = self.sequence;
            }
            self.deliver(fittest, queued, now, matched, refused);
        }
        contenders.clear();
        self.contenders = contenders;
    }

    /// The member of a group that is to get the event. `ahead` says what is thought to have come first for a
    /// client; `None` when that has expelled it.
    pub(super) fn fittest(
        &self,
        group: &[(GroupKey, SubscriptionKey)],
        (bytes, priority): (usize, Priority),
        ahead: impl Fn(ClientKey) -> Option<Ahead>,
    ) -> Option<(Fitness, SubscriptionKey)> {
        let members =
            group.iter().filter_map(|&(_, key)| Some((self.fitness(key, (bytes, priority), &ahead)?, key)));
        members.max_by_key(|&(fitness, _)| fitness)
    }

    /// `None` when the member is gone, expelled by an earlier delivery of the same event.
    pub(super) fn fitness(
        &self,
        member: SubscriptionKey,
        (bytes, priority): (usize, Priority),
        ahead: impl Fn(ClientKey) -> Option<Ahead>,
    ) -> Option<Fitness> {
        let subscription = self.subscriptions.get(member.0 as usize)?;
        let client = self.clients.get(subscription.client.index as usize)?;
        let ahead = ahead(subscription.client)?;
        if let Some(consumer) = subscription.consumer {
            let (room, load) = self.prospect_of(consumer, bytes, priority)?;
            return Some(Fitness {
                room: room.ok(),
                load: Reverse(load),
                chosen: Reverse(subscription.chosen),
            });
        }
        Some(Fitness {
            room: client.outbox.prospect(ahead, bytes, priority, &self.settings).ok(),
            load: Reverse(client.outbox.len_after(ahead) + client.held),
            chosen: Reverse(subscription.chosen),
        })
    }
}
