//! Clients and subscriptions come and go.

use super::*;

#[test]
fn the_client_above_the_bound_is_refused_until_another_leaves() {
    let mut world = World::new(Settings { max_clients: 2, ..Settings::default() });
    let first = world.client();
    world.client();
    assert_eq!(world.router.connect(), Err(Refusal::MaxClients(2)));
    world.router.disconnect(first, 0);
    assert!(world.router.connect().is_ok());
    assert_eq!(world.router.connected_clients(), 2);
}

#[test]
fn the_subscription_above_the_bound_is_refused_until_another_ends() {
    let mut world = World::new(Settings { max_subscriptions: 1, ..Settings::default() });
    let client = world.client();
    let id = world.subscribe(client, "{}");
    assert_eq!(world.try_subscribe(client, "{}"), Err(Refusal::MaxSubscriptions(1)));
    world.router.unsubscribe(client, id, 0).unwrap();
    assert!(world.try_subscribe(client, "{}").is_ok());
    let other = world.client();
    assert!(world.try_subscribe(other, "{}").is_ok());
}

#[test]
fn only_the_owner_can_end_a_subscription() {
    let mut world = World::new(Settings::default());
    let (owner, other) = (world.client(), world.client());
    let id = world.subscribe(owner, "{}");
    assert_eq!(world.router.unsubscribe(other, id, 0), Err(Refusal::NotOwner));
    assert_eq!(world.router.unsubscribe(other, Uuid::from_u128(99), 0), Err(Refusal::NotFound));
    assert_eq!(world.router.unsubscribe(owner, id, 0), Ok(()));
    assert_eq!(world.router.unsubscribe(owner, id, 0), Err(Refusal::NotFound));
}

#[test]
fn an_ended_subscription_gets_nothing_more_and_what_waited_is_a_dead_letter() {
    let mut world = World::new(Settings::default());
    let client = world.client();
    let ended = world.subscribe(client, r#"{"topics":["t"]}"#);
    let kept = world.subscribe(client, "{}");
    world.publish(numbered(1, 5));
    world.router.unsubscribe(client, ended, 0).unwrap();
    world.publish(numbered(2, 5));
    let got: Vec<_> =
        world.turn(client, ALL).deliveries.iter().map(|delivery| delivery.subscription).collect();
    assert_eq!(got, [kept, kept]);
    let letter = world.router.dead_letters().iter().next().unwrap();
    assert_eq!((letter.reason, letter.subscription), (Reason::Unsubscribed, Some(ended)));
    world.turn(client, ALL);
    world.assert_balanced(&[client]);
}

#[test]
fn a_place_that_is_used_again_does_not_belong_to_its_former_client() {
    let mut world = World::new(Settings::default());
    let gone = world.subscriber("{}");
    world.router.disconnect(gone, 0);
    let heir = world.subscriber("{}");
    assert_eq!(gone.index, heir.index);
    world.publish(numbered("for the heir", 5));
    let turn = world.turn(gone, ALL);
    assert!(turn.deliveries.is_empty());
    assert_eq!(turn.close, Some(Close::GoingAway));
    assert_eq!(world.router.view(gone), None);
    assert_eq!(world.try_subscribe(gone, "{}"), Err(Refusal::NotFound));
    world.router.close(gone, Close::GoingAway);
    world.router.disconnect(gone, 0);
    assert_eq!(world.router.close_wanted(heir), None);
    assert_eq!(world.take(heir), ["for the heir"]);
}

#[test]
fn what_waited_for_a_client_that_went_away_is_a_dead_letter() {
    let mut world = World::new(Settings::default());
    let client = world.subscriber("{}");
    world.publish_all([5, 9, 1]);
    world.router.disconnect(client, 0);
    assert_eq!(lost(&world, Reason::Disconnected), 3);
    let mut ids = world.router.dead_letters().iter().map(|letter| letter.event.id());
    assert_eq!([ids.next(), ids.next(), ids.next()], [Some("1"), Some("0"), Some("2")]);
    world.assert_balanced(&[client]);
}

#[test]
fn subscriptions_are_numbered_from_one_and_never_twice() {
    let mut world = World::new(Settings::default());
    let client = world.client();
    let mut number = |id| world.router.subscribe(client, Uuid::from_u128(id), wanted("{}")).unwrap().number;
    assert_eq!([number(1), number(2)], [1, 2]);
    world.router.unsubscribe(client, Uuid::from_u128(2), 0).unwrap();
    let next = world.router.subscribe(client, Uuid::from_u128(3), wanted("{}")).unwrap();
    assert_eq!(next.number, 3);
    world.publish(numbered(1, 5));
    let mut numbers: Vec<_> =
        world.turn(client, ALL).deliveries.iter().map(|delivery| delivery.number).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, [1, 3]);
}

#[test]
fn nothing_is_left_of_clients_that_went_away() {
    let mut world = World::new(Settings::default());
    for _ in 0..10 {
        let client = world.hello_client();
        for pattern in ["a.b", "a.*", "a.**", "*"] {
            world.subscribe(client, &format!(r#"{{"topics":["{pattern}","x"],"group":"g"}}"#));
        }
        world.subscribe(client, r#"{"topics":[]}"#);
        world.publish(event(r#"{"topic":"a.b"}"#));
        world.router.disconnect(client, 0);
    }
    let router = &world.router;
    assert!(router.index.is_empty() && router.by_id.is_empty() && router.subscriptions.is_empty());
    assert_eq!((router.clients.len(), router.groups.len()), (0, 0));
    world.assert_balanced(&[]);
}

#[test]
fn what_was_written_to_a_client_that_went_away_counts_as_delivered() {
    let mut world = World::new(Settings::default());
    let client = world.subscriber("{}");
    world.publish_all([5, 5, 5]);
    let mut turn = world.turn(client, ALL);
    // The last one was cut off.
    world.router.put_back(client, &mut turn, 2, 0);
    world.router.disconnect(client, 0);
    assert_eq!(world.router.stats().delivered, 2);
    assert_eq!(lost(&world, Reason::Disconnected), 1);
    world.assert_balanced(&[client]);
}
