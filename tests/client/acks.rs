//! Acknowledged delivery, durable names, replay and dead letters, against a real router.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use gadugi_router::client::{
    Client, DeadLetter, Deliveries, Delivery, Error, Event, Nack, NewEvent, Notice, Subscription,
};
use gadugi_router::protocol::{Priority, PublishOptions, Receipt, Start};
use nix::sys::signal::Signal;
use tokio::time::{sleep, timeout};

use super::proxy::Proxy;
use super::router::Router;
use super::{client, soon, until};

const RULE: (&str, &str) = ("GADUGI_ROUTER_STORE__RULE", r#"[{ topics = ["s.**"] }]"#);
const MEMORY: (&str, &str) = ("GADUGI_ROUTER_STORE__KIND", "memory");

fn number(event: &Event) -> u64 {
    event.read().unwrap()
}

fn event(topic: &str, number: u64) -> NewEvent {
    NewEvent::new(topic).payload(&number).unwrap()
}

/// Publishes it, and waits until it has been matched.
async fn publish(client: &Client, event: NewEvent) {
    let options = PublishOptions { receipt: Receipt::Dispatched, ..PublishOptions::default() };
    soon(client.publish_with(event, options)).await.unwrap();
}

async fn next(deliveries: &mut Deliveries) -> Delivery {
    soon(deliveries.recv()).await.unwrap()
}

#[tokio::test]
async fn an_event_is_done_when_its_handler_returns_and_comes_again_when_it_fails() {
    let router = Router::running().await;
    let client = client(&router.url()).connect().await.unwrap();
    let deliveries = client.deliveries(Subscription::new(["t"])).await.unwrap();
    client.publish(event("t", 1)).await.unwrap();
    let seen = RefCell::new(Vec::new());
    let calls = Cell::new(0);
    let handling = deliveries.handle(async |came| {
        seen.borrow_mut().push((number(&came), came.delivery_attempts, came.delivery_error));
        calls.set(calls.get() + 1);
        match calls.get() {
            1 => Err(Nack::new("no disk").after(Duration::ZERO)),
            2 => Err(Nack::from("still none").after(Duration::ZERO)),
            3 => {
                client.publish(event("t", 2)).await.unwrap();
                Ok(())
            }
            4 => {
                // Nobody waits for this; the client is closed meanwhile.
                client.clone().close(Duration::from_secs(10)).await;
                Ok(())
            }
            _ => Ok(()),
        }
    });
    soon(handling).await;
    assert_eq!(
        seen.into_inner(),
        [
            (1, 1, None),
            (1, 2, Some("no disk".to_owned())),
            (1, 3, Some("still none".to_owned())),
            (2, 1, None)
        ]
    );
}

#[tokio::test]
async fn what_waits_waits_in_the_router_the_most_urgent_first() {
    let router = Router::running().await;
    let client = client(&router.url()).connect().await.unwrap();
    let mut deliveries = client.deliveries(Subscription::new(["t"])).await.unwrap();
    for (number, priority) in [(0, 5), (1, 1), (2, 5), (3, 9), (4, 10)] {
        publish(&client, event("t", number).priority(Priority::new(priority).unwrap())).await;
    }
    let mut order = Vec::new();
    while order.len() < 5 {
        let delivery = next(&mut deliveries).await;
        order.push(number(&delivery.event));
        assert!(delivery.is_current() && delivery.in_progress() && delivery.ack());
    }
    assert_eq!(order, [0, 4, 3, 2, 1]);
}

#[tokio::test]
async fn work_may_take_longer_than_the_time_out_unless_there_are_no_heartbeats() {
    let router = Router::running().await;
    let client = client(&router.url()).connect().await.unwrap();
    let short = |topic: &str| Subscription::new([topic]).ack_timeout(Duration::from_millis(200));
    let mut patient = client.deliveries(short("a")).await.unwrap();
    let mut silent = client.deliveries(short("b").no_heartbeat()).await.unwrap();
    publish(&client, event("a", 1)).await;
    publish(&client, event("b", 2)).await;
    let (one, other) = (next(&mut patient).await, next(&mut silent).await);
    assert_eq!((one.attempt(), other.attempt()), (1, 1));
    let again = next(&mut silent).await;
    assert_eq!((again.attempt(), number(&again.event)), (2, 2));
    assert!(again.ack() && one.ack());
    assert!(timeout(Duration::from_millis(300), patient.recv()).await.is_err());
}

#[tokio::test]
async fn who_goes_or_drops_a_delivery_gives_it_back() {
    let router = Router::running().await;
    let first = client(&router.url()).connect().await.unwrap();
    let other = client(&router.url()).connect().await.unwrap();
    let wanted = || Subscription::new(["t"]).group("g").max_in_flight(4);
    let mut held = first.deliveries(wanted()).await.unwrap();
    for number in 0..3 {
        publish(&other, event("t", number)).await;
    }
    let one = next(&mut held).await;
    assert!(one.ack());
    let two = next(&mut held).await;
    let mut others = other.deliveries(wanted()).await.unwrap();
    first.close(Duration::from_secs(10)).await;
    assert!(!two.is_current() && !two.nack("late"));
    let mut came = Vec::new();
    while came.len() < 2 {
        let delivery = next(&mut others).await;
        came.push((number(&delivery.event), delivery.attempt()));
        assert!(delivery.ack());
    }
    came.sort_unstable();
    assert_eq!(came, [(1, 2), (2, 2)]);
    publish(&other, event("t", 3)).await;
    drop(next(&mut others).await);
    let again = next(&mut others).await;
    assert_eq!(again.event.delivery_error.as_deref(), Some("its handler said nothing of it"));
    // The stream ends for the client that is closed, and what it had is not handed out any more.
    assert!(held.recv().await.is_none());
}

#[tokio::test]
async fn deliveries_of_a_lost_connection_come_again_on_the_next() {
    let router = Router::with(&[MEMORY, RULE]).await;
    let proxy = Proxy::before(&router).await;
    let worker = client(&proxy.url).connect().await.unwrap();
    let publisher = client(&router.url()).connect().await.unwrap();
    let wanted = Subscription::new(["s.*"]).durable("d").max_in_flight(3);
    let mut deliveries = worker.deliveries(wanted).await.unwrap();
    for number in 1..=3 {
        publish(&publisher, event("s.a", number)).await;
    }
    let first = next(&mut deliveries).await;
    assert_eq!(first.sequence, Some(1));
    proxy.cut();
    soon(async {
        while first.is_current() {
            sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    assert!(!first.ack());
    let mut came = Vec::new();
    while came.len() < 3 {
        let delivery = next(&mut deliveries).await;
        came.push((number(&delivery.event), delivery.attempt()));
        assert!(delivery.ack());
    }
    // Nothing that waited here was handed out twice.
    assert_eq!(came, [(1, 2), (2, 2), (3, 2)]);
}

#[tokio::test]
async fn a_durable_name_survives_client_and_router_until_it_is_forgotten() {
    let place = tempfile::tempdir().unwrap();
    let path: &'static str = place.path().join("events.db").to_string_lossy().into_owned().leak();
    let stored = [RULE, ("GADUGI_ROUTER_STORE__KIND", "sqlite"), ("GADUGI_ROUTER_STORE__PATH", path)];
    let mut router = Router::with(&stored).await;
    let publisher = client(&router.url()).connect().await.unwrap();
    let wanted = || Subscription::new(["s.*"]).durable("d");
    let worker = client(&router.url()).connect().await.unwrap();
    let mut deliveries = worker.deliveries(wanted()).await.unwrap();
    assert_eq!(publisher.publish(event("s.a", 1)).await.unwrap().sequence, Some(1));
    assert!(next(&mut deliveries).await.ack());
    worker.close(Duration::from_secs(10)).await;
    for number in 2..=3 {
        assert_eq!(publisher.publish(event("s.a", number)).await.unwrap().sequence, Some(number));
    }
    router.stop(Signal::SIGTERM).await;
    router.start().await;
    until(&publisher, gadugi_router::client::State::is_connected).await;
    let worker = client(&router.url()).connect().await.unwrap();
    let mut deliveries = worker.deliveries(wanted()).await.unwrap();
    let mut other = publisher.deliveries(wanted()).await.unwrap();
    let mut came = Vec::new();
    while came.len() < 2 {
        let delivery = soon(async {
            tokio::select! {
                delivery = deliveries.recv() => delivery,
                delivery = other.recv() => delivery,
            }
        });
        let delivery = delivery.await.unwrap();
        came.push(number(&delivery.event));
        assert!(delivery.ack());
    }
    came.sort_unstable();
    assert_eq!(came, [2, 3]);
    let error = other.forget().await.unwrap_err();
    assert!(matches!(&error, Error::Answered { text, .. } if text.contains("other clients")), "{error}");
    soon(async {
        while publisher.health().await.unwrap().active_subscriptions > 1 {
            sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    deliveries.forget().await.unwrap();
    // By that name there is a new one, which begins now.
    let mut anew = worker.deliveries(wanted()).await.unwrap();
    publisher.publish(event("s.a", 4)).await.unwrap();
    assert_eq!(number(&next(&mut anew).await.event), 4);
}

#[tokio::test]
async fn a_replay_goes_on_where_it_was_after_a_lost_connection() {
    let router = Router::with(&[MEMORY, RULE]).await;
    let proxy = Proxy::before(&router).await;
    let publisher = client(&router.url()).connect().await.unwrap();
    let reader = client(&proxy.url).connect().await.unwrap();
    for number in 1..=20 {
        let priority = Priority::new(number % 10 + 1).unwrap();
        publisher.publish(event("s.a", number).priority(priority)).await.unwrap();
    }
    let mut notices = reader.notices();
    let mut events = reader.subscribe(Subscription::new(["s.a"]).from(Start::Sequence(6))).await.unwrap();
    for expected in 6..=20 {
        assert_eq!(number(&soon(events.recv()).await.unwrap()), expected);
    }
    let notice = soon(notices.recv()).await.unwrap();
    let Notice::Replayed { subscription, sequence: 20, events: 15 } = notice else { panic!("{notice:?}") };
    assert_eq!(subscription, events.id());
    proxy.cut();
    publisher.publish(event("s.a", 21)).await.unwrap();
    assert_eq!(number(&soon(events.recv()).await.unwrap()), 21);
    let mut last = reader.subscribe(Subscription::new(["s.a"]).from(Start::Last(1))).await.unwrap();
    assert_eq!(number(&soon(last.recv()).await.unwrap()), 21);
}

#[tokio::test]
async fn dead_letters_are_told_with_their_history() {
    let router = Router::running().await;
    let client = client(&router.url()).connect().await.unwrap();
    let mut letters = client.subscribe(Subscription::dead_letters(["retries"])).await.unwrap();
    let mut deliveries = client.deliveries(Subscription::new(["t"]).max_retries(1)).await.unwrap();
    client.publish(event("t", 7)).await.unwrap();
    for _ in 0..2 {
        assert!(next(&mut deliveries).await.nack(Nack::new("never").after(Duration::ZERO)));
    }
    let notice = soon(letters.recv()).await.unwrap();
    let letter = DeadLetter::of(&notice).unwrap();
    assert_eq!((number(&letter.event), &*letter.reason), (7, "retries"));
    assert_eq!(letter.attempts.iter().map(|attempt| &*attempt.error).collect::<Vec<_>>(), ["never", "never"]);
}

#[tokio::test]
async fn backlogs_are_told() {
    let router = Router::running().await;
    let client = client(&router.url()).connect().await.unwrap();
    let mut notices = client.notices();
    let wanted = Subscription::new(["t"]).backlog_interval(Duration::from_secs(1));
    let deliveries = client.deliveries(wanted).await.unwrap();
    for priority in [Priority::NORMAL, Priority::HIGH] {
        publish(&client, NewEvent::new("t").priority(priority)).await;
    }
    let notice = soon(notices.recv()).await.unwrap();
    let Notice::Backlog { subscription, waiting: 1, more: false, highest, .. } = notice else {
        panic!("{notice:?}")
    };
    assert_eq!((subscription, highest), (deliveries.id(), Priority::HIGH));
}

#[tokio::test]
async fn what_does_not_go_together_is_said_at_once() {
    let router = Router::running().await;
    let client = client(&router.url()).connect().await.unwrap();
    let error = client.subscribe(Subscription::new(["t"]).durable("d")).await.unwrap_err();
    assert!(
        matches!(&error, Error::Invalid(why) if why.contains("`durable` needs acknowledgements")),
        "{error}"
    );
    for (wrong, why) in [
        (Subscription::new(["t"]).durable("d").group("g"), "exclude each other"),
        (Subscription::new(["t"]).max_in_flight(0), "from 1 to 100000, not 0"),
        (Subscription::new(["t"]).durable(""), "a durable subscription needs a name"),
    ] {
        let error = client.deliveries(wrong).await.unwrap_err();
        assert!(matches!(&error, Error::Invalid(text) if text.contains(why)), "{error}");
    }
    // This router has no store.
    let error = client.deliveries(Subscription::new(["t"]).durable("d")).await.unwrap_err();
    assert!(matches!(error, Error::Unsupported("durable")), "{error}");
}
