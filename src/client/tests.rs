//! A connection against peers that are no router, or an old one. Against the router itself: tests/python.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::{WebSocketStream, accept_async};

use super::*;
use crate::protocol::{EventType, EventTypes, Pattern, Priority, PublishOptions, Receipt, Subscription};

type Peer = WebSocketStream<TcpStream>;

const WELCOME: &str = r#"{"type": "welcome", "client_id": "c", "server_time": "x"}"#;
const HELLO: &str = r#"{"type":"hello","protocol":2,"server":"r/1","features":["lean"],"new":[1]}"#;
const ID: &str = "01234567-89ab-cdef-0123-456789abcdef";

/// Somebody who is connected to once, and what becomes of them.
async fn peer<F>(serve: impl FnOnce(TcpStream) -> F + Send + 'static) -> (Address, JoinHandle<()>)
where
    F: Future<Output = ()> + Send,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string().parse().unwrap();
    let task = tokio::spawn(async move { serve(listener.accept().await.unwrap().0).await });
    (address, task)
}

async fn say(peer: &mut Peer, text: &str) {
    peer.send(Frame::text(text)).await.unwrap();
}

async fn hear(peer: &mut Peer) -> serde_json::Value {
    serde_json::from_str(peer.next().await.unwrap().unwrap().to_text().unwrap()).unwrap()
}

/// A router that has greeted.
async fn greeted(stream: TcpStream) -> Peer {
    let mut peer = accept_async(stream).await.unwrap();
    say(&mut peer, WELCOME).await;
    assert_eq!(hear(&mut peer).await["type"], "hello");
    say(&mut peer, HELLO).await;
    peer
}

fn short() -> Options {
    let time = Duration::from_millis(50);
    Options { welcome_timeout: time, ping_after: time, give_up_after: 2 * time, ..Options::default() }
}

async fn error(address: &Address, options: &Options) -> Error {
    match Connection::open(address, options).await {
        Ok(_) => panic!("it is connected"),
        Err(error) => error,
    }
}

