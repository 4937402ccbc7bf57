//! What clients send, as JSON text through the protocol's own decoder.

use std::sync::Arc;

use gadugi_router::protocol::{
    Event, EventType, Fill, Incoming, Publish, PublishOptions, Request, Subscription, Time, decode,
};
use uuid::Uuid;

use super::profile::Profile;
use super::rng::Rng;

const PARTS: [&str; 3] = ["a", "b", "c"];
const SOURCES: [&str; 3] = ["planner", "worker", "watcher"];
const TARGETS: [&str; 2] = ["x", "y"];
const GROUPS: [&str; 2] = ["pool", "crew"];

/// Publishers whose events are told apart; they need not be connected.
pub const PUBLISHERS: usize = 3;

/// How many events each publisher has sent on each level.
#[derive(Default)]
pub struct Sequences([[u64; 10]; PUBLISHERS]);

struct Nothing;

impl Fill for Nothing {
    fn client_id(&self) -> &str {
        "nobody"
    }

    fn now(&mut self) -> Time {
        Time::from_micros(0)
    }

    fn new_id(&mut self) -> Uuid {
        Uuid::nil()
    }
}

/// An event whose id says who sent it, on which level, and as which one there.
pub fn publish(rng: &mut Rng, profile: &Profile, sequences: &mut Sequences) -> (Arc<Event>, PublishOptions) {
    let publisher = rng.below(PUBLISHERS);
    let priority = rng.pick(&profile.priorities);
    let sequence = &mut sequences.0[publisher][usize::from(priority) - 1];
    *sequence += 1;
    let kind = rng.pick(&EventType::ALL[..3]).as_str();
    let target = if rng.chance(50) { format!(r#""{}""#, rng.pick(&TARGETS)) } else { "null".into() };
    let mut options = String::new();
    if rng.chance(profile.ttl_percent) {
        options += &format!(r#","ttl_ms":{}"#, 1 + rng.below(60));
    }
    if rng.chance(profile.receipt_percent) {
        options += r#","receipt":"dispatched""#;
    }
    let text = format!(
        r#"{{"type":"publish","event":{{"id":"{publisher}-{priority}-{sequence}","topic":"{}","type":"{kind}",
        "priority":{priority},"source":"{}","target":{target},"payload":{{"padding":"{}"}}}}{options}}}"#,
        topic(rng),
        rng.pick(&SOURCES),
        "-".repeat(rng.below(profile.padding + 1)),
    );
    match decode(&text, &mut Nothing) {
        Ok(Incoming { request: Request::Publish(Publish { event, options }), .. }) => (event, options),
        other => panic!("{text} is no publish: {other:?}"),
    }
}

/// Whose event it is, and its place among that publisher's events of this level.
pub fn origin(event: &Event) -> (usize, u64) {
    let mut parts = event.id().split('-').map(|part| part.parse::<u64>().unwrap_or_default());
    let publisher = parts.next().unwrap_or_default();
    (publisher as usize, parts.nth(1).unwrap_or_default())
}

/// A subscription to a bit of everything.
pub fn subscription(rng: &mut Rng, profile: &Profile) -> Subscription {
    let mut wishes = Vec::new();
    if rng.chance(85) {
        let patterns: Vec<_> = (0..rng.below(4)).map(|_| format!(r#""{}""#, pattern(rng))).collect();
        wishes.push(format!(r#""topics":[{}]"#, patterns.join(",")));
    }
    if rng.chance(20) {
        wishes.push(format!(r#""types":["{}","custom"]"#, rng.pick(&EventType::ALL[..3]).as_str()));
    }
    if rng.chance(20) {
        let minimum = 1 + rng.below(10);
        wishes.push(format!(r#""priorities":[{},{minimum}]"#, 10.min(minimum + 2)));
    }
    if rng.chance(20) {
        wishes.push(format!(r#""sources":["{}","elsewhere"]"#, rng.pick(&SOURCES)));
    }
    if rng.chance(20) {
        wishes.push(format!(r#""targets":["{}"]"#, rng.pick(&TARGETS)));
    }
    if rng.chance(profile.group_percent) {
        wishes.push(format!(r#""group":"{}""#, rng.pick(&GROUPS)));
    }
    let text = format!(r#"{{"type":"subscribe","subscription":{{{}}}}}"#, wishes.join(","));
    match decode(&text, &mut Nothing) {
        Ok(Incoming { request: Request::Subscribe(wanted), .. }) => wanted,
        other => panic!("{text} is no subscribe: {other:?}"),
    }
}

fn topic(rng: &mut Rng) -> String {
    let parts: Vec<_> = (0..1 + rng.below(3)).map(|_| rng.pick(&PARTS)).collect();
    parts.join(".")
}

fn pattern(rng: &mut Rng) -> String {
    let mut parts: Vec<_> =
        (0..1 + rng.below(3)).map(|_| if rng.chance(40) { "*" } else { rng.pick(&PARTS) }).collect();
    if rng.chance(30) {
        parts.push("**");
    }
    if rng.chance(10) { "*".into() } else { parts.join(".") }
}
