//! What the ten queues promise, case by case, and beside a plain list that is searched from end to end.

use proptest::prelude::*;
use proptest::sample::Index;

use super::*;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Item {
    priority: Priority,
    number: u32,
    bytes: usize,
    deadline: Millis,
}

impl Waits for Item {
    fn priority(&self) -> Priority {
        self.priority
    }

    fn bytes(&self) -> usize {
        self.bytes
    }

    fn deadline(&self) -> Millis {
        self.deadline
    }
}

fn level(number: u64) -> Priority {
    Priority::new(number).unwrap()
}

fn item(priority: u64, number: u32) -> Item {
    Item { priority: level(priority), number, bytes: 10, deadline: Millis::MAX }
}

fn numbers(levels: &mut Levels<Item>) -> Vec<u32> {
    std::iter::from_fn(|| levels.pop_highest()).map(|item| item.number).collect()
}

/// All that waits, oldest first whatever its level.
#[derive(Default)]
struct Model(Vec<Item>);

impl Model {
    fn pop_highest(&mut self) -> Option<Item> {
        let highest = self.0.iter().map(|item| item.priority).max()?;
        let place = self.0.iter().position(|item| item.priority == highest)?;
        Some(self.0.remove(place))
    }

    fn pop_lowest_newest(&mut self, from: Priority) -> Option<Item> {
        let lowest = self.0.iter().map(|item| item.priority).filter(|&priority| priority >= from).min()?;
        let place = self.0.iter().rposition(|item| item.priority == lowest)?;
        Some(self.0.remove(place))
    }

    /// What `keep` does not want, lowest level first, in each the oldest first.
    fn remove(&mut self, keep: impl Fn(&Item) -> bool) -> Vec<Item> {
        let (kept, mut gone): (Vec<_>, Vec<_>) = self.0.drain(..).partition(|item| keep(item));
        self.0 = kept;
        gone.sort_by_key(|item| item.priority);
        gone
    }

    fn below(&self, priority: Priority) -> (usize, usize) {
        let below = self.0.iter().filter(|item| item.priority < priority);
        (below.clone().count(), below.map(|item| item.bytes).sum())
    }
}

fn assert_alike(levels: &Levels<Item>, model: &Model) {
    assert_eq!(levels.len(), model.0.len());
    assert_eq!(levels.is_empty(), model.0.is_empty());
    assert_eq!(levels.bytes(), model.0.iter().map(|item| item.bytes).sum::<usize>());
    let soonest = model.0.iter().map(|item| item.deadline).min().unwrap_or(Millis::MAX);
    assert!(levels.soonest() <= soonest, "an expiry would be missed");
    for priority in Priority::all() {
        let waiting = model.0.iter().filter(|item| item.priority == priority).count();
        assert_eq!(levels.depth()[priority.index()], waiting);
        assert_eq!(levels.below(priority), model.below(priority));
        let lowest = model.0.iter().map(|item| item.priority).filter(|&other| other >= priority).min();
        assert_eq!(levels.lowest(priority), lowest);
    }
}

#[derive(Clone, Debug)]
enum Step {
    Push(u64, usize, Millis),
    PopHighest,
    PopAndPutBack(usize),
    PopLowestNewest(u64),
    Expire(Millis),
    Retain(u32, u32),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let deadline = prop_oneof![3 => Just(Millis::MAX), 2 => 0..50_u64];
    let step = prop_oneof![
        8 => (1..=10_u64, 0..1_000_usize, deadline).prop_map(|(p, b, d)| Step::Push(p, b, d)),
        3 => Just(Step::PopHighest),
        2 => (1..6_usize).prop_map(Step::PopAndPutBack),
        2 => (1..=10_u64).prop_map(Step::PopLowestNewest),
        1 => (0..50_u64).prop_map(Step::Expire),
        1 => (2..5_u32, any::<Index>()).prop_map(|(by, rest)| Step::Retain(by, rest.index(by as usize) as u32)),
    ];
    proptest::collection::vec(step, 1..120)
}

