//! Acknowledged delivery in the whole engine: whatever happens to clients, each event is done, dead, or somebody's.

use proptest::prelude::*;

use super::*;
use crate::protocol::Acknowledge;

impl World {
    fn acked(&mut self, wanted: &str) -> ClientKey {
        let key = self.hello_client();
        self.subscribe(key, wanted);
        key
    }

    /// Takes all and names what came: event, delivery, attempt.
    fn tasks(&mut self, key: ClientKey) -> Vec<(String, Box<str>, u32)> {
        let turn = self.turn(key, ALL);
        let task = |delivery: &Delivery| {
            let assignment = delivery.assignment().unwrap();
            (delivery.event.id().to_owned(), assignment.name.clone(), assignment.number)
        };
        turn.deliveries.iter().map(task).collect()
    }

    fn done(&mut self, key: ClientKey, name: &str) -> Result<(), Refusal> {
        self.router.acknowledge(key, name, Acknowledge::Done, self.now)
    }
}

const ONE: &str = r#"{"topics":["t"],"group":"g","ack":true,"max_in_flight":1,"max_retries":1}"#;

#[test]
fn what_waits_for_a_group_goes_to_whoever_is_free() {
    let mut world = World::new(Settings::default());
    let (slow, quick) = (world.acked(ONE), world.acked(ONE));
    world.publish_all([1, 1, 1]);
    let (held, next) = (world.tasks(slow), world.tasks(quick));
    assert_eq!((held.len(), next.len()), (1, 1));
    world.publish(numbered("urgent", 10));
    assert!(world.tasks(slow).is_empty() && world.tasks(quick).is_empty());
    world.done(quick, &next[0].1).unwrap();
    assert_eq!(world.tasks(quick)[0].0, "urgent");
    world.router.disconnect(slow, 0);
    assert!(world.tasks(quick).is_empty(), "it has one already");
    let fresh = world.acked(ONE);
    assert_eq!(world.tasks(fresh), [(held[0].0.clone(), "1-4".into(), 2)]);
    assert_eq!(world.done(slow, &held[0].1), Err(Refusal::NotFound));
}

