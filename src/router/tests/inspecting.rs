//! What an operator sees, and what becomes of dead letters.

use super::*;
use crate::protocol::Time;
use crate::router::{ClientName, Meant, Requeued};

fn named(world: &mut World, number: u128) -> ClientKey {
    let key = world.client();
    let name = ClientName { id: Uuid::from_u128(number << 96), remote: format!("127.0.0.1:{number}").into() };
    world.router.name(key, name, 5);
    key
}

#[test]
fn a_client_is_shown_with_what_waits_for_it_and_what_it_missed() {
    let mut world = World::new(small(3));
    let key = named(&mut world, 7);
    world.router.software(key, "tests/1");
    world.subscribe(key, r#"{"topics":["t"]}"#);
    world.publish_all([5, 9]);
    assert_eq!(world.take(key).len(), 2);
    world.turn(key, Budget::new(0, 0));
    world.publish_all([5, 5, 9, 5]);
    let page = world.router.client_page(0, 0);
    let [row] = &page.rows[..] else { panic!("one client") };
    assert_eq!((row.software.as_deref(), row.since, row.subscriptions), (Some("tests/1"), 5, 1));
    assert_eq!((row.outbox_events, row.delivered, row.shed), (3, 2, 1));
    assert_eq!((row.depth[4], row.depth[8]), (2, 1));
    assert_eq!(page.next.map(|next| world.router.client_page(next, 0).rows.len()).unwrap_or(0), 0);
}

#[test]
fn all_clients_are_on_some_page_and_none_on_two() {
    let mut world = World::new(Settings::default());
    let keys: Vec<_> = (0..700).map(|number| named(&mut world, number)).collect();
    for key in keys.iter().step_by(3) {
        world.router.disconnect(*key, 0);
    }
    let (mut seen, mut from) = (Vec::new(), Some(0));
    while let Some(place) = from {
        let page = world.router.client_page(place, 0);
        assert!(page.rows.len() <= 250);
        seen.extend(page.rows.into_iter().map(|row| row.name.unwrap().id));
        from = page.next;
    }
    assert_eq!(seen.len(), world.router.connected_clients());
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), world.router.connected_clients());
}

#[test]
fn a_subscription_is_shown_with_its_filters_and_how_much_it_matched() {
    let mut world = World::new(Settings::default());
    let key = named(&mut world, 7);
    let id = world.subscribe(key, r#"{"topics":["t","x.*"],"priorities":[5],"group":"g"}"#);
    world.publish_all([5, 4, 6]);
    let page = world.router.subscription_page(0);
    let [row] = &page.rows[..] else { panic!("one subscription") };
    assert_eq!((row.id, row.client, row.matched), (id, Some(Uuid::from_u128(7 << 96)), 2));
    assert_eq!((row.wanted.topics.len(), row.wanted.group.as_deref()), (2, Some("g")));
}

#[test]
fn long_subscriptions_are_spread_over_pages() {
    let mut world = World::new(Settings::default());
    let topics: Vec<_> = (0..1_000).map(|number| format!("\"t.{number}\"")).collect();
    let wanted = format!(r#"{{"topics":[{}]}}"#, topics.join(","));
    for _ in 0..5 {
        world.subscriber(&wanted);
    }
    let first = world.router.subscription_page(0);
    assert_eq!((first.rows.len(), first.next), (2, Some(2)));
}

#[test]
fn clients_are_found_by_the_beginning_of_their_id_or_their_address() {
    let mut world = World::new(Settings::default());
    let (one, _) = (named(&mut world, 0x17), named(&mut world, 0x18));
    let found =
        |text: &str| world.router.find_clients(text).into_iter().map(|found| found.0).collect::<Vec<_>>();
    assert_eq!(found("00000017"), [one]);
    assert_eq!(found("127.0.0.1:23"), [one]);
    assert_eq!((found("0000001").len(), found("2").len()), (2, 0));
}

#[test]
fn dead_letters_are_shown_newest_first_and_purged_without_being_forgotten_in_the_counts() {
    let mut world = World::new(small(1));
    world.subscriber(r#"{"topics":["t"]}"#);
    world.publish_all([5, 5, 5]);
    let ids = |world: &World| {
        let rows = world.router.dead_letter_page(0).rows;
        rows.iter().map(|letter| letter.event.id().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(ids(&world), ["2", "1"]);
    assert_eq!(world.router.dead_letters_of("2").len(), 1);
    assert_eq!(world.router.purge(|letter| letter.event.id() == "2").len(), 1);
    assert_eq!(ids(&world), ["1"]);
    assert_eq!(world.router.purge(|_| true).len(), 1);
    assert_eq!((ids(&world).len(), world.router.dead_letters().total()), (0, 2));
}

#[test]
fn a_dead_letter_is_routed_once_more_and_each_event_only_once() {
    let mut world = World::new(small(1));
    let keys = [world.subscriber(r#"{"topics":["t"]}"#), world.subscriber(r#"{"topics":["t"]}"#)];
    world.publish_all([5, 5]);
    for key in keys {
        assert_eq!((world.take(key), world.take(key)), (vec!["0".to_owned()], vec![]));
    }
    let done = world.router.requeue(|letter| letter.event.id() == "1", 0);
    assert_eq!(done, Requeued { events: 1, letters: 2, refused: 0 });
    world.dispatch();
    for key in keys {
        assert_eq!(world.take(key), ["1"]);
    }
    assert_eq!(world.router.dead_letters().iter().len(), 0);
    world.assert_balanced(&keys);
}

#[test]
fn dead_letters_are_found_by_the_beginning_of_a_uuid_if_it_is_clear_which_one() {
    let mut world = World::new(small(1));
    let ids = [
        "4b1d0000-0000-4000-8000-00000000000a",
        "4b1d0000-0000-4000-8000-00000000000b",
        "order-1",
        "order-10",
    ];
    // Two letters of each.
    for _ in 0..2 {
        world.subscriber(r#"{"topics":["t"]}"#);
    }
    world.publish_all([9]);
    ids.iter().for_each(|id| world.publish(numbered(id, 1)));
    world.dispatch();
    let event = |id: &str| Meant::Event(id.to_owned());
    for (wanted, meant) in [
        (ids[0], event(ids[0])),
        (&ids[1][..35], Meant::Several),
        ("4b1d", Meant::Several),
        ("4b1", Meant::Nothing),
        ("", Meant::Nothing),
        ("order", Meant::Nothing),
        ("order-1", event("order-1")),
    ] {
        assert_eq!(world.router.dead_event(wanted), meant, "{wanted}");
    }
    assert_eq!(world.router.purge(|letter| letter.event.id() == ids[0]).len(), 2);
    assert_eq!(world.router.dead_event("4b1d"), event(ids[1]));
    assert_eq!(world.router.purge(|letter| letter.event.id() == "order-1").len(), 2);
    assert_eq!(world.router.dead_event("order-1"), Meant::Nothing);
}

#[test]
fn dead_letters_that_are_refused_stay() {
    let mut world = World::new(small(1));
    world.subscriber(r#"{"topics":["t"]}"#);
    world.publish_all([5, 5, 5]);
    world.router.drain(Time::from_micros(0), 0);
    let done = world.router.requeue(|_| true, 0);
    assert_eq!(done, Requeued { events: 0, letters: 0, refused: 2 });
    assert_eq!(world.router.dead_letters().iter().len(), 2);
}
