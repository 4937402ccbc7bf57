//! How a subscriber acknowledges what it gets.

use std::ops::RangeInclusive;

use super::check;
use super::json::Kind;
use super::subscription::Given;

/// The most deliveries of one subscription that may be under way.
const MAX_IN_FLIGHT: u32 = 100_000;

/// How long an acknowledgement may take, in milliseconds. Shorter than the time to a client and back it would only
/// make everything twice; who takes longer than a day says from time to time that it is still at it.
const ACK_TIMEOUT: RangeInclusive<u64> = 100..=86_400_000;

/// How often a subscriber may be told of its backlog, in milliseconds. More often it would be told of nothing but noise.
const BACKLOG_INTERVAL: RangeInclusive<u64> = 1_000..=86_400_000;

/// How deliveries of a subscription are acknowledged.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Acks {
    /// Deliveries that may be under way at a time.
    pub max_in_flight: u32,
    /// What is not acknowledged for so many milliseconds is delivered again.
    pub timeout_ms: u64,
    /// How often an event is delivered again before it is a dead letter.
    pub max_retries: u32,
    /// Every so many milliseconds, while something waits, the subscriber is told how much.
    pub backlog_ms: Option<u64>,
}

impl Acks {
    /// # Errors
    /// Says which number is out of its bounds, and what they are.
    pub fn check(&self) -> Result<(), String> {
        let Self { max_in_flight, timeout_ms, backlog_ms, .. } = *self;
        let bounds = [
            ("max_in_flight", Some(max_in_flight.into()), 1..=MAX_IN_FLIGHT.into()),
            ("ack_timeout_ms", Some(timeout_ms), ACK_TIMEOUT),
            ("backlog_interval_ms", backlog_ms, BACKLOG_INTERVAL),
        ];
        for (key, number, range) in bounds {
            if let Some(number) = number.filter(|number| !range.contains(number)) {
                let (low, high) = range.into_inner();
                return Err(format!("`{key}` must be from {low} to {high}, not {number}"));
            }
        }
        Ok(())
    }
}

impl Default for Acks {
    /// A window that keeps a quick subscriber busy over a network, and leaves most of a slow one's backlog where it is in
    /// order of priority.
    fn default() -> Self {
        Self { max_in_flight: 16, timeout_ms: 30_000, max_retries: 3, backlog_ms: None }
    }
}

/// Reads `ack` and what goes with it.
pub(super) fn acks(
    ack: Option<Given<'_>>,
    most: Option<Given<'_>>,
    timeout: Option<Given<'_>>,
    retries: Option<Given<'_>>,
    backlog: Option<Given<'_>>,
) -> Result<Option<Acks>, String> {
    let wanted = match ack {
        None => false,
        Some((text, value)) if value.kind == Kind::Bool => value.span.of(text) == "true",
        Some((text, value)) => {
            let got = check::got(value.kind, value.span.of(text));
            return Err(format!("`ack` must be true or false; got {got}"));
        }
    };
    if !wanted {
        // `max_retries` alone is the old model's.
        let needing =
            [("max_in_flight", most), ("ack_timeout_ms", timeout), ("backlog_interval_ms", backlog)];
        return match needing.iter().find(|(_, given)| given.is_some()) {
            None => Ok(None),
            Some((key, _)) => Err(format!("`{key}` needs `ack`: true")),
        };
    }
    let usual = Acks::default();
    Ok(Some(Acks {
        max_in_flight: whole("max_in_flight", most, 1..=MAX_IN_FLIGHT.into(), usual.max_in_flight.into())?
            as u32,
        timeout_ms: whole("ack_timeout_ms", timeout, ACK_TIMEOUT, usual.timeout_ms)?,
        max_retries: whole("max_retries", retries, 0..=u32::MAX.into(), usual.max_retries.into())? as u32,
        backlog_ms: match backlog {
            Some(_) => Some(whole("backlog_interval_ms", backlog, BACKLOG_INTERVAL, 0)?),
            None => None,
        },
    }))
}

fn whole(key: &str, given: Option<Given<'_>>, range: RangeInclusive<u64>, usual: u64) -> Result<u64, String> {
    let Some((text, value)) = given else { return Ok(usual) };
    match value.span.of(text).parse() {
        Ok(number) if range.contains(&number) => Ok(number),
        _ => {
            let (low, high) = range.into_inner();
            let got = check::got(value.kind, value.span.of(text));
            Err(format!("`{key}` must be a whole number from {low} to {high}; got {got}"))
        }
    }
}
