//! Streams of events: what they hold, and when they end.

use std::time::Duration;

use futures_util::{StreamExt, stream};
use gadugi_router::client::{Client, Error, NewEvent, Notice, State, Subscription};
use gadugi_router::protocol::Priority;
use tokio::runtime::Handle;
use tokio::time::{sleep, timeout};

use super::router::Router;
use super::{client, soon, topic};

/// Waits until the router has so many clients and subscriptions.
async fn has(watcher: &Client, clients: u64, subscriptions: u64) {
    soon(async {
        loop {
            let health = watcher.health().await.unwrap();
            if (health.connected_clients, health.active_subscriptions) == (clients, subscriptions) {
                return;
            }
            sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_stream_that_is_dropped_unsubscribes_and_with_the_last_handle_the_task_ends() {
    let router = Router::running().await;
    let watcher = client(&router.url()).connect().await.unwrap();
    let tasks = Handle::current().metrics().num_alive_tasks();
    let client = client(&router.url()).connect().await.unwrap();
    let one = client.subscribe(Subscription::new(["a"])).await.unwrap();
    let other = client.clone().subscribe(Subscription::new(["b"])).await.unwrap();
    has(&watcher, 2, 2).await;
    drop(one);
    has(&watcher, 2, 1).await;
    let pending = client.enqueue(NewEvent::new("t")).unwrap();
    drop(client);
    has(&watcher, 2, 1).await;
    soon(pending).await.unwrap();
    // The stream is a handle as well, and the last one.
    drop(other);
    has(&watcher, 1, 0).await;
    assert_eq!(Handle::current().metrics().num_alive_tasks(), tasks);
}

#[tokio::test]
async fn a_client_that_is_dropped_while_it_tries_to_connect_leaves_no_task() {
    let router = Router::new(&[]);
    let client = client(&router.url()).start().unwrap();
    let pending = client.enqueue(NewEvent::new("t")).unwrap();
    drop(client);
    assert!(matches!(soon(pending).await.unwrap_err(), Error::Ended));
    soon(async {
        while Handle::current().metrics().num_alive_tasks() > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn the_members_of_a_group_share_what_comes() {
    let router = Router::running().await;
    let mut workers = Vec::new();
    for _ in 0..3 {
        let worker = client(&router.url()).connect().await.unwrap();
        workers.push(worker.subscribe(Subscription::new(["job.*"]).group("workers")).await.unwrap());
    }
    let publisher = client(&router.url()).connect().await.unwrap();
    let results = publisher.publish_batch((0..30).map(|number| NewEvent::new(format!("job.{number}")))).await;
    assert!(results.iter().all(Result::is_ok));
    let mut all = stream::select_all(workers);
    let mut came = Vec::new();
    for _ in 0..30 {
        came.push(
            soon(all.next()).await.unwrap().topic.strip_prefix("job.").unwrap().parse::<u32>().unwrap(),
        );
    }
    came.sort_unstable();
    assert_eq!(came, (0..30).collect::<Vec<_>>());
}

#[tokio::test]
async fn what_is_urgent_passes_what_waits() {
    let router = Router::running().await;
    let client = client(&router.url()).prefetch(10).connect().await.unwrap();
    let mut events = client.subscribe(Subscription::new(["*"])).await.unwrap();
    for _ in 0..100 {
        client.publish(NewEvent::new("dull").priority(Priority::LOWEST)).await.unwrap();
    }
    client.publish(NewEvent::new("urgent").priority(Priority::SYSTEM)).await.unwrap();
    // An answer that is asked for after it was sent is behind it, so that it is here.
    client.health().await.unwrap();
    let mut taken = 0;
    while topic(&mut events).await != "urgent" {
        taken += 1;
    }
    assert!(taken < 100, "{taken}");
}

#[tokio::test]
async fn what_nobody_takes_is_left_in_the_router_and_a_silent_reader_is_not_given_up() {
    let settings =
        [("GADUGI_ROUTER_LIMITS__PING_INTERVAL", "200ms"), ("GADUGI_ROUTER_LIMITS__PING_TIMEOUT", "300ms")];
    let router = Router::with(&settings).await;
    let heartbeat = (Duration::from_millis(100), Duration::from_millis(1_000));
    let slow = client(&router.url()).prefetch(2).heartbeat(heartbeat.0, heartbeat.1).connect().await.unwrap();
    let mut events = slow.subscribe(Subscription::new(["*"])).await.unwrap();
    let publisher = client(&router.url()).connect().await.unwrap();
    for number in 0..50 {
        publisher.publish(NewEvent::new(format!("n{number}"))).await.unwrap();
    }
    // Longer than the router and the client wait for each other.
    sleep(Duration::from_millis(2_000)).await;
    assert!(slow.state().is_connected(), "{:?}", slow.state());
    for number in 0..50 {
        assert_eq!(topic(&mut events).await, format!("n{number}"));
    }
}

#[tokio::test]
async fn beyond_its_own_bound_the_least_urgent_are_shed_and_told() {
    let router = Router::running().await;
    let client = client(&router.url()).prefetch(1).max_local_events(10).connect().await.unwrap();
    let (mut notices, mut shed) = (client.notices(), 0);
    let mut events = client.subscribe(Subscription::new(["*"])).await.unwrap();
    let publisher = self::client(&router.url()).connect().await.unwrap();
    // A reply could be behind what waits in the router, so it is read.
    let mut request = Box::pin(client.request(NewEvent::new("silent"), super::PATIENCE));
    assert!(timeout(Duration::from_millis(100), &mut request).await.is_err());
    let results = publisher.publish_batch((1..200).map(|number| NewEvent::new(format!("n{number}")))).await;
    assert!(results.iter().all(Result::is_ok));
    assert!(timeout(Duration::from_millis(200), &mut request).await.is_err());
    drop(request);
    let mut came = 0;
    soon(async {
        while came + shed < 200 {
            tokio::select! {
                event = events.recv() => came += u64::from(event.is_some()),
                notice = notices.recv() => {
                    let Notice::Gap { gap, local: true } = notice.unwrap() else { panic!("another") };
                    assert_eq!(gap.subscription_id, events.id());
                    shed += gap.total();
                }
            }
        }
    })
    .await;
    assert!(shed > 0 && came >= 10, "{shed} {came}");
}

#[tokio::test]
async fn gaps_are_told_by_the_name_that_the_stream_has() {
    let router = Router::with(&[("GADUGI_ROUTER_LIMITS__OUTBOX_EVENTS", "10")]).await;
    let slow = client(&router.url()).prefetch(1).connect().await.unwrap();
    let mut notices = slow.notices();
    let mut events = slow.subscribe(Subscription::new(["*"])).await.unwrap();
    let publisher = client(&router.url()).connect().await.unwrap();
    let event = || NewEvent::new("t").payload(&"x".repeat(50_000)).unwrap();
    let results = publisher.publish_batch((0..400).map(|_| event())).await;
    assert!(results.iter().all(Result::is_ok));
    let (mut came, mut shed) = (0, 0);
    soon(async {
        while came + shed < 400 {
            tokio::select! {
                event = events.recv() => came += u64::from(event.is_some()),
                notice = notices.recv() => match notice.unwrap() {
                    Notice::Gap { gap, local: false } => {
                        assert_eq!(gap.subscription_id, events.id());
                        shed += gap.total();
                    }
                    other => panic!("{other:?}"),
                }
            }
        }
    })
    .await;
    assert!(shed > 0);
}

#[tokio::test]
async fn what_is_no_subscription_is_refused() {
    let router = Router::with(&[("GADUGI_ROUTER_LIMITS__MAX_SUBSCRIPTIONS", "1")]).await;
    let client = client(&router.url()).connect().await.unwrap();
    let error = client.subscribe(Subscription::new(["a.**.b"])).await.unwrap_err();
    assert!(matches!(error, Error::Invalid(_)), "{error}");
    let _one = client.subscribe(Subscription::new(["a"])).await.unwrap();
    let error = client.subscribe(Subscription::new(["b"])).await.unwrap_err();
    assert!(
        matches!(&error, Error::Answered { code: Some(code), .. } if code == "too_many_subscriptions"),
        "{error}"
    );
    assert!(matches!(client.state(), State::Connected { server: Some(_), .. }));
}
