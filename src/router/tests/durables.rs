//! Durable subscriptions: what is stored is done once at least, in order within each level, whatever happens.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::shelf::Shelf;
use super::*;
use crate::protocol::Acknowledge;

const WANTED: &str = r#"{"topics":["t"],"ack":true,"durable":"d","max_in_flight":4,"from":{"sequence":1}}"#;

/// What came, by sequence and delivery.
fn came(world: &mut World, key: ClientKey) -> Vec<(u64, Box<str>)> {
    let turn = world.turn(key, ALL);
    turn.deliveries.iter().map(|it| (it.sequence(), it.assignment().unwrap().name.clone())).collect()
}

fn sequences(came: &[(u64, Box<str>)]) -> Vec<u64> {
    came.iter().map(|(sequence, _)| *sequence).collect()
}

fn acknowledge(world: &mut World, shelf: &mut Shelf, key: ClientKey, names: &[(u64, Box<str>)]) {
    for (_, name) in names {
        world.router.acknowledge(key, name, Acknowledge::Done, world.now).unwrap();
    }
    world.run_all(shelf);
}

#[test]
fn what_was_stored_before_comes_level_by_level_and_then_what_is_live() {
    let (mut world, mut shelf) = (World::new(Settings::default()), Shelf::new(2));
    for (number, priority) in [5, 1, 9, 1, 5].into_iter().enumerate() {
        world.store(&mut shelf, numbered(number, priority));
    }
    let (key, _) = world.durable(&mut shelf, WANTED);
    world.run_all(&mut shelf);
    let first = came(&mut world, key);
    assert_eq!(sequences(&first), [3, 1, 5, 2]);
    acknowledge(&mut world, &mut shelf, key, &first);
    world.store(&mut shelf, numbered("live", 10));
    let next = came(&mut world, key);
    assert_eq!(sequences(&next), [6, 4]);
    acknowledge(&mut world, &mut shelf, key, &next);
    assert!(shelf.open("d", &wanted(WANTED)).is_empty());
    assert!(came(&mut world, key).is_empty());
}

#[test]
fn what_was_not_acknowledged_comes_again_after_the_connection_and_nothing_else() {
    let (mut world, mut shelf) = (World::new(Settings::default()), Shelf::new(10));
    let (key, _) = world.durable(&mut shelf, WANTED);
    world.run_all(&mut shelf);
    (0..6).for_each(|number| world.store(&mut shelf, numbered(number, 5)));
    let first = came(&mut world, key);
    assert_eq!(sequences(&first), [1, 2, 3, 4]);
    acknowledge(&mut world, &mut shelf, key, &first[1..3]);
    world.router.disconnect(key, world.now);
    world.run_all(&mut shelf);
    world.store(&mut shelf, numbered("away", 5));
    assert_eq!(world.router.dead_letters().total(), 0);
    let (key, _) = world.durable(&mut shelf, WANTED);
    world.run_all(&mut shelf);
    let second = came(&mut world, key);
    assert_eq!(sequences(&second), [1, 4, 5, 6]);
    acknowledge(&mut world, &mut shelf, key, &second);
    assert_eq!(sequences(&came(&mut world, key)), [7]);
}

#[test]
fn a_member_that_leaves_gives_what_it_had_to_another() {
    let (mut world, mut shelf) = (World::new(Settings::default()), Shelf::new(10));
    let ((one, _), (other, _)) = (world.durable(&mut shelf, WANTED), world.durable(&mut shelf, WANTED));
    world.run_all(&mut shelf);
    (0..8).for_each(|number| world.store(&mut shelf, numbered(number, 5)));
    let (its, others) = (came(&mut world, one), came(&mut world, other));
    assert_eq!((its.len(), others.len()), (4, 4));
    world.router.disconnect(one, world.now);
    acknowledge(&mut world, &mut shelf, other, &others);
    assert_eq!(sequences(&came(&mut world, other)), sequences(&its));
}

