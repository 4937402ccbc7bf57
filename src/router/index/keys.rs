//! The keys under one pattern: mostly one, sometimes a few, sometimes twenty thousand.
//!
//! They lie side by side so that a fan-out copies them at once. Taking one out fills its gap with the last one; where
//! it lies is found by looking through the list while that is short, and by a table of places once it is a crowd. So a
//! crowd that leaves one by one takes linear, not quadratic, time, and the many patterns with one key pay for no table.

use std::collections::HashMap;
use std::hash::Hash;

use foldhash::fast::RandomState;

/// From how many keys on their places are kept in a table. Up to there a scan is about as quick as a lookup.
const CROWD: usize = 64;

/// A set of keys. Two words, for there are many with one key or none.
#[derive(Default)]
pub(super) enum Keys<K> {
    #[default]
    None,
    One(K),
    Many(Box<Many<K>>),
}

/// Two keys or more.
pub(super) struct Many<K> {
    list: Vec<K>,
    /// Where in the list each key is. Empty for as long as the list is short.
    places: HashMap<K, usize, RandomState>,
}

impl<K: Copy + Eq + Hash> Keys<K> {
    /// Adds a key; false if it was there already.
    pub(super) fn insert(&mut self, key: K) -> bool {
        match self {
            Self::None => *self = Self::One(key),
            Self::One(first) if *first == key => return false,
            Self::One(first) => *self = Self::Many(Box::new(Many::of(*first, key))),
            Self::Many(many) => return many.insert(key),
        }
        true
    }

    /// Takes a key out; false if it was not there.
    pub(super) fn remove(&mut self, key: K) -> bool {
        match self {
            Self::None => false,
            Self::One(only) => {
                let found = *only == key;
                if found {
                    *self = Self::None;
                }
                found
            }
            Self::Many(many) => {
                let found = many.remove(key);
                if let [last] = many.list[..] {
                    *self = Self::One(last);
                }
                found
            }
        }
    }

    #[inline]
    pub(super) fn append_to(&self, found: &mut Vec<K>) {
        match self {
            Self::None => {}
            Self::One(key) => found.push(*key),
            Self::Many(many) => found.extend_from_slice(&many.list),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        matches!(self, Self::None)
    }
}

impl<K: Copy + Eq + Hash> Many<K> {
    fn of(first: K, second: K) -> Self {
        Self { list: vec![first, second], places: HashMap::default() }
    }

    fn insert(&mut self, key: K) -> bool {
        if self.place(key).is_some() {
            return false;
        }
        self.list.push(key);
        if self.is_crowd() {
            self.places.insert(key, self.list.len() - 1);
        } else if self.list.len() >= CROWD {
            self.places = self.list.iter().copied().zip(0..).collect();
        }
        true
    }

    fn remove(&mut self, key: K) -> bool {
        let Some(place) = self.place(key) else { return false };
        self.list.swap_remove(place);
        if self.is_crowd() {
            self.places.remove(&key);
            if let Some(&moved) = self.list.get(place) {
                self.places.insert(moved, place);
            }
        }
        self.shrink();
        true
    }

    fn place(&self, key: K) -> Option<usize> {
        if self.is_crowd() {
            self.places.get(&key).copied()
        } else {
            self.list.iter().position(|&other| other == key)
        }
    }

    fn is_crowd(&self) -> bool {
        !self.places.is_empty()
    }

    /// Gives memory back when three quarters have left, and the table with it when they are no crowd any more, well
    /// below where they became one, so that a key that comes and goes does not build it each time.
    fn shrink(&mut self) {
        let len = self.list.len();
        if len < self.list.capacity() / 4 {
            self.list.shrink_to(len * 2);
            self.places.shrink_to(len * 2);
        }
        if self.is_crowd() && len < CROWD / 2 {
            self.places = HashMap::default();
        }
    }
}

#[cfg(test)]
impl<K: Copy + Eq + Hash> Keys<K> {
    /// Panics if the table of places and the list tell different stories, or a short list is kept as a long one.
    pub(super) fn check(&self) {
        let Self::Many(many) = self else { return };
        assert!(many.list.len() >= 2);
        assert!(many.is_crowd() || many.list.len() < CROWD);
        if many.is_crowd() {
            assert_eq!(many.places.len(), many.list.len());
            assert!(many.list.iter().enumerate().all(|(at, key)| many.places[key] == at));
        }
    }
}
