//! What becomes of events that are published, with a router and without.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::join_all;
use gadugi_router::client::{Error, NewEvent, Notice, Overflow, State, Subscription};
use gadugi_router::protocol::{Priority, PublishOptions, Receipt};
use serde_json::json;
use tokio::time::timeout;

use super::router::Router;
use super::{client, soon, topic, until};

#[tokio::test]
async fn of_more_than_can_wait_the_oldest_of_the_lowest_priority_go_and_each_is_told() {
    let mut router = Router::new(&[]);
    let client = client(&router.url()).buffer(1_000, 64 << 20).start().unwrap();
    let mut events = client.subscribe(Subscription::new(["n.*"])).await.unwrap();
    // Every twentieth is urgent: 500 of 10,000.
    let event = |number: usize| {
        let priority = if number.is_multiple_of(20) { Priority::HIGH } else { Priority::LOW };
        NewEvent::new(format!("n.{number}")).priority(priority)
    };
    let pending: Vec<_> = (0..10_000).map(|number| client.enqueue(event(number)).unwrap()).collect();
    router.start().await;
    let mut published = BTreeSet::new();
    for (number, answer) in pending.into_iter().enumerate() {
        match soon(answer).await {
            Ok(_) => drop(published.insert(number)),
            Err(Error::BufferFull { .. }) => {}
            Err(other) => panic!("{number}: {other}"),
        }
    }
    let (urgent, others): (Vec<usize>, Vec<usize>) =
        published.iter().partition(|number| number.is_multiple_of(20));
    assert_eq!((urgent.len(), others.len()), (500, 500));
    // The others are the newest.
    assert_eq!(
        *others.first().unwrap(),
        (0..10_000_usize).filter(|number| !number.is_multiple_of(20)).nth(9_000).unwrap()
    );
    let mut came = BTreeSet::new();
    for _ in 0..1_000 {
        came.insert(topic(&mut events).await.strip_prefix("n.").unwrap().parse().unwrap());
    }
    assert_eq!(came, published);
}

#[tokio::test]
async fn who_wants_to_wait_for_room_waits_and_loses_nothing() {
    let mut router = Router::new(&[]);
    let client = client(&router.url()).buffer(10, 64 << 20).overflow(Overflow::Wait).start().unwrap();
    let mut events = client.subscribe(Subscription::new(["n.*"])).await.unwrap();
    let mut all =
        Box::pin(join_all((0..100).map(|number| client.publish(NewEvent::new(format!("n.{number}"))))));
    assert!(timeout(Duration::from_millis(50), &mut all).await.is_err());
    let error = client.enqueue(NewEvent::new("n.now")).unwrap_err();
    assert!(matches!(error, Error::BufferFull { .. }), "{error}");
    router.start().await;
    assert!(soon(all).await.iter().all(Result::is_ok));
    for number in 0..100 {
        assert_eq!(topic(&mut events).await, format!("n.{number}"));
    }
}

#[tokio::test]
async fn who_stops_waiting_does_not_want_it_published_and_leaves_room_for_others() {
    let mut router = Router::new(&[]);
    let client = client(&router.url()).buffer(1, 64 << 20).overflow(Overflow::Wait).start().unwrap();
    let mut events = client.subscribe(Subscription::new(["*"])).await.unwrap();
    for _ in 0..3 {
        assert!(
            timeout(Duration::from_millis(20), client.publish(NewEvent::new("cancelled"))).await.is_err()
        );
    }
    let wanted = client.enqueue(NewEvent::new("wanted")).unwrap();
    router.start().await;
    soon(wanted).await.unwrap();
    assert_eq!(topic(&mut events).await, "wanted");
}

#[tokio::test]
async fn what_nobody_waits_for_and_is_not_published_is_noticed() {
    let router = Router::new(&[]);
    let client = client(&router.url()).buffer(1, 64 << 20).start().unwrap();
    let mut notices = client.notices();
    let first = client.enqueue(NewEvent::new("first")).unwrap().event_id().to_owned();
    drop(client.enqueue(NewEvent::new("second").priority(Priority::HIGH)).unwrap());
    let Notice::NotPublished { event_id, because } = soon(notices.recv()).await.unwrap() else {
        panic!("another")
    };
    assert_eq!(*event_id, *first);
    assert!(matches!(*because, Error::BufferFull { .. }));
}

