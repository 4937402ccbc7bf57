//! Keeps answers apart, so that whoever asks without a pause gets a small part of the thread that routes.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// Answers are this far apart at least, those of all connections together. The most expensive ones, metrics, cost
/// about 0.3 ms each.
const GAP: Duration = Duration::from_millis(5);

/// When the next answer may be made.
#[derive(Default)]
pub(super) struct Pace(Mutex<Option<Instant>>);

impl Pace {
    /// Waits for its turn: nothing, unless somebody has just asked. There are only so many connections, and each asks once
    /// at a time, so the wait has a bound.
    pub async fn turn(&self) {
        let now = Instant::now();
        let mine = self.place(now);
        if mine > now {
            sleep_until(mine).await;
        }
    }

    fn place(&self, now: Instant) -> Instant {
        let mut next = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mine = next.map_or(now, |next| next.max(now));
        *next = Some(mine + GAP);
        mine
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_comes_alone_does_not_wait_and_a_crowd_stands_in_line() {
        let pace = Pace::default();
        let start = Instant::now();
        pace.turn().await;
        assert_eq!(start.elapsed(), Duration::ZERO);
        for _ in 0..10 {
            pace.turn().await;
        }
        assert_eq!(start.elapsed(), 10 * GAP);
        tokio::time::sleep(Duration::from_secs(1)).await;
        let later = Instant::now();
        pace.turn().await;
        assert_eq!(later.elapsed(), Duration::ZERO);
    }
}
