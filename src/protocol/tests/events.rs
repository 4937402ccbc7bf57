//! Each rule of the protocol's table of event fields.

use serde_json::json;

use super::*;

/// All fourteen fields and all nine of the metadata, none of them with its default.
const COMPLETE: &str = r#"{"id":"e-1","topic":"a.b","type":"task.failed","priority":9,"source":"s","target":"t","payload":{"n":1.50,"z":[]},"metadata":{"created_at":"2026-01-01T00:00:00Z","correlation_id":"c","causation_id":"k","user_id":"u","session_id":"e","trace_id":"r","span_id":"p","tags":{"a":"b"},"headers":{"h":"v"}},"timestamp":"2026-01-01T00:00:00","version":"2.0","delivery_status":"retrying","delivery_attempts":3,"last_delivery_attempt":"2026-01-02 00:00:00.123","delivery_error":"none"}"#;

#[test]
fn a_complete_event_goes_out_byte_for_byte() {
    let event = event(COMPLETE);
    assert_eq!(event.full(), COMPLETE);
    assert_eq!(event.size(), COMPLETE.len());
    assert_eq!((event.id(), event.id_json(), event.topic(), event.source()), ("e-1", "\"e-1\"", "a.b", "s"));
    assert_eq!((event.target(), event.kind(), event.priority().get()), (Some("t"), EventType::TaskFailed, 9));
}

