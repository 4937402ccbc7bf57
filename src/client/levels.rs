//! A queue for each priority: what both the events on their way out and those that have come wait in.

use std::collections::VecDeque;

use crate::protocol::Priority;

/// Ten queues, first in, first out within each. It has no bound of its own.
#[derive(Debug)]
pub(super) struct Levels<T> {
    lowest_first: [VecDeque<T>; Priority::LEVELS],
    length: usize,
}

impl<T> Default for Levels<T> {
    fn default() -> Self {
        Self { lowest_first: std::array::from_fn(|_| VecDeque::new()), length: 0 }
    }
}

impl<T> Levels<T> {
    pub fn len(&self) -> usize {
        self.length
    }

    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Appends it to its level.
    pub fn push(&mut self, priority: Priority, item: T) {
        self.lowest_first[priority.index()].push_back(item);
        self.length += 1;
    }

    /// Puts it in front of its level.
    pub fn put_back(&mut self, priority: Priority, item: T) {
        self.lowest_first[priority.index()].push_front(item);
        self.length += 1;
    }

    /// The oldest of the highest priority.
    pub fn front(&self) -> Option<&T> {
        self.lowest_first.iter().rev().find_map(VecDeque::front)
    }

    /// Takes the oldest of the highest priority.
    pub fn pop(&mut self) -> Option<T> {
        let item = self.lowest_first.iter_mut().rev().find_map(VecDeque::pop_front);
        self.length -= usize::from(item.is_some());
        item
    }

    /// Takes the oldest of the lowest priority.
    pub fn pop_lowest_oldest(&mut self) -> Option<T> {
        let item = self.lowest_first.iter_mut().find_map(VecDeque::pop_front);
        self.length -= usize::from(item.is_some());
        item
    }

    /// Takes the newest of the lowest priority.
    pub fn pop_lowest_newest(&mut self) -> Option<T> {
        let item = self.lowest_first.iter_mut().find_map(VecDeque::pop_back);
        self.length -= usize::from(item.is_some());
        item
    }

    /// Takes a certain one out.
    pub fn remove(&mut self, priority: Priority, is_it: impl Fn(&T) -> bool) -> Option<T> {
        let level = &mut self.lowest_first[priority.index()];
        let item = level.iter().position(is_it).and_then(|at| level.remove(at));
        self.length -= usize::from(item.is_some());
        item
    }

    /// The lowest priority that waits.
    pub fn lowest(&self) -> Option<Priority> {
        Priority::all().find(|priority| !self.lowest_first[priority.index()].is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_goes_first_and_the_lowest_gives_way() {
        let mut levels = Levels::default();
        for (priority, item) in
            [(Priority::LOW, 1), (Priority::HIGH, 2), (Priority::LOW, 3), (Priority::HIGH, 4)]
        {
            levels.push(priority, item);
        }
        levels.put_back(Priority::HIGH, 0);
        assert_eq!((levels.len(), levels.front(), levels.lowest()), (5, Some(&0), Some(Priority::LOW)));
        assert_eq!(levels.remove(Priority::HIGH, |item| *item == 2), Some(2));
        assert_eq!(levels.remove(Priority::HIGH, |item| *item == 2), None);
        assert_eq!((levels.pop_lowest_newest(), levels.pop_lowest_oldest()), (Some(3), Some(1)));
        assert_eq!(std::iter::from_fn(|| levels.pop()).collect::<Vec<_>>(), [0, 4]);
        assert!(levels.is_empty() && levels.pop_lowest_newest().is_none() && levels.lowest().is_none());
    }
}