#[test]
fn another_wish_by_the_same_name_is_refused_while_somebody_is_there() {
    let (mut world, mut shelf) = (World::new(Settings::default()), Shelf::new(10));
    let (key, id) = world.durable(&mut shelf, WANTED);
    let other = world.hello_client();
    let wish = r#"{"topics":["u"],"ack":true,"durable":"d"}"#;
    assert_eq!(world.try_durable(&mut shelf, other, wish), Err(Refusal::DurableTaken));
    world.router.unsubscribe(key, id, world.now).unwrap();
    world.try_durable(&mut shelf, other, wish).unwrap();
}

#[test]
fn a_backlog_is_not_taken_in_faster_than_it_is_done() {
    let settings = Settings { outbox_events: 100, ..Settings::default() };
    let (mut world, mut shelf) = (World::new(settings), Shelf::new(30));
    (0..1_000).for_each(|number| world.store(&mut shelf, numbered(number, 5)));
    let (key, _) = world.durable(&mut shelf, WANTED);
    world.run_all(&mut shelf);
    assert!(world.router.tasks_count() <= 100, "{}", world.router.tasks_count());
    world.store(&mut shelf, numbered("urgent", 9));
    world.run_all(&mut shelf);
    let first = came(&mut world, key);
    // Four had been assigned; the urgent one is the next.
    acknowledge(&mut world, &mut shelf, key, &first);
    assert_eq!(sequences(&came(&mut world, key))[0], 1_001);
}

#[test]
fn a_stored_event_that_is_evicted_from_the_queue_is_read_from_the_store() {
    let settings = Settings { max_queue_size: 1, ..Settings::default() };
    let (mut world, mut shelf) = (World::new(settings), Shelf::new(10));
    let (key, _) = world.durable(&mut shelf, WANTED);
    world.run_all(&mut shelf);
    world.store_unmatched(&mut shelf, numbered("stored", 5));
    assert_eq!(world.offer(numbered("higher", 9), None), Published::Queued);
    assert_eq!(lost(&world, Reason::Evicted), 1);
    world.dispatch();
    world.run_all(&mut shelf);
    // The other one is not stored: it is delivered all the same.
    assert_eq!(sequences(&came(&mut world, key)), [0, 1]);
}

#[test]
fn what_never_succeeds_is_dead_after_its_retries_also_across_connections() {
    let (mut world, mut shelf) = (World::new(Settings::default()), Shelf::new(10));
    let wish = r#"{"topics":["t"],"ack":true,"durable":"d","max_retries":2,"from":{"sequence":1}}"#;
    world.store(&mut shelf, numbered("poison", 5));
    for attempt in 1..=3 {
        let (key, _) = world.durable(&mut shelf, wish);
        world.run_all(&mut shelf);
        let turn = world.turn(key, ALL);
        assert_eq!(turn.deliveries[0].assignment().unwrap().number, attempt);
        world.router.disconnect(key, world.now);
        world.run_all(&mut shelf);
    }
    let (key, _) = world.durable(&mut shelf, wish);
    world.run_all(&mut shelf);
    assert!(came(&mut world, key).is_empty());
    assert_eq!(lost(&world, Reason::Retries), 1);
    assert_eq!(world.router.dead_letters().iter().next().unwrap().attempts.len(), 3);
    assert!(shelf.open("d", &wanted(wish)).is_empty());
    // Who wants it to have another chance has it stored anew.
    assert_eq!(world.router.requeue(|letter| letter.event.id() == "poison", world.now).events, 1);
    world.run_all(&mut shelf);
    world.dispatch();
    world.run_all(&mut shelf);
    assert_eq!(sequences(&came(&mut world, key)), [2]);
}

