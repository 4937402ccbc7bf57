//! The bytes of every message to a client.

use super::{
    reply::{BatchResult, Counts, Outcome, Reply, Status},
    *,
};

const ID: uuid::Uuid = uuid::Uuid::from_u128(0xa);
const ID_TEXT: &str = "00000000-0000-0000-0000-00000000000a";

fn now() -> Time {
    Stub::default().now()
}

fn written(reply: Reply<'_>, request_id: Option<&str>) -> String {
    let mut out = Vec::new();
    reply.write(request_id, &mut out);
    let text = String::from_utf8(out).unwrap();
    json(&text);
    text
}

#[test]
fn part_one_replies_have_their_shapes() {
    let error = WireError::new(ErrorCode::UnknownType, "Unknown message type: \"é\n");
    let topics = [Pattern::parse("a.*").unwrap(), Pattern::parse("\"").unwrap()];
    for (reply, expected) in [
        (
            Reply::Welcome { client_id: ID, server_time: now() },
            format!(r#"{{"type":"welcome","client_id":"{ID_TEXT}","server_time":"{NOW}"}}"#),
        ),
        (
            Reply::Error { error: &error, timestamp: now() },
            format!(
                r#"{{"type":"error","error":"Unknown message type: \"é\n","code":"unknown_type","timestamp":"{NOW}"}}"#
            ),
        ),
        (
            Reply::MaxClientsReached { limit: 7, timestamp: now() },
            format!(
                r#"{{"type":"error","error":"max_clients_reached","message":"Maximum clients (7) reached","code":"max_clients_reached","timestamp":"{NOW}"}}"#
            ),
        ),
        (
            Reply::Pong { timestamp: now(), echo: None },
            format!(r#"{{"type":"pong","timestamp":"{NOW}","echo":null}}"#),
        ),
        (
            Reply::Pong { timestamp: now(), echo: Some("[1, 2.0]") },
            format!(r#"{{"type":"pong","timestamp":"{NOW}","echo":[1, 2.0]}}"#),
        ),
        (
            Reply::Subscribed { subscription_id: ID, topics: &topics, sub: None },
            format!(r#"{{"type":"subscribed","subscription_id":"{ID_TEXT}","topics":["a.*","\""]}}"#),
        ),
        (
            Reply::Subscribed { subscription_id: ID, topics: &[], sub: Some(3) },
            format!(r#"{{"type":"subscribed","subscription_id":"{ID_TEXT}","topics":[],"sub":3}}"#),
        ),
        (
            Reply::Unsubscribed { subscription_id: ID },
            format!(r#"{{"type":"unsubscribed","subscription_id":"{ID_TEXT}"}}"#),
        ),
    ] {
        assert_eq!(written(reply, None), expected);
        let with_id = format!(r#"{},"request_id":"r"}}"#, expected.strip_suffix('}').unwrap());
        assert_eq!(written(reply, Some("\"r\"")), with_id);
    }
}

#[test]
fn published_tells_what_became_of_an_event() {
    let queued = Outcome::queued("\"e\"");
    let dropped = Outcome { status: Status::Dropped, reason: Some("queue_full"), ..queued };
    let refused = [("outbox_full", 2), ("expired", 1)];
    let dispatched = Outcome { matched: Some(4), refused: Some(&refused), ..queued };
    let nobody = Outcome { matched: Some(0), refused: Some(&[]), ..queued };
    for (outcome, expected) in [
        (queued, r#""event_id":"e","status":"queued""#),
        (dropped, r#""event_id":"e","status":"dropped","reason":"queue_full""#),
        (
            Outcome { status: Status::Rejected, reason: Some("draining"), ..queued },
            r#""event_id":"e","status":"rejected","reason":"draining""#,
        ),
        (
            dispatched,
            r#""event_id":"e","status":"queued","matched":4,"refused":{"outbox_full":2,"expired":1}"#,
        ),
        (nobody, r#""event_id":"e","status":"queued","matched":0,"refused":{}"#),
    ] {
        assert_eq!(written(Reply::Published(outcome), None), format!(r#"{{"type":"published",{expected}}}"#));
        assert_eq!(
            written(Reply::Published(outcome), Some("\"r\"")),
            format!(r#"{{"type":"published",{expected},"request_id":"r"}}"#)
        );
    }
}

#[test]
fn a_batch_is_answered_event_by_event() {
    let error = WireError::new(ErrorCode::InvalidEvent, "Failed to publish event: no");
    let results = [BatchResult::Published(Outcome::queued("\"e\"")), BatchResult::Invalid(&error)];
    assert_eq!(
        written(Reply::PublishedBatch(&results), None),
        r#"{"type":"published_batch","results":[{"event_id":"e","status":"queued"},{"status":"rejected","error":"Failed to publish event: no","code":"invalid_event"}]}"#
    );
    assert_eq!(
        written(Reply::PublishedBatch(&[]), Some("\"\"")),
        r#"{"type":"published_batch","results":[],"request_id":""}"#
    );
}

#[test]
fn health_is_told_in_full() {
    let mut health = Health {
        status: HealthStatus::Degraded,
        uptime: 12.5,
        events_processed: 1,
        events_failed: 2,
        events_in_queue: 3,
        active_subscriptions: 4,
        connected_clients: 5,
        last_event_at: None,
        errors: vec!["a \"b\"".into(), String::new()],
    };
    assert_eq!(
        written(Reply::Health(&health), None),
        r#"{"type":"health","health":{"status":"degraded","uptime":12.500000,"events_processed":1,"events_failed":2,"events_in_queue":3,"active_subscriptions":4,"connected_clients":5,"last_event_at":null,"errors":["a \"b\"",""]}}"#
    );
    health.last_event_at = Some(now());
    health.uptime = f64::NAN;
    let health = json(&written(Reply::Health(&health), Some("\"r\"")));
    assert_eq!(health["health"]["last_event_at"], NOW);
    assert!(health["health"]["uptime"].is_f64() && health["request_id"] == "r");
}

#[test]
fn hello_lists_what_is_there() {
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(
        written(Reply::Hello { stores: false }, None),
        format!(
            r#"{{"type":"hello","protocol":2,"server":"gadugi-router/{version}","features":["ack","backlog","batch","credit","dead_letters","draining","expiry","gap","groups","lean","mandatory","receipt","request_id","several_levels","targets"]}}"#
        )
    );
    assert!(FEATURES.is_sorted());
    let with_store = written(Reply::Hello { stores: true }, None);
    assert!(with_store.contains(r#""draining","durable","expiry""#), "{with_store}");
}

#[test]
fn a_drain_is_announced_with_its_deadline_and_a_moment_to_come_back() {
    let reply = Reply::Draining { deadline: Time::from_micros(1), reconnect_after: 750 };
    let expected =
        r#"{"type":"draining","deadline":"1970-01-01T00:00:00.000001+00:00","reconnect_after_ms":750}"#;
    assert_eq!(written(reply, None), expected);
}

#[test]
fn gaps_count_by_priority() {
    let mut evicted: Counts = [0; Priority::LEVELS];
    let none = evicted;
    let mut expired = evicted;
    expired[4] = 1;
    evicted[0] = 12;
    evicted[9] = 3;
    let gap = |evicted, expired| Reply::Gap { subscription_id: ID, evicted, expired, lost: &none };
    assert_eq!(
        written(gap(&evicted, &none), None),
        format!(r#"{{"type":"gap","subscription_id":"{ID_TEXT}","evicted":{{"1":12,"10":3}}}}"#)
    );
    assert_eq!(
        written(gap(&none, &expired), None),
        format!(r#"{{"type":"gap","subscription_id":"{ID_TEXT}","evicted":{{}},"expired":{{"5":1}}}}"#)
    );
}

#[test]
fn error_codes_are_snake_case_and_differ() {
    let mut names: Vec<_> = ErrorCode::ALL.iter().map(|code| code.as_str()).collect();
    assert!(names.iter().all(|name| name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')));
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), ErrorCode::ALL.len());
}
