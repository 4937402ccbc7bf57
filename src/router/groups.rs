//! Work-sharing groups: of all subscriptions of one group that match an event, exactly one gets it.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use slab::Slab;

use super::subscription::{GroupKey, SubscriptionKey};

/// How suitable a member is; the greatest gets the event.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Fitness {
    /// It has room.
    pub can_take: bool,
    /// Events that wait for its client: fewer is better.
    pub load: std::cmp::Reverse<usize>,
    /// The event it was last given: longer ago is better, so that equals take turns.
    pub chosen: std::cmp::Reverse<u64>,
}

struct Group {
    name: Box<str>,
    members: usize,
    /// The best member seen for the event that is being matched.
    best: Option<(Fitness, SubscriptionKey)>,
}

/// All groups that have a member.
#[derive(Default)]
pub(super) struct Groups {
    groups: Slab<Group>,
    by_name: HashMap<Box<str>, GroupKey, RandomState>,
    /// Groups with a candidate for the event that is being matched.
    contested: Vec<GroupKey>,
}

impl Groups {
    /// The group of this name, with one more member.
    pub fn join(&mut self, name: &str) -> GroupKey {
        if let Some(&key) = self.by_name.get(name) {
            self.groups[key.0 as usize].members += 1;
            return key;
        }
        let key = GroupKey(self.groups.insert(Group { name: name.into(), members: 1, best: None }) as u32);
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

    /// A member that matches the event at hand.
    pub fn contend(&mut self, key: GroupKey, fitness: Fitness, member: SubscriptionKey) {
        let Some(group) = self.groups.get_mut(key.0 as usize) else { return };
        match &mut group.best {
            Some(best) if best.0 >= fitness => {}
            Some(best) => *best = (fitness, member),
            None => {
                group.best = Some((fitness, member));
                self.contested.push(key);
            }
        }
    }

    /// The member that gets the event, of one group after another, until there is no more.
    pub fn next_winner(&mut self) -> Option<SubscriptionKey> {
        let key = self.contested.pop()?;
        self.groups.get_mut(key.0 as usize)?.best.take().map(|(_, member)| member)
    }

    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.groups.len()
    }
}