fn apply(step: Step, number: u32, levels: &mut Levels<Item>, model: &mut Model) {
    let mut removed = Vec::new();
    match step {
        Step::Push(priority, bytes, deadline) => {
            let item = Item { priority: level(priority), number, bytes, deadline };
            levels.push(item);
            model.0.push(item);
        }
        Step::PopHighest => assert_eq!(levels.pop_highest(), model.pop_highest()),
        Step::PopAndPutBack(count) => {
            let taken: Vec<_> = std::iter::from_fn(|| levels.pop_highest()).take(count).collect();
            taken.into_iter().rev().for_each(|item| levels.push_front(item));
        }
        Step::PopLowestNewest(from) => {
            assert_eq!(levels.pop_lowest_newest(level(from)), model.pop_lowest_newest(level(from)));
        }
        Step::Expire(now) => {
            levels.expire(now, |item| removed.push(item));
            assert_eq!(removed, model.remove(|item| item.deadline > now));
        }
        Step::Retain(by, rest) => {
            levels.retain(|item| item.number % by != rest, |item| removed.push(item));
            assert_eq!(removed, model.remove(|item| item.number % by != rest));
        }
    }
}

proptest! {
    #[test]
    fn ten_levels_behave_like_a_list_that_is_searched(steps in steps()) {
        let (mut levels, mut model) = (Levels::new(), Model::default());
        for (step, number) in steps.into_iter().zip(0..) {
            apply(step, number, &mut levels, &mut model);
            assert_alike(&levels, &model);
        }
        while let Some(expected) = model.pop_highest() {
            prop_assert_eq!(levels.pop_highest(), Some(expected));
        }
        assert_alike(&levels, &model);
    }
}

#[test]
fn higher_levels_are_served_first_and_each_in_the_order_of_arrival() {
    let mut levels = Levels::new();
    for (number, priority) in [3, 10, 3, 1, 7, 10].into_iter().enumerate() {
        levels.push(item(priority, number as u32));
    }
    assert_eq!(numbers(&mut levels), [1, 5, 4, 0, 2, 3]);
}

#[test]
fn what_is_put_back_is_the_next_of_its_level_again() {
    let mut levels = Levels::new();
    (0..4).for_each(|number| levels.push(item(5, number)));
    let (first, second) = (levels.pop_highest().unwrap(), levels.pop_highest().unwrap());
    levels.push(item(9, 4));
    levels.push_front(second);
    levels.push_front(first);
    assert_eq!(numbers(&mut levels), [4, 0, 1, 2, 3]);
}

#[test]
fn the_newest_of_the_lowest_level_goes_first() {
    let mut levels = Levels::new();
    for (number, priority) in [5, 2, 2, 5].into_iter().enumerate() {
        levels.push(item(priority, number as u32));
    }
    let mut next = |from| levels.pop_lowest_newest(level(from)).map(|item| item.number);
    assert_eq!(next(1), Some(2));
    assert_eq!(next(3), Some(3));
    assert_eq!(next(6), None);
    assert_eq!([next(1), next(1), next(1)], [Some(1), Some(0), None]);
}

#[test]
fn an_event_expires_at_its_deadline_and_not_before() {
    let mut levels = Levels::new();
    levels.push(Item { deadline: 100, ..item(10, 0) });
    levels.push(Item { deadline: 101, ..item(1, 1) });
    let mut gone = Vec::new();
    levels.expire(99, |item| gone.push(item.number));
    assert!(gone.is_empty());
    levels.expire(100, |item| gone.push(item.number));
    assert_eq!(gone, [0]);
    assert_eq!(levels.soonest(), 101);
    assert_eq!(levels.len(), 1);
}

#[test]
fn a_level_gives_its_memory_back_after_a_burst() {
    let mut levels = Levels::new();
    (0..10_000).for_each(|number| levels.push(item(5, number)));
    assert!(levels.queues[4].capacity() >= 10_000);
    assert_eq!(numbers(&mut levels).len(), 10_000);
    assert!(levels.queues[4].capacity() <= KEPT_CAPACITY);
    (0..10_000).for_each(|number| levels.push(item(5, number)));
    levels.retain(|item| item.number == 0, drop);
    assert!(levels.queues[4].capacity() <= KEPT_CAPACITY);
}

#[test]
fn a_level_that_is_often_empty_keeps_a_little_memory() {
    let mut levels = Levels::new();
    levels.push(item(5, 0));
    levels.pop_highest().unwrap();
    assert!(levels.queues[4].capacity() > 0);
}