#[tokio::test]
async fn a_router_of_part_1_is_one_too() {
    let (address, task) = peer(async |stream| {
        let mut peer = accept_async(stream).await.unwrap();
        say(&mut peer, WELCOME).await;
        assert_eq!(hear(&mut peer).await["type"], "hello");
        say(&mut peer, r#"{"type": "error", "error": "Unknown message type: hello", "timestamp": "x"}"#).await;
        assert_eq!(
            hear(&mut peer).await["subscription"],
            serde_json::json!({"topics": ["a.*"], "types": ["task.failed"], "priorities": [7]})
        );
        say(&mut peer, &format!(r#"{{"type": "event", "event": {{"id": "i", "topic": "a.b", "type": "odd",
            "priority": 9, "source": "s", "payload": {{"n": 1.0}}, "timestamp": "t"}}, "subscription_id": "{ID}"}}"#))
            .await;
    })
    .await;
    let mut connection = Connection::open(&address, &Options::default()).await.unwrap();
    assert_eq!((connection.client_id(), connection.server(), connection.has("lean")), ("c", None, false));
    let mut types = EventTypes::default();
    types.insert(EventType::TaskFailed);
    let topics = vec![Pattern::parse("a.*").unwrap()];
    let min_priority = Priority::new(7).unwrap();
    let subscription = Subscription { topics, types, min_priority, ..Subscription::default() };
    connection.send(&Request::Subscribe(&subscription)).await.unwrap();
    let Message::Event(delivery) = connection.receive().await.unwrap() else { panic!("no event") };
    assert_eq!(delivery.subscription.unwrap().to_string(), ID);
    let Event { kind, priority, payload, .. } = &delivery.event;
    assert_eq!((*kind, priority.get(), payload.get()), (EventType::Custom, 9, r#"{"n": 1.0}"#));
    task.await.unwrap();
}

#[tokio::test]
async fn lean_deliveries_are_handed_out_whole() {
    let (address, _task) = peer(async |stream| {
        let mut peer = greeted(stream).await;
        say(
            &mut peer,
            &format!(r#"{{"type":"subscribed","subscription_id":"{ID}","topics":["*"],"sub":3}}"#),
        )
        .await;
        let event = r#"{"id":"i","topic":"t","source":"s","metadata":{"user_id":"u"},"timestamp":"now"}"#;
        say(&mut peer, &format!(r#"{{"type":"event","event":{event},"sub":3}}"#)).await;
    })
    .await;
    let mut connection = Connection::open(&address, &Options::default()).await.unwrap();
    assert_eq!((connection.server(), connection.has("lean")), (Some("r/1"), true));
    assert!(matches!(connection.receive().await.unwrap(), Message::Subscribed(_)));
    let Message::Event(delivery) = connection.receive().await.unwrap() else { panic!("no event") };
    assert_eq!(delivery.subscription.unwrap().to_string(), ID);
    let whole = serde_json::json!({
        "id": "i", "topic": "t", "type": "custom", "priority": 5, "source": "s", "target": null, "payload": {},
        "metadata": {"created_at": null, "correlation_id": null, "causation_id": null, "user_id": "u",
            "session_id": null, "trace_id": null, "span_id": null, "tags": {}, "headers": {}},
        "timestamp": "now", "version": "1.0", "delivery_status": "pending", "delivery_attempts": 0,
        "last_delivery_attempt": null, "delivery_error": null,
    });
    assert_eq!(serde_json::to_value(&delivery.event).unwrap(), whole);
}

#[tokio::test]
async fn what_is_sent_is_as_the_protocol_says() {
    let (address, task) = peer(async |stream| {
        let mut peer = greeted(stream).await;
        let heard = [hear(&mut peer).await, hear(&mut peer).await];
        let event = serde_json::json!({"topic": "t", "type": "custom", "priority": 5});
        assert_eq!(heard[0], serde_json::json!({"type": "publish", "event": event}));
        assert_eq!(
            heard[1],
            serde_json::json!({"type": "publish", "event": event, "ttl_ms": 7, "receipt": "dispatched", "mandatory": true,
                "request_id": "1"})
        );
        say(
            &mut peer,
            r#"{"type":"published","event_id":"i","status":"queued","matched":1,"refused":{"x":2},
            "request_id":"1"}"#,
        )
        .await;
        say(&mut peer, &format!(r#"{{"type":"gap","subscription_id":"{ID}","evicted":{{"1":2,"10":3}}}}"#))
            .await;
        say(&mut peer, r#"{"type":"something_new"}"#).await;
    })
    .await;
    let mut connection = Connection::open(&address, &Options::default()).await.unwrap();
    let (event, options) = (&NewEvent::new("t"), PublishOptions::default());
    connection.feed(&Request::Publish { event, options, request_id: None }).await.unwrap();
    let options = PublishOptions { ttl_ms: Some(7), receipt: Receipt::Dispatched, mandatory: true };
    connection.send(&Request::Publish { event, options, request_id: Some("1") }).await.unwrap();
    let Message::Published(published) = connection.receive().await.unwrap() else { panic!("no answer") };
    assert_eq!(
        (published.matched, published.refused["x"], published.request_id.as_deref()),
        (Some(1), 2, Some("1"))
    );
    let Message::Gap(gap) = connection.receive().await.unwrap() else { panic!("no gap") };
    assert_eq!((gap.total(), gap.evicted[0], gap.evicted[9]), (5, 2, 3));
    assert!(matches!(connection.receive().await.unwrap(), Message::Other(kind) if kind == "something_new"));
    task.await.unwrap();
}

#[tokio::test]
async fn who_is_no_router_is_found_out() {
    let (silent, _task) = peer(async |stream| {
        let _peer = accept_async(stream).await.unwrap();
        std::future::pending::<()>().await;
    })
    .await;
    let found = error(&silent, &short()).await.to_string();
    assert!(found.contains("did not welcome this client within 0.05 s"), "{found}");

    let (http, _task) = peer(async |mut stream| {
        let mut request = [0; 1000];
        let _ = stream.read(&mut request).await.unwrap();
        stream.write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n").await.unwrap();
    })
    .await;
    assert!(matches!(error(&http, &short()).await, Error::Refused { status: 403, .. }));

    let (odd, _task) = peer(async |stream| {
        let mut peer = accept_async(stream).await.unwrap();
        say(&mut peer, "[1]").await;
    })
    .await;
    assert!(matches!(error(&odd, &short()).await, Error::Protocol { .. }));

    let (full, _task) = peer(async |stream| {
        let mut peer = accept_async(stream).await.unwrap();
        say(
            &mut peer,
            r#"{"type":"error","error":"max_clients_reached","message":"Maximum clients (3) reached"}"#,
        )
        .await;
    })
    .await;
    let found = error(&full, &short()).await;
    assert!(matches!(&found, Error::TooManyClients { text, .. } if text.contains("(3)")), "{found}");

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nobody: Address = listener.local_addr().unwrap().to_string().parse().unwrap();
    drop(listener);
    assert!(matches!(error(&nobody, &short()).await, Error::Connect { .. }));
}

#[tokio::test]
async fn a_connection_that_is_dead_is_found_out_and_one_that_is_idle_stays() {
    let (dead, _task) = peer(async |stream| {
        let _peer = greeted(stream).await;
        std::future::pending::<()>().await;
    })
    .await;
    let mut connection = Connection::open(&dead, &short()).await.unwrap();
    assert!(matches!(connection.receive().await.unwrap_err(), Error::Silent(_)));

    let (idle, _task) = peer(async |stream| {
        let mut peer = greeted(stream).await;
        // Answers pings and says nothing, for some of them.
        let mut pings = 0;
        while pings < 3 {
            pings += u32::from(peer.next().await.unwrap().unwrap().is_ping());
            peer.flush().await.unwrap();
        }
        say(&mut peer, r#"{"type":"pong"}"#).await;
    })
    .await;
    let mut connection = Connection::open(&idle, &short()).await.unwrap();
    assert!(matches!(connection.receive().await.unwrap(), Message::Other(_)));
}

#[tokio::test]
async fn nothing_waits_for_ever_for_a_peer_that_does_not_read() {
    let (stuck, _task) = peer(async |stream| {
        let _peer = greeted(stream).await;
        std::future::pending::<()>().await;
    })
    .await;
    let mut connection = Connection::open(&stuck, &short()).await.unwrap();
    let event = &NewEvent { source: Some("x".repeat(1 << 20)), ..NewEvent::new("t") };
    let request = Request::Publish { event, options: PublishOptions::default(), request_id: None };
    let error = loop {
        if let Err(error) = connection.send(&request).await {
            break error;
        }
    };
    assert!(matches!(error, Error::Stuck(_)), "{error}");
}

#[tokio::test]
async fn the_end_is_told_with_its_reason() {
    let (address, _task) = peer(async |stream| {
        let mut peer = greeted(stream).await;
        let frame = CloseFrame { code: 1001.into(), reason: "bye".into() };
        peer.close(Some(frame)).await.unwrap();
    })
    .await;
    let mut connection = Connection::open(&address, &Options::default()).await.unwrap();
    let end = connection.receive().await.unwrap_err();
    assert!(matches!(&end, Error::Closed { code: 1001, reason } if reason == "bye"), "{end}");

    let (address, _task) = peer(async |stream| drop(greeted(stream).await)).await;
    let mut connection = Connection::open(&address, &Options::default()).await.unwrap();
    assert!(matches!(connection.receive().await.unwrap_err(), Error::Lost(_) | Error::Protocol { .. }));
}

#[tokio::test]
async fn a_message_beyond_the_bound_is_not_taken() {
    let (address, _task) = peer(async |stream| {
        let mut peer = greeted(stream).await;
        say(&mut peer, &format!(r#"{{"type":"x","y":"{}"}}"#, "y".repeat(2_000))).await;
    })
    .await;
    let options = Options { max_message_size: 1_000, ..Options::default() };
    let mut connection = Connection::open(&address, &options).await.unwrap();
    assert!(matches!(connection.receive().await.unwrap_err(), Error::TooLarge { most: 1_000, .. }));
}
