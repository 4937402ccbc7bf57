//! How fast one client may publish.

use crate::router::Millis;

/// A bucket of permissions that fills steadily up to a burst. No clock of its own.
pub(super) struct Rate {
    per_second: u64,
    burst: u64,
    /// In thousandths of an event, so that slow rates fill evenly.
    milli_tokens: u64,
    filled_at: Millis,
}

impl Rate {
    /// `per_second` 0 = no limit.
    pub fn new(per_second: u64, burst: u64, now: Millis) -> Self {
        Self { per_second, burst, milli_tokens: burst.saturating_mul(1_000), filled_at: now }
    }

    /// Other bounds from now on. Nobody gets a new burst by that.
    pub fn change(&mut self, per_second: u64, burst: u64, now: Millis) {
        let full = self.milli_tokens >= self.burst.saturating_mul(1_000);
        let most = burst.saturating_mul(1_000);
        let milli_tokens = if self.per_second == 0 || full { most } else { self.milli_tokens.min(most) };
        *self = Self { per_second, burst, milli_tokens, filled_at: now };
    }

    /// Whether one more event may come now.
    pub fn admit(&mut self, now: Millis) -> bool {
        if self.per_second == 0 {
            return true;
        }
        let gained = now.saturating_sub(self.filled_at).saturating_mul(self.per_second);
        self.filled_at = now;
        self.milli_tokens = self.milli_tokens.saturating_add(gained).min(self.burst.saturating_mul(1_000));
        let admitted = self.milli_tokens >= 1_000;
        if admitted {
            self.milli_tokens -= 1_000;
        }
        admitted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_then_the_rate_holds() {
        let mut rate = Rate::new(10, 3, 0);
        assert_eq!((0..5).filter(|_| rate.admit(0)).count(), 3);
        assert!(!rate.admit(99));
        assert_eq!((0..5).filter(|_| rate.admit(200)).count(), 2);
        let mut free = Rate::new(0, 1, 0);
        assert!((0..1_000).all(|_| free.admit(0)));
    }

    #[test]
    fn an_idle_client_saves_no_more_than_a_burst() {
        let mut rate = Rate::new(1_000, 5, 0);
        assert_eq!((0..100).filter(|_| rate.admit(3_600_000)).count(), 5);
    }

    #[test]
    fn a_slow_rate_fills_evenly() {
        let mut rate = Rate::new(1, 1, 0);
        assert!(rate.admit(0));
        // Asked ten times a second, it must not forget the tenths.
        let admitted: Vec<_> = (1..=30).map(|tenth| tenth * 100).filter(|&now| rate.admit(now)).collect();
        assert_eq!(admitted, [1_000, 2_000, 3_000]);
    }

    #[test]
    fn other_bounds_hold_at_once_and_give_no_second_burst() {
        let mut rate = Rate::new(10, 5, 0);
        assert!((0..4).all(|_| rate.admit(0)));
        rate.change(10, 100, 0);
        assert_eq!((0..5).filter(|_| rate.admit(0)).count(), 1);
        rate.change(0, 1, 0);
        assert!((0..1_000).all(|_| rate.admit(0)));
        rate.change(1, 3, 0);
        assert_eq!((0..5).filter(|_| rate.admit(0)).count(), 3);
    }

    #[test]
    fn a_clock_that_stands_still_or_jumps_gives_nothing_away() {
        let mut rate = Rate::new(u64::MAX, 2, 1_000);
        assert_eq!((0..5).filter(|_| rate.admit(500)).count(), 2);
        assert_eq!((0..5).filter(|_| rate.admit(u64::MAX)).count(), 2);
    }
}
