//! Health, new settings, and the end.

use super::*;
use crate::protocol::{HealthStatus, Time};

fn status(world: &World) -> HealthStatus {
    world.router.health(world.now, Time::from_micros(0)).status
}

#[test]
fn health_is_degraded_above_four_fifths_of_the_queue() {
    let mut world = World::new(Settings { max_queue_size: 10, ..Settings::default() });
    for number in 0..8 {
        world.offer(numbered(number, 5), None);
    }
    assert_eq!(status(&world), HealthStatus::Healthy);
    world.offer(numbered(8, 5), None);
    assert_eq!(status(&world), HealthStatus::Degraded);
    assert_eq!(world.router.health(0, Time::from_micros(0)).errors.len(), 1);
    world.dispatch();
    assert_eq!(status(&world), HealthStatus::Healthy);
}

#[test]
fn health_looks_at_the_fullest_of_four_queues() {
    let mut world = World::new(Settings { use_multi_queue: true, ..Settings::default() });
    let event = numbered("event", 10);
    (0..800).for_each(|_| assert_eq!(world.offer(Arc::clone(&event), None), Published::Queued));
    assert_eq!(status(&world), HealthStatus::Healthy);
    world.offer(event, None);
    assert_eq!(status(&world), HealthStatus::Degraded);
}

#[test]
fn health_is_unhealthy_when_more_than_a_tenth_failed() {
    let mut world = World::new(Settings { max_queue_size: 1, ..Settings::default() });
    (0..10).for_each(|number| world.publish(numbered(number, 5)));
    world.offer(numbered("victim", 1), None);
    world.offer(numbered("victor", 2), None);
    assert_eq!(world.router.stats().failed, 1);
    // 1 of 10 is a tenth, and no more; the queue is full.
    assert_eq!(status(&world), HealthStatus::Degraded);
    world.offer(numbered("next victor", 3), None);
    assert_eq!(status(&world), HealthStatus::Unhealthy);
}

#[test]
fn health_counts_what_there_is() {
    let mut world = World::new(Settings::default());
    world.now = 2_000;
    world.subscriber("{}");
    world.client();
    world.publish(numbered(1, 5));
    world.offer(numbered(2, 5), None);
    world.now = 2_500;
    let health = world.router.health(2_500, Time::from_micros(10_000_000));
    assert_eq!((health.events_processed, health.events_failed, health.events_in_queue), (1, 0, 1));
    assert_eq!((health.active_subscriptions, health.connected_clients), (1, 2));
    assert!((health.uptime - 2.5).abs() < f64::EPSILON);
    assert_eq!(health.last_event_at, Some(Time::from_micros(9_500_000)));
    assert!(health.errors.is_empty());
    let silent = World::new(Settings::default()).router.health(5, Time::from_micros(10));
    assert_eq!(silent.last_event_at, None);
}

#[test]
fn a_smaller_queue_keeps_the_highest_and_oldest_in_order() {
    let mut world = World::new(Settings::default());
    let client = world.subscriber("{}");
    for (number, priority) in [1, 5, 5, 10, 5, 1].into_iter().enumerate() {
        world.offer(numbered(number, priority), None);
    }
    world.router.reconfigure(Settings { max_queue_size: 3, ..Settings::default() }, 0);
    assert_eq!(lost(&world, Reason::Evicted), 3);
    world.assert_balanced(&[client]);
    world.dispatch();
    assert_eq!(world.take(client), ["3", "1", "2"]);
}

#[test]
fn one_queue_becomes_four_and_back_without_losing_order() {
    let mut world = World::new(Settings::default());
    let client = world.subscriber("{}");
    for (number, priority) in [4, 5, 7, 10, 4, 5, 7, 10].into_iter().enumerate() {
        world.offer(numbered(number, priority), None);
    }
    world.router.reconfigure(Settings { use_multi_queue: true, ..Settings::default() }, 0);
    world.router.reconfigure(Settings::default(), 0);
    world.dispatch();
    assert_eq!(world.take(client), ["3", "7", "2", "6", "1", "5", "0", "4"]);
    assert_eq!(world.router.dead_letters().total(), 0);
}

#[test]
fn smaller_outboxes_shed_the_lowest_and_tell() {
    let mut world = World::new(Settings::default());
    let client = world.hello_client();
    world.subscribe(client, "{}");
    world.publish_all([1, 5, 9, 5]);
    world.router.reconfigure(small(2), 0);
    let turn = world.turn(client, ALL);
    let ids: Vec<_> = turn.deliveries.iter().map(|delivery| delivery.event.id()).collect();
    assert_eq!(ids, ["2", "1"]);
    let Notice::Gap { gap, .. } = &turn.notices[0] else { panic!("{:?}", turn.notices) };
    assert_eq!(gap.evicted, [1, 0, 0, 0, 1, 0, 0, 0, 0, 0]);
}

#[test]
fn a_smaller_number_of_clients_disconnects_nobody() {
    let mut world = World::new(Settings::default());
    let clients = [world.subscriber("{}"), world.subscriber("{}")];
    world.router.reconfigure(Settings { max_clients: 1, max_subscriptions: 0, ..Settings::default() }, 0);
    assert_eq!(world.router.connect(), Err(Refusal::MaxClients(1)));
    world.publish(numbered(1, 5));
    clients.iter().for_each(|&client| assert_eq!(world.take(client), ["1"]));
}

#[test]
fn while_draining_nothing_is_accepted_and_what_was_is_delivered() {
    let mut world = World::new(Settings::default());
    let client = world.subscriber("{}");
    world.offer(numbered("in time", 5), None);
    world.router.drain(Time::from_micros(0), 0);
    assert_eq!(world.offer(numbered("late", 10), None), Published::Draining);
    assert_eq!(world.router.stats().refused, 1);
    assert!(!world.router.is_drained());
    world.dispatch();
    assert_eq!(world.take(client), ["in time"]);
    // It is written only when the connection asks for more.
    assert!(!world.router.is_drained());
    assert!(world.take(client).is_empty());
    assert!(world.router.is_drained());
}

#[test]
fn what_is_given_up_at_the_end_is_counted_by_priority() {
    let mut world = World::new(Settings::default());
    let clients = [world.subscriber("{}"), world.subscriber("{}"), world.client()];
    world.publish_all([3, 10]);
    world.offer(numbered("queued", 5), None);
    let left = world.router.take_left();
    assert_eq!((left.by_priority(), left.subscribers()), ([0, 0, 2, 0, 1, 0, 0, 0, 0, 2], 2));
    world.router.bury(left, 0);
    assert_eq!(lost(&world, Reason::Drain), 5);
    assert!(world.router.is_drained());
    world.assert_balanced(&clients);
}
