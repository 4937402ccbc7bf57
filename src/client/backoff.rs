//! How long to wait before a router is tried again.

use std::time::Duration;

/// Exponential backoff with full jitter: each wait is anything from nothing to a bound that grows, so that many clients
/// of one router do not come back in one instant.
#[derive(Clone, Debug)]
pub struct Backoff {
    first: Duration,
    most: Duration,
    bound: Duration,
    factor: f64,
}

/// How the bound grows unless it is told otherwise.
const FACTOR: f64 = 2.0;

impl Backoff {
    /// Waits up to `first` at first, and never longer than `most`.
    pub fn new(first: Duration, most: Duration) -> Self {
        Self { first, most, bound: first.min(most), factor: FACTOR }
    }

    /// The bound grows to so many times what it was; it doubles without this.
    #[must_use]
    pub fn growing(mut self, factor: f64) -> Self {
        self.factor = factor;
        self
    }

    /// How long to wait now.
    pub fn next_wait(&mut self) -> Duration {
        let part = Duration::try_from_secs_f64(self.bound.as_secs_f64() * fastrand::f64());
        let wait = part.map_or(self.bound, |part| part.min(self.bound));
        let grown = Duration::try_from_secs_f64(self.bound.as_secs_f64() * self.factor);
        self.bound = grown.map_or(self.most, |grown| grown.min(self.most));
        wait
    }

    /// It went well; the next wait is a short one again.
    pub fn reset(&mut self) {
        self.bound = self.first.min(self.most);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Duration = Duration::from_millis(100);
    const MOST: Duration = Duration::from_secs(5);

    #[test]
    fn waits_stay_in_a_bound_that_doubles_up_to_the_greatest() {
        for _ in 0..100 {
            let mut backoff = Backoff::new(FIRST, MOST);
            for doubled in [1, 2, 4, 8, 16, 32, 50, 50] {
                assert!(backoff.next_wait() <= FIRST * doubled);
            }
            backoff.reset();
            assert!(backoff.next_wait() <= FIRST);
        }
    }

    #[test]
    fn what_cannot_be_counted_is_the_greatest() {
        for factor in [f64::MAX, f64::NAN, -1.0] {
            let mut backoff = Backoff::new(FIRST, MOST).growing(factor);
            backoff.next_wait();
            assert_eq!(backoff.bound, MOST);
        }
        let mut endless = Backoff::new(Duration::MAX, Duration::MAX).growing(1.5);
        endless.next_wait();
        assert_eq!(endless.bound, Duration::MAX);
    }

    #[test]
    fn waits_are_spread_over_all_of_it() {
        let mut backoff = Backoff::new(MOST, MOST);
        let waits: Vec<_> = (0..1000).map(|_| backoff.next_wait()).collect();
        let quarter =
            |at: u32| waits.iter().filter(|wait| (MOST * at / 4..MOST * (at + 1) / 4).contains(wait)).count();
        assert!((0..4).all(|at| quarter(at) > 100));
    }
}