#[test]
fn a_complete_event_keeps_its_own_order_and_whitespace() {
    let spaced = COMPLETE.replace("\":", "\" :\n").replace(",\"", " ,\t\"");
    assert_eq!(event(&spaced).full(), spaced);
    let moved = COMPLETE.replacen(r#"{"id":"e-1","#, "{", 1).replace(r#""none"}"#, r#""none","id":"e-1"}"#);
    assert_eq!(event(&moved).full(), moved);
    assert_eq!(event(&moved).id(), "e-1");
}

#[test]
fn what_is_left_out_is_filled_in() {
    let event = event(r#"{"topic":"a.b"}"#);
    let expected = json!({
        "id": FIRST_ID, "topic": "a.b", "type": "custom", "priority": 5, "source": CLIENT, "target": null,
        "payload": {}, "timestamp": NOW, "version": "1.0", "delivery_status": "pending", "delivery_attempts": 0,
        "last_delivery_attempt": null, "delivery_error": null,
        "metadata": {
            "created_at": NOW, "correlation_id": null, "causation_id": null, "user_id": null, "session_id": null,
            "trace_id": null, "span_id": null, "tags": {}, "headers": {},
        },
    });
    assert_eq!(json(event.full()), expected);
    assert_eq!((event.id(), event.source(), event.target()), (FIRST_ID, CLIENT, None));
    assert_eq!((event.topic(), event.kind(), event.priority()), ("a.b", EventType::Custom, Priority::NORMAL));
}

#[test]
fn each_field_alone_may_be_left_out() {
    let whole = json(COMPLETE);
    for key in whole.as_object().unwrap().keys() {
        let mut less = whole.clone();
        less.as_object_mut().unwrap().remove(key);
        let mut filled = json(event(&less.to_string()).full());
        assert_eq!(filled.as_object().unwrap().len(), 14, "{key}");
        assert_eq!(filled["metadata"].as_object().unwrap().len(), 9);
        filled.as_object_mut().unwrap().remove(key);
        assert_eq!(filled, less);
    }
    for key in whole["metadata"].as_object().unwrap().keys() {
        let mut less = whole.clone();
        less["metadata"].as_object_mut().unwrap().remove(key);
        let mut filled = json(event(&less.to_string()).full());
        filled["metadata"].as_object_mut().unwrap().remove(key).unwrap();
        assert_eq!(filled, less);
    }
}

#[test]
fn what_is_given_arrives_unchanged_when_something_is_filled_in() {
    let event =
        event(r#"{"payload": {"big":123456789012345678901234567890.10e+5 , "s":"\u00e9\/"}, "topic":"t"}"#);
    assert!(
        event.full().contains(r#""payload":{"big":123456789012345678901234567890.10e+5 , "s":"\u00e9\/"},"#)
    );
}

#[test]
fn a_missing_topic_is_the_type_as_it_was_sent() {
    assert_eq!(event(r#"{"type":"task.created"}"#).topic(), "task.created");
    let own = event(r#"{"type":"my.own.type"}"#);
    assert_eq!((own.topic(), own.kind()), ("my.own.type", EventType::Custom));
    assert_eq!(json(own.full())["type"], "custom");
    assert_eq!(json(own.full())["topic"], "my.own.type");
    assert_eq!(problem("{}"), "`topic` is missing, and there is no `type` to take its place");
    assert_eq!(problem(r#"{"type":""}"#), "`type` must not be empty");
}

#[test]
fn an_unknown_type_becomes_custom_in_a_complete_event_too() {
    let event = event(&COMPLETE.replace("task.failed", "task.exploded"));
    assert_eq!(event.kind(), EventType::Custom);
    assert_eq!(json(event.full()), json(&COMPLETE.replace("task.failed", "custom")));
}

#[test]
fn priorities_are_integers_from_one_to_ten() {
    for level in 1..=10 {
        assert_eq!(event(&format!(r#"{{"topic":"t","priority":{level} }}"#)).priority().get(), level);
        assert_eq!(event(&format!(r#"{{"priority":{level},"topic":"t"}}"#)).priority().get(), level);
    }
    for wrong in
        ["0", "11", "5.5", "5.0", "5e0", "-1", "\"high\"", "\"5\"", "null", "true", "[5]", "100", "1e1"]
    {
        let text = problem(&format!(r#"{{"topic":"t","priority":{wrong}}}"#));
        let got = if wrong == "[5]" { "an array" } else { wrong };
        assert!(text.starts_with("`priority` must be an integer from 1 to 10"), "{text}");
        assert!(text.ends_with(&format!("got {got}")), "{text}");
    }
}

#[test]
fn unknown_keys_are_refused_by_their_names() {
    assert_eq!(
        problem(r#"{"topic":"t","foo":1}"#),
        "unknown key `foo`; the keys of an event are id, topic, type, priority, source, target, payload, metadata, timestamp, version, delivery_status, delivery_attempts, last_delivery_attempt, delivery_error"
    );
    assert_eq!(
        problem(r#"{"topic":"t","metadata":{"foo":1}}"#),
        "unknown key `metadata.foo`; the keys of the metadata are created_at, correlation_id, causation_id, user_id, session_id, trace_id, span_id, tags, headers"
    );
    assert_eq!(problem(r#"{"topik":"t"}"#), "unknown key `topik`; did you mean `topic`?");
    assert_eq!(problem(r#"{"event_type":"t"}"#), "unknown key `event_type`; did you mean `type`?");
    assert_eq!(
        problem(r#"{"metadata":{"corelation_id":null}}"#).split(';').next(),
        Some("unknown key `metadata.corelation_id`")
    );
    assert_eq!(problem(r#"{"metadata":{"tag":{}}}"#).split(';').next(), Some("unknown key `metadata.tag`"));
    assert_eq!(
        problem(r#"{"topic":"t","ttl_ms":5}"#),
        "unknown key `ttl_ms`; it belongs beside `event`, not into it"
    );
    // A metadata field is no event field, wherever it stands.
    assert!(
        problem(&COMPLETE.replace(r#""none"}"#, r#""none","created_at":null}"#)).contains("`created_at`")
    );
    assert!(problem(&format!(r#"{{"{}":1}}"#, "x".repeat(5_000))).len() < 400);
}

#[test]
fn keys_with_escapes_are_the_keys_they_mean() {
    assert_eq!(event(r#"{"t\u006fpic":"t","metadata":{"\u0074ags":{}}}"#).topic(), "t");
    assert!(problem(r#"{"topic":"t","\ud800":1}"#).starts_with("unknown key `\\ud800`"));
}

#[test]
fn keys_that_come_twice_are_refused() {
    assert_eq!(problem(r#"{"topic":"t","priority":1,"topic":"u"}"#), "`topic` is given twice");
    assert_eq!(
        problem(r#"{"topic":"t","metadata":{"tags":{},"tags":{}}}"#),
        "`metadata.tags` is given twice"
    );
    assert_eq!(problem(r#"{"topic":"t","metadata":{},"metadata":{}}"#), "`metadata` is given twice");
    let runs = r#"{"topic":"t","delivery_error":null,"timestamp":"2026-01-31T12:00:00","version":"1.0","delivery_status":"pending","delivery_attempts":0,"last_delivery_attempt":null,"delivery_error":null}"#;
    assert_eq!(problem(runs), "`delivery_error` is given twice");
}

#[test]
fn fields_of_the_wrong_type_are_named() {
    for (field, wrong, expected) in [
        ("id", "5", "`id` must be a string; got 5"),
        ("id", "null", "`id` must be a string; got null"),
        ("topic", "null", "`topic` must be a string; got null"),
        ("type", "{}", "`type` must be a string; got an object"),
        ("source", "true", "`source` must be a string; got true"),
        ("target", "5", "`target` must be a string or null; got 5"),
        ("metadata", "null", "`metadata` must be an object; got null"),
        ("metadata", "[]", "`metadata` must be an object; got an array"),
        (
            "timestamp",
            "null",
            "`timestamp` must be a date-time like \"2026-01-31T12:00:00.123456+00:00\"; got null",
        ),
        (
            "timestamp",
            "1769860800",
            "`timestamp` must be a date-time like \"2026-01-31T12:00:00.123456+00:00\"; got 1769860800",
        ),
        (
            "timestamp",
            "\"now\"",
            "`timestamp` must be a date-time like \"2026-01-31T12:00:00.123456+00:00\"; got \"now\"",
        ),
        ("version", "1.0", "`version` must be a string; got 1.0"),
        (
            "delivery_status",
            "\"gone\"",
            "`delivery_status` must be one of pending, delivered, failed, retrying, dead_letter; got \"gone\"",
        ),
        (
            "delivery_status",
            "null",
            "`delivery_status` must be one of pending, delivered, failed, retrying, dead_letter; got null",
        ),
        ("delivery_attempts", "-1", "`delivery_attempts` must be an integer from 0; got -1"),
        ("delivery_attempts", "0.5", "`delivery_attempts` must be an integer from 0; got 0.5"),
        ("delivery_attempts", "\"0\"", "`delivery_attempts` must be an integer from 0; got \"0\""),
        (
            "delivery_attempts",
            "99999999999999999999",
            "`delivery_attempts` must be an integer from 0; got 99999999999999999999",
        ),
        (
            "last_delivery_attempt",
            "0",
            "`last_delivery_attempt` must be a date-time like \"2026-01-31T12:00:00.123456+00:00\", or null; got 0",
        ),
        ("delivery_error", "0", "`delivery_error` must be a string or null; got 0"),
    ] {
        let rest = if field == "topic" { "\"id\":\"x\"" } else { "\"topic\":\"x\"" };
        assert_eq!(problem(&format!(r#"{{{rest},"{field}":{wrong}}}"#)), expected);
    }
}

#[test]
fn metadata_of_the_wrong_type_is_named() {
    for (field, wrong, expected) in [
        (
            "created_at",
            "5",
            "`metadata.created_at` must be a date-time like \"2026-01-31T12:00:00.123456+00:00\", or null; got 5",
        ),
        ("correlation_id", "5", "`metadata.correlation_id` must be a string or null; got 5"),
        ("span_id", "{}", "`metadata.span_id` must be a string or null; got an object"),
        ("tags", "null", "`metadata.tags` must be an object of strings; got null"),
        ("tags", "[\"a\"]", "`metadata.tags` must be an object of strings; got an array"),
        ("tags", "{\"a\":\"b\",\"c\":1}", "`metadata.tags.c` must be a string; got 1"),
        ("headers", "{\"a\":null}", "`metadata.headers.a` must be a string; got null"),
    ] {
        assert_eq!(problem(&format!(r#"{{"topic":"t","metadata":{{"{field}":{wrong}}}}}"#)), expected);
    }
}

#[test]
fn nulls_are_taken_where_they_mean_nothing() {
    event(r#"{"topic":"t","target":null,"last_delivery_attempt":null,"delivery_error":null,"payload":null}"#);
    event(
        r#"{"topic":"t","metadata":{"created_at":null,"user_id":null,"tags":{"a":"b","c":"\ud800"},"headers":{}}}"#,
    );
}

#[test]
fn every_delivery_status_is_taken() {
    for status in ["pending", "delivered", "failed", "retrying", "dead_letter", r"p\u0065nding"] {
        event(&format!(r#"{{"topic":"t","delivery_status":"{status}"}}"#));
    }
}

#[test]
fn topics_are_checked_without_their_escapes() {
    assert_eq!(problem(r#"{"topic":""}"#), "`topic` must not be empty");
    assert_eq!(problem(r#"{"topic":"a\nb"}"#), "`topic` must not hold control characters (U+000A at byte 1)");
    assert_eq!(
        problem("{\"topic\":\"a\u{7f}\"}"),
        "`topic` must not hold control characters (U+007F at byte 1)"
    );
    assert_eq!(
        problem(&format!(r#"{{"topic":"{}"}}"#, "x".repeat(1_025))),
        "`topic` is 1025 bytes long; at most 1024 are allowed"
    );
    assert_eq!(event(&format!(r#"{{"topic":"{}"}}"#, r"\u0078".repeat(1_024))).topic(), "x".repeat(1_024));
}

#[test]
fn strings_with_escapes_are_decoded_for_routing_and_kept_as_they_are() {
    let text = r#"{"id":"\u0031\"","topic":"a\u002eb","type":"task\u002efailed","source":"\u00e9","target":"\ud83e\udd80"}"#;
    let event = event(text);
    assert_eq!((event.id(), event.id_json()), ("1\"", r#""\u0031\"""#));
    assert_eq!((event.topic(), event.kind()), ("a.b", EventType::TaskFailed));
    assert_eq!((event.source(), event.target()), ("é", Some("🦀")));
    assert!(event.full().contains(r#""topic":"a\u002eb""#));
    assert_eq!(self::event(r#"{"type":"my\u002etype"}"#).topic(), "my.type");
}

#[test]
fn halves_of_surrogate_pairs_are_refused_where_routing_reads_them_and_kept_elsewhere() {
    for field in ["id", "topic", "type", "source", "target"] {
        let text = if field == "topic" {
            r#"{"topic":"\ud800"}"#.into()
        } else {
            format!(r#"{{"topic":"t","{field}":"\ud800"}}"#)
        };
        assert!(problem(&text).starts_with(&format!("`{field}` holds half of a surrogate pair")), "{text}");
    }
    let event = event(
        r#"{"topic":"t","payload":{"a":"\ud800"},"delivery_error":"\udfff","metadata":{"user_id":"\ud800"}}"#,
    );
    assert!(
        event.full().contains(r#""payload":{"a":"\ud800"}"#)
            && event.full().contains(r#""delivery_error":"\udfff""#)
    );
}

#[test]
fn a_lean_event_has_only_what_cannot_be_filled_in() {
    let sparse = event(r#"{"topic":"t","metadata":{"created_at":null},"payload":{ }}"#);
    assert_eq!(
        sparse.lean(),
        format!(r#"{{"id":"{FIRST_ID}","topic":"t","source":"{CLIENT}","timestamp":"{NOW}"}}"#)
    );
    let dated = event(r#"{"topic":"t","type":"custom","priority":5,"target":null,"version":"1.0"}"#);
    assert_eq!(json(dated.lean())["metadata"], json!({ "created_at": NOW }));
    assert_eq!(event(COMPLETE).lean(), COMPLETE);
    for kept in
        [r#""payload":null"#, r#""payload":[]"#, r#""payload":0"#, r#""priority":6"#, r#""version":"1.1""#]
    {
        assert!(event(&format!(r#"{{"topic":"t",{kept}}}"#)).lean().contains(kept), "{kept}");
    }
}

#[test]
fn a_complete_event_is_lean_without_its_defaults_and_with_its_own_spaces() {
    let sparse = event(r#"{"topic":"t","type":"task.created","payload":{"a":{}}}"#);
    let metadata = format!(r#""metadata":{{"created_at":"{NOW}"}}"#);
    let kept = |payload: &str, metadata: &str| {
        format!(
            r#"{{"id":"{FIRST_ID}","topic":"t","type":"task.created","source":"{CLIENT}"{payload}{metadata},"timestamp":"{NOW}"}}"#
        )
    };
    let lean = kept(r#","payload":{"a":{}}"#, &format!(",{metadata}"));
    assert_eq!(event(sparse.full()).lean(), lean);
    let spaced = |text: &str| text.replace(",\"", ", \"").replace("\":", "\": ");
    assert_eq!(event(&spaced(sparse.full())).lean(), spaced(&lean));
    // In any order, with empty objects that are not, and with nothing in the metadata.
    let undated = sparse.full().replace(&format!(r#""created_at":"{NOW}""#), r#""created_at":null"#);
    assert_eq!(event(&undated).lean(), kept(r#","payload":{"a":{}}"#, ""));
    assert_eq!(event(&undated.replace(r#"{"a":{}}"#, "{ }")).lean(), kept("", ""));
    for payload in [r#""{}""#, r#""{ }""#, "[{}]", r#"{"{":"}"}"#] {
        let lean = kept(&format!(r#","payload":{payload}"#), "");
        assert_eq!(event(&undated.replace(r#"{"a":{}}"#, payload)).lean(), lean);
    }
    let moved = undated.replacen(r#""priority":5,"#, "", 1).replacen('{', r#"{ "priority": 5 ,"#, 1);
    assert_eq!(event(&moved).lean(), kept(r#","payload":{"a":{}}"#, ""));
    let traced = sparse.full().replace(r#""trace_id":null"#, r#""trace_id":"x""#);
    let traced_metadata = format!(",{}", metadata.replace('}', r#","trace_id":"x"}"#));
    assert_eq!(event(&traced).lean(), kept(r#","payload":{"a":{}}"#, &traced_metadata));
}

#[test]
fn a_lean_event_keeps_the_order_of_the_full_one() {
    let moved = COMPLETE.replacen(r#"{"id":"e-1","#, "{", 1).replace(r#""none"}"#, r#""none","id":"e-1"}"#);
    assert_eq!(event(&moved).lean(), moved);
}

#[test]
fn an_event_is_short_where_the_same_bytes_come_of_it_again() {
    let sparse = event(r#"{"topic":"t","payload":{"a":{}}}"#);
    let full = sparse.full();
    for exact in [full.to_owned(), full.replace("custom", "task.failed"), full.replace(r#"{"a":{}}"#, "{}")] {
        let event = event(&exact);
        assert_eq!(short(&event), event.lean());
        assert!(short(&event).len() < exact.len() - 250);
        assert_eq!(Event::read(&short(&event)).unwrap().full(), exact);
    }
    for other in [
        full.replace(&format!(r#""created_at":"{NOW}""#), r#""created_at":null"#),
        full.replace(r#"{"a":{}}"#, "{ }"),
        full.replace(r#""custom""#, r#""\u0063ustom""#),
        full.replace(r#","source""#, r#" ,"source""#),
        full.replace(r#""source":"#, r#""source": "#),
        full.replace(r#""payload":"#, r#""payload": "#),
        full.replace(r#""timestamp":"#, "\"timestamp\":\n"),
        full.replace(",\"", ", \"").replace("\":", "\": "),
        COMPLETE.to_owned(),
    ] {
        assert_eq!(short(&event(&other)), other);
        assert_eq!(Event::read(&other).unwrap().full(), other);
    }
}

#[test]
fn an_event_can_be_shared_between_threads() {
    fn check<T: Send + Sync>() {}
    check::<Arc<Event>>();
}
