//! Which events a subscription has had: one whose answer was lost is published a second time.

use std::collections::{HashSet, VecDeque};
use std::hash::{BuildHasher, RandomState};

/// The last few events' ids. Of each a hash of 64 bits is kept: that two ids among a few thousand have the same is less
/// likely than that the machine errs.
#[derive(Debug)]
pub(super) struct Seen {
    hasher: RandomState,
    ids: HashSet<u64>,
    order: VecDeque<u64>,
    most: usize,
}

impl Seen {
    /// Remembers so many; none = everything is new.
    pub fn new(most: usize) -> Self {
        Self { hasher: RandomState::new(), ids: HashSet::new(), order: VecDeque::new(), most }
    }

    /// Whether an event was not here before. It was, from now on.
    pub fn is_new(&mut self, id: &str) -> bool {
        if self.most == 0 {
            return true;
        }
        let id = self.hasher.hash_one(id);
        if !self.ids.insert(id) {
            return false;
        }
        if self.order.len() == self.most
            && let Some(oldest) = self.order.pop_front()
        {
            self.ids.remove(&oldest);
        }
        self.order.push_back(id);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_new_once_and_again_when_it_is_forgotten() {
        let mut seen = Seen::new(2);
        assert!(seen.is_new("a") && seen.is_new("b") && !seen.is_new("a") && !seen.is_new("b"));
        assert!(seen.is_new("c") && seen.is_new("a") && !seen.is_new("c"));
        let mut none = Seen::new(0);
        assert!(none.is_new("a") && none.is_new("a"));
    }
}
