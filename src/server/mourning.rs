//! Dead letters as events: whoever subscribes to `$dead.REASON` hears of each as it dies.

use std::fmt::Write as _;
use std::sync::Arc;

use serde_json::json;
use uuid::Uuid;

use super::hub::{Hub, wall_clock};
use super::letters::{self, Clocks};
use crate::protocol::{DEAD_TOPICS, Event, Fill, Request, Time, decode};
use crate::router::DeadLetter;

/// Who says so.
const SOURCE: &str = "gadugi-router";

struct Ours;

impl Fill for Ours {
    fn client_id(&self) -> &str {
        SOURCE
    }

    fn now(&mut self) -> Time {
        wall_clock()
    }

    fn new_id(&mut self) -> Uuid {
        Uuid::new_v4()
    }
}

/// Publishes an event that tells of a dead letter.
pub(super) fn tell(hub: &Hub, letter: &DeadLetter) {
    let Some(event) = notice(letter, hub.clocks()) else { return };
    let moment = hub.moment();
    // A full queue has no room for it: the dead letter itself is counted and kept.
    hub.with(|router| router.publish(event, None, None, moment));
    hub.leave_backlog();
}

fn notice(letter: &DeadLetter, clocks: Clocks) -> Option<Arc<Event>> {
    let DeadLetter { event, reason, at, subscription, .. } = letter;
    let about = json!({
        "topic": format!("{DEAD_TOPICS}{}", reason.as_str()),
        "type": "system.info",
        "priority": event.priority().get(),
        "source": SOURCE,
    });
    let facts = json!({
        "reason": reason.as_str(), "died_at": clocks.time(*at), "subscription": subscription.map(|id| id.to_string()),
        "attempts": letters::attempts(&letter.attempts, clocks),
    });
    let (about, facts) = (about.to_string(), facts.to_string());
    let (about, facts) = (about.strip_suffix('}')?, facts.strip_suffix('}')?);
    // The dead event stands in it byte for byte.
    let mut message = String::with_capacity(event.size() + 512);
    write!(message, r#"{{"type":"publish","event":{about},"payload":{facts},"event":{}}}}}}}"#, event.full())
        .ok()?;
    match decode(&message, &mut Ours).ok()?.request {
        Request::Publish(publish) => Some(publish.event),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::router::{Attempt, Failure, Reason};
    use crate::testing::event;

    #[test]
    fn it_tells_why_and_when_and_of_what() {
        let letter = DeadLetter {
            event: event(r#"{"id":"a","topic":"t","priority":9,"payload":{"x":1.50}}"#),
            reason: Reason::Retries,
            at: 500,
            subscription: Some(Uuid::nil()),
            attempts: vec![Attempt { at: 400, failure: Failure::TimedOut }],
        };
        let told = notice(&letter, Clocks { engine: 1_500, wall: Time::from_micros(2_000_000) }).unwrap();
        assert_eq!((told.topic(), told.source(), told.priority().get()), ("$dead.retries", SOURCE, 9));
        let text: Value = serde_json::from_str(told.full()).unwrap();
        let payload = &text["payload"];
        assert_eq!(payload["died_at"], "1970-01-01T00:00:01.000000+00:00");
        assert_eq!(payload["attempts"][0]["error"], "not acknowledged in time");
        assert_eq!(payload["attempts"][0]["at"], "1970-01-01T00:00:00.900000+00:00");
        assert_eq!((&payload["reason"], &payload["event"]["id"]), (&"retries".into(), &"a".into()));
        assert!(told.full().contains(r#"{"x":1.50}"#));
    }
}
