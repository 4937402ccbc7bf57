//! Work-sharing groups: of all subscriptions of one group that match an event, exactly one gets it.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use slab::Slab;

use super::subscription::{GroupKey, SubscriptionKey};

/// How suitable a member is; the greatest gets the event.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
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
    /// Members that match the event at hand, for as long as it is being matched.
    contenders: Vec<SubscriptionKey>,
}

/// All groups that have a member.
#[derive(Default)]
pub(super) struct Groups {
    groups: Slab<Group>,
    by_name: HashMap<Box<str>, GroupKey, RandomState>,
    /// Groups with contenders for the event at hand.
    contested: Vec<GroupKey>,
}

impl Groups {
    /// The group of this name, with one more member.
    pub fn join(&mut self, name: &str) -> GroupKey {
        if let Some(&key) = self.by_name.get(name) {
            self.groups[key.0 as usize].members += 1;
            return key;
        }
        let group = Group { name: name.into(), members: 1, contenders: Vec::new() };
        let key = GroupKey(self.groups.insert(group) as u32);
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
    pub fn contend(&mut self, key: GroupKey, member: SubscriptionKey) {
        let Some(group) = self.groups.get_mut(key.0 as usize) else { return };
        if group.contenders.is_empty() {
            self.contested.push(key);
        }
        group.contenders.push(member);
    }

    /// Appends the contenders of one group after another; false when there is no more. A member, or its whole group,
    /// may be gone by now: what others got of the same event may have expelled a client.
    pub fn next_contest(&mut self, contenders: &mut Vec<SubscriptionKey>) -> bool {
        let Some(key) = self.contested.pop() else { return false };
        if let Some(group) = self.groups.get_mut(key.0 as usize) {
            contenders.append(&mut group.contenders);
        }
        true
    }

    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.groups.len()
    }
}
