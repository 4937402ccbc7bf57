//! How many a second, lately.

use super::Millis;

/// How far back it looks: what is longer ago counts less and less. Long enough for a steady figure of a few events a
/// second, short enough to follow what an operator does.
const WINDOW: f64 = 10_000.0;
/// A rate is not told of a shorter time than this: it would be that of a single read.
const SHORTEST: f64 = 1_000.0;

/// An average that fades: 16 bytes, and a multiplication when the time has changed.
#[derive(Clone, Copy, PartialEq, Default, Debug)]
pub(super) struct Recent {
    weight: f64,
    at: Millis,
}

impl Recent {
    /// So many more.
    pub fn add(&mut self, times: u64, now: Millis) {
        if now > self.at {
            self.weight = self.faded(now);
            self.at = now;
        }
        self.weight += times as f64;
    }

    /// How many a second, of something that began at `since`.
    pub fn per_second(&self, since: Millis, now: Millis) -> f64 {
        let age = (now.saturating_sub(since) as f64).max(SHORTEST);
        let seconds = WINDOW * (1.0 - (-age / WINDOW).exp()) / 1_000.0;
        self.faded(now) / seconds
    }

    fn faded(&self, now: Millis) -> f64 {
        self.weight * (-(now.saturating_sub(self.at) as f64) / WINDOW).exp()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steady(until: Millis) -> Recent {
        let mut recent = Recent::default();
        (0..until).step_by(10).for_each(|now| recent.add(5, now));
        recent
    }

    #[test]
    fn a_steady_rate_is_told_from_the_beginning() {
        for until in [2_000, 10_000, 100_000] {
            let rate = steady(until).per_second(0, until);
            assert!((rate - 500.0).abs() < 5.0, "{rate} after {until} ms");
        }
    }

    #[test]
    fn what_is_over_fades_and_a_single_read_is_no_rate() {
        let recent = steady(60_000);
        assert!((recent.per_second(0, 70_000) - 500.0 / std::f64::consts::E).abs() < 5.0);
        assert!(recent.per_second(0, 600_000) < 1e-6);
        let mut first = Recent::default();
        first.add(7, 0);
        assert!(first.per_second(0, 0) < 8.0);
    }
}
