//! The subscription index: whose topic patterns match this topic?
//!
//! Three places, asked one after the other:
//!
//! - patterns that match every topic (`*` alone): a plain list;
//! - patterns without wildcard: one hash lookup of the whole topic, however many there are;
//! - all others: a trie by parts, not even entered when there are none.
//!
//! The answer costs one hash of the topic, plus a step for each trie node that fits a beginning of the topic, plus
//! a copy of the keys found. Subscriptions to other topics add nothing but colder caches. At the worst a topic is
//! fitted by 2^depth nodes, and only if somebody subscribed to that many patterns (each mixture of `*` and
//! the topic's own parts): a node is reached by one way only, so no topic ever takes more steps than the trie has
//! nodes, and nodes are as few as the limits on subscriptions, patterns and topic length allow.
//!
//! Topics are chosen by strangers, so every table keyed by them is hashed with a random seed.
//!
//! Not here: filters by type, priority, source or target (they are the subscription's), taking a subscription once
//! that is found by several of its patterns (the caller's), and the checking of patterns (the protocol's).

mod children;
mod keys;
#[cfg(test)]
mod tests;
mod trie;

use std::collections::HashMap;
use std::hash::Hash;

use foldhash::fast::RandomState;

use keys::Keys;
use trie::Trie;

/// The pattern that matches every topic, of any depth.
const EVERYTHING: &str = "*";
/// A part that matches any one part.
const ANY_PART: &str = "*";
/// As a pattern's last part: matches one or more remaining parts. The protocol lets it stand nowhere else; here it would
/// be a literal there.
const TAIL: &str = "**";
const SEPARATOR: char = '.';

/// A set of (pattern, key) pairs that finds the keys whose pattern matches a topic.
///
/// A key stands for a subscription: something small, as the number of its slot. The same pair inserted twice
/// is kept once. Patterns are compared as they are written, so `*` and `**`, though they match the same topics, make
/// two pairs.
///
/// Patterns are taken to have passed the protocol's checks: their bound on length also bounds the stack that a
/// search takes.
pub struct Index<K> {
    everything: Keys<K>,
    exact: HashMap<Box<str>, Keys<K>, RandomState>,
    patterns: Trie<K>,
    len: usize,
}

impl<K: Copy + Eq + Hash> Index<K> {
    /// An index without any pattern.
    #[must_use]
    pub fn new() -> Self {
        Self { everything: Keys::default(), exact: HashMap::default(), patterns: Trie::new(), len: 0 }
    }

    /// Adds a pair; false if it was there already.
    pub fn insert(&mut self, pattern: &str, key: K) -> bool {
        let added = if pattern == EVERYTHING {
            self.everything.insert(key)
        } else if has_wildcard(pattern) {
            self.patterns.insert(pattern, key)
        } else if let Some(keys) = self.exact.get_mut(pattern) {
            keys.insert(key)
        } else {
            self.exact.insert(pattern.into(), Keys::One(key));
            true
        };
        self.len += usize::from(added);
        added
    }

    /// Takes a pair out; false if it was not there. The time it takes does not depend on how many keys share the
    /// pattern.
    pub fn remove(&mut self, pattern: &str, key: K) -> bool {
        let removed = if pattern == EVERYTHING {
            self.everything.remove(key)
        } else if has_wildcard(pattern) {
            self.patterns.remove(pattern, key)
        } else {
            self.remove_exact(pattern, key)
        };
        self.len -= usize::from(removed);
        removed
    }

    /// Appends the key of every pair whose pattern matches `topic`, in no particular order. A key that was inserted
    /// under several matching patterns comes once for each. Allocates nothing but room in `found`.
    pub fn matches(&self, topic: &str, found: &mut Vec<K>) {
        self.everything.append_to(found);
        if let Some(keys) = self.exact.get(topic) {
            keys.append_to(found);
        }
        if !self.patterns.is_empty() {
            self.patterns.matches(topic, found);
        }
    }

    /// How many pairs there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no pairs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    fn remove_exact(&mut self, topic: &str, key: K) -> bool {
        let Some(keys) = self.exact.get_mut(topic) else { return false };
        let removed = keys.remove(key);
        if keys.is_empty() {
            self.exact.remove(topic);
            shrink(&mut self.exact);
        }
        removed
    }
}

impl<K: Copy + Eq + Hash> Default for Index<K> {
    fn default() -> Self {
        Self::new()
    }
}

fn has_wildcard(pattern: &str) -> bool {
    let mut parts = pattern.split(SEPARATOR);
    parts.next_back().is_some_and(|last| last == ANY_PART || last == TAIL)
        || parts.any(|part| part == ANY_PART)
}

/// Gives memory back once a table is mostly air. It keeps room to double, so that the copying is paid for by as many
/// removals.
fn shrink<Q: Eq + Hash, V>(table: &mut HashMap<Q, V, RandomState>) {
    if table.len() < table.capacity() / 8 {
        table.shrink_to(table.len() * 2);
    }
}
