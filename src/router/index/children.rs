//! The ways on from a trie node, by a topic's next part: mostly none or one, sometimes ten thousand.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::shrink;

/// Up to how many are looked through one by one. That is quicker than hashing, and far smaller than a table.
const FEW: usize = 8;

/// From a literal part to the number of a node.
#[expect(
    clippy::box_collection,
    reason = "few nodes have a table, and all others would be made 16 bytes larger by it"
)]
pub(super) enum Children {
    Few(Vec<(Box<str>, usize)>),
    Many(Box<HashMap<Box<str>, usize, RandomState>>),
}

impl Default for Children {
    fn default() -> Self {
        Self::Few(Vec::new())
    }
}

impl Children {
    #[inline]
    pub(super) fn get(&self, part: &str) -> Option<usize> {
        match self {
            Self::Few(list) => list.iter().find(|(other, _)| **other == *part).map(|&(_, node)| node),
            Self::Many(table) => table.get(part).copied(),
        }
    }

    /// Adds a part that is not there yet.
    pub(super) fn insert(&mut self, part: &str, node: usize) {
        match self {
            Self::Few(list) if list.len() < FEW => {
                // Exactly, for most lists stay at one and a vector would begin with four.
                list.reserve_exact(1);
                list.push((part.into(), node));
            }
            Self::Few(list) => {
                let mut table: HashMap<_, _, _> = std::mem::take(list).into_iter().collect();
                table.insert(part.into(), node);
                *self = Self::Many(Box::new(table));
            }
            Self::Many(table) => {
                table.insert(part.into(), node);
            }
        }
    }

    pub(super) fn remove(&mut self, part: &str) {
        match self {
            Self::Few(list) => list.retain(|(other, _)| **other != *part),
            Self::Many(table) => {
                table.remove(part);
                // Half of what made it a table: one that comes and goes at the border must not rebuild it each time.
                if table.len() <= FEW / 2 {
                    *self = Self::Few(table.drain().collect());
                } else {
                    shrink(table);
                }
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        // A table has always more than a few, see `remove`.
        matches!(self, Self::Few(list) if list.is_empty())
    }
}
