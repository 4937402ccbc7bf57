//! Messages of every type, right and wrong.

use super::*;

#[test]
fn pings_carry_their_echo_back_as_it_came() {
    assert!(matches!(request(r#"{"type":"ping"}"#), Request::Ping { echo: None }));
    let Request::Ping { echo: Some(echo) } =
        request(" { \"echo\" : {\"a\": [1.0, \"\\ud800\"]}\n, \"type\" : \"ping\" } ")
    else {
        panic!("no echo")
    };
    assert_eq!(echo, r#"{"a": [1.0, "\ud800"]}"#);
}

#[test]
fn publishes_carry_wishes_beside_the_event() {
    let text = r#"{"receipt":"dispatched","event":{"topic":"t"},"ttl_ms":250,"mandatory":true,"later":[1],"type":"publish"}"#;
    let Request::Publish(publish) = request(text) else { panic!("no publish") };
    assert_eq!(
        publish.options,
        PublishOptions { ttl_ms: Some(250), receipt: Receipt::Dispatched, mandatory: true }
    );
    let Request::Publish(publish) =
        request(r#"{"type":"publish","ttl_ms":null,"receipt":null,"mandatory":null,"event":{"topic":"t"}}"#)
    else {
        panic!("no publish")
    };
    assert_eq!(publish.options, PublishOptions::default());
}

#[test]
fn wrong_wishes_are_refused() {
    for (wish, expected) in [
        (r#""mandatory":1"#, "`mandatory` must be true or false; got 1"),
        (r#""ttl_ms":0"#, "`ttl_ms` must be a whole number of milliseconds from 1; got 0"),
        (r#""ttl_ms":1.5"#, "`ttl_ms` must be a whole number of milliseconds from 1; got 1.5"),
        (r#""ttl_ms":"9""#, "`ttl_ms` must be a whole number of milliseconds from 1; got \"9\""),
        (r#""receipt":"stored""#, "`receipt` must be \"queued\" or \"dispatched\"; got \"stored\""),
        (r#""receipt":true"#, "`receipt` must be \"queued\" or \"dispatched\"; got true"),
    ] {
        let error = refused(&format!(r#"{{"type":"publish","event":{{"topic":"t"}},{wish}}}"#)).error;
        assert_eq!(
            (error.code, error.text),
            (ErrorCode::InvalidMessage, format!("Failed to publish event: {expected}"))
        );
    }
}

#[test]
fn a_publish_without_an_event_is_refused() {
    assert_eq!(refused(r#"{"type":"publish"}"#).error.text, "Failed to publish event: `event` is missing");
    assert_eq!(problem("[]"), "`event` must be an object; got an array");
    assert_eq!(problem("null"), "`event` must be an object; got null");
}

#[test]
fn an_event_in_another_message_does_not_matter() {
    assert!(matches!(request(r#"{"type":"ping","event":{"bad":1,"bad":2}}"#), Request::Ping { .. }));
    assert!(matches!(request(r#"{"event":[],"type":"get_health"}"#), Request::GetHealth));
}

#[test]
fn the_event_may_come_before_the_type() {
    let Request::Publish(publish) = request(r#"{"event":{"topic":"t"},"type":"publish"}"#) else {
        panic!("no publish")
    };
    assert_eq!(publish.event.topic(), "t");
}

#[test]
fn the_usual_head_in_both_spacings_is_read_like_any_other() {
    for text in [
        r#"{"type":"publish","event":{"topic":"t"},"request_id":"r"}"#,
        r#"{"type": "publish", "event": {"topic": "t"}, "request_id": "r"}"#,
        r#"{"type" :"publish", "event":{"topic": "t"}, "request_id": "r"}"#,
        r#"{"request_id":"r","type":"publish","event":{"topic":"t"}}"#,
        r#"{"typ\u0065":"publ\u0069sh","ev\u0065nt":{"topic":"t"},"request_id":"r"}"#,
    ] {
        let incoming = decode(text, &mut Stub::default()).unwrap();
        assert!(matches!(incoming.request, Request::Publish(_)));
        assert_eq!(incoming.request_id, Some("\"r\""));
    }
    let twice = r#"{"type":"publish","event":{"topic":"t"},"type":"ping"}"#;
    assert_eq!(refused(twice).error.text, "Invalid message: `type` is given twice");
    let twice = r#"{"type":"publish","event":{"topic":"t"},"event":{"topic":"t"}}"#;
    assert_eq!(refused(twice).error.text, "Invalid message: `event` is given twice");
}

#[test]
fn a_batch_has_a_result_for_each_event() {
    let text =
        r#"{"type":"publish_batch","ttl_ms":9,"events":[{"topic":"a"},{"topic":""}, 5 ,{"topic":"b"}]}"#;
    let Request::PublishBatch(batch) = request(text) else { panic!("no batch") };
    assert_eq!(batch.options.ttl_ms, Some(9));
    let results: Vec<_> = batch
        .events
        .iter()
        .map(|result| result.as_ref().map(|event| event.topic()).map_err(|e| e.text.as_str()))
        .collect();
    let prefix = "Failed to publish event: ";
    assert_eq!(results[0], Ok("a"));
    assert_eq!(results[1].unwrap_err(), format!("{prefix}`topic` must not be empty"));
    assert_eq!(results[2].unwrap_err(), format!("{prefix}`event` must be an object; got a number"));
    assert_eq!(results[3], Ok("b"));
    let Request::PublishBatch(batch) = request(r#"{"type":"publish_batch","events":[ ]}"#) else {
        panic!("no batch")
    };
    assert!(batch.events.is_empty());
}

#[test]
fn batches_over_the_bound_are_refused_as_a_whole() {
    let events = vec!["0"; MAX_BATCH + 1].join(",");
    let error = refused(&format!(r#"{{"type":"publish_batch","events":[{events}]}}"#)).error;
    assert_eq!(error.code, ErrorCode::TooLarge);
    assert_eq!(error.text, "Failed to publish event: 10001 events; at most 10000 are allowed in one batch");
    for wrong in [r#"{"type":"publish_batch"}"#, r#"{"type":"publish_batch","events":{}}"#] {
        assert_eq!(refused(wrong).error.code, ErrorCode::InvalidEvent);
    }
}

#[test]
fn unsubscribes_name_their_subscription() {
    let Request::Unsubscribe { subscription_id, forget: false } =
        request(r#"{"type":"unsubscribe","subscription_id":"\u0078"}"#)
    else {
        panic!("no unsubscribe")
    };
    assert_eq!(subscription_id, "x");
    let text = r#"{"type":"unsubscribe","subscription_id":"x","forget":true}"#;
    assert!(matches!(request(text), Request::Unsubscribe { forget: true, .. }));
    for wrong in [
        r#"{"type":"unsubscribe"}"#,
        r#"{"type":"unsubscribe","subscription_id":7}"#,
        r#"{"type":"unsubscribe","subscription_id":"x","forget":1}"#,
    ] {
        assert_eq!(refused(wrong).error.code, ErrorCode::InvalidMessage);
    }
}

#[test]
fn hello_names_a_protocol_and_wishes() {
    let Request::Hello(hello) =
        request(r#"{"type":"hello","protocol":2,"client":"py/1","lean":true,"token":"x"}"#)
    else {
        panic!("no hello")
    };
    assert_eq!(hello, Hello { protocol: 2, client: Some("py/1".into()), lean: true, credit: None });
    let Request::Hello(hello) = request(r#"{"type":"hello","protocol":7,"client":null}"#) else {
        panic!("no hello")
    };
    assert_eq!(hello, Hello { protocol: 7, client: None, lean: false, credit: None });
    for wrong in [
        r#"{"type":"hello"}"#,
        r#"{"type":"hello","protocol":"2"}"#,
        r#"{"type":"hello","protocol":-2}"#,
        r#"{"type":"hello","protocol":2,"lean":1}"#,
        r#"{"type":"hello","protocol":2,"client":5}"#,
        r#"{"type":"hello","protocol":2,"credit":5}"#,
        r#"{"type":"hello","protocol":2,"credit":{"events":-1}}"#,
        r#"{"type":"hello","protocol":2,"credit":{"events":1.5}}"#,
        r#"{"type":"hello","protocol":2,"credit":{"event":1}}"#,
    ] {
        assert_eq!(refused(wrong).error.code, ErrorCode::InvalidMessage, "{wrong}");
    }
    let long = format!(r#"{{"type":"hello","protocol":2,"client":"{}"}}"#, "x".repeat(MAX_CLIENT_NAME));
    assert_eq!(refused(&long).error.code, ErrorCode::InvalidMessage);
}

#[test]
fn credit_is_asked_for_in_hello_and_then_granted() {
    for (given, expected) in [
        ("null", None),
        ("{}", Some(Credit { events: None, bytes: None })),
        (r#"{"events":32}"#, Some(Credit { events: Some(32), bytes: None })),
        (r#"{"bytes":0,"events":null}"#, Some(Credit { events: None, bytes: Some(0) })),
    ] {
        let text = format!(r#"{{"type":"hello","protocol":2,"credit":{given}}}"#);
        let Request::Hello(hello) = request(&text) else { panic!("no hello") };
        assert_eq!(hello.credit, expected, "{given}");
    }
    let Request::Credit(credit) = request(r#"{"type":"credit","events":7,"bytes":null}"#) else {
        panic!("no credit")
    };
    assert_eq!(credit, Credit { events: Some(7), bytes: None });
    for wrong in [r#""events":-1"#, r#""events":"1""#, r#""bytes":0.5"#, r#""bytes":18446744073709551616"#] {
        let error = refused(&format!(r#"{{"type":"credit",{wrong}}}"#)).error;
        assert_eq!(error.code, ErrorCode::InvalidMessage, "{wrong}");
    }
}

#[test]
fn texts_that_are_no_json_are_refused_with_the_place() {
    for (text, expected) in [
        ("", "Invalid JSON: expected a value at byte 0"),
        ("hello", "Invalid JSON: expected a value at byte 0"),
        (r#"{"type":"ping""#, "Invalid JSON: expected `,` or `}` at byte 14"),
        (r#"{"type":"ping"} {}"#, "Invalid JSON: expected nothing more at byte 16"),
        (
            r#"{"type":"publish","event":{"topic":"t","payload":NaN}}"#,
            "Invalid JSON: NaN and Infinity are not JSON; expected a value at byte 49",
        ),
        // What is wrong with the text counts before what is wrong with the event, the type or the kind of value.
        (r#"{"type":"publish","event":{"bad":1},"x":tru}"#, "Invalid JSON: expected a value at byte 40"),
        (r#"{"type":"what","x":01}"#, "Invalid JSON: expected `,` or `}` at byte 20"),
        ("[1,", "Invalid JSON: expected a value at byte 3"),
        (
            r#"{"type":"publish","event":{"topic":"t","topic":"t"}"#,
            "Invalid JSON: expected `,` or `}` at byte 51",
        ),
    ] {
        let error = refused(text).error;
        assert_eq!((error.code, &*error.text), (ErrorCode::InvalidJson, expected), "{text}");
    }
}

#[test]
fn json_that_is_no_object_is_refused() {
    for text in ["[]", "5", "null", "\"publish\"", "true", " [{\"type\":\"ping\"}] "] {
        let error = refused(text).error;
        assert_eq!((error.code, &*error.text), (ErrorCode::InvalidJson, "Invalid JSON: expected an object"));
    }
}

#[test]
fn deep_nesting_is_an_error_and_no_crash() {
    for open in ["[", "{\"a\":"] {
        let deep = open.repeat(100_000);
        for text in [
            deep.clone(),
            format!(r#"{{"type":"ping","echo":{deep}"#),
            format!(r#"{{"type":"publish","event":{{"topic":"t","payload":{deep}"#),
            format!(r#"{{"type":"publish","event":{deep}"#),
            format!(r#"{{"type":"publish","event":{{"metadata":{{"tags":{deep}"#),
            format!(r#"{{"type":"publish_batch","events":[{deep}"#),
        ] {
            let error = refused(&text).error.text;
            assert!(error.starts_with("Invalid JSON: nested more than 128 levels deep at byte"), "{error}");
        }
    }
}

#[test]
fn as_deep_as_allowed_is_fine_and_one_deeper_is_not() {
    let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    let ping = |levels| format!(r#"{{"type":"ping","echo":{}}}"#, nested(levels));
    request(&ping(127));
    refused(&ping(128));
    event(&format!(r#"{{"topic":"t","payload":{}}}"#, nested(126)));
    let error = publish(&format!(r#"{{"topic":"t","payload":{}}}"#, nested(127))).unwrap_err();
    assert_eq!(error.code, ErrorCode::InvalidJson);
}

#[test]
fn unknown_types_are_refused() {
    for (text, expected) in [
        (r#"{"type":"foo"}"#, "Unknown message type: foo"),
        (r#"{"type":""}"#, "Unknown message type: "),
        (r#"{"type":"Ping"}"#, "Unknown message type: Ping"),
        ("{}", "Unknown message type: `type` is missing"),
        (r#"{"type":5}"#, "Unknown message type: `type` must be a string; got 5"),
        (r#"{"type":null}"#, "Unknown message type: `type` must be a string; got null"),
    ] {
        let error = refused(text).error;
        assert_eq!((error.code, &*error.text), (ErrorCode::UnknownType, expected));
    }
    assert!(refused(&format!(r#"{{"type":"{}"}}"#, "é".repeat(9_999))).error.text.len() < 300);
}

#[test]
fn replies_and_errors_can_carry_the_request_id() {
    let incoming = decode(r#"{"type":"ping","request_id":"a\u0062"}"#, &mut Stub::default()).unwrap();
    assert_eq!(incoming.request_id, Some(r#""a\u0062""#));
    for text in [
        r#"{"type":"foo","request_id":"r"}"#,
        r#"{"request_id":"r"}"#,
        r#"{"request_id":"r","type":"publish","event":{}}"#,
        r#"{"type":"subscribe","subscription":5,"request_id":"r"}"#,
        r#"{"request_id":"r", "type":nonsense"#,
    ] {
        assert_eq!(refused(text).request_id.as_deref(), Some("\"r\""), "{text}");
    }
    assert_eq!(refused(r#"{"type":nonsense, "request_id":"r"}"#).request_id, None);
}

#[test]
fn a_request_id_is_a_short_string() {
    let wrong = refused(r#"{"type":"ping","request_id":5}"#);
    assert_eq!(
        wrong.error,
        WireError::new(ErrorCode::InvalidMessage, "Invalid message: `request_id` must be a string; got 5")
    );
    assert_eq!(wrong.request_id, None);
    let long = refused(&format!(r#"{{"type":"ping","request_id":"{}"}}"#, "x".repeat(MAX_REQUEST_ID)));
    assert_eq!((long.error.code, long.request_id), (ErrorCode::InvalidMessage, None));
}
