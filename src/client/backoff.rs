//! How long to wait before a router is tried again.

use std::time::Duration;

/// Exponential backoff with full jitter: each wait is anything from nothing to a bound that doubles, so that many
/// clients of one router do not come back in one instant.
#[derive(Clone, Debug)]
pub struct Backoff {
    first: Duration,
    most: Duration,
    bound: Duration,
}

impl Backoff {
    /// Waits up to `first` at first, and never longer than `most`.
    pub fn new(first: Duration, most: Duration) -> Self {
        Self { first, most, bound: first.min(most) }
    }

    /// How long to wait now.
    pub fn next_wait(&mut self) -> Duration {
        let wait = self.bound.mul_f64(fastrand::f64());
        self.bound = self.bound.saturating_mul(2).min(self.most);
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
    fn waits_are_spread_over_all_of_it() {
        let mut backoff = Backoff::new(MOST, MOST);
        let waits: Vec<_> = (0..1000).map(|_| backoff.next_wait()).collect();
        let quarter =
            |at: u32| waits.iter().filter(|wait| (MOST * at / 4..MOST * (at + 1) / 4).contains(wait)).count();
        assert!((0..4).all(|at| quarter(at) > 100));
    }
}
