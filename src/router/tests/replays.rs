//! Replay: what is stored in its order, then what is live, without gap or repeat.

use proptest::prelude::*;

use super::shelf::Shelf;
use super::*;

const FROM_THE_FIRST: &str = r#"{"topics":["t"],"from":{"sequence":1}}"#;

fn sequences(turn: &Turn) -> Vec<u64> {
    turn.deliveries.iter().map(|delivery| delivery.sequence()).collect()
}

fn told(turn: &Turn) -> Vec<(u64, u64)> {
    let told = |notice: &Notice| match notice {
        Notice::Replayed { sequence, events, .. } => Some((*sequence, *events)),
        _ => None,
    };
    turn.notices.iter().filter_map(told).collect()
}

#[test]
fn what_is_stored_comes_in_its_order_then_a_notice_then_what_is_live_by_priority() {
    let (mut world, mut shelf) = (World::new(Settings::default()), Shelf::new(2));
    for (number, priority) in [5, 1, 9].into_iter().enumerate() {
        world.store(&mut shelf, numbered(number, priority));
    }
    let key = world.hello_client();
    world.subscribe(key, FROM_THE_FIRST);
    world.run_all(&mut shelf);
    let turn = world.turn(key, ALL);
    assert_eq!((sequences(&turn), told(&turn)), (vec![1, 2, 3], vec![]));
    for (name, priority) in [("low", 1), ("high", 9)] {
        world.store(&mut shelf, numbered(name, priority));
    }
    let turn = world.turn(key, ALL);
    assert_eq!((sequences(&turn), told(&turn)), (vec![5, 4], vec![(3, 3)]));
}

#[test]
fn events_that_are_not_stored_are_live_from_the_start() {
    let (mut world, mut shelf) = (World::new(Settings::default()), Shelf::new(2));
    world.store(&mut shelf, numbered("stored", 5));
    let key = world.hello_client();
    world.subscribe(key, FROM_THE_FIRST);
    world.publish(numbered("live", 5));
    world.run_all(&mut shelf);
    let turn = world.turn(key, ALL);
    // All that is stored was read: it goes before what is live.
    assert_eq!(sequences(&turn), [1]);
    assert_eq!(world.take(key), ["live"]);
}

#[test]
fn page_after_page_is_read_while_those_before_are_taken() {
    let (mut world, mut shelf) = (World::new(Settings::default()), Shelf::new(500));
    (0..5_000).for_each(|number| world.store(&mut shelf, numbered(number, 5)));
    let key = world.hello_client();
    world.subscribe(key, FROM_THE_FIRST);
    let mut came = 0;
    while came < 5_000 {
        world.run_all(&mut shelf);
        let turn = world.turn(key, Budget::new(100, usize::MAX));
        assert!(!turn.deliveries.is_empty());
        came += turn.deliveries.len();
    }
    assert_eq!(told(&world.turn(key, ALL)), [(5_000, 5_000)]);
}

#[test]
fn large_events_wait_by_their_bytes() {
    let (mut world, mut shelf) = (World::new(Settings::default()), Shelf::new(1));
    (0..20).for_each(|number| world.store(&mut shelf, padded(number, 5, 300 << 10)));
    let key = world.hello_client();
    world.subscribe(key, FROM_THE_FIRST);
    let (mut came, mut pages) = (0, 0);
    while came < 20 {
        while world.run_one(&mut shelf) {
            pages += 1;
        }
        // Where it begins, and then one event each: at least 1 MiB wait, and not one event more.
        assert_eq!(pages, (1 + came + 4).min(21));
        came += world.turn(key, Budget::new(1, usize::MAX)).deliveries.len();
    }
}

#[test]
fn a_replay_ends_with_its_subscription_and_with_its_client() {
    let (mut world, mut shelf) = (World::new(Settings::default()), Shelf::new(500));
    (0..2_000).for_each(|number| world.store(&mut shelf, numbered(number, 5)));
    let key = world.hello_client();
    let id = world.subscribe(key, FROM_THE_FIRST);
    world.run_all(&mut shelf);
    let mut turn = world.turn(key, Budget::new(10, usize::MAX));
    world.router.unsubscribe(key, id, 0).unwrap();
    world.router.put_back(key, &mut turn, 3, 0);
    world.run_all(&mut shelf);
    assert!(world.take(key).is_empty());
    world.subscribe(key, FROM_THE_FIRST);
    world.router.disconnect(key, 0);
    world.run_all(&mut shelf);
    assert_eq!(world.router.dead_letters().total(), 0);
}

/// What may happen while a replay goes on.
#[derive(Clone, Debug)]
enum Step {
    Store(u8),
    Match(usize),
    Errand,
    /// So many are taken, of which so many could not be written.
    Take(usize, usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (1..=10_u8).prop_map(Step::Store),
        2 => (0..4_usize).prop_map(Step::Match),
        2 => Just(Step::Errand),
        3 => (1..5_usize, 0..3_usize).prop_map(|(count, back)| Step::Take(count, back)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn every_stored_event_comes_once_and_the_replayed_ones_in_order(
        before in proptest::collection::vec(1..=10_u8, 0..20),
        steps in proptest::collection::vec(step(), 0..80),
        page in 1..5_usize,
    ) {
        let (mut world, mut shelf) = (World::new(Settings::default()), Shelf::new(page));
        before.into_iter().enumerate().for_each(|(number, priority)| world.store(&mut shelf, numbered(number, priority)));
        let key = world.hello_client();
        world.subscribe(key, FROM_THE_FIRST);
        let (mut came, mut replayed) = (Vec::new(), None);
        let mut note = |turn: &Turn, kept: usize| {
            for (_, events) in told(turn) {
                assert_eq!(replayed.replace(came.len()), None, "it is told once");
                assert_eq!(events, came.len() as u64);
            }
            came.extend(sequences(turn).into_iter().take(kept));
            (came.clone(), replayed)
        };
        for step in steps {
            match step {
                Step::Store(priority) => {
                    let number = shelf.events.len();
                    world.store_unmatched(&mut shelf, numbered(number, priority));
                }
                Step::Match(count) => drop(world.router.dispatch(count, world.now)),
                Step::Errand => drop(world.run_one(&mut shelf)),
                Step::Take(count, back) => {
                    let mut turn = world.turn(key, Budget::new(count, usize::MAX));
                    let kept = turn.deliveries.len().saturating_sub(back);
                    note(&turn, kept);
                    world.router.put_back(key, &mut turn, kept, 0);
                }
            }
        }
        let (came, replayed) = loop {
            world.dispatch();
            world.run_all(&mut shelf);
            let turn = world.turn(key, ALL);
            let (is_last, all) = (turn.deliveries.is_empty(), turn.deliveries.len());
            let noted = note(&turn, all);
            if is_last {
                break noted;
            }
        };
        let ordered = &came[..replayed.expect("it was told")];
        assert!(ordered.is_sorted(), "{ordered:?}");
        let mut all = came.clone();
        all.sort_unstable();
        assert_eq!(all, (1..=shelf.events.len() as u64).collect::<Vec<_>>());
        world.assert_balanced(&[key]);
    }
}
