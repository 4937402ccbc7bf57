//! Which connections are woken, and which are left alone.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Wake;

use super::*;

#[derive(Default)]
struct Bell(AtomicUsize);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl World {
    /// Takes all there is, as the connection that rings this bell.
    fn take_with(&mut self, key: ClientKey, bell: &Arc<Bell>) -> Turn {
        let mut turn = Turn::default();
        self.router.take(key, ALL, &mut turn, &Waker::from(Arc::clone(bell)), self.now);
        turn
    }

    /// How often the bell rings now.
    fn rings(&mut self, bell: &Arc<Bell>) -> usize {
        let mut wakers = Vec::new();
        self.router.take_wakers(&mut wakers);
        wakers.into_iter().for_each(Waker::wake);
        bell.0.swap(0, Ordering::Relaxed)
    }
}

/// A client that has taken all there was, and its bell.
fn idle(world: &mut World) -> (ClientKey, Arc<Bell>) {
    let bell = Arc::new(Bell::default());
    let key = world.hello_client();
    world.subscribe(key, "{}");
    world.take_with(key, &bell);
    (key, bell)
}

#[test]
fn an_idle_connection_is_woken_once_for_what_comes() {
    let mut world = World::new(Settings::default());
    let (key, bell) = idle(&mut world);
    world.publish_all([5, 5, 5]);
    assert_eq!(world.rings(&bell), 1);
    world.publish(numbered("more", 5));
    assert_eq!(world.rings(&bell), 0, "it has not come yet, and will find this one too");
    assert_eq!(world.take_with(key, &bell).deliveries.len(), 4);
    world.publish(numbered("next", 5));
    assert_eq!(world.rings(&bell), 1);
}

#[test]
fn a_connection_that_left_something_is_not_woken() {
    let mut world = World::new(Settings::default());
    let (key, bell) = idle(&mut world);
    world.publish_all([5, 5]);
    world.rings(&bell);
    world.turn(key, Budget::new(1, usize::MAX));
    world.publish(numbered("more", 5));
    assert_eq!(world.rings(&bell), 0);
}

#[test]
fn a_connection_whose_client_wants_no_events_is_woken_for_notices_alone() {
    let mut world = World::new(Settings::default());
    let (key, bell) = idle(&mut world);
    world.publish_all([5, 5]);
    world.rings(&bell);
    let mut turn = Turn::default();
    let none = Budget { held: 3, ..Budget::new(0, usize::MAX) };
    world.router.take(key, none, &mut turn, &Waker::from(Arc::clone(&bell)), world.now);
    let row = world.router.client_row(key, world.now);
    assert_eq!(row.map(|row| (row.awaits_credit, row.held)), Some((true, 3)));
    world.publish(numbered("more", 9));
    assert_eq!(world.rings(&bell), 0);
    world.router.publish(numbered("own", 5), None, Some(Receipt { client: key, token: 1 }), world.now);
    world.dispatch();
    assert_eq!(world.rings(&bell), 1, "its receipt");
    assert_eq!(world.take_with(key, &bell).deliveries[0].event.priority().get(), 9);
}

#[test]
fn the_waker_last_given_is_the_one_that_is_woken() {
    let mut world = World::new(Settings::default());
    let (key, old) = idle(&mut world);
    let new = Arc::new(Bell::default());
    world.take_with(key, &new);
    world.publish(numbered(1, 5));
    assert_eq!((world.rings(&new), world.rings(&old)), (1, 0));
}

#[test]
fn a_receipt_wakes_an_idle_publisher() {
    let mut world = World::new(Settings::default());
    let (key, bell) = idle(&mut world);
    let other = world.subscriber(r#"{"topics":["other"]}"#);
    world.router.publish(event(r#"{"topic":"other"}"#), None, Some(Receipt { client: key, token: 1 }), 0);
    world.router.unsubscribe(key, Uuid::from_u128(1), 0).unwrap();
    world.dispatch();
    assert_eq!(world.rings(&bell), 1);
    assert_eq!(world.take(other).len(), 1);
}

#[test]
fn a_close_wakes_a_connection_whatever_it_does() {
    let mut world = World::new(Settings::default());
    let (key, bell) = idle(&mut world);
    world.publish_all([5, 5]);
    world.rings(&bell);
    world.router.close(key, Close::GoingAway);
    assert_eq!(world.rings(&bell), 1);
    world.router.close(key, Close::GoingAway);
    assert_eq!(world.rings(&bell), 1);
}

#[test]
fn whoever_is_told_of_gaps_hears_of_what_expired_even_if_nothing_else_comes() {
    let mut world = World::new(Settings::default());
    let (key, bell) = idle(&mut world);
    world.offer(numbered("short", 5), Some(10));
    world.dispatch();
    assert_eq!(world.rings(&bell), 1);
    world.router.expire(10);
    assert_eq!(world.rings(&bell), 1);
    let turn = world.take_with(key, &bell);
    assert!(turn.deliveries.is_empty());
    assert_eq!(turn.notices.len(), 1);
}

#[test]
fn an_event_too_large_for_its_outbox_is_told_at_once() {
    let mut world = World::new(Settings { outbox_size: 2_000, ..Settings::default() });
    let (key, bell) = idle(&mut world);
    world.publish(padded("large", 5, 3_000));
    assert_eq!(world.rings(&bell), 1);
    assert_eq!(world.take_with(key, &bell).notices.len(), 1);
}

#[test]
fn a_connection_that_could_not_write_is_not_woken_by_more() {
    let mut world = World::new(Settings::default());
    let (key, bell) = idle(&mut world);
    world.publish(numbered(1, 5));
    world.rings(&bell);
    let mut turn = world.take_with(key, &bell);
    world.router.put_back(key, &mut turn, 0, 0);
    // Its socket is full, and will wake it when it is not.
    world.publish(numbered(2, 5));
    assert_eq!(world.rings(&bell), 0);
    assert_eq!(world.take_with(key, &bell).deliveries.len(), 2);
    world.publish(numbered(3, 5));
    assert_eq!(world.rings(&bell), 1);
}

#[test]
fn a_client_is_idle_when_nothing_waits_for_it_not_even_a_gap() {
    let size = numbered(0, 5).size();
    let mut world = World::new(Settings { outbox_size: size, ..Settings::default() });
    let client = world.hello_client();
    world.subscribe(client, "{}");
    assert!(!world.router.is_idle(client), "it has not asked yet: nobody could wake it");
    world.turn(client, ALL);
    assert!(world.router.is_idle(client));
    for event in [numbered(1, 5), padded("too large", 5, 2 * size)] {
        world.publish(event);
        assert!(!world.router.is_idle(client));
        world.turn(client, ALL);
        assert!(world.router.is_idle(client));
    }
    let gone = ClientKey { generation: client.generation + 1, ..client };
    assert!(!world.router.is_idle(gone));
}
