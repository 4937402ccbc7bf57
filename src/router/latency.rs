//! How long events take through the router, always measured: from being accepted to being matched, and to being
//! handed to the socket, by priority.
//!
//! Plain integers, for the engine has one owner. Nobody reads a clock for this: what waits carries the moment of the
//! read that brought it, and is counted at the moment that the connection's next turn has anyhow.

use super::Millis;
use crate::protocol::Priority;

/// Ticks in a second. Ten microseconds are a fifth of the narrowest bucket.
const TICKS: u64 = 100_000;
/// A moment that lies further ahead than this is none: threads do not enter the engine in the order in which they
/// read the clock.
const DISORDER: u32 = TICKS as u32;

/// A moment in ticks. It has 32 bits, which what waits has room for, and begins again after 11 hours and 55 minutes:
/// what waits for longer than that counts as younger by that.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Stamp(u32);

impl Stamp {
    /// Seconds since an earlier moment.
    pub fn seconds_since(self, earlier: Self) -> f64 {
        f64::from(self.since(earlier)) / TICKS as f64
    }

    /// Ticks since an earlier moment.
    fn since(self, earlier: Self) -> u32 {
        let ticks = self.0.wrapping_sub(earlier.0);
        if ticks > u32::MAX - DISORDER { 0 } else { ticks }
    }
}

/// A moment on the engine's clock, as finely as latency is measured. Made from [`Millis`] where that does not matter.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// The same in milliseconds.
    pub millis: Millis,
    pub(super) stamp: Stamp,
}

impl Moment {
    /// So long after the engine's start.
    pub fn after(time: std::time::Duration) -> Self {
        let ticks = time.as_secs() * TICKS + u64::from(time.subsec_micros() / 10);
        Self {
            millis: time.as_secs() * 1_000 + u64::from(time.subsec_millis()),
            // Only the lower half counts.
            stamp: Stamp(ticks as u32),
        }
    }
}

impl From<Millis> for Moment {
    fn from(millis: Millis) -> Self {
        Self { millis, stamp: Stamp(millis.wrapping_mul(TICKS / 1_000) as u32) }
    }
}

/// The buckets' upper bounds in ticks: 1, 2, 5 in each decade, so that each bound is a round number in an alert rule
/// and no bucket is wider than two and a half times its lower bound. Below 50 µs the cause is the processor; above 10 s
/// nobody asks for digits.
const BOUNDS: [u32; 17] = [
    5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000,
    1_000_000,
];

/// How often something took how long.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Histogram {
    counts: [u64; Self::BUCKETS],
    ticks: u64,
}

impl Histogram {
    /// How many buckets there are; the last one has no upper bound.
    pub const BUCKETS: usize = BOUNDS.len() + 1;

    /// The upper bounds of all buckets but the last, in seconds. What took exactly as long is in the bucket.
    pub fn bounds() -> [f64; BOUNDS.len()] {
        BOUNDS.map(|ticks| f64::from(ticks) / TICKS as f64)
    }

    /// How many there are in each bucket alone.
    pub fn counts(&self) -> &[u64; Self::BUCKETS] {
        &self.counts
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Seconds in all.
    pub fn sum(&self) -> f64 {
        self.ticks as f64 / TICKS as f64
    }

    /// About the time, in seconds, that this part of all (0 to 1) did not exceed: within its bucket they are taken to
    /// lie evenly. `None` without any; the last bound when it is beyond that.
    pub fn quantile(&self, part: f64) -> Option<f64> {
        let count = self.count();
        if count == 0 {
            return None;
        }
        let rank = part.clamp(0.0, 1.0) * count as f64;
        let (mut below, mut lower) = (0, 0.0);
        for (&within, upper) in self.counts.iter().zip(Self::bounds()) {
            if within > 0 && (below + within) as f64 >= rank {
                let share = ((rank - below as f64) / within as f64).max(0.0);
                return Some(lower + (upper - lower) * share);
            }
            below += within;
            lower = upper;
        }
        Some(lower)
    }

    fn add(&mut self, ticks: u32, times: u64) {
        let place = BOUNDS.partition_point(|&bound| bound < ticks);
        self.counts[place] += times;
        self.ticks += u64::from(ticks) * times;
    }
}

/// How long events take through the router. Each list is by priority, lowest first.
#[derive(Clone, Default, Debug)]
pub struct Latency {
    /// From being accepted to being matched.
    pub queue_wait: [Histogram; Priority::LEVELS],
    /// From being accepted to being handed to the socket, for each delivery. One of which the socket has taken only the
    /// beginning counts already.
    pub delivery: [Histogram; Priority::LEVELS],
}

impl Latency {
    pub(super) fn matched(&mut self, priority: Priority, accepted: Stamp, now: Moment) {
        self.queue_wait[priority.index()].add(now.stamp.since(accepted), 1);
    }

    /// So many that were accepted at the same moment are handed over.
    pub(super) fn delivered(&mut self, priority: Priority, accepted: Stamp, now: Moment, times: u64) {
        self.delivery[priority.index()].add(now.stamp.since(accepted), times);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn after(micros: u64) -> Moment {
        Moment::after(Duration::from_micros(micros))
    }

    #[test]
    fn a_time_is_in_the_first_bucket_whose_bound_it_does_not_exceed() {
        let mut histogram = Histogram::default();
        for (place, &bound) in BOUNDS.iter().enumerate() {
            histogram.add(bound, 1);
            histogram.add(bound + 1, 10);
            assert_eq!((histogram.counts[place] % 10, histogram.counts[place + 1] % 10), (1, 0));
        }
        assert_eq!(histogram.counts[Histogram::BUCKETS - 1], 10);
        assert_eq!(Histogram::bounds()[..3], [0.000_05, 0.000_1, 0.000_2]);
        assert_eq!(Histogram::bounds()[16], 10.0);
    }

    #[test]
    fn count_and_sum_are_those_of_what_was_added() {
        let mut histogram = Histogram::default();
        histogram.add(50, 3);
        histogram.add(100_000, 1);
        assert_eq!((histogram.count(), histogram.sum()), (4, 1.001_5));
    }

    #[test]
    fn quantiles_lie_within_their_bucket() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.quantile(0.5), None);
        histogram.add(15, 90);
        histogram.add(150_000, 10);
        let (median, late) = (histogram.quantile(0.5).unwrap(), histogram.quantile(0.99).unwrap());
        assert!((0.000_1..=0.000_2).contains(&median), "{median}");
        assert!((1.0..=2.0).contains(&late), "{late}");
        histogram.add(u32::MAX, 1_000);
        assert_eq!(histogram.quantile(0.99), Some(10.0));
    }

    #[test]
    fn a_stamp_begins_again_after_half_a_day_and_is_never_before_itself() {
        let (late, later) = (after(42_949_672_000), after(42_949_673_000));
        assert!(later.stamp.0 < late.stamp.0);
        assert_eq!(later.stamp.since(late.stamp), 100);
        // Another thread has read its clock a little earlier.
        assert_eq!(late.stamp.since(later.stamp), 0);
        assert_eq!(after(1_999).stamp.since(after(0).stamp), 199);
        assert_eq!((Moment::from(7).stamp, Moment::from(7).millis), (after(7_000).stamp, 7));
    }
}
