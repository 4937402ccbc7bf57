//! What an outbox promises, case by case, and beside a plain list.

use proptest::prelude::*;

use super::*;
use crate::testing::{numbered, padded};

const SUBSCRIPTION: SubscriptionKey = SubscriptionKey(0);

fn settings(outbox_events: usize, outbox_size: usize) -> Settings {
    Settings { outbox_events, outbox_size, ..Settings::default() }
}

fn waiting(event: Arc<Event>) -> Waiting {
    Waiting { event, subscription: SUBSCRIPTION, accepted: Stamp::default(), deadline: Millis::MAX }
}

/// What was shed, or why the newcomer was.
fn offer(outbox: &mut Outbox, event: Arc<Event>, settings: &Settings) -> Result<Vec<String>, Reason> {
    let mut shed = Vec::new();
    let offered = outbox.offer(waiting(event), settings, |gone| shed.push(gone.event.id().to_owned()));
    offered.map(|()| shed).map_err(|(_, reason)| reason)
}

fn take_all(outbox: &mut Outbox) -> Vec<String> {
    std::iter::from_fn(|| outbox.take()).map(|waiting| waiting.event.id().to_owned()).collect()
}

#[test]
fn a_full_outbox_sheds_the_lowest_and_newest() {
    let bounds = settings(3, usize::MAX);
    let mut outbox = Outbox::new();
    for (number, priority) in [3, 1, 1].into_iter().enumerate() {
        assert_eq!(offer(&mut outbox, numbered(number, priority), &bounds), Ok(vec![]));
    }
    assert_eq!(offer(&mut outbox, numbered(3, 5), &bounds), Ok(vec!["2".into()]));
    assert_eq!(offer(&mut outbox, numbered(4, 5), &bounds), Ok(vec!["1".into()]));
    assert_eq!(offer(&mut outbox, numbered(5, 3), &bounds), Err(Reason::Evicted));
    assert_eq!(take_all(&mut outbox), ["3", "4", "0"]);
}

#[test]
fn a_large_event_sheds_as_many_small_ones_as_it_needs_room_for() {
    let (small, large) = (numbered("s", 1).size(), padded("large", 2, 1_000).size());
    let bounds = settings(100, 10 * small);
    let mut outbox = Outbox::new();
    for number in 0..10 {
        assert_eq!(offer(&mut outbox, numbered(number, 1), &bounds), Ok(vec![]));
    }
    let shed = offer(&mut outbox, padded("large", 2, 1_000), &bounds).unwrap();
    assert_eq!(shed.len(), large.div_ceil(small));
    assert!(outbox.bytes() <= bounds.outbox_size);
    assert_eq!(shed[0], "9");
}

#[test]
fn nothing_is_shed_for_a_newcomer_that_would_still_not_fit() {
    let one = numbered("1", 9).size();
    let bounds = settings(100, 3 * one);
    let mut outbox = Outbox::new();
    offer(&mut outbox, numbered(1, 9), &bounds).unwrap();
    offer(&mut outbox, numbered(2, 9), &bounds).unwrap();
    offer(&mut outbox, numbered(3, 1), &bounds).unwrap();
    // Below it there is room for one, and it needs more.
    assert_eq!(offer(&mut outbox, padded(4, 5, one), &bounds), Err(Reason::Evicted));
    assert_eq!(take_all(&mut outbox), ["1", "2", "3"]);
}

#[test]
fn an_event_larger_than_the_whole_outbox_is_oversized() {
    let mut outbox = Outbox::new();
    let event = padded("large", 10, 2_000);
    assert_eq!(
        offer(&mut outbox, Arc::clone(&event), &settings(10, event.size() - 1)),
        Err(Reason::Oversized)
    );
    assert_eq!(offer(&mut outbox, Arc::clone(&event), &settings(10, event.size())), Ok(vec![]));
}

#[test]
fn what_is_being_written_counts_until_it_is_settled() {
    let bounds = settings(2, usize::MAX);
    let mut outbox = Outbox::new();
    offer(&mut outbox, numbered(1, 1), &bounds).unwrap();
    offer(&mut outbox, numbered(2, 1), &bounds).unwrap();
    assert_eq!(take_all(&mut outbox).len(), 2);
    assert_eq!((outbox.len(), outbox.waiting()), (2, 0));
    // What is on its way can not be shed, even by the highest.
    assert_eq!(offer(&mut outbox, numbered(3, 10), &bounds), Err(Reason::Evicted));
    assert_eq!(outbox.settle(), 2);
    assert_eq!((outbox.len(), outbox.bytes()), (0, 0));
    assert_eq!(offer(&mut outbox, numbered(3, 10), &bounds), Ok(vec![]));
}

#[test]
fn what_could_not_be_written_comes_next_and_can_be_overtaken() {
    let bounds = Settings::default();
    let mut outbox = Outbox::new();
    (1..=3).for_each(|number| drop(offer(&mut outbox, numbered(number, 5), &bounds)));
    let taken: Vec<_> = std::iter::from_fn(|| outbox.take()).collect();
    offer(&mut outbox, numbered("system", 10), &bounds).unwrap();
    taken.into_iter().skip(1).rev().for_each(|waiting| outbox.put_back(waiting));
    assert_eq!(outbox.len(), 4);
    assert_eq!(outbox.settle(), 1);
    assert_eq!(take_all(&mut outbox), ["system", "2", "3"]);
}

