//! Dead letters as the store keeps them, and back. The engine's clock begins with the router; the store has the time on the
//! wall.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::protocol::Time;
use crate::router::{Attempt, DeadLetter, Failure, LetterNumber, Millis, Reason, Then};
use crate::store::Letter;

/// One moment on both clocks.
#[derive(Clone, Copy)]
pub(super) struct Clocks {
    pub engine: Millis,
    pub wall: Time,
}

impl Clocks {
    /// The time on the wall of a moment on the engine's clock.
    pub fn time(self, at: Then) -> Time {
        let ago = self.engine.cast_signed().saturating_sub(at);
        Time::from_micros(self.wall.micros().saturating_sub(ago.saturating_mul(1_000)))
    }

    fn then(self, time: Time) -> Then {
        let ago = self.wall.micros().saturating_sub(time.micros()) / 1_000;
        self.engine.cast_signed().saturating_sub(ago)
    }
}

/// An attempt, as it is told.
#[derive(Serialize, Deserialize)]
pub(super) struct Told {
    at: Time,
    error: Box<str>,
}

/// What was tried.
pub(super) fn attempts(attempts: &[Attempt], clocks: Clocks) -> Vec<Told> {
    let told = |it: &Attempt| Told { at: clocks.time(it.at), error: it.failure.to_string().into() };
    attempts.iter().map(told).collect()
}

/// What was tried, for the store.
pub(super) fn written_attempts(tried: &[Attempt], clocks: Clocks) -> Box<str> {
    // Times and strings: writing them cannot fail.
    serde_json::to_string(&attempts(tried, clocks)).unwrap_or_default().into()
}

/// What was tried, from the store.
pub(super) fn recalled_attempts(text: &str, clocks: Clocks) -> Vec<Attempt> {
    let told: Vec<Told> = serde_json::from_str(text).unwrap_or_default();
    let attempt = |it: Told| Attempt { at: clocks.then(it.at), failure: Failure::Recalled(it.error) };
    told.into_iter().map(attempt).collect()
}

/// For the store.
pub(super) fn written(number: LetterNumber, letter: &DeadLetter, clocks: Clocks) -> Letter {
    let tried = || written_attempts(&letter.attempts, clocks);
    Letter {
        id: number,
        at: clocks.time(letter.at),
        reason: letter.reason.as_str().into(),
        event: Arc::clone(&letter.event),
        subscription: letter.subscription.map(|id| id.to_string().into()),
        attempts: (!letter.attempts.is_empty()).then(tried),
    }
}

/// From the store; `None`: of a reason that this version does not know.
pub(super) fn recalled(letter: &Letter, clocks: Clocks) -> Option<(LetterNumber, DeadLetter)> {
    let reason = Reason::ALL.into_iter().find(|reason| reason.as_str() == &*letter.reason)?;
    let tried = letter.attempts.as_deref().map(|text| recalled_attempts(text, clocks));
    let letter_now = DeadLetter {
        event: Arc::clone(&letter.event),
        reason,
        at: clocks.then(letter.at),
        subscription: letter.subscription.as_deref().and_then(|id| Uuid::parse_str(id).ok()),
        attempts: tried.unwrap_or_default(),
    };
    Some((letter.id, letter_now))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::event;

    #[test]
    fn a_letter_of_an_earlier_run_is_as_it_was() {
        let letter = DeadLetter {
            event: event(r#"{"id":"a","topic":"t"}"#),
            reason: Reason::Retries,
            at: 5_000,
            subscription: Some(Uuid::from_u128(7)),
            attempts: vec![Attempt { at: 4_000, failure: Failure::Nacked(Some("no disk".into())) }],
        };
        let before = Clocks { engine: 9_000, wall: Time::from_micros(1_000_000_000) };
        let stored = written(3, &letter, before);
        assert_eq!((stored.id, stored.at, &*stored.reason), (3, Time::from_micros(996_000_000), "retries"));
        // The next run began ten seconds later, and is one second old.
        let after = Clocks { engine: 1_000, wall: Time::from_micros(1_011_000_000) };
        let (number, again) = recalled(&stored, after).unwrap();
        assert_eq!(
            (number, again.at, again.reason, again.subscription),
            (3, -14_000, letter.reason, letter.subscription)
        );
        assert_eq!(again.attempts[0].at, -15_000);
        assert_eq!(again.attempts[0].failure.to_string(), "no disk");
        assert!(recalled(&Letter { reason: "new".into(), ..stored }, after).is_none());
    }
}
