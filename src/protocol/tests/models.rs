//! Events against a plain model: `serde_json` values with the defaults put in by hand.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;

/// Any JSON, a few levels deep.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<i32>().prop_map(|number| Value::from(f64::from(number) / 8.0)),
        ".{0,40}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map(".{0,9}", inner, 0..5)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn text_or_null() -> impl Strategy<Value = Value> {
    prop_oneof![Just(Value::Null), ".{0,20}".prop_map(Value::from)]
}

fn texts() -> impl Strategy<Value = Value> {
    prop::collection::btree_map(".{0,5}", ".{0,5}".prop_map(Value::from), 0..3)
        .prop_map(|map| Value::Object(map.into_iter().collect()))
}

fn date_time() -> impl Strategy<Value = Value> {
    prop_oneof![
        (0..4_000_000_000_000_000_i64).prop_map(|micros| Value::from(Time::from_micros(micros).to_string())),
        Just(json!("2026-01-31T12:00:00Z")),
        Just(json!("2026-01-31 12:00:00")),
    ]
}

fn date_time_or_null() -> impl Strategy<Value = Value> {
    prop_oneof![Just(Value::Null), date_time()]
}

/// A value for each field of an event, by name.
fn fields() -> impl Strategy<Value = Vec<(&'static str, Value)>> {
    let name = || "[^\\p{C}]{1,30}".prop_map(Value::from);
    let kind = prop_oneof![
        prop::sample::select(EventType::ALL).prop_map(|kind| json!(kind.as_str())),
        "[a-z.]{1,12}".prop_map(Value::from),
    ];
    let status = prop::sample::select(&["pending", "delivered", "failed", "retrying", "dead_letter"][..]);
    let metadata =
        (date_time_or_null(), prop::array::uniform6(text_or_null()), texts(), texts(), any::<u16>())
            .prop_map(|(created_at, [a, b, c, d, e, f], tags, headers, kept)| {
                let all = [
                    ("created_at", created_at),
                    ("correlation_id", a),
                    ("causation_id", b),
                    ("user_id", c),
                    ("session_id", d),
                    ("trace_id", e),
                    ("span_id", f),
                    ("tags", tags),
                    ("headers", headers),
                ];
                subset(all.into(), kept)
            });
    (
        (name(), name(), kind, 1..=10, name(), text_or_null(), any_json()),
        (metadata, date_time(), name(), status, 0..9_u32, date_time_or_null(), text_or_null()),
    )
        .prop_map(
            |(
                (id, topic, kind, priority, source, target, payload),
                (metadata, timestamp, version, status, attempts, last, error),
            )| {
                vec![
                    ("id", id),
                    ("topic", topic),
                    ("type", kind),
                    ("priority", json!(priority)),
                    ("source", source),
                    ("target", target),
                    ("payload", payload),
                    ("metadata", metadata),
                    ("timestamp", timestamp),
                    ("version", version),
                    ("delivery_status", json!(status)),
                    ("delivery_attempts", json!(attempts)),
                    ("last_delivery_attempt", last),
                    ("delivery_error", error),
                ]
            },
        )
}

