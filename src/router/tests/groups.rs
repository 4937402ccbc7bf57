//! Work-sharing groups.

use super::*;

const MEMBER: &str = r#"{"topics":["t"],"group":"workers"}"#;

#[test]
fn of_a_group_exactly_one_gets_an_event_and_others_get_their_own() {
    let mut world = World::new(Settings::default());
    let members: Vec<_> = (0..3).map(|_| world.subscriber(MEMBER)).collect();
    let other_group = world.subscriber(r#"{"group":"auditors"}"#);
    let alone = world.subscriber("{}");
    world.publish(numbered("job", 5));
    let took: usize = members.iter().map(|&member| world.take(member).len()).sum();
    assert_eq!(took, 1);
    assert_eq!(world.take(other_group), ["job"]);
    assert_eq!(world.take(alone), ["job"]);
}

#[test]
fn idle_members_take_turns() {
    let mut world = World::new(Settings::default());
    let members: Vec<_> = (0..3).map(|_| world.subscriber(MEMBER)).collect();
    for number in 0..30 {
        world.publish(numbered(number, 5));
        let took: Vec<_> = members.iter().map(|&member| world.take(member).len()).collect();
        assert_eq!(took.iter().sum::<usize>(), 1);
        // What was taken is written.
        members.iter().for_each(|&member| assert!(world.take(member).is_empty()));
    }
    // In each three rounds everybody had one, so nobody was given two in a row.
    world.publish_all([5; 9]);
    assert!(members.iter().all(|&member| world.take(member).len() == 3));
}

#[test]
fn the_member_with_the_least_waiting_is_chosen() {
    let mut world = World::new(Settings::default());
    let (busy, free) = (world.subscriber(MEMBER), world.subscriber(MEMBER));
    world.subscribe(busy, r#"{"topics":["chatter"]}"#);
    (0..4).for_each(|_| world.publish(event(r#"{"topic":"chatter"}"#)));
    world.publish_all([5; 4]);
    assert_eq!(world.take(free).len(), 4);
    assert_eq!(world.take(busy).len(), 4);
}

#[test]
fn a_member_that_is_full_is_passed_over() {
    let size = numbered(0, 5).size();
    let mut world = World::new(Settings { outbox_size: 3 * size, ..Settings::default() });
    let (roomy, full) = (world.subscriber(MEMBER), world.subscriber(MEMBER));
    world.subscribe(full, r#"{"topics":["large"]}"#);
    // One event that fills its outbox: fewer wait for it than for the other.
    let filler = padded("filler", 5, 1).full().replace(r#""topic":"t""#, r#""topic":"large""#);
    let filler =
        event(&filler.replace(r#""text":"x""#, &format!(r#""text":"{}""#, "x".repeat(2 * size - 20))));
    world.publish(filler);
    assert_eq!(world.router.view(full).unwrap().outbox_events, 1);
    world.publish_all([5; 3]);
    assert_eq!(world.take(roomy), ["0", "1", "2"]);
    assert_eq!(world.router.dead_letters().total(), 0);
}

#[test]
fn members_with_different_filters_share_only_what_they_match() {
    let mut world = World::new(Settings::default());
    let any = world.subscriber(r#"{"group":"g"}"#);
    let high = world.subscriber(r#"{"group":"g","priorities":[8]}"#);
    (0..4).for_each(|number| world.publish(numbered(number, 3)));
    assert_eq!(world.take(any).len(), 4);
    assert!(world.take(high).is_empty());
}

#[test]
fn two_memberships_of_one_client_are_still_one_delivery() {
    let mut world = World::new(Settings::default());
    let client = world.client();
    world.subscribe(client, MEMBER);
    world.subscribe(client, r#"{"topics":["*"],"group":"workers"}"#);
    world.publish(numbered("job", 5));
    assert_eq!(world.take(client), ["job"]);
}

#[test]
fn a_group_goes_on_without_those_that_left() {
    let mut world = World::new(Settings::default());
    let (leaving, staying) = (world.subscriber(MEMBER), world.subscriber(MEMBER));
    world.publish_all([5, 5]);
    world.router.disconnect(leaving, 0);
    world.publish_all([5, 5]);
    assert_eq!(world.take(staying).len(), 3);
    assert_eq!(world.router.groups.len(), 1);
}

#[test]
fn a_member_expelled_by_the_same_event_costs_no_group_its_delivery() {
    // The slow client is alone in a group, in another with a free client, and has a subscription of its own that
    // the event expels it by. Whatever the order in which they are found, the others get theirs.
    let orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
    for order in orders {
        let mut world = World::new(Settings { slow_consumer: SlowConsumer::Disconnect, ..small(1) });
        let slow = world.client();
        world.subscribe(slow, r#"{"topics":["filler"]}"#);
        for place in order {
            let own = [
                r#"{"topics":["t"]}"#,
                r#"{"topics":["t"],"group":"lonely"}"#,
                r#"{"topics":["t"],"group":"mixed"}"#,
            ];
            world.subscribe(slow, own[place]);
        }
        let free = world.subscriber(r#"{"topics":["t"],"group":"mixed"}"#);
        let auditor = world.subscriber(r#"{"topics":["t"],"group":"auditors"}"#);
        world.publish(event(r#"{"topic":"filler","id":"filler"}"#));
        [free, auditor].iter().for_each(|&client| assert!(world.take(client).is_empty()));
        world.publish(numbered("job", 5));
        assert_eq!(world.router.close_wanted(slow), Some(Close::SlowConsumer), "{order:?}");
        assert_eq!(world.take(free), ["job"], "{order:?}");
        assert_eq!(world.take(auditor), ["job"], "{order:?}");
        // What they took is written with the next turn.
        [free, auditor].iter().for_each(|&client| assert!(world.take(client).is_empty()));
        // And nothing of that event is left over for the next one.
        let newcomer = world.subscriber(r#"{"group":"newcomers"}"#);
        world.publish(numbered("next", 5));
        assert_eq!(world.take(free), ["next"], "{order:?}");
        assert_eq!(world.take(auditor), ["next"], "{order:?}");
        assert_eq!(world.take(newcomer), ["next"], "{order:?}");
    }
}

#[test]
fn a_subscription_beside_the_group_may_take_the_last_room_of_a_member() {
    let mut world = World::new(Settings { slow_consumer: SlowConsumer::Disconnect, ..small(1) });
    // In either order of subscribing, it is the other member that gets the group's share.
    for group_first in [true, false] {
        let both = world.client();
        let mut own = [r#"{"topics":["t"]}"#, MEMBER];
        if group_first {
            own.reverse();
        }
        for json in own {
            world.subscribe(both, json);
        }
        let other = world.subscriber(MEMBER);
        world.publish(numbered("job", 5));
        assert_eq!(world.take(both), ["job"]);
        assert_eq!(world.take(other), ["job"]);
        assert_eq!(world.router.close_wanted(both), None);
        world.router.disconnect(both, 0);
        world.router.disconnect(other, 0);
    }
}