#[test]
fn forgetting_a_subscription_leaves_the_others_in_order() {
    let mut outbox = Outbox::new();
    for number in 0..6 {
        let subscription = SubscriptionKey(number % 2);
        let waiting = Waiting { subscription, ..waiting(numbered(number, 5)) };
        assert!(outbox.offer(waiting, &Settings::default(), |_| {}).is_ok());
    }
    let mut gone = Vec::new();
    outbox.forget(SubscriptionKey(0), |waiting| gone.push(waiting.event.id().to_owned()));
    assert_eq!(gone, ["0", "2", "4"]);
    assert_eq!(take_all(&mut outbox), ["1", "3", "5"]);
}

#[test]
fn smaller_bounds_shed_the_lowest_and_newest() {
    let mut outbox = Outbox::new();
    for (number, priority) in [1, 9, 1, 5].into_iter().enumerate() {
        offer(&mut outbox, numbered(number, priority), &Settings::default()).unwrap();
    }
    let mut shed = Vec::new();
    outbox.shrink(&settings(2, usize::MAX), |waiting| shed.push(waiting.event.id().to_owned()));
    assert_eq!(shed, ["2", "0"]);
    let one = numbered("1", 9).size();
    outbox.shrink(&settings(2, one), |waiting| shed.push(waiting.event.id().to_owned()));
    assert_eq!(shed, ["2", "0", "3"]);
    outbox.clear(|waiting| shed.push(waiting.event.id().to_owned()));
    assert_eq!((outbox.len(), outbox.bytes(), shed.len()), (0, 0, 4));
}

/// What waits, oldest first whatever its level, and what is taken.
#[derive(Default)]
struct Model {
    waiting: Vec<Arc<Event>>,
    taken: Vec<Arc<Event>>,
}

impl Model {
    fn fits(&self, bytes: usize, bounds: &Settings) -> bool {
        let all = self.waiting.iter().chain(&self.taken);
        all.clone().count() < bounds.outbox_events
            && all.map(|event| event.size()).sum::<usize>() + bytes <= bounds.outbox_size
    }

    /// Adds the newcomer, then throws out the lowest and newest until all fits. If that meets the newcomer, the
    /// newcomer goes alone.
    fn offer(&mut self, event: Arc<Event>, bounds: &Settings) -> Result<Vec<String>, Reason> {
        if event.size() > bounds.outbox_size {
            return Err(Reason::Oversized);
        }
        let before = self.waiting.clone();
        let mut shed = Vec::new();
        while !self.fits(event.size(), bounds) {
            let lowest = self.waiting.iter().map(|event| event.priority()).min();
            let Some(lowest) = lowest.filter(|&lowest| lowest < event.priority()) else {
                self.waiting = before;
                return Err(Reason::Evicted);
            };
            let place = self.waiting.iter().rposition(|event| event.priority() == lowest).unwrap();
            shed.push(self.waiting.remove(place).id().to_owned());
        }
        self.waiting.push(event);
        Ok(shed)
    }

    fn take(&mut self) -> Option<Arc<Event>> {
        let highest = self.waiting.iter().map(|event| event.priority()).max()?;
        let place = self.waiting.iter().position(|event| event.priority() == highest)?;
        self.taken.push(self.waiting.remove(place));
        self.taken.last().cloned()
    }
}

#[derive(Clone, Debug)]
enum Step {
    Offer(u8, usize),
    /// Takes so many, and of these puts back so many.
    Turn(usize, usize),
    Settle,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (1..=10_u8, 0..2_000_usize).prop_map(|(priority, bytes)| Step::Offer(priority, bytes)),
        2 => (0..6_usize, 0..6_usize).prop_map(|(taken, back)| Step::Turn(taken, back)),
        1 => Just(Step::Settle),
    ];
    proptest::collection::vec(step, 1..100)
}

fn turn(outbox: &mut Outbox, model: &mut Model, count: usize, back: usize) {
    let mut taken = Vec::new();
    for _ in 0..count {
        let waiting = outbox.take();
        assert_eq!(
            waiting.as_ref().map(|waiting| waiting.event.id()),
            model.take().as_ref().map(|event| event.id())
        );
        taken.extend(waiting);
    }
    for waiting in taken.into_iter().rev().take(back) {
        outbox.put_back(waiting);
        model.waiting.insert(0, model.taken.pop().unwrap());
    }
}

proptest! {
    #[test]
    fn an_outbox_behaves_like_a_list_that_is_searched(
        events in 1..12_usize,
        size in 500..10_000_usize,
        steps in steps(),
    ) {
        let bounds = settings(events, size);
        let (mut outbox, mut model) = (Outbox::new(), Model::default());
        for (number, step) in steps.into_iter().enumerate() {
            match step {
                Step::Offer(priority, bytes) => {
                    let event = padded(number, priority, bytes);
                    prop_assert_eq!(offer(&mut outbox, Arc::clone(&event), &bounds), model.offer(event, &bounds));
                }
                Step::Turn(taken, back) => turn(&mut outbox, &mut model, taken, back),
                Step::Settle => {
                    prop_assert_eq!(outbox.settle(), model.taken.len());
                    model.taken.clear();
                }
            }
            prop_assert_eq!(outbox.len(), model.waiting.len() + model.taken.len());
            prop_assert_eq!(outbox.waiting(), model.waiting.len());
            prop_assert!(outbox.len() <= events && outbox.bytes() <= size);
        }
        let rest: Vec<_> = std::iter::from_fn(|| model.take()).map(|event| event.id().to_owned()).collect();
        prop_assert_eq!(take_all(&mut outbox), rest);
    }
}