#[test]
fn attempts_count_on_across_runs_of_the_router_whose_end_is_none() {
    let mut shelf = Shelf::new(10);
    let wish = r#"{"topics":["t"],"ack":true,"durable":"d","max_retries":2,"from":{"sequence":1}}"#;
    World::new(Settings::default()).store(&mut shelf, numbered("poison", 5));
    for attempt in 1..=3 {
        let mut world = World::new(Settings::default());
        let (key, _) = world.durable(&mut shelf, wish);
        world.run_all(&mut shelf);
        let turn = world.turn(key, ALL);
        let assignment = turn.deliveries[0].assignment().unwrap();
        assert_eq!(assignment.number, attempt);
        // The first run ends in the middle of the second attempt.
        if attempt == 2 {
            world.router.drain(crate::protocol::Time::from_micros(0), 0);
            world.router.disconnect(key, world.now);
            world.run_all(&mut shelf);
            world = World::new(Settings::default());
            let (key, _) = world.durable(&mut shelf, wish);
            world.run_all(&mut shelf);
            let turn = world.turn(key, ALL);
            assert_eq!(turn.deliveries[0].assignment().unwrap().number, attempt);
            fail(&mut world, key, &turn.deliveries[0].assignment().unwrap().name);
        } else {
            fail(&mut world, key, &assignment.name);
        }
        world.run_all(&mut shelf);
        let dead = world.router.dead_letters().iter().next().map(|letter| letter.attempts.len());
        assert_eq!(dead, (attempt == 3).then_some(3));
    }
    assert!(shelf.open("d", &wanted(wish)).is_empty());
}

fn fail(world: &mut World, key: ClientKey, delivery: &str) {
    let failed = Acknowledge::Failed { delay_ms: None, reason: Some("no disk".into()) };
    world.router.acknowledge(key, delivery, failed, world.now).unwrap();
}

#[test]
fn a_store_that_cannot_be_read_is_asked_again() {
    let (mut world, mut shelf) = (World::new(Settings::default()), Shelf::new(10));
    world.store(&mut shelf, numbered("a", 5));
    shelf.is_broken = true;
    let (key, _) = world.durable(&mut shelf, WANTED);
    world.run_all(&mut shelf);
    assert!(world.router.has_deadlines());
    shelf.is_broken = false;
    world.now += 1_000;
    world.router.expire(world.now);
    world.run_all(&mut shelf);
    assert_eq!(sequences(&came(&mut world, key)), [1]);
}

#[test]
fn forgotten_it_begins_anew() {
    let (mut world, mut shelf) = (World::new(Settings::default()), Shelf::new(10));
    world.store(&mut shelf, numbered("a", 5));
    let (key, id) = world.durable(&mut shelf, WANTED);
    let (other, its) = world.durable(&mut shelf, WANTED);
    assert_eq!(world.router.forget(key, id, 0), Err(Refusal::DurableTaken));
    world.router.unsubscribe(other, its, 0).unwrap();
    world.router.forget(key, id, 0).unwrap();
    world.run_all(&mut shelf);
    assert!(shelf.durables.is_empty());
}

/// What may happen.
#[derive(Clone, Debug)]
enum Step {
    Store(u8),
    /// Matching takes so many of what is queued.
    Match(usize),
    Errand,
    Join,
    Leave(usize),
    Take(usize),
    Ack(usize),
    Nack(usize),
    Later(Millis),
    /// The process ends, and another begins.
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (1..=10_u8).prop_map(Step::Store),
        4 => (0..4_usize).prop_map(Step::Match),
        8 => Just(Step::Errand),
        2 => Just(Step::Join),
        1 => (0..3_usize).prop_map(Step::Leave),
        6 => (0..3_usize).prop_map(Step::Take),
        8 => any::<usize>().prop_map(Step::Ack),
        1 => any::<usize>().prop_map(Step::Nack),
        1 => (0..40_000_u64).prop_map(Step::Later),
        1 => Just(Step::Restart),
    ]
}

/// A router that is killed now and then, and its store, which is not.
struct Life {
    world: World,
    shelf: Shelf,
    settings: Settings,
    members: Vec<ClientKey>,
    most_members: usize,
    /// What members have: who, which, its name.
    held: Vec<(ClientKey, u64, Box<str>)>,
    acked: BTreeSet<u64>,
    /// The greatest number that came for the first time, by level.
    newest: BTreeMap<u8, u64>,
    seen: BTreeSet<u64>,
}

const LASTING: &str = r#"{"topics":["t"],"ack":true,"durable":"d","max_in_flight":3,"max_retries":1000,"ack_timeout_ms":20000,"from":{"sequence":1}}"#;

impl Life {
    fn take(&mut self, key: ClientKey) {
        let turn = self.world.turn(key, Budget::new(2, usize::MAX));
        for delivery in &turn.deliveries {
            let (priority, sequence) = (delivery.event.priority().get(), delivery.sequence());
            self.held.push((key, sequence, delivery.assignment().unwrap().name.clone()));
            // What another member was given, and took later or gave back, comes when it comes.
            if self.seen.insert(sequence) && self.most_members == 1 {
                let newest = self.newest.entry(priority).or_default();
                assert!(sequence > *newest, "{sequence} of level {priority} came after {newest}");
                *newest = sequence;
            }
        }
    }

