//! Who gets an event, and how often.

use super::*;

#[test]
fn each_matching_subscription_gets_an_event_of_its_own() {
    let mut world = World::new(Settings::default());
    let client = world.client();
    let exact = world.subscribe(client, r#"{"topics":["task.created"]}"#);
    let pattern = world.subscribe(client, r#"{"topics":["task.*"]}"#);
    world.subscribe(client, r#"{"topics":["agent.*"]}"#);
    world.publish(event(r#"{"topic":"task.created"}"#));
    let mut got: Vec<_> =
        world.turn(client, ALL).deliveries.iter().map(|delivery| delivery.subscription).collect();
    got.sort();
    assert_eq!(got, [exact, pattern]);
}

#[test]
fn two_patterns_of_one_subscription_deliver_once() {
    let mut world = World::new(Settings::default());
    let client = world.subscriber(r#"{"topics":["task.*","*.created","task.created","**","task.created"]}"#);
    world.publish(event(r#"{"id":"one","topic":"task.created"}"#));
    assert_eq!(world.take(client), ["one"]);
    assert_eq!(world.router.stats().matched, 1);
}

#[test]
fn without_topics_or_with_none_a_subscription_matches_all() {
    for subscription in ["{}", r#"{"topics":[]}"#, r#"{"topics":["*"]}"#] {
        let mut world = World::new(Settings::default());
        let client = world.subscriber(subscription);
        world.publish(event(r#"{"id":"deep","topic":"a.b.c.d"}"#));
        assert_eq!(world.take(client), ["deep"], "{subscription}");
    }
}

/// Whether a subscription of this JSON gets an event of that JSON.
fn passes(subscription: &str, published: &str) -> bool {
    let mut world = World::new(Settings::default());
    let client = world.subscriber(subscription);
    world.publish(event(published));
    !world.take(client).is_empty()
}

#[test]
fn the_smallest_priority_asked_for_is_a_minimum() {
    let subscription = r#"{"priorities":[7,9]}"#;
    let admitted =
        (1..=10).filter(|level| passes(subscription, &format!(r#"{{"topic":"t","priority":{level}}}"#)));
    assert_eq!(admitted.collect::<Vec<_>>(), [7, 8, 9, 10]);
}

#[test]
fn types_and_sources_are_filters_when_they_are_named() {
    let typed = r#"{"types":["task.created","custom"]}"#;
    assert!(passes(typed, r#"{"type":"task.created"}"#));
    assert!(passes(typed, r#"{"topic":"t","type":"never.heard.of"}"#));
    assert!(!passes(typed, r#"{"type":"task.failed"}"#));
    assert!(passes(r#"{"types":[]}"#, r#"{"type":"task.failed"}"#));
    let sourced = r#"{"sources":["a","b"]}"#;
    assert!(passes(sourced, r#"{"topic":"t","source":"b"}"#));
    assert!(!passes(sourced, r#"{"topic":"t","source":"c"}"#));
    assert!(!passes(sourced, r#"{"topic":"t"}"#));
    assert!(passes(r#"{"sources":["tester"]}"#, r#"{"topic":"t"}"#));
}

#[test]
fn a_target_counts_only_for_those_who_ask_for_targets() {
    assert!(passes("{}", r#"{"topic":"t","target":"x"}"#));
    let targeted = r#"{"targets":["x","y"]}"#;
    assert!(passes(targeted, r#"{"topic":"t","target":"y"}"#));
    assert!(!passes(targeted, r#"{"topic":"t","target":"z"}"#));
    assert!(!passes(targeted, r#"{"topic":"t"}"#));
}

#[test]
fn all_filters_of_a_subscription_must_agree() {
    let all =
        r#"{"topics":["task.*"],"types":["task.created"],"priorities":[5],"sources":["a"],"targets":["b"]}"#;
    let fitting =
        [("type", r#""task.created""#), ("priority", "5"), ("source", r#""a""#), ("target", r#""b""#)];
    let other = [r#""task.failed""#, "4", r#""b""#, r#""a""#];
    let with = |changed: Option<usize>| {
        let fields = fitting.iter().enumerate().map(|(place, (name, value))| {
            format!(r#""{name}":{}"#, if changed == Some(place) { other[place] } else { value })
        });
        format!("{{{}}}", fields.collect::<Vec<_>>().join(","))
    };
    assert!(passes(all, &with(None)));
    (0..fitting.len()).for_each(|place| assert!(!passes(all, &with(Some(place))), "{}", fitting[place].0));
}

#[test]
fn one_pattern_that_filters_out_an_event_does_not_hide_another_subscription() {
    let mut world = World::new(Settings::default());
    let strict = world.subscriber(r#"{"topics":["t"],"priorities":[9]}"#);
    let open = world.subscriber(r#"{"topics":["t"]}"#);
    world.publish(numbered("low", 1));
    assert!(world.take(strict).is_empty());
    assert_eq!(world.take(open), ["low"]);
}

#[test]
fn a_publisher_that_subscribes_hears_itself() {
    let mut world = World::new(Settings::default());
    let client = world.subscriber("{}");
    world.publish(numbered("own", 5));
    assert_eq!(world.take(client), ["own"]);
}

#[test]
fn a_subscriber_gets_the_highest_first_and_within_a_level_the_oldest() {
    let mut world = World::new(Settings::default());
    let client = world.subscriber("{}");
    world.publish_all([3, 5, 10, 3, 5, 1, 10]);
    assert_eq!(world.take(client), ["2", "6", "1", "4", "0", "3", "5"]);
}

#[test]
fn the_queue_is_matched_highest_first() {
    let mut world = World::new(Settings::default());
    let client = world.subscriber("{}");
    for (number, priority) in [3, 10, 3].into_iter().enumerate() {
        assert_eq!(world.offer(numbered(number, priority), None), Published::Queued);
    }
    // A budget of one slice matches one event.
    assert!(world.router.dispatch(1, 0));
    assert_eq!(world.take(client), ["1"]);
    world.dispatch();
    assert_eq!(world.take(client), ["0", "2"]);
}

#[test]
fn a_turn_is_bounded_in_events_and_in_bytes() {
    let mut world = World::new(Settings::default());
    let client = world.subscriber("{}");
    world.publish_all([5; 10]);
    let size = numbered(0, 5).size();
    assert_eq!(world.turn(client, Budget::new(3, usize::MAX)).deliveries.len(), 3);
    // The one that crosses the bound is the last.
    assert_eq!(world.turn(client, Budget::new(10, size + 1)).deliveries.len(), 2);
    assert_eq!(world.take(client).len(), 5);
    assert!(world.take(client).is_empty());
    assert_eq!(world.router.stats().delivered, 10);
}

#[test]
fn an_event_that_nobody_wants_is_processed_and_gone() {
    let mut world = World::new(Settings::default());
    world.subscriber(r#"{"topics":["other"]}"#);
    world.publish(numbered(1, 5));
    assert_eq!(world.router.stats().processed, 1);
    assert_eq!(world.router.stats().matched, 0);
    assert_eq!(world.router.dead_letters().total(), 0);
}
