use std::time::Duration;

use super::*;

/// The bucket of each that is counted, with how many there are.
fn buckets(histogram: &Histogram) -> Vec<(f64, u64)> {
    let bounds = Histogram::bounds().into_iter().chain([f64::INFINITY]);
    bounds.zip(*histogram.counts()).filter(|(_, count)| *count > 0).collect()
}

fn micros(micros: u64) -> Moment {
    Moment::after(Duration::from_micros(micros))
}

fn take_at(world: &mut World, key: ClientKey, turn: &mut Turn, now: Moment) {
    world.router.take(key, ALL, turn, Waker::noop(), now);
}

#[test]
fn the_wait_for_matching_and_for_the_socket_is_counted_by_priority() {
    let mut world = World::new(Settings::default());
    let key = world.subscriber("{}");
    for (number, priority) in [3, 3, 9].into_iter().enumerate() {
        world.router.publish(numbered(number, priority), None, None, micros(1_000));
    }
    assert!(!world.router.dispatch(usize::MAX, micros(1_300)));
    let mut turn = Turn::default();
    take_at(&mut world, key, &mut turn, micros(2_000));
    let Latency { queue_wait, delivery } = world.router.latency();
    assert_eq!(buckets(&queue_wait[2]), [(0.000_5, 2)]);
    assert_eq!(buckets(&queue_wait[8]), [(0.000_5, 1)]);
    assert!(delivery.iter().all(|histogram| histogram.count() == 0), "nothing is written yet");
    take_at(&mut world, key, &mut turn, micros(9_000));
    let delivery = &world.router.latency().delivery;
    assert_eq!((buckets(&delivery[2]), buckets(&delivery[8])), (vec![(0.01, 2)], vec![(0.01, 1)]));
    assert!((delivery[2].sum() - 0.016).abs() < 1e-9);
    assert_eq!((turn.deliveries.len(), turn.written.len()), (0, 3));
}

#[test]
fn what_is_put_back_is_counted_when_it_is_written() {
    let mut world = World::new(Settings::default());
    let key = world.subscriber("{}");
    world.publish_all([5, 5, 5]);
    let mut turn = Turn::default();
    take_at(&mut world, key, &mut turn, micros(100));
    world.router.put_back(key, &mut turn, 1, micros(900));
    assert_eq!(buckets(&world.router.latency().delivery[4]), [(0.001, 1)]);
    take_at(&mut world, key, &mut turn, micros(40_000));
    take_at(&mut world, key, &mut turn, micros(41_000));
    assert_eq!(buckets(&world.router.latency().delivery[4]), [(0.001, 1), (0.05, 2)]);
    assert_eq!(world.router.stats().delivered, 3);
}

#[test]
fn another_client_s_turn_in_the_same_memory_counts_nothing_twice() {
    let mut world = World::new(Settings::default());
    let (one, other) = (world.subscriber("{}"), world.subscriber("{}"));
    world.publish_all([5]);
    let mut turn = Turn::default();
    take_at(&mut world, one, &mut turn, micros(0));
    world.router.put_back(one, &mut turn, 1, micros(0));
    take_at(&mut world, other, &mut turn, micros(0));
    take_at(&mut world, other, &mut turn, micros(0));
    take_at(&mut world, one, &mut turn, micros(0));
    assert_eq!(world.router.latency().delivery[4].count(), 2);
    assert_eq!(world.router.stats().delivered, 2);
}

#[test]
fn what_waits_has_room_for_its_moment() {
    assert_eq!(size_of::<crate::router::outbox::Waiting>(), 24);
}
