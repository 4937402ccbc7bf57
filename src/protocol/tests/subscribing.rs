//! What a subscription may say.

use super::*;

fn subscription(text: &str) -> Result<Subscription, String> {
    let text = format!(r#"{{"type":"subscribe","subscription":{text}}}"#);
    match decode(&text, &mut Stub::default()) {
        Ok(Incoming { request: Request::Subscribe(subscription), .. }) => Ok(subscription),
        Ok(other) => panic!("{other:?}"),
        Err(Refused { error, .. }) => {
            assert_eq!(error.code, ErrorCode::InvalidSubscription);
            Err(error.text.strip_prefix("Failed to subscribe: ").unwrap().to_owned())
        }
    }
}

fn topics(subscription: &Subscription) -> Vec<&str> {
    subscription.topics.iter().map(Pattern::as_str).collect()
}

#[test]
fn an_empty_subscription_wants_everything() {
    let all = subscription("{}").unwrap();
    assert_eq!(all, Subscription::default());
    assert_eq!(topics(&all), ["*"]);
    assert!(all.types.is_empty() && all.sources.is_empty() && all.targets.is_none() && all.group.is_none());
    assert_eq!(all.min_priority, Priority::LOWEST);
    let nulls =
        r#"{"topics":null,"types":null,"priorities":null,"sources":null,"targets":null,"group":null}"#;
    assert_eq!(subscription(nulls).unwrap(), all);
}

#[test]
fn all_wishes_are_read() {
    let wanted = subscription(
        r#"{"topics":["a.b","c.*","d.**"],"types":["task.failed","custom"],"priorities":[9, 7,10],"sources":["x","\u0079"],"targets":["me"],"group":"workers"}"#,
    )
    .unwrap();
    assert_eq!(topics(&wanted), ["a.b", "c.*", "d.**"]);
    assert!(wanted.types.admits(EventType::TaskFailed) && !wanted.types.admits(EventType::TaskCreated));
    assert_eq!(wanted.min_priority.get(), 7);
    assert_eq!(wanted.sources, ["x".into(), "y".into()]);
    assert_eq!(wanted.targets, Some(vec!["me".into()]));
    assert_eq!(wanted.group.as_deref(), Some("workers"));
}

#[test]
fn empty_lists_mean_all_and_an_empty_list_of_topics_stays_one() {
    let all = subscription(r#"{"topics":[],"types":[],"priorities":[],"sources":[]}"#).unwrap();
    assert!(all.topics.is_empty() && all.types.is_empty() && all.sources.is_empty());
    assert_eq!(all.min_priority, Priority::LOWEST);
}

#[test]
fn what_existing_clients_send_besides_is_tolerated() {
    let old = r#"{"id":"x","subscriber_id":"y","active":true,"created_at":"z","callback":null,"endpoint":null,"batch_size":1,"max_retries":3,"retry_delay":1.0,"timeout":30,"topics":["a"]}"#;
    assert_eq!(topics(&subscription(old).unwrap()), ["a"]);
}

#[test]
fn what_lasts_is_named_and_begins_somewhere() {
    let wanted =
        subscription(r#"{"durable":"d","ack":true,"from":{"last":3},"backlog_interval_ms":1000}"#).unwrap();
    assert_eq!((wanted.durable.as_deref(), wanted.from), (Some("d"), Some(Start::Last(3))));
    assert_eq!(wanted.ack.unwrap().backlog_ms, Some(1_000));
    let at = |time: &str| subscription(&format!(r#"{{"from":{{"time":{time}}}}}"#)).map(|wanted| wanted.from);
    assert_eq!(at(r#""1970-01-01T00:00:01Z""#), Ok(Some(Start::Time(Time::from_micros(1_000_000)))));
    for (text, expected) in [
        (r#"{"durable":5,"ack":true}"#, "`durable` must be a string; got 5"),
        (r#"{"durable":"","ack":true}"#, "`durable` must not be empty"),
        (
            r#"{"from":{"last":1},"ack":true}"#,
            "`from` with `ack` needs `durable`, which remembers what was acknowledged",
        ),
        (r#"{"from":{"sequence":1.5}}"#, "`from.sequence` must be a whole number from 0; got 1.5"),
        (r#"{"backlog_interval_ms":1000}"#, "`backlog_interval_ms` needs `ack`: true"),
        (
            r#"{"ack":true,"backlog_interval_ms":10}"#,
            "`backlog_interval_ms` must be a whole number from 1000 to 86400000; got 10",
        ),
    ] {
        assert_eq!(subscription(text).unwrap_err(), expected, "{text}");
    }
}

#[test]
fn acknowledgement_is_asked_for_with_bounds_of_its_own() {
    for (text, expected) in [
        ("{}", None),
        (r#"{"ack":false,"max_retries":3}"#, None),
        (r#"{"ack":true}"#, Some(Acks::default())),
        (
            r#"{"ack":true,"max_in_flight":1,"ack_timeout_ms":600000,"max_retries":0}"#,
            Some(Acks { max_in_flight: 1, timeout_ms: 600_000, max_retries: 0, backlog_ms: None }),
        ),
    ] {
        assert_eq!(subscription(text).unwrap().ack, expected, "{text}");
    }
    for (text, expected) in [
        (r#"{"ack":1}"#, "`ack` must be true or false; got 1"),
        (r#"{"max_in_flight":1}"#, "`max_in_flight` needs `ack`: true"),
        (r#"{"ack":false,"ack_timeout_ms":1000}"#, "`ack_timeout_ms` needs `ack`: true"),
        (
            r#"{"ack":true,"max_in_flight":0}"#,
            "`max_in_flight` must be a whole number from 1 to 100000; got 0",
        ),
        (
            r#"{"ack":true,"ack_timeout_ms":99}"#,
            "`ack_timeout_ms` must be a whole number from 100 to 86400000; got 99",
        ),
        (
            r#"{"ack":true,"max_retries":-1}"#,
            "`max_retries` must be a whole number from 0 to 4294967295; got -1",
        ),
    ] {
        assert_eq!(subscription(text).unwrap_err(), expected, "{text}");
    }
}

#[test]
fn what_is_wrong_is_named() {
    for (text, expected) in [
        ("5", "`subscription` must be an object; got a number"),
        ("null", "`subscription` must be an object; got null"),
        (
            r#"{"topic":"a"}"#,
            "unknown key `topic`; the keys are topics, types, priorities, sources, targets, group, ack, max_in_flight, ack_timeout_ms, max_retries, backlog_interval_ms, durable, from",
        ),
        (r#"{"topics":"a"}"#, "`topics` must be a list; got a string"),
        (r#"{"topics":["a",5]}"#, "`topics[1]` must be a string; got 5"),
        (r#"{"topics":["a",""]}"#, "`topics[1]` must not be empty"),
        (r#"{"topics":["a\u0000"]}"#, "`topics[0]` must not hold control characters (U+0000 at byte 1)"),
        (r#"{"topics":["\ud800"]}"#, "`topics[0]` holds half of a surrogate pair"),
        (r#"{"topics":[],"topics":[]}"#, "`topics` is given twice"),
        (r#"{"types":[5]}"#, "`types[0]` must be a string; got 5"),
        (r#"{"priorities":[5,"high"]}"#, "`priorities[1]` must be an integer from 1 to 10; got \"high\""),
        (r#"{"priorities":[0]}"#, "`priorities[0]` must be an integer from 1 to 10; got 0"),
        (r#"{"priorities":5}"#, "`priorities` must be a list; got a number"),
        (r#"{"sources":{}}"#, "`sources` must be a list; got an object"),
        (r#"{"sources":[null]}"#, "`sources[0]` must be a string; got null"),
        (
            r#"{"targets":[]}"#,
            "`targets` is empty, so that nothing could match; leave it out to ignore targets",
        ),
        (r#"{"group":""}"#, "`group` must not be empty"),
        (r#"{"group":[]}"#, "`group` must be a string; got an array"),
    ] {
        assert_eq!(subscription(text).unwrap_err(), expected, "{text}");
    }
    assert!(
        subscription(r#"{"topics":["**.a"]}"#)
            .unwrap_err()
            .starts_with("`topics[0]` has `**` before its last part")
    );
    let unknown = subscription(r#"{"types":["custom","task.exploded"]}"#).unwrap_err();
    assert!(
        unknown.starts_with("`types[1]`: unknown event type `task.exploded`; the types are agent.started,"),
        "{unknown}"
    );
    let missing = refused(r#"{"type":"subscribe"}"#).error;
    assert_eq!(missing.code, ErrorCode::InvalidSubscription);
    assert_eq!(missing.text, "Failed to subscribe: `subscription` is missing");
}

#[test]
fn long_lists_and_long_names_are_refused() {
    let list = |count: usize| vec!["\"a\""; count].join(",");
    assert_eq!(
        subscription(&format!(r#"{{"topics":[{}]}}"#, list(MAX_PATTERNS))).unwrap().topics.len(),
        MAX_PATTERNS
    );
    let error = subscription(&format!(r#"{{"topics":[{}]}}"#, list(10_000))).unwrap_err();
    assert_eq!(error, "10000 patterns; at most 1000 are allowed in one subscription");
    let error = subscription(&format!(r#"{{"sources":[{}]}}"#, list(MAX_NAMES + 1))).unwrap_err();
    assert_eq!(error, "1001 sources; at most 1000 are allowed in one subscription");
    assert!(subscription(&format!(r#"{{"targets":[{}]}}"#, list(MAX_NAMES + 1))).is_err());
    assert!(
        subscription(&format!(r#"{{"sources":["{}"]}}"#, "x".repeat(1_025)))
            .unwrap_err()
            .contains("1025 bytes")
    );
    assert!(subscription(&format!(r#"{{"group":"{}"}}"#, "x".repeat(MAX_GROUP))).is_ok());
    assert!(
        subscription(&format!(r#"{{"group":"{}"}}"#, "x".repeat(MAX_GROUP + 1)))
            .unwrap_err()
            .contains("257 bytes")
    );
}

#[test]
fn an_event_is_wanted_when_it_passes_all_filters() {
    let event = |text: &str| match decode(text, &mut Stub::default()).unwrap().request {
        Request::Publish(publish) => publish.event,
        other => panic!("{other:?}"),
    };
    let event = event(
        r#"{"type":"publish","event":{"topic":"task.a.b","type":"task.failed","priority":5,"source":"x","target":"me"}}"#,
    );
    for (wish, is_wanted) in [
        ("{}", true),
        (r#"{"topics":[]}"#, true),
        (r#"{"topics":["other","task.**"]}"#, true),
        (r#"{"topics":["task.*"]}"#, false),
        (r#"{"types":["task.failed"],"priorities":[5],"sources":["y","x"],"targets":["me"]}"#, true),
        (r#"{"types":["task.created"]}"#, false),
        (r#"{"priorities":[6]}"#, false),
        (r#"{"sources":["me"]}"#, false),
        (r#"{"targets":["x"]}"#, false),
    ] {
        let wanted = subscription(wish).unwrap();
        assert_eq!(wanted.admits(&event), is_wanted, "{wish}");
    }
}
