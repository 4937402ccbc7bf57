//! Finds peers that are gone without having said so.
//!
//! A sign of life is anything that only a living peer can cause: bytes from it, or room in a send buffer that was
//! full. A client that reads slowly is alive; one that takes nothing and says nothing for long is not.

use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::task::coop::unconstrained;
use tokio::time::{Instant, Sleep, sleep_until};

/// What is to be done now.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Ping,
    GiveUp,
}

/// One connection's watch. The timer is only moved when it fires, never for a message.
pub(super) struct Keepalive {
    interval: Duration,
    timeout: Duration,
    last_sign: Instant,
    pinged: bool,
    timer: Pin<Box<Sleep>>,
    /// The timer wakes the task when it fires: it need not be asked earlier.
    set: bool,
}

/// Before the timer fires it is asked all the same: it counts in milliseconds.
const MARGIN: Duration = Duration::from_millis(2);

impl Keepalive {
    pub fn new(interval: Duration, timeout: Duration) -> Self {
        let now = Instant::now();
        let timer = Box::pin(sleep_until(now + interval));
        Self { interval, timeout, last_sign: now, pinged: false, timer, set: false }
    }

    /// Other intervals from now on.
    pub fn change(&mut self, interval: Duration, timeout: Duration) {
        if (self.interval, self.timeout) != (interval, timeout) {
            (self.interval, self.timeout) = (interval, timeout);
            let silence = if self.pinged { interval + timeout } else { interval };
            self.timer.as_mut().reset(self.last_sign + silence);
            self.set = false;
        }
    }

    /// The peer is alive.
    pub fn sign_of_life(&mut self, now: Instant) {
        self.last_sign = now;
        self.pinged = false;
    }

    /// Something to do, or pending until there may be.
    pub fn poll(&mut self, cx: &mut Context, now: Instant) -> Poll<Verdict> {
        if self.set && now + MARGIN < self.timer.deadline() {
            return Poll::Pending;
        }
        self.set = false;
        // Whatever the task has used up of its turn: a timer that refuses to look would not wake it.
        while pin!(unconstrained(self.timer.as_mut())).poll(cx).is_ready() {
            let silence = now.saturating_duration_since(self.last_sign);
            let limit = if self.pinged { self.interval + self.timeout } else { self.interval };
            if silence < limit {
                self.timer.as_mut().reset(self.last_sign + limit);
                continue;
            }
            if self.pinged {
                return Poll::Ready(Verdict::GiveUp);
            }
            self.pinged = true;
            self.timer.as_mut().reset(self.last_sign + self.interval + self.timeout);
            return Poll::Ready(Verdict::Ping);
        }
        self.set = true;
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::task::coop::{consume_budget, has_budget_remaining};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn silence_is_pinged_and_then_given_up() {
        let start = Instant::now();
        let mut watch = Keepalive::new(Duration::from_secs(30), Duration::from_secs(60));
        assert_eq!(poll_fn(|cx| watch.poll(cx, Instant::now())).await, Verdict::Ping);
        assert_eq!(start.elapsed().as_secs(), 30);
        assert_eq!(poll_fn(|cx| watch.poll(cx, Instant::now())).await, Verdict::GiveUp);
        assert_eq!(start.elapsed().as_secs(), 90);
    }

    #[tokio::test(start_paused = true)]
    async fn a_shorter_interval_holds_for_the_silence_that_has_begun() {
        let start = Instant::now();
        let mut watch = Keepalive::new(Duration::from_secs(3_000), Duration::from_secs(60));
        assert!(poll_fn(|cx| Poll::Ready(watch.poll(cx, Instant::now()).is_pending())).await);
        tokio::time::advance(Duration::from_secs(5)).await;
        watch.change(Duration::from_secs(8), Duration::from_secs(2));
        assert_eq!(poll_fn(|cx| watch.poll(cx, Instant::now())).await, Verdict::Ping);
        assert_eq!(start.elapsed().as_secs(), 8);
        assert_eq!(poll_fn(|cx| watch.poll(cx, Instant::now())).await, Verdict::GiveUp);
        assert_eq!(start.elapsed().as_secs(), 10);
    }

    #[tokio::test(start_paused = true)]
    async fn a_sign_of_life_starts_the_watch_anew() {
        let start = Instant::now();
        let mut watch = Keepalive::new(Duration::from_secs(30), Duration::from_secs(60));
        assert_eq!(poll_fn(|cx| watch.poll(cx, Instant::now())).await, Verdict::Ping);
        tokio::time::advance(Duration::from_secs(10)).await;
        watch.sign_of_life(Instant::now());
        assert_eq!(poll_fn(|cx| watch.poll(cx, Instant::now())).await, Verdict::Ping);
        // The answered ping's own time-out has to pass first: the timer is not moved for a message.
        assert_eq!(start.elapsed().as_secs(), 90);
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_says_something_now_and_then_is_never_pinged() {
        let mut watch = Keepalive::new(Duration::from_secs(30), Duration::from_secs(60));
        for _ in 0..100 {
            tokio::time::advance(Duration::from_secs(29)).await;
            watch.sign_of_life(Instant::now());
            assert!(poll_fn(|cx| Poll::Ready(watch.poll(cx, Instant::now()).is_pending())).await);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_answered_ping_saves_the_peer_until_it_falls_silent_again() {
        let start = Instant::now();
        let mut watch = Keepalive::new(Duration::from_secs(30), Duration::from_secs(10));
        for _ in 0..3 {
            assert_eq!(poll_fn(|cx| watch.poll(cx, Instant::now())).await, Verdict::Ping);
            watch.sign_of_life(Instant::now());
        }
        let last = start.elapsed();
        assert_eq!(poll_fn(|cx| watch.poll(cx, Instant::now())).await, Verdict::Ping);
        assert_eq!(poll_fn(|cx| watch.poll(cx, Instant::now())).await, Verdict::GiveUp);
        assert!(start.elapsed() - last <= Duration::from_secs(30 + 10 + 10));
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_that_has_used_up_its_turn_is_woken_all_the_same() {
        let start = Instant::now();
        let mut watch = Keepalive::new(Duration::from_secs(30), Duration::from_secs(60));
        let mut turns = 0;
        let verdict = poll_fn(|cx| {
            turns += 1;
            while turns == 1 && has_budget_remaining() {
                assert!(pin!(consume_budget()).poll(cx).is_ready());
            }
            watch.poll(cx, Instant::now())
        });
        assert_eq!(verdict.await, Verdict::Ping);
        assert_eq!((start.elapsed().as_secs(), turns), (30, 2));
    }
}
