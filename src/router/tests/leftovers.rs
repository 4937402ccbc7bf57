//! What is left at the end, and what the next run makes of it.

use super::*;
use crate::protocol::Time;

fn leftover_ids(left: &Left) -> Vec<Vec<&str>> {
    left.owed
        .iter()
        .map(|owed| owed.deliveries.iter().map(|leftover| leftover.event.id()).collect())
        .collect()
}

fn nobodys(left: Left) -> Left {
    // As it comes back from a file: without knowing whose it was.
    let owed = left.owed.into_iter().map(|owed| Owed::new(owed.wanted, owed.deliveries)).collect();
    Left { queued: left.queued, owed }
}

/// A world that starts with what another one left.
fn next_run(left: Left) -> World {
    let mut world = World::new(Settings::default());
    world.router.restore(nobodys(left));
    world
}

fn adopt(world: &mut World, key: ClientKey, json: &str) {
    let id = world.subscribe(key, json);
    world.router.adopt(id, world.now);
}

#[test]
fn what_is_left_is_sorted_by_subscription_and_then_as_it_would_have_been_taken() {
    let mut world = World::new(Settings::default());
    let key = world.client();
    world.subscribe(key, r#"{"topics":["t"]}"#);
    world.subscribe(key, r#"{"topics":["*"],"priorities":[9]}"#);
    world.publish_all([3, 9, 3]);
    world.offer(numbered("queued", 5), None);
    let left = world.router.take_left();
    assert_eq!(leftover_ids(&left), [vec!["1"], vec!["1", "0", "2"]]);
    assert_eq!(left.queued.len(), 1);
    assert_eq!((left.by_priority(), left.subscribers()), ([0, 0, 2, 0, 1, 0, 0, 0, 2, 0], 1));
    assert!(world.router.is_drained() && world.router.take_late().is_empty());
}

#[test]
fn the_next_run_gives_it_to_the_subscription_that_asks_for_the_same() {
    let wish = r#"{"topics":["t","a.*"],"sources":["tester","x"],"priorities":[3],"group":"g"}"#;
    let same = r#"{"topics":["a.*","t"],"sources":["x","tester"],"priorities":[3],"group":"g"}"#;
    let mut world = World::new(Settings::default());
    world.subscriber(wish);
    world.publish_all([5, 10]);
    let mut world = next_run(world.router.take_left());
    assert_eq!(world.router.held(), 2);
    let other = world.client();
    adopt(&mut world, other, r#"{"topics":["t"]}"#);
    assert!(world.take(other).is_empty());
    let key = world.client();
    adopt(&mut world, key, same);
    assert_eq!(world.take(key), ["1", "0"]);
    assert_eq!(world.router.held(), 0);
    // Only once.
    let late = world.client();
    adopt(&mut world, late, same);
    assert!(world.take(late).is_empty());
    world.take(key);
    world.assert_balanced(&[other, key, late]);
}

#[test]
fn two_subscribers_that_asked_for_the_same_get_each_its_own() {
    let mut world = World::new(Settings::default());
    let one = world.subscriber("{}");
    world.subscriber("{}");
    world.publish_all([5]);
    world.take(one);
    world.publish_all([6]);
    let left = world.router.take_left();
    assert_eq!(leftover_ids(&left), [vec!["0"], vec!["0", "0"]]);
    assert_eq!(left.subscribers(), 2);
    let mut world = next_run(left);
    let clients = [world.client(), world.client(), world.client()];
    clients.iter().for_each(|&key| adopt(&mut world, key, "{}"));
    let counts: Vec<_> = clients.iter().map(|&key| world.take(key).len()).collect();
    assert_eq!(counts, [1, 2, 0]);
}

#[test]
fn what_nobody_claims_goes_to_one_subscription_that_matches_or_to_the_dead_letters() {
    let mut world = World::new(Settings::default());
    world.subscriber(r#"{"topics":["t"]}"#);
    world.publish_all([5]);
    world.offer(numbered("queued", 5), None);
    let left = world.router.take_left();
    let mut lonely = next_run(left.clone());
    lonely.router.release(0);
    assert_eq!((lost(&lonely, Reason::Drain), lonely.router.held()), (1, 0));
    let mut world = next_run(left);
    let clients = [world.subscriber(r#"{"topics":["*"]}"#), world.subscriber(r#"{"topics":["**"]}"#)];
    let deaf = world.subscriber(r#"{"topics":["*"],"priorities":[9]}"#);
    world.router.release(0);
    world.dispatch();
    let got: Vec<_> = clients.iter().map(|&key| world.take(key)).collect();
    // What was never matched is for everybody.
    assert_eq!(got.iter().flatten().filter(|id| *id == "queued").count(), 2);
    assert_eq!(got.iter().flatten().filter(|id| *id == "0").count(), 1);
    assert!(world.take(deaf).is_empty());
}

#[test]
fn what_is_mandatory_is_so_in_the_next_run() {
    let mut world = World::new(Settings::default());
    for (name, mandatory) in [("must", true), ("may", false)] {
        world.router.publish_as(numbered(name, 5), None, None, mandatory, world.now);
    }
    let mut world = next_run(world.router.take_left());
    world.router.release(0);
    world.dispatch();
    let letters: Vec<_> =
        world.router.dead_letters().iter().map(|letter| (letter.reason, letter.event.id())).collect();
    assert_eq!(letters, [(Reason::NoSubscriber, "must")]);
}

#[test]
fn what_expires_meanwhile_is_not_delivered() {
    let mut world = World::new(Settings::default());
    world.subscriber("{}");
    assert_eq!(world.offer(numbered("short", 5), Some(10)), Published::Queued);
    world.dispatch();
    let mut world = next_run(world.router.take_left());
    world.now = 10;
    let key = world.client();
    adopt(&mut world, key, "{}");
    assert!(world.router.take_new_deadline());
    assert!(world.take(key).is_empty());
    assert_eq!(lost(&world, Reason::Expired), 1);
}

#[test]
fn what_a_run_did_not_get_rid_of_is_left_again() {
    let mut world = World::new(Settings::default());
    world.subscriber("{}");
    world.publish_all([5, 7]);
    let mut world = next_run(world.router.take_left());
    let left = world.router.take_left();
    assert_eq!((leftover_ids(&left), left.subscribers()), (vec![vec!["1", "0"]], 1));
}

#[test]
fn what_a_connection_had_begun_to_write_comes_late_unless_it_was_written() {
    for (is_written, all) in [(true, vec![vec!["0"]]), (false, vec![vec!["1", "0"]])] {
        let mut world = World::new(Settings::default());
        let key = world.subscriber("{}");
        world.publish_all([5, 9]);
        let mut turn = world.turn(key, ALL);
        world.router.put_back(key, &mut turn, 1, 0);
        let mut left = world.router.take_left();
        assert_eq!(leftover_ids(&left), [vec!["0"]]);
        world.router.disconnect_amid(key, &turn.written[0], 0);
        world.router.end_begun(key, is_written, 0);
        left.add_late(world.router.take_late());
        assert_eq!((leftover_ids(&left), left.subscribers()), (all, 1));
        assert_eq!(world.router.stats().delivered, u64::from(is_written));
    }
}

#[test]
fn an_event_that_was_begun_when_its_client_left_is_a_dead_letter_unless_it_was_written() {
    for is_written in [true, false] {
        let mut world = World::new(Settings::default());
        let key = world.subscriber("{}");
        world.publish_all([5, 9]);
        let mut turn = world.turn(key, ALL);
        world.router.put_back(key, &mut turn, 1, 0);
        world.router.disconnect_amid(key, &turn.written[0], 0);
        world.router.end_begun(key, is_written, 0);
        world.router.end_begun(key, true, 0);
        assert_eq!(lost(&world, Reason::Disconnected), 1 + u64::from(!is_written));
        world.assert_balanced(&[]);
    }
}

#[test]
fn what_comes_back_from_another_thread_after_the_end_is_kept() {
    let mut world = World::new(Settings::default());
    let key = world.subscriber("{}");
    world.publish_all([5, 9]);
    let mut turn = world.turn(key, ALL);
    assert!(world.router.take_left().is_empty());
    world.router.put_back(key, &mut turn, 0, 0);
    world.router.disconnect(key, 0);
    assert_eq!(leftover_ids(&world.router.take_late()), [vec!["1", "0"]]);
}

#[test]
fn clients_that_said_hello_are_told_of_the_drain_each_to_come_back_at_another_moment() {
    let mut world = World::new(Settings::default());
    let clients = [world.hello_client(), world.client(), world.hello_client()];
    world.router.drain(Time::from_micros(9), 900);
    let late = world.hello_client();
    world.router.hello(late);
    let mut told = Vec::new();
    for key in [clients[0], clients[2], late] {
        let notices = world.turn(key, ALL).notices;
        let [Notice::Draining { deadline, reconnect_after }] = notices[..] else { panic!("{notices:?}") };
        assert_eq!(deadline, Time::from_micros(9));
        told.push(reconnect_after);
    }
    assert_eq!(told, [500, 800, 1_100]);
    assert!(world.turn(clients[1], ALL).notices.is_empty());
}

#[test]
fn a_gap_is_told_of_what_goes_to_the_dead_letters_at_the_end() {
    let mut world = World::new(Settings::default());
    let key = world.hello_client();
    world.subscribe(key, "{}");
    world.publish_all([5, 5]);
    let left = world.router.take_left();
    world.router.bury(left, 0);
    let notices = world.turn(key, ALL).notices;
    let [Notice::Gap { gap, .. }] = &notices[..] else { panic!("{notices:?}") };
    assert_eq!(gap.evicted[4], 2);
}
