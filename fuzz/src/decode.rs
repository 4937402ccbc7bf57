//! What must hold for any text that a client sends.

use gadugi_router::protocol::{
    Acknowledge, Credit, ErrorCode, Fill, Incoming, MAX_DEPTH, MAX_REQUEST_ID, PublishBatch, Refused,
    Request, Time, decode as read, reply::Reply,
};
use uuid::Uuid;

use crate::{event, json};

/// A caller with a clock and ids of its own, so that an input means the same each time.
#[derive(Default)]
pub struct Filled(u64);

impl Fill for Filled {
    fn client_id(&self) -> &str {
        "6f9619ff-8b86-4011-b42d-00c04fc964ff"
    }

    fn now(&mut self) -> Time {
        self.0 += 1;
        Time::from_micros(1_769_860_800_000_000 + self.0.cast_signed())
    }

    fn new_id(&mut self) -> Uuid {
        self.0 += 1;
        Uuid::from_u64_pair(0, self.0)
    }
}

/// Checks all there is to check about these bytes; panics if something is wrong. Says whether they were a message
/// that the router takes.
pub fn decode(bytes: &[u8]) -> bool {
    // The WebSocket layer refuses text frames that are no UTF-8.
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    match read(text, &mut Filled::default()) {
        Ok(incoming) => {
            accepted(text, &incoming);
            true
        }
        Err(refused) => {
            rejected(text, &refused);
            false
        }
    }
}

fn accepted(text: &str, incoming: &Incoming<'_>) {
    assert!(json::is_json(text), "accepted, but no JSON: {text}");
    assert!(json::depth(text) <= MAX_DEPTH, "accepted, but too deep: {text}");
    // Keys that nobody can read hide nothing: they are no keys of the protocol.
    let Some(message) = json::members(text) else { return };
    let given = |key| json::get(&message, key);
    assert_eq!(incoming.request_id, given("request_id"));
    let kind = match &incoming.request {
        Request::Ping { echo } => {
            assert_eq!(*echo, given("echo"));
            "ping"
        }
        Request::Publish(publish) => {
            event::check(&publish.event, given("event").expect("an event was published"));
            "publish"
        }
        Request::PublishBatch(batch) => {
            batch_in_order(batch, given("events").expect("events were published"));
            "publish_batch"
        }
        Request::Subscribe(_) => "subscribe",
        Request::Unsubscribe { subscription_id, forget } => {
            assert_eq!(*forget, given("forget") == Some("true"));
            assert_eq!(
                Some(subscription_id.as_ref()),
                given("subscription_id").and_then(json::string).as_deref()
            );
            "unsubscribe"
        }
        Request::GetHealth => "get_health",
        Request::Hello(hello) => {
            assert_eq!(hello.protocol.to_string(), given("protocol").expect("a protocol was asked for"));
            assert_eq!(hello.lean, given("lean") == Some("true"));
            assert_eq!(hello.credit.is_some(), given("credit").is_some_and(|credit| credit != "null"));
            if let Some(credit) = &hello.credit {
                let members = given("credit").and_then(json::members).expect("credit is an object");
                same_credit(credit, &members);
            }
            "hello"
        }
        Request::Credit(credit) => {
            same_credit(credit, &message);
            "credit"
        }
        Request::Acknowledge { delivery_id, what } => {
            assert_eq!(Some(delivery_id.as_ref()), given("delivery_id").and_then(json::string).as_deref());
            match what {
                Acknowledge::Done => "ack",
                Acknowledge::InProgress => "in_progress",
                Acknowledge::Failed { delay_ms, .. } => {
                    let delay = given("delay_ms").filter(|number| *number != "null");
                    assert_eq!(*delay_ms, delay.map(|number| number.parse().expect("a whole number")));
                    "nack"
                }
            }
        }
    };
    assert_eq!(given("type").and_then(json::string).as_deref(), Some(kind));
}

/// Both numbers are those that were given.
fn same_credit(credit: &Credit, given: &json::Members<'_>) {
    for (read, key) in [(credit.events, "events"), (credit.bytes, "bytes")] {
        let given = json::get(given, key).filter(|number| *number != "null");
        assert_eq!(read, given.map(|number| number.parse().expect("a whole number")), "{key}");
    }
}

fn batch_in_order(batch: &PublishBatch, given: &str) {
    let given: Vec<&serde_json::value::RawValue> = serde_json::from_str(given).expect("events are a list");
    assert_eq!(batch.events.len(), given.len());
    for (result, given) in batch.events.iter().zip(given) {
        match result {
            Ok(event) => event::check(event, given.get()),
            Err(error) => assert!(error.text.starts_with("Failed to publish event: "), "{error}"),
        }
    }
}

fn rejected(text: &str, refused: &Refused) {
    let said = &refused.error.text;
    let beginnings: &[&str] = match refused.error.code {
        ErrorCode::InvalidJson => &["Invalid JSON: "],
        ErrorCode::UnknownType => &["Unknown message type: "],
        ErrorCode::InvalidEvent => &["Failed to publish event: "],
        ErrorCode::InvalidSubscription => &["Failed to subscribe: "],
        ErrorCode::InvalidMessage | ErrorCode::TooLarge => {
            &["Invalid message: ", "Failed to publish event: "]
        }
        other => panic!("decoding does not know about {}", other.as_str()),
    };
    assert!(beginnings.iter().any(|beginning| said.starts_with(beginning)), "{said}");

    let whole = json::is_json(text) && json::depth(text) <= MAX_DEPTH && text.trim_start().starts_with('{');
    assert_eq!(refused.error.code == ErrorCode::InvalidJson, !whole, "{said}: {text}");
    request_id_comes_back(text, refused, whole);

    let mut reply = Vec::new();
    let error = Reply::Error { error: &refused.error, timestamp: Time::from_micros(0) };
    error.write(refused.request_id.as_deref(), &mut reply);
    let reply = String::from_utf8(reply).expect("replies are text");
    let reply = json::members(&reply).unwrap_or_else(|| panic!("the reply is no object: {reply}"));
    assert_eq!(json::get(&reply, "error").and_then(json::string).as_ref(), Some(said));
}

/// Whoever named a request finds the name in the error, if the message could be read at all.
fn request_id_comes_back(text: &str, refused: &Refused, whole: bool) {
    if let Some(id) = &refused.request_id {
        assert!(id.starts_with('"') && json::is_json(id) && id.len() <= MAX_REQUEST_ID, "{id}");
    }
    let Some(message) = json::members(text).filter(|_| whole) else { return };
    if let Some(id) = json::get(&message, "request_id")
        && id.starts_with('"')
        && id.len() <= MAX_REQUEST_ID
    {
        assert_eq!(refused.request_id.as_deref(), Some(id));
    }
}
