//! One line of the spool.

use std::io::{self, Write};

use serde::Deserialize;
use serde_json::value::RawValue;

use super::Now;
use crate::protocol::{Event, Subscription};
use crate::router::{Leftover, Millis};

/// As it is read.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line<'a> {
    #[serde(borrow)]
    event: &'a RawValue,
    expires_at_ms: Option<i64>,
    #[serde(default)]
    mandatory: bool,
    subscriber: Option<u64>,
    #[serde(borrow)]
    subscription: Option<&'a RawValue>,
}

/// Between the engine's clock, which starts with the process, and the wall's.
pub(super) struct Clock(Now);

impl Clock {
    pub fn new(now: Now) -> Self {
        Self(now)
    }

    fn to_wall(&self, deadline: Millis) -> Option<i64> {
        let left = i64::try_from(deadline.saturating_sub(self.0.engine)).unwrap_or(i64::MAX);
        (deadline < Millis::MAX).then(|| self.0.wall.saturating_add(left))
    }

    /// What expired meanwhile does so at once.
    fn to_engine(&self, wall: Option<i64>) -> Millis {
        wall.map_or(Millis::MAX, |wall| {
            let left = u64::try_from(wall.saturating_sub(self.0.wall)).unwrap_or(0);
            self.0.engine.saturating_add(left)
        })
    }
}

/// The members of a line that say whom the delivery is owed to.
pub(super) fn owner(wanted: &Subscription, number: usize) -> String {
    // Strings and numbers: writing them cannot fail.
    let wish = serde_json::to_string(wanted).unwrap_or_default();
    format!(r#","subscriber":{number},"subscription":{wish}"#)
}

/// Appends a line.
pub(super) fn write(
    out: &mut impl Write,
    leftover: &Leftover,
    owner: Option<&str>,
    clock: &Clock,
) -> io::Result<()> {
    // Line ends may stand between a published event's members, but not inside of its strings.
    write!(out, r#"{{"event":{}"#, leftover.event.full().replace(['\n', '\r'], " "))?;
    if let Some(at) = clock.to_wall(leftover.deadline) {
        write!(out, r#","expires_at_ms":{at}"#)?;
    }
    if leftover.mandatory {
        out.write_all(br#","mandatory":true"#)?;
    }
    writeln!(out, "{}}}", owner.unwrap_or_default())
}

/// What a line holds: an event, and whom it is owed to. An error says what is wrong with it.
pub(super) fn read(line: &[u8], clock: &Clock) -> Result<(Leftover, Option<(u64, Subscription)>), String> {
    let text = std::str::from_utf8(line).map_err(|_| "it is not UTF-8".to_owned())?;
    let line: Line = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let event = Event::read(line.event.get()).map_err(|error| error.text)?;
    let mut leftover = Leftover::new(event, clock.to_engine(line.expires_at_ms));
    leftover.mandatory = line.mandatory;
    let owner = match (line.subscriber, line.subscription) {
        (None, None) => None,
        (Some(number), Some(wish)) => {
            Some((number, Subscription::read(wish.get()).map_err(|error| error.text)?))
        }
        _ => return Err("`subscriber` and `subscription` belong together".to_owned()),
    };
    Ok((leftover, owner))
}