#[test]
fn an_urgent_assignment_passes_what_waits_in_the_outbox_and_the_other_way_round() {
    let mut world = World::new(Settings::default());
    let key = world.acked(r#"{"topics":["t"],"ack":true}"#);
    world.subscribe(key, r#"{"topics":["t"]}"#);
    for (name, priority) in [("low", 1), ("high", 9)] {
        world.publish(numbered(name, priority));
    }
    let turn = world.turn(key, ALL);
    let order: Vec<_> = turn.deliveries.iter().map(|it| (it.event.id(), it.assignment().is_some())).collect();
    assert_eq!(order, [("high", true), ("high", false), ("low", true), ("low", false)]);
}

#[test]
fn what_was_not_written_is_assigned_as_before_and_no_attempt() {
    let mut world = World::new(Settings::default());
    let key = world.acked(r#"{"topics":["t"],"ack":true}"#);
    world.publish_all([5, 5, 5]);
    let mut turn = world.turn(key, ALL);
    world.router.put_back(key, &mut turn, 1, world.now);
    let again: Vec<_> = world.tasks(key).into_iter().map(|(id, _, attempt)| (id, attempt)).collect();
    assert_eq!(again, [("1".into(), 1), ("2".into(), 1)]);
}

#[test]
fn without_anybody_left_it_ends_in_the_dead_letters_with_its_history() {
    let mut world = World::new(Settings::default());
    let key = world.acked(ONE);
    world.publish(numbered("a", 5));
    let [(_, name, _)] = &world.tasks(key)[..] else { panic!() };
    let failed = Acknowledge::Failed { delay_ms: Some(0), reason: Some("no".into()) };
    world.router.acknowledge(key, name, failed, 5).unwrap();
    world.router.expire(5);
    assert_eq!(world.tasks(key)[0].2, 2);
    world.router.disconnect(key, 9);
    let letter = world.router.dead_letters().iter().next().unwrap();
    let history: Vec<_> =
        letter.attempts.iter().map(|attempt| (attempt.at, attempt.failure.to_string())).collect();
    assert_eq!(history, [(5, "no".to_owned()), (9, "the subscriber disconnected".to_owned())]);
    assert_eq!(letter.reason, Reason::Retries);
    assert!(world.router.is_drained());
}

#[derive(Clone, Debug)]
enum Step {
    Publish(u8),
    Come { group: bool, urgent_only: bool },
    Go(usize),
    Take { who: usize, most: usize, written: usize },
    Say { which: usize, what: u8 },
    Pass(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1..=10_u8).prop_map(Step::Publish),
        1 => (any::<bool>(), any::<bool>()).prop_map(|(group, urgent_only)| Step::Come { group, urgent_only }),
        1 => (0..4_usize).prop_map(Step::Go),
        4 => (0..4_usize, 0..5_usize, 0..5_usize)
            .prop_map(|(who, most, written)| Step::Take { who, most, written }),
        4 => (0..6_usize, 0..4_u8).prop_map(|(which, what)| Step::Say { which, what }),
        1 => prop_oneof![0..3_000_u64, 30_000..31_000_u64].prop_map(Step::Pass),
    ]
}

/// Deliveries that clients have: whose, by name.
type Held = Vec<(ClientKey, Box<str>)>;

fn take_step(world: &mut World, clients: &mut Vec<ClientKey>, held: &mut Held, done: &mut u64, step: &Step) {
    match *step {
        Step::Publish(priority) => world.publish(numbered(world.now, priority)),
        Step::Come { group, urgent_only } => {
            let group = if group { r#""group":"g","# } else { "" };
            let priorities = if urgent_only { r#""priorities":[6],"# } else { "" };
            let wanted = format!(
                r#"{{"topics":["t"],{group}{priorities}"ack":true,"max_in_flight":2,"max_retries":1}}"#
            );
            clients.push(world.acked(&wanted));
        }
        Step::Go(who) if !clients.is_empty() => {
            let key = clients.remove(who % clients.len());
            world.router.disconnect(key, world.now);
            held.retain(|(whose, _)| *whose != key);
        }
        Step::Take { who, most, written } if !clients.is_empty() => {
            let key = clients[who % clients.len()];
            let mut turn = world.turn(key, Budget::new(most, usize::MAX));
            let names = |deliveries: &[Delivery]| -> Vec<_> {
                deliveries.iter().map(|it| (key, it.assignment().unwrap().name.clone())).collect()
            };
            let written = written.min(turn.deliveries.len());
            held.extend(names(&turn.deliveries[..written]));
            world.router.put_back(key, &mut turn, written, world.now);
        }
        Step::Say { which, what } if !held.is_empty() => {
            let (key, name) = held[which % held.len()].clone();
            let what = match what {
                0 | 1 => Acknowledge::Done,
                2 => Acknowledge::Failed { delay_ms: Some(10), reason: None },
                _ => Acknowledge::InProgress,
            };
            let is_end = what != Acknowledge::InProgress;
            let is_done = what == Acknowledge::Done;
            let known = world.router.acknowledge(key, &name, what, world.now).is_ok();
            *done += u64::from(known && is_done);
            if is_end || !known {
                held.retain(|(whose, of)| (*whose, of) != (key, &name));
            }
        }
        Step::Pass(time) => {
            world.now += time;
            world.router.expire(world.now);
        }
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_lost_whatever_clients_do(steps in prop::collection::vec(step(), 1..60)) {
        let mut world = World::new(Settings { dead_letters: 10_000, ..Settings::default() });
        let (mut clients, mut held, mut done) = (Vec::new(), Vec::new(), 0);
        for step in &steps {
            take_step(&mut world, &mut clients, &mut held, &mut done, step);
            let there = world.router.tasks_count() as u64;
            let dead = world.router.dead_letters().total();
            prop_assert_eq!(world.router.stats().matched, done + dead + there, "after {:?}", step);
        }
        // Somebody is there who does all that comes, and in the end nothing is left.
        for _ in 0..50 {
            for &key in &clients {
                for (_, name, _) in world.tasks(key) {
                    prop_assert!(world.done(key, &name).is_ok());
                }
                for (whose, name) in held.drain(..) {
                    world.done(whose, &name).ok();
                }
            }
            world.now += 31_000;
            world.router.expire(world.now);
        }
        prop_assert!(world.router.is_drained());
    }
}

#[test]
fn who_asks_for_it_is_told_of_its_backlog_as_long_as_there_is_one() {
    let mut world = World::new(Settings::default());
    let key = world.acked(r#"{"topics":["t"],"ack":true,"max_in_flight":1,"backlog_interval_ms":5000}"#);
    world.now = 1_000;
    world.publish_all([5, 3, 9]);
    let told = |world: &mut World, now| {
        world.now = now;
        world.router.expire(now);
        let turn = world.turn(key, Budget::new(0, 0));
        let backlog = |notice: &Notice| match notice {
            Notice::Backlog { backlog, .. } => Some(*backlog),
            _ => None,
        };
        turn.notices.iter().filter_map(backlog).collect::<Vec<_>>()
    };
    let expected = |oldest| Backlog {
        waiting: 2,
        more: false,
        oldest,
        highest: crate::protocol::Priority::new(9).unwrap(),
    };
    assert!(world.router.has_deadlines());
    assert_eq!(told(&mut world, 2_000), [expected(1_000)]);
    assert_eq!(told(&mut world, 6_999), []);
    assert_eq!(told(&mut world, 7_000), [expected(6_000)]);
    for _ in 0..3 {
        let task = world.tasks(key).remove(0);
        world.done(key, &task.1).unwrap();
    }
    assert_eq!(told(&mut world, 60_000), []);
    assert!(!world.router.has_deadlines());
}

#[test]
fn dead_letters_are_told_to_those_who_ask_for_them_by_name() {
    let mut world = World::new(small(1));
    let key = world.subscriber(r#"{"topics":["*"]}"#);
    world.publish_all([5, 5]);
    let mut errands = Vec::new();
    world.router.take_errands(&mut errands);
    assert!(errands.is_empty(), "nobody asked");
    let mourner = world.subscriber(r#"{"topics":["$dead.evicted"]}"#);
    world.publish_all([5]);
    world.router.take_errands(&mut errands);
    assert!(matches!(&errands[..], [Errand::Mourn(letter)] if letter.reason == Reason::Evicted));
    let before = world.take(key).len();
    world.publish(event(r#"{"id":"news","topic":"$dead.evicted"}"#));
    assert_eq!((world.take(mourner), before, world.take(key).len()), (vec!["news".to_owned()], 1, 0));
    // What tells of a dead letter is not told of when it dies itself.
    world.publish(event(r#"{"topic":"$dead.evicted"}"#));
    world.publish(event(r#"{"topic":"$dead.evicted"}"#));
    errands.clear();
    world.router.take_errands(&mut errands);
    assert_eq!((errands.len(), lost(&world, Reason::Evicted)), (0, 4));
}

#[test]
fn explain_and_locate_know_what_waits_to_be_acknowledged() {
    let mut world = World::new(small(1));
    let key = world.acked(r#"{"topics":["t"],"ack":true}"#);
    let event = numbered("first", 5);
    let of = |world: &World| {
        let page = world.router.explain(&event, event.size(), Whom::Client(key), 0);
        page.rows[0].obstacles.clone()
    };
    assert_eq!(of(&world), []);
    world.publish(Arc::clone(&event));
    assert_eq!(of(&world), [Obstacle::Outbox(Reason::Evicted)]);
    let (found, _) = world.router.locate("first", (0, 0));
    assert!(matches!(found[..], [Located { spot: Spot::Outbox(_), .. }]));
}
