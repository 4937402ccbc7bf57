//! An event on its way to a subscriber that acknowledges it: the four fields that tell of its delivery say what is true.

use std::sync::Arc;

use super::{Event, Time, fields::Field, json::Scanner, raw_event::RawEvent, write};

/// One attempt to deliver an event.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Attempt<'a> {
    /// Which one it is, from 1 on.
    pub number: u32,
    /// When it is made.
    pub at: Time,
    /// Why the one before failed.
    pub error: Option<&'a str>,
}

impl Event {
    /// The same event with `delivery_attempts`, `last_delivery_attempt`, `delivery_status` (`pending`, or `retrying` from
    /// the second attempt on) and `delivery_error` as this attempt has them. All else stays byte for byte.
    pub fn attempted(&self, attempt: Attempt<'_>) -> Arc<Event> {
        let status = if attempt.number > 1 { "retrying" } else { "pending" };
        let mut values = [const { Vec::new() }; 4];
        let [attempts, last, said, error] = &mut values;
        write::number(attempts, attempt.number.into());
        write::time(last, attempt.at);
        write::string(said, status);
        match attempt.error {
            Some(text) => write::string(error, text),
            None => error.extend_from_slice(b"null"),
        }
        let fields = [
            Field::DeliveryAttempts,
            Field::LastDeliveryAttempt,
            Field::DeliveryStatus,
            Field::DeliveryError,
        ];
        self.with(fields.into_iter().zip(values)).unwrap_or_else(|| self.copied())
    }

    /// The same with other values of some fields.
    fn with(&self, values: impl Iterator<Item = (Field, Vec<u8>)>) -> Option<Arc<Event>> {
        let mut raw = RawEvent::default();
        raw.scan(Scanner::new(&self.full).ok()?, 0, 1).ok()?;
        let mut values: Vec<_> = values
            .filter_map(|(field, value)| Some((raw.get(field)?, String::from_utf8(value).ok()?)))
            .collect();
        values.sort_unstable_by_key(|(span, _)| span.start);
        let mut text = String::with_capacity(self.full.len() + 64);
        let mut at = 0;
        for (span, value) in values {
            text.push_str(self.full.get(at..span.start as usize)?);
            text.push_str(&value);
            at = span.end as usize;
        }
        text.push_str(self.full.get(at..)?);
        Self::read(&text).ok()
    }

    /// The same event, one of its own: what is stored of the other is not of this one. (What was read once can be read
    /// again, so that [`Event::attempted`] does not come to this; if it did, the event as it was would still be the event.)
    pub fn copied(&self) -> Arc<Event> {
        Arc::new(Event {
            full: self.full.clone(),
            lean: std::sync::OnceLock::new(),
            ends: self.ends,
            id: self.id,
            topic: self.topic,
            source: self.source,
            target: self.target,
            decoded: self.decoded.clone(),
            kind: self.kind,
            priority: self.priority,
            sequence: 0.into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::event;

    const FIRST: Attempt<'static> = Attempt { number: 1, at: Time::from_micros(1_000_000), error: None };

    #[test]
    fn the_four_fields_tell_of_the_attempt_and_nothing_else_changes() {
        for json in [
            r#"{"id":"a","topic":"t"}"#,
            r#"{"id":"a","topic":"t","payload":{"x":1.50,"é":"\u00e9"},"delivery_status":"failed","version":"2"}"#,
            r#"{"delivery_attempts":7, "topic":"t\u0041","id":"a","priority":9,"delivery_error":"old"}"#,
        ] {
            let before = event(json);
            let after = before.attempted(Attempt { number: 2, error: Some("no \"disk\""), ..FIRST });
            let (mut old, mut new): (serde_json::Value, serde_json::Value) =
                (serde_json::from_str(before.full()).unwrap(), serde_json::from_str(after.full()).unwrap());
            let said = ["delivery_attempts", "last_delivery_attempt", "delivery_status", "delivery_error"]
                .map(|key| {
                    (
                        old.as_object_mut().unwrap().remove(key),
                        new.as_object_mut().unwrap().remove(key).unwrap(),
                    )
                        .1
                });
            assert_eq!(
                said,
                [
                    2.into(),
                    "1970-01-01T00:00:01.000000+00:00".into(),
                    "retrying".into(),
                    serde_json::Value::from("no \"disk\""),
                ]
            );
            assert_eq!(old, new);
            assert_eq!(
                (after.id(), after.topic(), after.priority()),
                (before.id(), before.topic(), before.priority())
            );
            assert!(after.lean().contains(r#""delivery_attempts":2"#));
        }
    }

    #[test]
    fn a_first_attempt_is_pending() {
        let text = event(r#"{"id":"a","topic":"t"}"#).attempted(FIRST);
        assert!(
            text.full().contains(r#""delivery_status":"pending","delivery_attempts":1,"#),
            "{}",
            text.full()
        );
        assert!(!text.lean().contains("delivery_status"));
    }
}
