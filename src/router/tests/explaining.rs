//! What is explained is what happens.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::router::{Admission, Advantage, Explained, Obstacle, Spot, Whom};

fn explained(world: &World, json: &str) -> Vec<Explained> {
    let event = event(json);
    let page = world.router.explain(&event, event.size(), Whom::All, 0);
    assert!(page.next.is_none());
    page.rows
}

/// The obstacles of the only subscription.
fn obstacles(world: &World, json: &str) -> Vec<Obstacle> {
    let rows = explained(world, json);
    let [row] = &rows[..] else { panic!("one subscription: {rows:?}") };
    row.obstacles.clone()
}

#[test]
fn each_filter_that_does_not_pass_is_named_in_order() {
    let mut world = World::new(Settings::default());
    world.subscriber(
        r#"{"topics":["a.*"],"priorities":[7],"types":["task.failed"],"sources":["s"],"targets":["t"]}"#,
    );
    let found = obstacles(&world, r#"{"topic":"a.b.c","priority":5,"source":"x"}"#);
    let [Obstacle::Pattern(closest), Obstacle::Priority(least), rest @ ..] = &found[..] else {
        panic!("{found:?}")
    };
    assert_eq!((closest[0].as_str(), least.get()), ("a.*", 7));
    assert_eq!(rest, [Obstacle::Type, Obstacle::Source, Obstacle::Target]);
    let right = r#"{"topic":"a.b","priority":7,"type":"task.failed","source":"s","target":"t"}"#;
    assert_eq!(obstacles(&world, right), []);
}

#[test]
fn of_many_patterns_the_closest_are_told() {
    let mut world = World::new(Settings::default());
    let far: Vec<_> = (0..50).map(|number| format!("\"far.{number}\"")).collect();
    world.subscriber(&format!(r#"{{"topics":[{},"a.b.d"]}}"#, far.join(",")));
    let found = obstacles(&world, r#"{"topic":"a.b.c"}"#);
    let [Obstacle::Pattern(patterns)] = &found[..] else { panic!("{found:?}") };
    assert_eq!((patterns.len(), patterns[0].as_str()), (8, "a.b.d"));
}

#[test]
fn a_group_names_who_gets_it_and_why() {
    let mut world = World::new(Settings::default());
    let busy = world.client();
    let one = world.subscribe(busy, r#"{"topics":["t"],"group":"g"}"#);
    world.subscribe(busy, r#"{"topics":["other"]}"#);
    let free = world.client();
    let other = world.subscribe(free, r#"{"topics":["t"],"group":"g"}"#);
    world.publish(event(r#"{"topic":"other"}"#));
    let rows = explained(&world, r#"{"topic":"t"}"#);
    let of = |id| rows.iter().find(|row| row.subscription == id).unwrap();
    assert_eq!(of(other).obstacles, []);
    let [Obstacle::Group { member, advantage, .. }] = &of(one).obstacles[..] else { panic!("{rows:?}") };
    assert_eq!((*member, *advantage), (other, Advantage::Load { fitter: 0, other: 1 }));
}

#[test]
fn what_a_publish_would_meet_is_what_it_meets() {
    let mut world = World::new(Settings { max_queue_size: 1, ..Settings::default() });
    let five = numbered(1, 5).priority();
    assert_eq!(world.router.admission(five), Admission::Free);
    world.offer(numbered(1, 3), None);
    assert_eq!(world.router.admission(five), Admission::InPlaceOf(numbered(1, 3).priority()));
    world.offer(numbered(2, 5), None);
    assert_eq!(world.router.admission(five), Admission::QueueFull);
    assert_eq!(world.offer(numbered(3, 5), None), Published::QueueFull);
    world.router.drain(crate::protocol::Time::from_micros(0), 0);
    assert_eq!(world.router.admission(five), Admission::Draining);
}

#[test]
fn a_full_outbox_and_an_event_that_fits_into_none_are_named() {
    let mut world = World::new(Settings { outbox_events: 1, outbox_size: 1_000, ..Settings::default() });
    world.subscriber("{}");
    world.publish(numbered(1, 5));
    assert_eq!(obstacles(&world, r#"{"topic":"t"}"#), [Obstacle::Outbox(Reason::Evicted)]);
    let [row] = &explained(&world, r#"{"topic":"t","priority":6}"#)[..] else { panic!("one") };
    assert!(row.sheds && row.obstacles.is_empty());
    let large = world.router.explain(&numbered(2, 9), 1_001, Whom::All, 0).rows;
    assert_eq!(large[0].obstacles, [Obstacle::Outbox(Reason::Oversized)]);
}

#[test]
fn an_event_is_found_wherever_it_waits() {
    let mut world = World::new(Settings::default());
    let client = world.client();
    let subscription = world.subscribe(client, r#"{"topics":["t"]}"#);
    world.publish(numbered("waits", 5));
    world.offer(numbered("queued", 5), Some(7));
    world.router.probe(numbered("probe", 10), Waker::noop().clone());
    let spots = |id: &str| {
        let (found, next) = world.router.locate(id, (0, 0));
        assert_eq!(next, None);
        found.iter().map(|located| (located.spot, located.deadline)).collect::<Vec<_>>()
    };
    assert_eq!(spots("waits"), [(Spot::Outbox(subscription), Millis::MAX)]);
    assert_eq!(spots("queued"), [(Spot::Queue, 7)]);
    assert_eq!((spots("probe"), spots("unknown")), (vec![], vec![]));
}

#[test]
fn looking_for_an_event_among_many_takes_several_turns_and_misses_nothing() {
    let mut world = World::new(Settings { outbox_events: 20_000, ..Settings::default() });
    let keys: Vec<_> = (0..3).map(|_| world.subscriber("{}")).collect();
    (0..5_000).for_each(|number| world.publish(numbered(number, 5)));
    world.router.disconnect(keys[1], 0);
    let (mut found, mut turns, mut place) = (0, 0, Some((0, 0)));
    while let Some(from) = place {
        let (some, next) = world.router.locate("4999", from);
        (found, turns, place) = (found + some.len(), turns + 1, next);
    }
    assert_eq!((found, turns), (2, 3));
}

#[test]
fn only_what_is_asked_about_is_explained() {
    let mut world = World::new(Settings::default());
    let (one, other) = (world.client(), world.client());
    let id = world.subscribe(one, "{}");
    world.subscribe(one, "{}");
    world.subscribe(other, "{}");
    let rows = |whom| world.router.explain(&numbered(1, 5), 500, whom, 0).rows.len();
    assert_eq!(rows(Whom::All), 3);
    assert_eq!((rows(Whom::Client(one)), rows(Whom::Client(other))), (2, 1));
    assert_eq!((rows(Whom::Subscription(id)), rows(Whom::Subscription(Uuid::nil()))), (1, 0));
}

fn subscription() -> impl Strategy<Value = String> {
    let topics = prop::sample::select(vec![r#"["t"]"#, r#"["*"]"#, r#"["t","*"]"#, r#"["u"]"#, r#"["*.x"]"#]);
    let rest = prop::sample::select(vec!["", r#","group":"g""#, r#","group":"h""#, r#","priorities":[6]"#]);
    (topics, rest).prop_map(|(topics, rest)| format!(r#"{{"topics":{topics}{rest}}}"#))
}

proptest! {
    /// A rehearsal and then the same in earnest, with outboxes in all states.
    #[test]
    fn what_is_explained_is_what_happens(
        subscriptions in prop::collection::vec((0..3_usize, subscription()), 1..9),
        before in prop::collection::vec((1..=10_u8, any::<bool>()), 0..12),
        priority in 1..=10_u8,
        (room, disconnects) in (1..5_usize, any::<bool>()),
    ) {
        let slow_consumer = if disconnects { SlowConsumer::Disconnect } else { SlowConsumer::Evict };
        let mut world = World::new(Settings { slow_consumer, ..small(room) });
        let clients = [world.client(), world.client(), world.client()];
        let mut made = Vec::new();
        for (client, json) in &subscriptions {
            made.push((clients[*client], world.subscribe(clients[*client], json)));
        }
        for (number, (priority, reads)) in before.into_iter().enumerate() {
            world.publish(numbered(number, priority));
            if reads {
                world.take(clients[number % 3]);
            }
        }
        let asked = numbered("asked", priority);
        let rows = world.router.explain(&asked, asked.size(), Whom::All, 0).rows;
        let expected: BTreeSet<_> =
            rows.iter().filter(|row| row.obstacles.is_empty()).map(|row| row.subscription).collect();
        let lost = |world: &World| {
            let letters = world.router.dead_letters().iter();
            letters.filter(|letter| letter.event.id() == "asked").map(|it| it.subscription.unwrap()).collect()
        };
        world.publish(asked);
        let waiting = made.iter().flat_map(|&(client, _)| world.router.waiting(client));
        let lost: BTreeSet<Uuid> = lost(&world);
        let mut taken: BTreeSet<_> =
            waiting.filter(|(event, _)| event.id() == "asked").map(|(_, subscription)| subscription).collect();
        // Taken, and lost again because another delivery of the same event has its client disconnected.
        taken.extend(expected.intersection(&lost));
        prop_assert_eq!(taken, expected);
        let outbox = |row: &Explained| row.obstacles.iter().any(|it| matches!(it, Obstacle::Outbox(_)));
        prop_assert!(rows.iter().filter(|row| outbox(row)).all(|row| lost.contains(&row.subscription)));
    }
}
