//! What once went wrong, or could.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use gadugi_router::client::{Error, NewEvent, Notice, State, Subscription, Token};
use gadugi_router::protocol::PublishOptions;
use serde_json::json;
use tokio::runtime::Builder as Runtime;
use tokio::time::timeout;

use super::peer::{greeted, hear, hello, listener, say};
use super::proxy::Proxy;
use super::router::Router;
use super::{PATIENCE, client, soon, topic, until};

#[test]
fn who_waits_is_told_when_the_runtime_of_the_client_ends() {
    let other = Runtime::new_current_thread().enable_all().build().unwrap();
    let one = Runtime::new_current_thread().enable_all().build().unwrap();
    let router = Router::new(&[]);
    let client = one.block_on(async { client(&router.url()).start().unwrap() });
    let mut events = one.block_on(client.subscribe(Subscription::new(["*"]))).unwrap();
    let waiting = client.enqueue(NewEvent::new("t")).unwrap();
    drop(one);
    other.block_on(async {
        assert!(matches!(soon(waiting).await.unwrap_err(), Error::Ended));
        assert!(matches!(soon(client.publish(NewEvent::new("t"))).await.unwrap_err(), Error::Ended));
        assert!(matches!(soon(client.health()).await.unwrap_err(), Error::Ended));
        assert!(soon(events.recv()).await.is_none());
        assert!(client.state().is_closed());
    });
}

#[tokio::test]
async fn who_waits_for_ever_may_say_so() {
    let never = Duration::MAX;
    let router = Router::running().await;
    let client =
        client(&router.url()).heartbeat(never - Duration::from_secs(1), never).reconnect(never, never);
    let client = client.answer_timeout(never).connect().await.unwrap();
    let mut events = client.subscribe(Subscription::new(["*"])).await.unwrap();
    let options = PublishOptions { ttl_ms: Some(u64::MAX), ..PublishOptions::default() };
    client.publish_with(NewEvent::new("t"), options).await.unwrap();
    assert_eq!(topic(&mut events).await, "t");
    // The stream takes it, and replies to nothing.
    let request = client.request(NewEvent::new("nobody"), never);
    assert!(timeout(Duration::from_millis(50), request).await.is_err());
    soon(client.close(never)).await;
}

#[tokio::test]
async fn settings_that_cannot_be_meant_are_refused() {
    let second = Duration::from_secs(1);
    for (builder, why) in [
        (client("ws://localhost:1").heartbeat(second, second), "heartbeat"),
        (client("ws://localhost:1").heartbeat(Duration::ZERO, second), "heartbeat"),
        (client("ws://localhost:1").prefetch(0), "prefetch"),
        (client("ws://localhost:1").max_local_events(10).prefetch(11), "prefetch"),
        (client("ws://localhost:1").buffer(0, 1), "buffer"),
        (client("ws://localhost:1").max_in_flight(0), "max_in_flight"),
        (client("ws://localhost:1").reconnect_decay(0.5), "reconnect_decay"),
        (client("ws://localhost:1").reconnect_decay(f64::NAN), "reconnect_decay"),
    ] {
        let error = builder.start().unwrap_err();
        assert!(matches!(&error, Error::Invalid(text) if text.contains(why)), "{error}");
    }
}

#[tokio::test]
async fn an_event_that_is_longer_than_may_be_is_not_sent() {
    let router = Router::running().await;
    let client = client(&router.url()).max_message_size(1_000).connect().await.unwrap();
    let large = || NewEvent::new("large").payload(&"x".repeat(1_000)).unwrap();
    let error = client.publish(large()).await.unwrap_err();
    assert!(matches!(error, Error::EventTooLarge { size, most: 1_000, .. } if size > 1_000), "{error}");
    assert!(matches!(client.enqueue(large()).unwrap_err(), Error::EventTooLarge { .. }));
    let results = client.publish_batch([NewEvent::new("a"), large(), NewEvent::new("b")]).await;
    assert_eq!(results.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, true]);
    assert!(client.state().is_connected());
}

#[tokio::test]
async fn an_event_that_cannot_be_read_is_noticed_and_ends_nothing() {
    let (listener, url) = listener().await;
    let client = client(&url).start().unwrap();
    let mut notices = client.notices();
    let (mut peer, _) = greeted(&listener).await;
    say(&mut peer, hello()).await;
    let (events, ()) = tokio::join!(client.subscribe(Subscription::new(["*"])), async {
        let asked = hear(&mut peer).await;
        let id = "01234567-89ab-cdef-0123-456789abcdef";
        let answer = json!({"type": "subscribed", "subscription_id": id, "request_id": asked["request_id"]});
        say(&mut peer, answer).await;
        for priority in [11, 5] {
            let event =
                json!({"id": "i", "topic": "t", "source": "s", "timestamp": "x", "priority": priority});
            say(&mut peer, json!({"type": "event", "event": event, "subscription_id": id})).await;
        }
    });
    assert_eq!(topic(&mut events.unwrap()).await, "t");
    let notice = soon(notices.recv()).await.unwrap();
    assert!(matches!(&notice, Notice::Unreadable { what } if what.contains("11")), "{notice:?}");
}