    fn answer(&mut self, which: usize, how: Acknowledge<'_>) {
        if self.held.is_empty() {
            return;
        }
        let (key, sequence, name) = self.held.swap_remove(which % self.held.len());
        let is_done = how == Acknowledge::Done;
        // It may have been too late.
        if self.world.router.acknowledge(key, &name, how, self.world.now).is_ok() && is_done {
            self.acked.insert(sequence);
        }
    }

    fn leave(&mut self, key: ClientKey) {
        self.world.router.disconnect(key, self.world.now);
        self.held.retain(|(of, ..)| *of != key);
        self.members.retain(|other| *other != key);
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Store(priority) => {
                let number = self.shelf.events.len();
                self.world.store_unmatched(&mut self.shelf, numbered(number, priority));
            }
            Step::Match(count) => drop(self.world.router.dispatch(count, self.world.now)),
            Step::Errand => drop(self.world.run_one(&mut self.shelf)),
            Step::Join if self.members.len() < self.most_members => {
                // What was noted before the question is written before it is answered.
                while self
                    .shelf
                    .errands
                    .iter()
                    .any(|it| matches!(it, Errand::Floor { .. } | Errand::Done { .. }))
                {
                    self.world.run_one(&mut self.shelf);
                }
                let (key, _) = self.world.durable(&mut self.shelf, LASTING);
                self.members.push(key);
            }
            Step::Join => {}
            Step::Leave(which) => {
                if let Some(&key) = self.members.get(which) {
                    self.leave(key);
                }
            }
            Step::Take(which) => {
                if let Some(&key) = self.members.get(which) {
                    self.take(key);
                }
            }
            Step::Ack(which) => self.answer(which, Acknowledge::Done),
            Step::Nack(which) => self.answer(which, Acknowledge::Failed { delay_ms: Some(10), reason: None }),
            Step::Later(time) => {
                self.world.now += time;
                self.world.router.expire(self.world.now);
            }
            Step::Restart => {
                let subscriptions = self.world.subscriptions;
                self.world = World::new(self.settings.clone());
                self.world.subscriptions = subscriptions;
                self.shelf.errands.clear();
                self.members.clear();
                self.held.clear();
            }
        }
        self.world.collect(&mut self.shelf);
    }

    /// With one member that does all, all is done.
    fn finish(mut self) {
        for key in self.members.clone() {
            self.leave(key);
        }
        self.world.run_all(&mut self.shelf);
        let (key, _) = self.world.durable(&mut self.shelf, LASTING);
        for _ in 0..10_000 {
            self.world.dispatch();
            self.world.run_all(&mut self.shelf);
            self.take(key);
            if self.held.is_empty() {
                break;
            }
            (0..self.held.len()).for_each(|_| self.answer(0, Acknowledge::Done));
        }
        self.world.run_all(&mut self.shelf);
        let all: BTreeSet<u64> = (1..=self.shelf.events.len() as u64).collect();
        assert_eq!(self.acked, all);
        assert_eq!(self.shelf.open("d", &wanted(LASTING)), BTreeSet::new());
        assert_eq!(lost(&self.world, Reason::Disconnected), 0);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn every_stored_event_is_done_in_order_whatever_happens(
        steps in proptest::collection::vec(step(), 0..120),
        (page, outbox_events, outbox_size) in (1..5_usize, 2..20_usize, 600..20_000_usize),
        most_members in 1..4_usize,
    ) {
        let settings = Settings { outbox_events, outbox_size, ..Settings::default() };
        let mut life = Life {
            world: World::new(settings.clone()),
            shelf: Shelf::new(page),
            settings,
            members: Vec::new(),
            most_members,
            held: Vec::new(),
            acked: BTreeSet::new(),
            newest: BTreeMap::new(),
            seen: BTreeSet::new(),
        };
        steps.into_iter().for_each(|step| life.step(step));
        life.finish();
    }
}