#[tokio::test]
async fn an_event_whose_time_is_over_is_not_sent() {
    let mut router = Router::new(&[]);
    let client = client(&router.url()).start().unwrap();
    let options = PublishOptions { ttl_ms: Some(1), ..PublishOptions::default() };
    let expired = client.publish_with(NewEvent::new("t"), options);
    let (expired, ()) = tokio::join!(expired, async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        router.start().await;
    });
    assert!(matches!(expired.unwrap_err(), Error::Expired { .. }));
}

#[tokio::test]
async fn the_answer_says_who_has_it_and_what_is_no_event_is_refused() {
    let router = Router::running().await;
    let client = client(&router.url()).source("me").connect().await.unwrap();
    let mut events = client.subscribe(Subscription::new(["a"])).await.unwrap();
    let options = PublishOptions { receipt: Receipt::Dispatched, ..PublishOptions::default() };
    let event = NewEvent::new("a").payload(&json!({"n": 1.50})).unwrap().metadata("user_id", "u");
    assert_eq!(client.publish_with(event, options).await.unwrap().matched, Some(1));
    let event = soon(events.recv()).await.unwrap();
    assert_eq!((event.source.as_str(), event.metadata.user_id.as_deref()), ("me", Some("u")));
    assert_eq!(event.read::<serde_json::Value>().unwrap(), json!({"n": 1.5}));
    assert!(matches!(event.read::<String>().unwrap_err(), Error::Json(_)));
    assert_eq!(client.publish_with(NewEvent::new("b"), options).await.unwrap().matched, Some(0));

    let wrong = client.publish(NewEvent::new("")).await.unwrap_err();
    assert!(matches!(&wrong, Error::Answered { code: Some(code), .. } if code == "invalid_event"), "{wrong}");
    let results = client.publish_batch(["a", "", "a"].map(NewEvent::new)).await;
    assert!(results[0].is_ok() && results[2].is_ok());
    assert!(matches!(&results[1], Err(Error::Answered { code: Some(code), .. }) if code == "invalid_event"));
    assert_eq!((topic(&mut events).await, topic(&mut events).await), ("a".into(), "a".into()));
}

#[tokio::test]
async fn an_event_that_is_too_large_is_refused_and_the_others_come_through() {
    let router = Router::with(&[("GADUGI_ROUTER_LIMITS__MAX_MESSAGE_SIZE", "100000")]).await;
    let client = client(&router.url()).connect().await.unwrap();
    let large = NewEvent::new("large").payload(&"x".repeat(200_000)).unwrap();
    let [before, large, after] =
        [NewEvent::new("before"), large, NewEvent::new("after")].map(|event| client.enqueue(event).unwrap());
    soon(before).await.unwrap();
    let error = soon(large).await.unwrap_err();
    assert!(matches!(&error, Error::Answered { code: Some(code), .. } if code == "too_large"), "{error}");
    soon(after).await.unwrap();
}

#[tokio::test]
async fn closing_publishes_what_waits_and_what_comes_later_is_told() {
    let router = Router::running().await;
    let watcher = client(&router.url()).connect().await.unwrap();
    let mut events = watcher.subscribe(Subscription::new(["*"])).await.unwrap();
    let client = client(&router.url()).connect().await.unwrap();
    let late = client.clone();
    for number in 0..500 {
        drop(client.enqueue(NewEvent::new(format!("n{number}"))).unwrap());
    }
    client.close(super::PATIENCE).await;
    until(&late, State::is_closed).await;
    assert!(matches!(late.publish(NewEvent::new("late")).await.unwrap_err(), Error::Ended));
    assert!(matches!(late.health().await.unwrap_err(), Error::Ended));
    for number in 0..500 {
        assert_eq!(topic(&mut events).await, format!("n{number}"));
    }
}