/// Those of the members whose bit is set.
fn subset(members: Vec<(&'static str, Value)>, bits: u16) -> Value {
    let kept = members.into_iter().enumerate().filter(|(at, _)| bits & 1 << at != 0);
    Value::Object(kept.map(|(_, (key, value))| (key.into(), value)).collect())
}

/// Bits for [`subset`], often so few of them that most fields hold their defaults.
fn few_or_many() -> impl Strategy<Value = u16> {
    prop_oneof![any::<u16>(), (any::<u16>(), any::<u16>(), any::<u16>()).prop_map(|(a, b, c)| a & b & c)]
}

/// JSON with its members in another order, and with whitespace or none.
fn written(value: &Value, rotate: usize, spaced: bool) -> String {
    let (comma, colon) = if spaced { (", ", ": ") } else { (",", ":") };
    let Value::Object(map) = value else { return value.to_string() };
    let mut members: Vec<_> = map
        .iter()
        .map(|(key, value)| {
            let value = if key == "metadata" { written(value, rotate, spaced) } else { value.to_string() };
            format!("{}{colon}{value}", Value::from(key.as_str()))
        })
        .collect();
    let count = members.len().max(1);
    members.rotate_left(rotate % count);
    format!("{{{}}}", members.join(comma))
}

/// What the protocol's table says that becomes of an event.
fn model(given: &Value) -> Value {
    let given = given.as_object().unwrap();
    let mut full = json!({
        "id": FIRST_ID, "topic": given.get("type"), "type": "custom", "priority": 5, "source": CLIENT,
        "target": null, "payload": {}, "metadata": {}, "timestamp": NOW, "version": "1.0",
        "delivery_status": "pending", "delivery_attempts": 0, "last_delivery_attempt": null, "delivery_error": null,
    });
    let mut metadata = json!({
        "created_at": NOW, "correlation_id": null, "causation_id": null, "user_id": null, "session_id": null,
        "trace_id": null, "span_id": null, "tags": {}, "headers": {},
    });
    overlay(&mut metadata, given.get("metadata").and_then(Value::as_object).unwrap_or(&Map::new()));
    overlay(&mut full, given);
    full["metadata"] = metadata;
    if EventType::from_wire(full["type"].as_str().unwrap()).is_none() {
        full["type"] = json!("custom");
    }
    full
}

fn overlay(under: &mut Value, over: &Map<String, Value>) {
    for (key, value) in over {
        under[key] = value.clone();
    }
}

/// What a client makes of a lean event.
fn filled_in(lean: &Value) -> Value {
    let mut full = json!({
        "type": "custom", "priority": 5, "target": null, "payload": {}, "metadata": {}, "version": "1.0",
        "delivery_status": "pending", "delivery_attempts": 0, "last_delivery_attempt": null, "delivery_error": null,
    });
    let mut metadata = json!({
        "created_at": null, "correlation_id": null, "causation_id": null, "user_id": null, "session_id": null,
        "trace_id": null, "span_id": null, "tags": {}, "headers": {},
    });
    overlay(&mut metadata, lean.get("metadata").and_then(Value::as_object).unwrap_or(&Map::new()));
    overlay(&mut full, lean.as_object().unwrap());
    full["metadata"] = metadata;
    full
}

/// Events that leave out anything or nothing, written in any order.
fn any_event() -> impl Strategy<Value = Arc<Event>> {
    let rotate = prop_oneof![Just(0), 0..14_usize];
    (fields(), few_or_many(), any::<bool>(), rotate, any::<bool>()).prop_map(
        |(fields, bits, complete, rotate, spaced)| {
            let mut given = subset(fields, bits | 2);
            if complete {
                given = model(&given);
            }
            event(&written(&given, rotate, spaced))
        },
    )
}

proptest! {
    #[test]
    fn events_become_what_the_table_says(fields in fields(), bits in any::<u16>(), rotate in 0..14_usize, spaced in any::<bool>()) {
        let given = subset(fields, bits | 2);
        let event = event(&written(&given, rotate, spaced));
        let expected = model(&given);
        prop_assert_eq!(json(event.full()), expected.clone());
        prop_assert_eq!(event.id(), expected["id"].as_str().unwrap());
        prop_assert_eq!(event.topic(), expected["topic"].as_str().unwrap());
        prop_assert_eq!(event.source(), expected["source"].as_str().unwrap());
        prop_assert_eq!(event.target(), expected["target"].as_str());
        prop_assert_eq!(event.kind().as_str(), expected["type"].as_str().unwrap());
        prop_assert_eq!(u64::from(event.priority().get()), expected["priority"].as_u64().unwrap());
        prop_assert_eq!(json(event.id_json()), expected["id"].clone());
    }

    #[test]
    fn complete_events_stay_as_they_are(fields in fields(), rotate in 0..14_usize, spaced in any::<bool>()) {
        let text = written(&model(&subset(fields, u16::MAX)), rotate, spaced);
        let event = event(&text);
        prop_assert_eq!(event.full(), text);
    }

    #[test]
    fn lean_events_filled_in_again_are_the_full_ones(event in any_event()) {
        let lean = json(event.lean());
        prop_assert!(event.lean().len() <= event.full().len());
        prop_assert_eq!(filled_in(&lean), json(event.full()));
        // And nothing in them could be left out, too.
        let defaults = filled_in(&json!({}));
        for (lean, defaults) in [(Some(&lean), &defaults), (lean.get("metadata"), &defaults["metadata"])] {
            for (key, value) in lean.and_then(Value::as_object).into_iter().flatten() {
                prop_assert_ne!(Some(value), defaults.get(key), "{}", key);
            }
        }
        prop_assert_ne!(lean.get("metadata"), Some(&json!({})));
    }

    #[test]
    fn short_events_read_again_are_the_same_byte_for_byte(event in any_event()) {
        let short = short(&event);
        prop_assert!(short.len() <= event.size());
        let again = Event::read(&short).unwrap();
        prop_assert_eq!(again.full(), event.full());
        prop_assert_eq!(again.lean(), event.lean());
    }

    #[test]
    fn a_message_with_a_byte_changed_never_panics_and_is_json_or_refused(fields in fields(), at in any::<prop::sample::Index>(), byte in 0..128_u8) {
        let text = format!(r#"{{"type":"publish","event":{}}}"#, written(&model(&subset(fields, u16::MAX)), 0, false));
        let mut bytes = text.into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let Ok(text) = String::from_utf8(bytes) else { return Ok(()) };
        let taken = serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok();
        match decode(&text, &mut Stub::default()) {
            Ok(_) => prop_assert!(taken),
            Err(refused) => prop_assert_eq!(refused.error.code == ErrorCode::InvalidJson, !taken, "{}", refused.error),
        }
    }
}
