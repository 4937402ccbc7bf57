//! What does not fit, expires or waits for the wrong client; and who is told.

use super::*;

fn gaps(turn: &Turn) -> Vec<Gap> {
    let gap = |notice: &Notice| match notice {
        Notice::Gap { gap, .. } => (**gap).clone(),
        other => panic!("{other:?}"),
    };
    turn.notices.iter().map(gap).collect()
}

#[test]
fn a_full_outbox_keeps_the_highest_and_says_exactly_what_it_shed() {
    let mut world = World::new(small(3));
    let client = world.hello_client();
    world.subscribe(client, "{}");
    world.publish_all([1, 3, 3, 5, 9, 1, 10]);
    let turn = world.turn(client, ALL);
    let ids: Vec<_> = turn.deliveries.iter().map(|delivery| delivery.event.id()).collect();
    assert_eq!(ids, ["6", "4", "3"]);
    let [gap] = &gaps(&turn)[..] else { panic!("{:?}", turn.notices) };
    assert_eq!(gap.evicted, [2, 0, 2, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(gap.expired, [0; 10]);
    assert_eq!(lost(&world, Reason::Evicted), 4);
    assert!(world.turn(client, ALL).notices.is_empty(), "told once");
    world.assert_balanced(&[client]);
}

#[test]
fn each_subscription_has_gaps_of_its_own() {
    let mut world = World::new(small(1));
    let client = world.hello_client();
    let ids = ["a", "b"].map(|topic| world.subscribe(client, &format!(r#"{{"topics":["{topic}"]}}"#)));
    for topic in ["a", "b", "a", "b", "b"] {
        world.publish(event(&format!(r#"{{"topic":"{topic}"}}"#)));
    }
    let mut told: Vec<_> = world.turn(client, ALL).notices;
    told.sort_by_key(|notice| match notice {
        Notice::Gap { subscription, .. } => *subscription,
        other => panic!("{other:?}"),
    });
    let expected = [(ids[0], 1), (ids[1], 3)].map(|(subscription, count)| {
        let mut gap = Box::<Gap>::default();
        gap.evicted[4] = count;
        Notice::Gap { subscription, gap }
    });
    assert_eq!(told, expected);
}

#[test]
fn a_client_that_did_not_say_hello_is_not_told_of_gaps() {
    let mut world = World::new(small(1));
    let client = world.subscriber("{}");
    world.publish_all([5, 5]);
    assert!(world.turn(client, ALL).notices.is_empty());
    world.router.hello(client);
    world.publish_all([5, 5]);
    assert_eq!(gaps(&world.turn(client, ALL))[0].evicted[4], 2);
}

#[test]
fn what_waited_for_an_ended_subscription_is_in_its_last_gap() {
    let mut world = World::new(Settings::default());
    let client = world.hello_client();
    let id = world.subscribe(client, "{}");
    world.publish_all([5, 7]);
    world.router.unsubscribe(client, id, 0).unwrap();
    let turn = world.turn(client, ALL);
    assert!(turn.deliveries.is_empty());
    assert_eq!(gaps(&turn)[0].evicted, [0, 0, 0, 0, 1, 0, 1, 0, 0, 0]);
}

#[test]
fn an_expired_event_is_not_delivered_wherever_it_waits() {
    let mut world = World::new(Settings::default());
    let client = world.hello_client();
    world.subscribe(client, "{}");
    world.offer(numbered("in the queue", 5), Some(10));
    world.now = 10;
    world.dispatch();
    world.offer(numbered("in the outbox", 5), Some(10));
    world.dispatch();
    world.now = 20;
    world.offer(numbered("alive", 1), Some(10));
    world.dispatch();
    let turn = world.turn(client, ALL);
    assert_eq!(turn.deliveries.len(), 1);
    assert_eq!(turn.deliveries[0].event.id(), "alive");
    assert_eq!(gaps(&turn)[0].expired[4], 1);
    assert_eq!(lost(&world, Reason::Expired), 2);
    world.turn(client, ALL);
    world.assert_balanced(&[client]);
}

#[test]
fn an_event_expires_behind_others_for_a_subscriber_that_does_not_read() {
    let mut world = World::new(Settings::default());
    let client = world.subscriber("{}");
    world.publish_all([10; 5]);
    world.offer(numbered("short", 1), Some(100));
    world.dispatch();
    world.router.expire(99);
    assert_eq!(world.router.view(client).unwrap().outbox_events, 6);
    world.router.expire(100);
    assert_eq!(world.router.view(client).unwrap().outbox_events, 5);
    assert_eq!(lost(&world, Reason::Expired), 1);
}

#[test]
fn a_time_to_live_beyond_all_time_is_for_ever() {
    let mut world = World::new(Settings::default());
    let client = world.subscriber("{}");
    world.now = 1_000;
    world.offer(numbered("lasting", 5), Some(u64::MAX));
    world.router.expire(u64::MAX - 1);
    world.dispatch();
    assert_eq!(world.take(client), ["lasting"]);
}

#[test]
fn a_stalled_subscriber_costs_the_others_nothing() {
    let mut world = World::new(small(5));
    let (stalled, reading) = (world.subscriber("{}"), world.subscriber("{}"));
    for number in 0..50 {
        world.publish(numbered(number, 5));
        assert_eq!(world.take(reading), [number.to_string()]);
    }
    assert_eq!(world.router.view(stalled).unwrap().outbox_events, 5);
    world.take(reading);
    world.assert_balanced(&[stalled, reading]);
}

#[test]
fn a_slow_consumer_is_disconnected_when_the_settings_say_so() {
    let mut world = World::new(Settings { slow_consumer: SlowConsumer::Disconnect, ..small(2) });
    let (slow, other) = (world.subscriber("{}"), world.subscriber("{}"));
    world.publish_all([5, 5]);
    world.take(other);
    world.take(other);
    assert_eq!(world.router.close_wanted(slow), None);
    world.publish(numbered("too much", 10));
    assert_eq!(world.turn(slow, ALL).close, Some(Close::SlowConsumer));
    assert_eq!(lost(&world, Reason::SlowConsumer), 3);
    assert_eq!(world.router.view(slow).unwrap().subscriptions, 0);
    assert_eq!(world.take(other), ["too much"]);
    world.take(other);
    world.assert_balanced(&[slow, other]);
}

#[test]
fn what_is_put_back_comes_first_of_its_level_and_behind_higher_ones() {
    let mut world = World::new(Settings::default());
    let client = world.subscriber("{}");
    world.publish_all([5, 5, 5]);
    let mut turn = world.turn(client, ALL);
    world.publish(numbered("system", 10));
    world.publish(numbered("later", 5));
    world.router.put_back(client, &mut turn, 1, 0);
    assert_eq!(world.take(client), ["system", "1", "2", "later"]);
    assert_eq!(world.router.stats().delivered, 1);
}

#[test]
fn what_is_put_back_for_an_expelled_client_is_a_dead_letter() {
    let mut world = World::new(Settings { slow_consumer: SlowConsumer::Disconnect, ..small(2) });
    let slow = world.subscriber("{}");
    world.publish_all([5, 5]);
    let mut turn = world.turn(slow, ALL);
    world.publish(numbered("too much", 5));
    world.router.put_back(slow, &mut turn, 1, 0);
    assert_eq!(turn.written.len(), 1);
    world.router.disconnect(slow, 0);
    assert_eq!(world.router.stats().delivered, 1);
    assert_eq!(lost(&world, Reason::SlowConsumer), 2);
    world.assert_balanced(&[slow]);
}

#[test]
fn an_event_larger_than_an_outbox_disconnects_nobody() {
    let size = numbered(0, 5).size();
    let settings = Settings { slow_consumer: SlowConsumer::Disconnect, outbox_size: 2 * size, ..small(10) };
    let mut world = World::new(settings);
    let client = world.subscriber("{}");
    world.publish(padded("large", 10, 2 * size));
    assert_eq!(world.router.close_wanted(client), None);
    assert_eq!(lost(&world, Reason::Oversized), 1);
}

#[test]
fn a_client_about_to_be_disconnected_makes_no_new_subscription() {
    let mut world = World::new(Settings { slow_consumer: SlowConsumer::Disconnect, ..small(1) });
    let slow = world.subscriber("{}");
    world.publish_all([5, 5]);
    assert_eq!(world.try_subscribe(slow, "{}"), Err(Refusal::NotFound));
    world.publish(numbered("later", 5));
    assert_eq!(world.router.view(slow).unwrap().outbox_events, 0);
}
