//! Events and subscriptions for tests, made as a client makes them: through [`decode`].

use std::sync::Arc;

use uuid::Uuid;

use crate::protocol::{Event, Fill, Request, Subscription, Time, decode};

/// Neither clock nor chance, so that the same test makes the same events.
struct Still;

impl Fill for Still {
    fn client_id(&self) -> &str {
        "tester"
    }

    fn now(&mut self) -> Time {
        Time::from_micros(0)
    }

    fn new_id(&mut self) -> Uuid {
        Uuid::nil()
    }
}

fn request(message: &str) -> Request<'_> {
    decode(message, &mut Still).unwrap_or_else(|refused| panic!("{message}: {refused:?}")).request
}

/// The event of this JSON object.
pub(crate) fn event(json: &str) -> Arc<Event> {
    match request(&format!(r#"{{"type":"publish","event":{json}}}"#)) {
        Request::Publish(publish) => publish.event,
        other => panic!("{other:?}"),
    }
}

/// An event on topic `t`.
pub(crate) fn numbered(id: impl std::fmt::Display, priority: u8) -> Arc<Event> {
    padded(id, priority, 0)
}

/// The same with so many bytes in its payload.
pub(crate) fn padded(id: impl std::fmt::Display, priority: u8, bytes: usize) -> Arc<Event> {
    let text = "x".repeat(bytes);
    event(&format!(r#"{{"id":"{id}","topic":"t","priority":{priority},"payload":{{"text":"{text}"}}}}"#))
}

/// The subscription of this JSON object.
pub(crate) fn wanted(json: &str) -> Subscription {
    match request(&format!(r#"{{"type":"subscribe","subscription":{json}}}"#)) {
        Request::Subscribe(subscription) => subscription,
        other => panic!("{other:?}"),
    }
}
