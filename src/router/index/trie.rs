//! The patterns with wildcards: a tree in which each level is one part of a topic.
//!
//! The nodes lie in one slab and know each other by number, so that neither adding, nor removing, nor dropping the tree
//! goes as deep into the call stack as a stranger's pattern has parts. A slot is used again after its node is
//! gone, and the slab's memory is given back when the last pattern goes.

use std::hash::Hash;
use std::num::NonZeroUsize;

use slab::Slab;

use super::children::Children;
use super::keys::Keys;
use super::{ANY_PART, SEPARATOR, TAIL};

/// The root's number. It is always there and nobody's child, therefore a child's number is never zero.
const ROOT: usize = 0;

pub(super) struct Trie<K> {
    nodes: Slab<Node<K>>,
}

/// What comes after some first parts of a pattern.
struct Node<K> {
    /// Under patterns that end here.
    here: Keys<K>,
    /// Under patterns that go on with `**`.
    tail: Keys<K>,
    /// The node after `*`.
    any: Option<NonZeroUsize>,
    /// The nodes after literal parts.
    children: Children,
}

/// Which of a node's two sets a pattern's keys are in.
#[derive(Clone, Copy)]
enum End {
    Here,
    Tail,
}

impl<K: Copy + Eq + Hash> Trie<K> {
    pub(super) fn new() -> Self {
        let mut nodes = Slab::new();
        nodes.insert(Node::new());
        Self { nodes }
    }

    pub(super) fn is_empty(&self) -> bool {
        // No node but the root is ever empty, so this says that it has no children either.
        self.nodes[ROOT].is_empty()
    }

    /// Adds a key under a pattern; false if it was there already.
    pub(super) fn insert(&mut self, pattern: &str, key: K) -> bool {
        let (parts, end) = path(pattern);
        let mut at = ROOT;
        for part in parts {
            at = match self.nodes[at].next(part) {
                Some(next) => next,
                None => self.grow(at, part),
            };
        }
        self.nodes[at].keys(end).insert(key)
    }

    /// Takes a key out from under a pattern; false if it was not there.
    pub(super) fn remove(&mut self, pattern: &str, key: K) -> bool {
        let (parts, end) = path(pattern);
        let mut way = Vec::new();
        let mut at = ROOT;
        for part in parts {
            let Some(next) = self.nodes[at].next(part) else { return false };
            way.push((at, part));
            at = next;
        }
        let removed = self.nodes[at].keys(end).remove(key);
        self.prune(at, way);
        removed
    }

    pub(super) fn matches(&self, topic: &str, found: &mut Vec<K>) {
        self.collect(ROOT, Some(topic), found);
    }

    /// Collects below a node for the parts that are left (none, when the topic ends at this node).
    ///
    /// It calls itself only where a literal part and `*` both fit, and then to go on after `*`. So it is never deeper in
    /// calls than one pattern has stars, for which the protocol's 1,024 bytes leave room for 512: tens of kilobytes
    /// of stack. In return no list of open ends has to be allocated or cleared.
    fn collect(&self, mut at: usize, mut rest: Option<&str>, found: &mut Vec<K>) {
        loop {
            let node = &self.nodes[at];
            let Some(text) = rest else { return node.here.append_to(found) };
            node.tail.append_to(found);
            let (part, after) = first_part(text);
            at = match (node.children.get(part), node.any) {
                (None, None) => return,
                (None, Some(any)) => any.get(),
                (Some(literal), None) => literal,
                (Some(literal), Some(any)) => {
                    self.collect(any.get(), after, found);
                    literal
                }
            };
            rest = after;
        }
    }

    fn grow(&mut self, parent: usize, part: &str) -> usize {
        let child = self.nodes.insert(Node::new());
        let parent = &mut self.nodes[parent];
        if part == ANY_PART {
            parent.any = NonZeroUsize::new(child);
        } else {
            parent.children.insert(part, child);
        }
        child
    }

    /// Frees a node that has become empty, and those on the way to it that were only there for it.
    fn prune(&mut self, mut at: usize, mut way: Vec<(usize, &str)>) {
        while self.nodes[at].is_empty()
            && let Some((parent, part)) = way.pop()
        {
            self.nodes.remove(at);
            let node = &mut self.nodes[parent];
            if part == ANY_PART {
                node.any = None;
            } else {
                node.children.remove(part);
            }
            at = parent;
        }
        if self.nodes.len() == 1 {
            self.nodes.shrink_to_fit();
        }
    }
}

impl<K: Copy + Eq + Hash> Node<K> {
    fn new() -> Self {
        Self { here: Keys::None, tail: Keys::None, any: None, children: Children::default() }
    }

    /// The node after a pattern's part.
    fn next(&self, part: &str) -> Option<usize> {
        if part == ANY_PART { self.any.map(NonZeroUsize::get) } else { self.children.get(part) }
    }

    fn keys(&mut self, end: End) -> &mut Keys<K> {
        match end {
            End::Here => &mut self.here,
            End::Tail => &mut self.tail,
        }
    }

    fn is_empty(&self) -> bool {
        self.here.is_empty() && self.tail.is_empty() && self.any.is_none() && self.children.is_empty()
    }
}

/// The parts that lead to a pattern's node, and which of its sets is meant.
fn path(pattern: &str) -> (impl Iterator<Item = &str>, End) {
    let (stem, end) = match pattern.rsplit_once(SEPARATOR) {
        Some((stem, TAIL)) => (Some(stem), End::Tail),
        None if pattern == TAIL => (None, End::Tail),
        _ => (Some(pattern), End::Here),
    };
    (stem.into_iter().flat_map(|stem| stem.split(SEPARATOR)), end)
}

/// A topic's first part, and what comes after the dot behind it.
#[inline]
fn first_part(text: &str) -> (&str, Option<&str>) {
    match memchr::memchr(SEPARATOR as u8, text.as_bytes()) {
        Some(dot) => (&text[..dot], Some(&text[dot + 1..])),
        None => (text, None),
    }
}

#[cfg(test)]
impl<K: Copy + Eq + Hash> Trie<K> {
    /// How many nodes there are, the root included.
    pub(super) fn nodes(&self) -> usize {
        self.nodes.len()
    }

    /// How many nodes there is room for.
    pub(super) fn room(&self) -> usize {
        self.nodes.capacity()
    }

    /// Panics if a node is there for nothing, or its sets are not in order.
    pub(super) fn check(&self) {
        for (at, node) in &self.nodes {
            assert!(at == ROOT || !node.is_empty(), "node {at} holds nothing");
            node.here.check();
            node.tail.check();
        }
    }
}
