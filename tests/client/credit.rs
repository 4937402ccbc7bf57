//! How far a client reads ahead: what waits passes what is less urgent, here and in the router.

use std::time::Duration;

use gadugi_router::client::{Client, Events, NewEvent, State, Subscription};
use gadugi_router::protocol::Priority;
use tokio::time::{sleep, timeout};

use super::proxy::Proxy;
use super::router::Router;
use super::{client, soon, topic, until};

/// What a slow handler takes for one event.
const SLOW: Duration = Duration::from_millis(10);
/// How many less urgent events may come before an urgent one.
const A_HANDFUL: usize = 5;

async fn publish_many(publisher: &Client, topic: &str, count: usize) {
    for _ in 0..count.div_ceil(1_000) {
        let events = (0..1_000).map(|_| NewEvent::new(topic).priority(Priority::LOWEST));
        assert!(publisher.publish_batch(events).await.iter().all(Result::is_ok));
    }
}

/// How many others a slow handler takes before the urgent one.
async fn before_the_urgent(events: &mut Events, publisher: &Client) -> usize {
    for _ in 0..20 {
        assert_eq!(topic(events).await, "dull");
        sleep(SLOW).await;
    }
    publisher.publish(NewEvent::new("urgent").priority(Priority::SYSTEM)).await.unwrap();
    let mut before = 0;
    while topic(events).await != "urgent" {
        before += 1;
        sleep(SLOW).await;
    }
    before
}

async fn waits_for_a_handful(change: impl FnOnce(Subscription) -> Subscription, prefetch: Option<usize>) {
    let settings = [
        ("GADUGI_ROUTER_LIMITS__OUTBOX_EVENTS", "100000"),
        ("GADUGI_ROUTER_LIMITS__OUTBOX_SIZE", "1000000000"),
    ];
    let router = Router::with(&settings).await;
    let mut builder = client(&router.url());
    if let Some(events) = prefetch {
        builder = builder.prefetch(events);
    }
    let slow = builder.connect().await.unwrap();
    let mut events = slow.subscribe(change(Subscription::new(["*"]))).await.unwrap();
    let publisher = client(&router.url()).connect().await.unwrap();
    publish_many(&publisher, "dull", 50_000).await;
    let before = before_the_urgent(&mut events, &publisher).await;
    assert!(before <= A_HANDFUL, "{before}");
}

#[tokio::test]
async fn an_urgent_event_is_next_while_50_000_others_wait_here() {
    waits_for_a_handful(|wanted| wanted, None).await;
}

#[tokio::test]
async fn an_urgent_event_is_next_while_50_000_others_wait_in_the_router() {
    waits_for_a_handful(|wanted| wanted.group("workers"), None).await;
    waits_for_a_handful(|wanted| wanted, Some(1)).await;
}

#[tokio::test]
async fn a_member_of_a_group_has_no_more_than_it_may_read_ahead() {
    let router = Router::running().await;
    let idle = client(&router.url()).connect().await.unwrap();
    let mut idle = idle.subscribe(Subscription::new(["job"]).group("workers")).await.unwrap();
    let busy = client(&router.url()).connect().await.unwrap();
    let mut busy = busy.subscribe(Subscription::new(["job"]).group("workers")).await.unwrap();
    let publisher = client(&router.url()).connect().await.unwrap();
    let mut taken = 0;
    for _ in 0..1_000 {
        publisher.publish(NewEvent::new("job")).await.unwrap();
        // Whoever does something gets more.
        while timeout(Duration::from_millis(1), busy.recv()).await.is_ok() {
            taken += 1;
        }
    }
    while timeout(Duration::from_millis(200), busy.recv()).await.is_ok() {
        taken += 1;
    }
    assert!(taken >= 1_000 - 64, "{taken}");
    for _ in taken..1_000 {
        soon(idle.recv()).await.unwrap();
    }
}

#[tokio::test]
async fn a_dead_connection_is_found_out_also_when_nobody_takes_anything() {
    let router = Router::running().await;
    let proxy = Proxy::before(&router).await;
    let heartbeat = (Duration::from_millis(100), Duration::from_millis(300));
    let slow = client(&proxy.url).prefetch(4).heartbeat(heartbeat.0, heartbeat.1).connect().await.unwrap();
    let _events = slow.subscribe(Subscription::new(["*"])).await.unwrap();
    let publisher = client(&router.url()).connect().await.unwrap();
    publish_many(&publisher, "dull", 1_000).await;
    sleep(Duration::from_millis(600)).await;
    assert!(slow.state().is_connected(), "{:?}", slow.state());
    proxy.stall();
    until(&slow, |state| matches!(state, State::Reconnecting { .. })).await;
}

#[tokio::test]
async fn everything_comes_through_a_small_window_of_events_or_bytes() {
    let router = Router::running().await;
    let publisher = client(&router.url()).connect().await.unwrap();
    for small in [
        client(&router.url()).max_local_events(3),
        client(&router.url()).max_local_bytes(1),
        client(&router.url()).prefetch(1),
    ] {
        let small = small.connect().await.unwrap();
        let mut notices = small.notices();
        let mut streams = [
            small.subscribe(Subscription::new(["a"])).await.unwrap(),
            small.subscribe(Subscription::new(["b"])).await.unwrap(),
        ];
        let events = (0..500)
            .flat_map(|_| ["a", "b"])
            .map(|name| NewEvent::new(name).payload(&"x".repeat(500)).unwrap());
        assert!(publisher.publish_batch(events).await.iter().all(Result::is_ok));
        let [a, b] = &mut streams;
        let take = async |events: &mut Events| {
            for _ in 0..500 {
                soon(events.recv()).await.unwrap();
            }
        };
        tokio::join!(take(a), take(b));
        assert!(notices.try_recv().is_err(), "nothing is shed");
    }
}
