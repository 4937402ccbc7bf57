//! Whether the router is alive, by the bytes that pass.

use std::time::Duration;

use tokio::time::Instant;

use super::super::Error;
use super::super::clock::{in_future, later};

/// When to ask for a sign of life, and when to give up.
pub(super) struct Pulse {
    ping_after: Duration,
    give_up_after: Duration,
    /// When the next ping is due.
    ping_at: Instant,
    /// A ping was sent: until when something must have come, and what had come by then.
    asked: Option<(Instant, u64)>,
    /// Something is to be sent: since when no byte of it has gone out, and what had gone out by then.
    stuck: Option<(Instant, u64)>,
    listens: bool,
}

/// What to do now.
pub(super) enum Due {
    Nothing,
    Ping,
    Over(Error),
}

impl Pulse {
    /// A ping at each `ping_after`; silence counts from one to the end of `give_up_after` from the ping before it.
    pub fn new(ping_after: Duration, give_up_after: Duration) -> Self {
        let ping_at = in_future(ping_after);
        Self { ping_after, give_up_after, ping_at, asked: None, stuck: None, listens: true }
    }

    /// Something is to be sent (`written` bytes went before), or nothing any more.
    pub fn sending(&mut self, is_sending: bool, written: u64) {
        match is_sending {
            true => drop(self.stuck.get_or_insert_with(|| (Instant::now(), written))),
            false => self.stuck = None,
        }
    }

    /// While what the router says is not read, that nothing comes is nobody's fault.
    pub fn listens(&mut self, listens: bool) {
        if listens != self.listens {
            (self.listens, self.asked) = (listens, None);
        }
    }

    /// When to look again.
    pub fn next(&self) -> Instant {
        let answer = self.asked.map_or(self.ping_at, |(by, _)| by.min(self.ping_at));
        self.stuck.map_or(answer, |(since, _)| answer.min(later(since, self.give_up_after)))
    }

    /// It is time.
    pub fn look(&mut self, read: u64, written: u64) -> Due {
        let now = Instant::now();
        if let Some((since, before)) = self.stuck
            && later(since, self.give_up_after) <= now
        {
            if before == written {
                return Due::Over(Error::Stuck(self.give_up_after));
            }
            self.stuck = Some((now, written));
        }
        if let Some((by, before)) = self.asked
            && (before != read || by <= now)
        {
            if before == read {
                return Due::Over(Error::Silent(self.give_up_after));
            }
            self.asked = None;
        }
        if now < self.ping_at {
            return Due::Nothing;
        }
        self.ping_at = later(now, self.ping_after);
        let patience = self.give_up_after.saturating_sub(self.ping_after);
        if self.listens {
            // One that is not answered yet goes on running.
            self.asked.get_or_insert((later(now, patience), read));
        }
        Due::Ping
    }
}
