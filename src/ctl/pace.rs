//! So many events a second.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// When the next event is due. Who falls behind catches up, as far as that is wanted.
pub(super) struct Pace {
    due: Instant,
    /// None: as fast as possible.
    step: Option<Duration>,
    behind: Duration,
}

impl Pace {
    /// That many a second; as fast as possible if none is said. What is late by more than `behind` is not caught up.
    pub fn new(rate: Option<f64>, behind: Duration) -> Self {
        Self { due: Instant::now(), step: rate.map(|rate| Duration::from_secs_f64(1.0 / rate)), behind }
    }

    /// Waits until the next one is due. It may be cancelled.
    pub async fn wait(&self) {
        // The timer is no finer than a millisecond, and a turn of the runtime for each event would cost more than it helps.
        if self.step.is_some() && self.due > Instant::now() {
            sleep_until(self.due).await;
        }
    }

    /// Goes on to the one after it, and says when this one was due.
    pub fn next(&mut self) -> Instant {
        let now = Instant::now();
        let Some(step) = self.step else { return now };
        let due = self.due.max(now.checked_sub(self.behind).unwrap_or(self.due));
        self.due = due + step;
        due
    }
}

/// A rate as people write it: 100, 0.5, 100/s.
pub(super) fn rate(word: &str) -> Result<f64, &'static str> {
    let rate: f64 = word.strip_suffix("/s").unwrap_or(word).parse().unwrap_or(f64::NAN);
    // Less than one in a day would be no rate, and its duration no Duration.
    if (1e-5..=1e9).contains(&rate) { Ok(rate) } else { Err("events a second, as 100, 0.5 or 100/s") }
}

#[cfg(test)]
mod tests {
    use tokio::time::sleep;

    use super::*;

    #[test]
    fn rates_are_numbers_above_nothing() {
        assert_eq!((rate("100"), rate("0.5/s")), (Ok(100.0), Ok(0.5)));
        for word in ["", "0", "-1", "inf", "NaN", "x", "1/h"] {
            assert!(rate(word).is_err(), "{word}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn events_are_due_at_their_rate_and_a_delay_is_caught_up_as_far_as_that_is_wanted() {
        for (behind, late) in [(Duration::MAX, 300), (Duration::from_millis(100), 1100)] {
            let begun = Instant::now();
            let mut pace = Pace::new(Some(10.0), behind);
            for _ in 0..3 {
                pace.wait().await;
                pace.next();
            }
            assert_eq!(begun.elapsed().as_millis(), 200);
            sleep(Duration::from_secs(1)).await;
            pace.wait().await;
            let due = pace.next();
            assert_eq!((begun.elapsed().as_millis(), (due - begun).as_millis()), (1200, late));
        }
    }
}
