//! A router that knows only part 1 of the protocol.

use std::sync::Arc;

use futures_util::{SinkExt, StreamExt};
use gadugi_router::client::{Error, NewEvent, State, Subscription};
use gadugi_router::protocol::{PublishOptions, Receipt};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_tungstenite::accept_async;
use tokio_tungstenite::tungstenite::Message as Frame;

use super::{PATIENCE, client, soon, topic, until};

/// The name of every subscription here: each client has one at most.
const NAME: &str = "01234567-89ab-cdef-0123-456789abcdef";

/// Serves one client after the other; each is dropped when it is told.
async fn old_router() -> (String, Arc<Notify>, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}", listener.local_addr().unwrap());
    let cut = Arc::new(Notify::new());
    let cutting = Arc::clone(&cut);
    let task = tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::select! {
                () = serve(stream) => {}
                () = cutting.notified() => {}
            }
        }
    });
    (url, cut, task)
}

async fn serve(stream: TcpStream) {
    let mut peer = accept_async(stream).await.unwrap();
    peer.send(Frame::text(r#"{"type":"welcome","client_id":"c","server_time":"x"}"#)).await.unwrap();
    let mut subscribed = false;
    while let Some(Ok(frame)) = peer.next().await {
        let Ok(text) = frame.to_text() else { continue };
        let Ok(message) = serde_json::from_str::<Value>(text) else { continue };
        for answer in answers(&message, &mut subscribed) {
            peer.send(Frame::text(answer.to_string())).await.unwrap();
        }
    }
}

fn answers(message: &Value, subscribed: &mut bool) -> Vec<Value> {
    let error = |text: &str| json!({"type": "error", "error": text, "timestamp": "x"});
    match message["type"].as_str().unwrap() {
        "subscribe" => {
            *subscribed = true;
            vec![
                json!({"type": "subscribed", "subscription_id": NAME, "topics": message["subscription"]["topics"]}),
            ]
        }
        "publish" if message["event"]["topic"] == "" => vec![error("Failed to publish event: no topic")],
        "publish" => {
            let event = &message["event"];
            let answer = json!({"type": "published", "event_id": event["id"], "status": "queued"});
            let mut event = event.clone();
            event["timestamp"] = json!("x");
            event["source"] = json!("s");
            let delivery = json!({"type": "event", "event": event, "subscription_id": NAME});
            if *subscribed { vec![answer, delivery] } else { vec![answer] }
        }
        other => vec![error(&format!("Unknown message type: {other}"))],
    }
}

#[tokio::test]
async fn a_router_of_part_1_is_one_too() {
    let (url, cut, _router) = old_router().await;
    let client = client(&url).connect().await.unwrap();
    assert!(matches!(client.state(), State::Connected { server: None, .. }));
    let mut events = client.subscribe(Subscription::new(["*"])).await.unwrap();
    let events_of_three = ["a", "", "b"].map(NewEvent::new);
    let results = client.publish_batch(events_of_three).await;
    assert!(results[0].is_ok() && results[2].is_ok());
    assert!(matches!(&results[1], Err(Error::Answered { code: None, text }) if text.contains("no topic")));
    assert_eq!((topic(&mut events).await, topic(&mut events).await), ("a".into(), "b".into()));

    cut.notify_one();
    until(&client, |state| matches!(state, State::Reconnecting { .. })).await;
    soon(client.publish(NewEvent::new("c"))).await.unwrap();
    assert_eq!(topic(&mut events).await, "c");
}

#[tokio::test]
async fn what_it_does_not_have_is_not_quietly_done_without() {
    let (url, _, _router) = old_router().await;
    let client = client(&url).connect().await.unwrap();
    for (wanted, missing) in [
        (Subscription::new(["a"]).group("g"), "groups"),
        (Subscription::new(["a"]).targets(["t"]), "targets"),
        (Subscription::new(["a.**"]), "several_levels"),
    ] {
        let error = client.subscribe(wanted).await.unwrap_err();
        assert!(matches!(error, Error::Unsupported(feature) if feature == missing), "{error}");
    }
    for (options, missing) in [
        (PublishOptions { ttl_ms: Some(60_000), ..PublishOptions::default() }, "expiry"),
        (PublishOptions { receipt: Receipt::Dispatched, ..PublishOptions::default() }, "receipt"),
    ] {
        let error = client.publish_with(NewEvent::new("t"), options).await.unwrap_err();
        assert!(matches!(error, Error::Unsupported(feature) if feature == missing), "{error}");
    }
    // A request does without: it waits for its reply a little longer, that is all. Here it gets itself back.
    let reply = client.request(NewEvent::new("t"), PATIENCE).await.unwrap();
    assert_eq!(reply.topic, "t");
}
