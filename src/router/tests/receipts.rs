//! Publishers that want to know how their events were matched.

use super::*;

fn publish(
    world: &mut World,
    client: ClientKey,
    token: u64,
    event: Arc<Event>,
    ttl: Option<Millis>,
) -> Published {
    world.router.publish(event, ttl, Some(Receipt { client, token }), world.now)
}

#[test]
fn a_receipt_tells_who_took_the_event_and_who_could_not() {
    let size = numbered(0, 5).size();
    let mut world = World::new(Settings { outbox_events: 1, outbox_size: 2 * size, ..Settings::default() });
    let publisher = world.client();
    let (free, full) = (world.subscriber("{}"), world.subscriber("{}"));
    world.publish(numbered("first", 5));
    assert_eq!(world.take(free), ["first"]);
    assert!(world.take(free).is_empty());
    publish(&mut world, publisher, 7, numbered("second", 5), None);
    publish(&mut world, publisher, 8, padded("large", 5, 2 * size), None);
    world.dispatch();
    let refused = |outbox_full, oversized| Refusals { outbox_full, oversized, slow_consumer: 0 };
    assert_eq!(
        world.turn(publisher, ALL).notices,
        [
            Notice::Dispatched { token: 7, matched: 1, refused: refused(1, 0), sequence: 0 },
            Notice::Dispatched { token: 8, matched: 0, refused: refused(0, 2), sequence: 0 },
        ]
    );
    assert_eq!(world.take(full), ["first"]);
}

#[test]
fn zero_matched_is_an_answer() {
    let mut world = World::new(Settings::default());
    let publisher = world.client();
    publish(&mut world, publisher, 1, numbered(1, 5), None);
    world.dispatch();
    let expected = Notice::Dispatched { token: 1, matched: 0, refused: Refusals::default(), sequence: 0 };
    assert_eq!(world.turn(publisher, ALL).notices, [expected]);
}

#[test]
fn an_event_lost_in_the_queue_is_reported_with_its_reason() {
    let mut world = World::new(Settings { max_queue_size: 1, ..Settings::default() });
    let publisher = world.client();
    publish(&mut world, publisher, 1, numbered("evicted", 1), None);
    publish(&mut world, publisher, 2, numbered("late", 5), Some(10));
    world.now = 10;
    world.dispatch();
    publish(&mut world, publisher, 3, numbered("expired", 5), Some(10));
    world.now = 30;
    world.router.expire(30);
    let lost = |token, reason| Notice::Lost { token, reason, sequence: 0 };
    assert_eq!(
        world.turn(publisher, ALL).notices,
        [lost(1, Reason::Evicted), lost(2, Reason::Expired), lost(3, Reason::Expired)]
    );
}

#[test]
fn a_refused_event_has_no_receipt_for_it_was_answered_at_once() {
    let mut world = World::new(Settings { max_queue_size: 1, ..Settings::default() });
    let publisher = world.client();
    publish(&mut world, publisher, 1, numbered(1, 5), None);
    assert_eq!(publish(&mut world, publisher, 2, numbered(2, 5), None), Published::QueueFull);
    world.dispatch();
    assert_eq!(world.turn(publisher, ALL).notices.len(), 1);
}

#[test]
fn a_receipt_for_a_publisher_that_left_goes_nowhere() {
    let mut world = World::new(Settings::default());
    let publisher = world.client();
    publish(&mut world, publisher, 1, numbered(1, 5), None);
    world.router.disconnect(publisher, 0);
    let heir = world.client();
    world.dispatch();
    assert!(world.turn(heir, ALL).notices.is_empty());
}

#[test]
fn a_subscriber_expelled_by_the_event_is_counted_as_slow() {
    let mut world = World::new(Settings { slow_consumer: SlowConsumer::Disconnect, ..small(1) });
    let publisher = world.client();
    world.subscriber("{}");
    world.publish(numbered(1, 5));
    publish(&mut world, publisher, 1, numbered(2, 5), None);
    world.dispatch();
    let refused = Refusals { slow_consumer: 1, ..Refusals::default() };
    assert_eq!(
        world.turn(publisher, ALL).notices,
        [Notice::Dispatched { token: 1, matched: 0, refused, sequence: 0 }]
    );
}

#[test]
fn receipts_can_be_had_while_events_are_still_being_written() {
    let mut world = World::new(Settings::default());
    let client = world.subscriber("{}");
    world.publish(numbered("large", 5));
    let mut turn = world.turn(client, ALL);
    publish(&mut world, client, 1, numbered("next", 5), None);
    world.dispatch();
    turn.deliveries.clear();
    world.router.take_notices(client, &mut turn);
    assert_eq!(turn.notices.len(), 1);
    assert!(turn.deliveries.is_empty());
    // That said nothing about what is being written.
    assert_eq!(world.router.stats().delivered, 0);
    assert_eq!(world.router.view(client).unwrap().outbox_events, 2);
    assert!(world.turn(client, ALL).notices.is_empty());
    assert_eq!(world.router.stats().delivered, 1);
}

#[test]
fn a_client_that_is_gone_is_told_only_that() {
    let mut world = World::new(Settings::default());
    let client = world.client();
    world.router.disconnect(client, 0);
    let mut turn = Turn::default();
    world.router.take_notices(client, &mut turn);
    assert_eq!((turn.notices.len(), turn.close), (0, Some(Close::GoingAway)));
}

#[test]
fn a_mandatory_event_that_nobody_wants_is_a_dead_letter() {
    let mut world = World::new(Settings { outbox_events: 1, ..Settings::default() });
    let publish = |world: &mut World, name, mandatory| {
        world.router.publish_as(numbered(name, 5), None, None, mandatory, world.now);
        world.dispatch();
    };
    publish(&mut world, "nobody", true);
    publish(&mut world, "whatever", false);
    let slow = world.subscriber("{}");
    publish(&mut world, "taken", true);
    // There is a subscriber, though it cannot take it.
    publish(&mut world, "refused", true);
    let letters: Vec<_> =
        world.router.dead_letters().iter().map(|letter| (letter.reason, letter.event.id())).collect();
    assert_eq!(letters[0], (Reason::NoSubscriber, "nobody"));
    assert!(letters[1..].iter().all(|(reason, _)| *reason == Reason::Evicted), "{letters:?}");
    assert_eq!(world.take(slow), ["taken"]);
}
