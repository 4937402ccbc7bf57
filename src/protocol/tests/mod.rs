//! Tests of the room as a whole, through its door.

mod decoding;
mod events;
mod models;
mod replies;
mod subscribing;

use std::sync::Arc;

use super::*;

const CLIENT: &str = "c0ffee00-0000-4000-8000-000000000001";
const NOW: &str = "2026-01-31T12:00:00.123456+00:00";
const FIRST_ID: &str = "00000000-0000-0000-0000-000000000001";

/// A clock that stands and ids that count.
#[derive(Default)]
struct Stub {
    ids: u128,
}

impl Fill for Stub {
    fn client_id(&self) -> &str {
        CLIENT
    }

    fn now(&mut self) -> Time {
        Time::from_micros(1_769_860_800_123_456)
    }

    fn new_id(&mut self) -> uuid::Uuid {
        self.ids += 1;
        uuid::Uuid::from_u128(self.ids)
    }
}

fn request(text: &str) -> Request<'_> {
    decode(text, &mut Stub::default()).unwrap().request
}

fn refused(text: &str) -> Refused {
    match decode(text, &mut Stub::default()) {
        Ok(incoming) => panic!("{text} became {incoming:?}"),
        Err(refused) => refused,
    }
}

fn publish(event: &str) -> Result<Arc<Event>, WireError> {
    let text = format!(r#"{{"type":"publish","event":{event}}}"#);
    match decode(&text, &mut Stub::default()) {
        Ok(Incoming { request: Request::Publish(publish), .. }) => Ok(publish.event),
        Ok(other) => panic!("{other:?}"),
        Err(refused) => Err(refused.error),
    }
}

fn event(text: &str) -> Arc<Event> {
    publish(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn short(event: &Event) -> String {
    let mut short = String::new();
    event.write_short(&mut short);
    short
}

/// The text of an event that has to be refused, without what all such texts begin with.
fn problem(text: &str) -> String {
    let error = publish(text).unwrap_err();
    assert_eq!(error.code, ErrorCode::InvalidEvent, "{error}");
    error.text.strip_prefix("Failed to publish event: ").unwrap().to_owned()
}

fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}
