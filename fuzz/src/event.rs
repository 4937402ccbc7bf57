//! What every event that was accepted has to be like.

use gadugi_router::protocol::{Event, Request, check_topic, decode, delivery};
use uuid::Uuid;

use crate::{decode::Filled, json};

/// The fourteen keys of a delivered event, with what stands for the value in a lean event that leaves it out.
const EVENT: [(&str, Option<&str>); 14] = [
    ("id", None),
    ("topic", None),
    ("type", Some("\"custom\"")),
    ("priority", Some("5")),
    ("source", None),
    ("target", Some("null")),
    ("payload", Some("{}")),
    ("metadata", Some("{}")),
    ("timestamp", None),
    ("version", Some("\"1.0\"")),
    ("delivery_status", Some("\"pending\"")),
    ("delivery_attempts", Some("0")),
    ("last_delivery_attempt", Some("null")),
    ("delivery_error", Some("null")),
];

/// The nine of its metadata.
const METADATA: [(&str, Option<&str>); 9] = [
    ("created_at", Some("null")),
    ("correlation_id", Some("null")),
    ("causation_id", Some("null")),
    ("user_id", Some("null")),
    ("session_id", Some("null")),
    ("trace_id", Some("null")),
    ("span_id", Some("null")),
    ("tags", Some("{}")),
    ("headers", Some("{}")),
];

/// Checks an event against what its publisher sent (`given`, an object).
pub fn check(event: &Event, given: &str) {
    let full = object(event.full());
    same_keys(&full, &EVENT);
    let metadata = object(value(&full, "metadata"));
    same_keys(&metadata, &METADATA);
    arrives_unchanged(given, &full, &metadata);
    routing_sees_the_same(event, &full);
    lean_means_the_same(event, &full, &metadata);
    deliveries_are_json(event);
    published_again_it_stays(event);
}

fn object(text: &str) -> json::Members<'_> {
    json::members(text).unwrap_or_else(|| panic!("not an object: {text}"))
}

fn value<'a>(members: &json::Members<'a>, key: &str) -> &'a str {
    json::get(members, key).unwrap_or_else(|| panic!("`{key}` is missing or there twice"))
}

fn same_keys(members: &json::Members<'_>, keys: &[(&str, Option<&str>)]) {
    assert_eq!(members.len(), keys.len(), "the number of keys");
    for (key, _) in keys {
        value(members, key);
    }
}

/// What a publisher gave is what a subscriber gets, byte for byte.
fn arrives_unchanged(given: &str, full: &json::Members<'_>, metadata: &json::Members<'_>) {
    for (key, sent) in object(given) {
        match key.as_str() {
            "metadata" => {
                for (key, sent) in object(sent) {
                    assert_eq!(sent, value(metadata, &key), "metadata.{key}");
                }
            }
            // A type that the router does not know becomes `custom`; one with escapes may lose them.
            "type" => {
                let got = value(full, "type");
                assert!(
                    got == "\"custom\"" || json::string(got) == json::string(sent),
                    "type {sent} became {got}"
                );
            }
            key => assert_eq!(sent, value(full, key), "{key}"),
        }
    }
}

fn routing_sees_the_same(event: &Event, full: &json::Members<'_>) {
    let text = |key| json::string(value(full, key));
    assert_eq!(event.id_json(), value(full, "id"));
    assert_eq!(Some(event.id()), text("id").as_deref());
    assert_eq!(Some(event.topic()), text("topic").as_deref());
    assert_eq!(Some(event.source()), text("source").as_deref());
    assert_eq!(event.target(), text("target").as_deref());
    assert_eq!(Some(event.kind().as_str()), text("type").as_deref());
    assert_eq!(event.priority().get().to_string(), value(full, "priority"));
    assert_eq!(check_topic(event.topic()), Ok(()));
    assert_eq!(event.size(), event.full().len());
}

/// A client that fills in the defaults gets back the whole event.
fn lean_means_the_same(event: &Event, full: &json::Members<'_>, metadata: &json::Members<'_>) {
    let lean = object(event.lean());
    filled_in_it_is(&lean, full, &EVENT);
    let inside = json::get(&lean, "metadata").map(object).unwrap_or_default();
    filled_in_it_is(&inside, metadata, &METADATA);
}

fn filled_in_it_is(lean: &json::Members<'_>, full: &json::Members<'_>, keys: &[(&str, Option<&str>)]) {
    for (key, _) in lean {
        assert!(keys.iter().any(|(name, _)| name == key), "only the lean form has `{key}`");
        value(lean, key);
    }
    for (key, default) in keys.iter().filter(|(key, _)| *key != "metadata") {
        let whole = value(full, key);
        match (json::get(lean, key), default) {
            (Some(given), _) => assert_eq!(given, whole, "{key}"),
            (None, Some("{}")) => assert_eq!(object(whole), [], "{key}"),
            (None, Some(default)) => assert_eq!(*default, whole, "{key}"),
            (None, None) => panic!("the lean form has no `{key}`"),
        }
    }
}

fn deliveries_are_json(event: &Event) {
    let full = [delivery::HEAD, event.full().as_bytes(), &delivery::full_tail(Uuid::nil())].concat();
    let mut lean = [delivery::HEAD, event.lean().as_bytes()].concat();
    delivery::lean_tail(7, &mut lean);
    for bytes in [full, lean] {
        let text = String::from_utf8(bytes).expect("deliveries are text");
        assert!(json::members(&text).is_some(), "{text}");
    }
}

/// A delivered event that somebody passes on is the same event.
fn published_again_it_stays(event: &Event) {
    let text = format!(r#"{{"type":"publish","event":{}}}"#, event.full());
    match decode(&text, &mut Filled::default()) {
        Ok(again) => match again.request {
            Request::Publish(publish) => assert_eq!(publish.event.full(), event.full()),
            other => panic!("{other:?}"),
        },
        Err(refused) => panic!("{}: {text}", refused.error),
    }
}