#[tokio::test]
async fn a_question_that_had_no_answer_does_not_take_the_next_one_s() {
    let (listener, url) = listener().await;
    let client = client(&url).answer_timeout(Duration::from_millis(200)).start().unwrap();
    let mut notices = client.notices();
    let (mut peer, _) = greeted(&listener).await;
    say(&mut peer, hello()).await;
    until(&client, State::is_connected).await;
    assert!(matches!(client.health().await.unwrap_err(), Error::Late(_)));
    say(&mut peer, json!({"type": "error", "error": "not now", "timestamp": "x"})).await;
    let notice = soon(notices.recv()).await.unwrap();
    assert!(matches!(&notice, Notice::Answered { text, .. } if text == "not now"), "{notice:?}");
    let (health, ()) = tokio::join!(client.health(), async {
        for _ in 0..2 {
            assert_eq!(hear(&mut peer).await["type"], "get_health");
        }
        let health = json!({"status": "healthy", "uptime": 1.0, "events_processed": 7, "events_failed": 0,
            "events_in_queue": 0, "active_subscriptions": 0, "connected_clients": 1, "last_event_at": null, "errors": []});
        say(&mut peer, json!({"type": "health", "health": health})).await;
    });
    assert_eq!(health.unwrap().events_processed, 7);
}

#[tokio::test]
async fn replies_are_subscribed_to_once_and_a_request_ends_with_the_client() {
    let (listener, url) = listener().await;
    let client = client(&url).start().unwrap();
    let (mut peer, _) = greeted(&listener).await;
    say(&mut peer, hello()).await;
    until(&client, State::is_connected).await;
    for _ in 0..3 {
        // Nobody answers to the subscription.
        assert!(
            timeout(Duration::from_millis(50), client.request(NewEvent::new("t"), PATIENCE)).await.is_err()
        );
    }
    let topics = hear(&mut peer).await["subscription"]["topics"].clone();
    let (request, ()) = tokio::join!(client.request(NewEvent::new("t"), PATIENCE), async {
        loop {
            let message = hear(&mut peer).await;
            assert_ne!(message["subscription"]["topics"], topics);
            if message["type"] == "publish" {
                let id = &message["event"]["id"];
                let (status, request_id) = ("queued", &message["request_id"]);
                say(
                    &mut peer,
                    json!({"type": "published", "event_id": id, "status": status, "request_id": request_id}),
                )
                .await;
                break;
            }
        }
        client.clone().close(Duration::from_millis(10)).await;
    });
    assert!(matches!(request.unwrap_err(), Error::Ended));
    let odd = NewEvent::new("t").metadata("headers", "none");
    assert!(matches!(client.request(odd, PATIENCE).await.unwrap_err(), Error::Invalid(_) | Error::Ended));
}

#[tokio::test]
async fn a_result_says_how_often_the_event_was_sent() {
    let router = Router::running().await;
    let proxy = Proxy::before(&router).await;
    let heartbeat = (Duration::from_millis(200), Duration::from_millis(600));
    let client = client(&proxy.url).heartbeat(heartbeat.0, heartbeat.1).connect().await.unwrap();
    assert_eq!(client.publish(NewEvent::new("t")).await.unwrap().attempts, 1);
    proxy.silence();
    assert_eq!(soon(client.publish(NewEvent::new("t"))).await.unwrap().attempts, 2);
}

#[tokio::test]
async fn a_token_that_is_asked_for_may_be_right_the_next_time() {
    let (listener, url) = listener().await;
    let asked = Arc::new(AtomicUsize::new(0));
    let asking = Arc::clone(&asked);
    let builder = client(&url).token_from(move || {
        let number = asking.fetch_add(1, Relaxed);
        async move {
            if number == 0 { Err("the vault is sealed".into()) } else { Ok(Token::new(format!("t{number}"))) }
        }
    });
    assert!(!format!("{builder:?}").contains("t1"));
    let client = builder.start().unwrap();
    let State::Reconnecting { because, .. } =
        until(&client, |state| matches!(state, State::Reconnecting { .. })).await
    else {
        panic!("no attempt failed")
    };
    assert!(matches!(&*because, Error::NoToken(why) if why == "the vault is sealed"), "{because}");
    let (mut peer, heard) = greeted(&listener).await;
    assert_eq!(heard["token"], "t1");
    say(&mut peer, json!({"type": "error", "error": "this token is too old", "code": "unauthorized"})).await;
    let (mut peer, heard) = greeted(&listener).await;
    assert_eq!(heard["token"], "t2");
    say(&mut peer, hello()).await;
    until(&client, State::is_connected).await;
    assert_eq!(asked.load(Relaxed), 3);
}
