use super::*;

#[test]
fn rates_are_told_for_the_router_and_for_each_client() {
    let mut world = World::new(Settings::default());
    let (quick, other) = (world.subscriber("{}"), world.subscriber(r#"{"topics":["other"]}"#));
    for _ in 0..2_000 {
        world.now += 10;
        world.publish(numbered("1", 5));
        world.router.published_by(quick, 1, world.now);
        world.take(quick);
    }
    world.take(quick);
    let rates = world.router.rates(world.now);
    assert!((rates.accepted - 100.0).abs() < 5.0 && (rates.delivered - 100.0).abs() < 5.0, "{rates:?}");
    let row = world.router.client_row(quick, world.now).unwrap();
    assert_eq!((row.published, row.delivered), (2_000, 2_000));
    assert!((row.published_rate - 100.0).abs() < 5.0 && (row.delivered_rate - 100.0).abs() < 5.0, "{row:?}");
    let row = world.router.client_row(other, world.now).unwrap();
    assert_eq!((row.published_rate, row.delivered_rate, row.behind, row.slowest), (0.0, 0.0, 0.0, None));
}

#[test]
fn a_slow_client_is_told_with_its_slowest_subscription_and_how_long_it_is_behind() {
    let mut world = World::new(Settings::default());
    let slow = world.client();
    world.subscribe(slow, r#"{"topics":["other"]}"#);
    let slowest = world.subscribe(slow, r#"{"topics":["t","u","v","w"]}"#);
    world.publish(event(r#"{"topic":"other","priority":9}"#));
    world.now = 2_500;
    for count in [3, 1_000] {
        (0..count).for_each(|_| world.publish(event(r#"{"topic":"t","priority":3}"#)));
        let row = world.router.client_row(slow, world.now).unwrap();
        assert_eq!(row.behind, 2.5);
        let behind = row.slowest.unwrap();
        let shown: Vec<_> = behind.topics.iter().map(|topic| topic.as_str()).collect();
        assert_eq!((behind.id, behind.more_topics, &shown[..]), (slowest, 1, &["t", "u", "v"][..]));
        let true_count = row.outbox_events - 1;
        assert!(behind.waiting.abs_diff(true_count) <= true_count / 50, "{} of {true_count}", behind.waiting);
    }
    let page = world.router.waiting_page(0);
    assert_eq!((page.rows, page.next), (vec![(1_004, slow)], None));
}

#[test]
fn topics_are_counted_from_the_first_question_until_nobody_asks_any_more() {
    let mut world = World::new(Settings::default());
    world.publish(event(r#"{"topic":"before"}"#));
    assert!(!world.router.counts_topics());
    assert!(world.router.busiest_topics(0).topics.is_empty());
    world.publish(event(r#"{"topic":"t"}"#));
    assert_eq!(world.router.busiest_topics(1).topics, [("t".into(), 1)]);
    world.now = 10_001;
    world.publish(event(r#"{"topic":"t"}"#));
    assert!(!world.router.counts_topics());
}

#[test]
fn health_says_what_is_how_full_and_how_much_failed() {
    let mut world = World::new(Settings { max_queue_size: 10, ..Settings::default() });
    let told = |world: &World| {
        let health = world.router.health(world.now, crate::protocol::Time::from_micros(0));
        (health.status.as_str(), health.errors)
    };
    (0..8).for_each(|number| assert_eq!(world.offer(numbered(number, 1), None), Published::Queued));
    assert_eq!(told(&world), ("healthy", vec![]));
    world.offer(numbered(8, 1), None);
    let full = "the ingress queue is 90 % full: 9 of 10 events".to_owned();
    assert_eq!(told(&world), ("degraded", vec![full]));
    (0..3).for_each(|number| assert_eq!(world.offer(numbered(number, 9), None), Published::Queued));
    world.dispatch();
    let failed = "2 events failed, evicted from the full ingress queue: more than 10 % of the 10 processed";
    assert_eq!(told(&world), ("unhealthy", vec![failed.to_owned()]));
    let mut world = World::new(Settings { use_multi_queue: true, ..Settings::default() });
    (0..901).for_each(|number| assert_eq!(world.offer(numbered(number, 10), None), Published::Queued));
    (0..4_500).for_each(|number| assert_eq!(world.offer(numbered(number, 8), None), Published::Queued));
    let (status, errors) = told(&world);
    assert_eq!(status, "degraded");
    assert_eq!(errors[0], "the ingress queue for priorities 7 to 9 is 90 % full: 4500 of 5000 events");
    assert_eq!(errors[1], "the ingress queue for priority 10 is 90 % full: 901 of 1000 events");
    assert_eq!(world.router.queue_capacity(), 21_000);
}
