//! A router that winds down, and one that does not let everybody in.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use gadugi_router::client::{Error, NewEvent, State, Subscription, Token};
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::{WebSocketStream, accept_async};

use super::router::Router;
use super::{client, soon, topic, until};

type Peer = WebSocketStream<TcpStream>;

async fn say(peer: &mut Peer, message: Value) {
    peer.send(Frame::text(message.to_string())).await.unwrap();
}

async fn hear(peer: &mut Peer) -> Value {
    serde_json::from_str(soon(peer.next()).await.unwrap().unwrap().to_text().unwrap()).unwrap()
}

/// Somebody who has been connected to, and has heard hello.
async fn greeted(listener: &TcpListener) -> (Peer, Value) {
    let mut peer = accept_async(soon(listener.accept()).await.unwrap().0).await.unwrap();
    say(&mut peer, json!({"type": "welcome", "client_id": "c", "server_time": "x"})).await;
    let hello = hear(&mut peer).await;
    (peer, hello)
}

async fn listener() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}", listener.local_addr().unwrap());
    (listener, url)
}

fn hello() -> Value {
    json!({"type": "hello", "protocol": 2, "server": "r/1", "features": ["request_id", "draining"]})
}

#[tokio::test]
async fn what_is_published_while_the_router_winds_down_waits_for_the_next_one() {
    let (listener, url) = listener().await;
    // It would wait for longer than this test, were it not told when to come back.
    let client =
        client(&url).reconnect(Duration::from_secs(3_600), Duration::from_secs(3_600)).start().unwrap();
    let (mut peer, _) = greeted(&listener).await;
    say(&mut peer, hello()).await;
    until(&client, State::is_connected).await;
    // One is under way when it begins.
    let refused = client.enqueue(NewEvent::new("refused")).unwrap();
    let published = hear(&mut peer).await;
    say(&mut peer, json!({"type": "draining", "deadline": "x", "reconnect_after_ms": 10})).await;
    until(&client, |state| matches!(state, State::Draining)).await;
    let held = client.enqueue(NewEvent::new("held")).unwrap();
    let answer = json!({"type": "published", "event_id": published["event"]["id"], "status": "rejected",
        "reason": "draining", "request_id": published["request_id"]});
    say(&mut peer, answer).await;
    // Everything else is still answered.
    let (health, ()) = tokio::join!(client.health(), async {
        assert_eq!(hear(&mut peer).await["type"], "get_health");
        let health = json!({"status": "healthy", "uptime": 1.0, "events_processed": 0, "events_failed": 0,
            "events_in_queue": 0, "active_subscriptions": 0, "connected_clients": 1, "last_event_at": null, "errors": []});
        say(&mut peer, json!({"type": "health", "health": health})).await;
    });
    health.unwrap();
    peer.close(Some(CloseFrame { code: 1001.into(), reason: "bye".into() })).await.unwrap();

    let (mut peer, _) = greeted(&listener).await;
    say(&mut peer, hello()).await;
    for topic in ["refused", "held"] {
        let publish = hear(&mut peer).await;
        assert_eq!(publish["event"]["topic"], topic);
        if topic == "refused" {
            assert_eq!(publish["event"]["id"], published["event"]["id"]);
        }
        let answer = json!({"type": "published", "event_id": publish["event"]["id"], "status": "queued",
            "request_id": publish["request_id"]});
        say(&mut peer, answer).await;
    }
    soon(refused).await.unwrap();
    soon(held).await.unwrap();
}

#[tokio::test]
async fn a_router_that_drains_is_left_without_a_loss() {
    let mut router = Router::running().await;
    let client = client(&router.url()).connect().await.unwrap();
    let mut events = client.subscribe(Subscription::new(["n.*"])).await.unwrap();
    // Enough of them that the end comes in between.
    let publisher = client.clone();
    let publishing = tokio::spawn(async move {
        for number in 0..300 {
            publisher.publish(NewEvent::new(format!("n.{number}"))).await.unwrap();
        }
    });
    assert_eq!(topic(&mut events).await, "n.0");
    router.stop(Signal::SIGTERM).await;
    router.start().await;
    for number in 1..300 {
        assert_eq!(topic(&mut events).await, format!("n.{number}"));
    }
    soon(publishing).await.unwrap();
}

#[tokio::test]
async fn a_token_that_is_refused_later_ends_it_and_is_shown_to_nobody_else() {
    let (listener, url) = listener().await;
    let builder = client(&url).token(Token::new("secret"));
    assert!(!format!("{builder:?}").contains("secret"));
    let client = builder.start().unwrap();
    let (mut peer, heard) = greeted(&listener).await;
    assert_eq!(heard["token"], "secret");
    say(&mut peer, hello()).await;
    until(&client, State::is_connected).await;
    drop(peer);
    let (mut peer, _) = greeted(&listener).await;
    say(&mut peer, json!({"type": "error", "error": "this token is too old", "code": "unauthorized"})).await;
    let State::Closed { because } = until(&client, State::is_closed).await else { panic!("not closed") };
    assert!(matches!(&*because.unwrap(), Error::Unauthorized { text, .. } if text.contains("too old")));
}
