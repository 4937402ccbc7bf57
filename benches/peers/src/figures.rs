//! Figures drawn from the raw results: values over the rounds, ratios within a round, their spread.

use crate::compare::Results;
use crate::drivers::Target;
use crate::outcome::Outcome;
use crate::workloads::Workload;

/// The runs of one target under one workload.
pub type Series = (Target, Workload);

/// Server CPU in us for each delivery, the main figure.
pub fn cost(outcome: &Outcome) -> Option<f64> {
    Some(outcome.server_us_per_delivery)
}

/// 99 % of the messages took no longer (us). Only `latency` has it.
pub fn p99(outcome: &Outcome) -> Option<f64> {
    outcome.latency_us.as_ref().map(|latency| latency.p99)
}

/// KiB for each connection that only waits. Only `idle` has it.
pub fn idle_kib(outcome: &Outcome) -> Option<f64> {
    outcome.idle.as_ref().map(|idle| idle.kib_per_connection)
}

/// A value for each round that has it.
pub fn values(
    results: &Results,
    target: Target,
    workload: Workload,
    pick: impl Fn(&Outcome) -> Option<f64>,
) -> Vec<f64> {
    runs(results, (target, workload)).filter_map(pick).collect()
}

/// One series divided by another, round by round: both sides met the same machine. Rounds that lack
/// one of the two are left out.
pub fn ratios(results: &Results, of: Series, to: Series, pick: impl Fn(&Outcome) -> Option<f64>) -> Vec<f64> {
    runs(results, of)
        .filter_map(|outcome| {
            let same_round = runs(results, to).find(|other| other.round == outcome.round)?;
            Some(pick(outcome)? / pick(same_round)?)
        })
        .collect()
}

fn runs(results: &Results, (target, workload): Series) -> impl Iterator<Item = &Outcome> {
    results.outcomes.iter().filter(move |o| o.target == target && o.workload == workload)
}

/// What is said of several values of the same thing.
#[derive(Clone, Copy, Debug)]
pub struct Spread {
    pub median: f64,
    pub low: f64,
    pub high: f64,
}

impl Spread {
    /// `None` when there is no value.
    pub fn of(mut values: Vec<f64>) -> Option<Self> {
        values.sort_by(f64::total_cmp);
        let (&low, &high) = (values.first()?, values.last()?);
        let middle = values.len() / 2;
        let median = if values.len() % 2 == 1 {
            values[middle]
        } else {
            f64::midpoint(values[middle - 1], values[middle])
        };
        Some(Self { median, low, high })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_number_lies_between() {
        let spread = Spread::of(vec![9.0, 2.0, 1.0, 4.0]).unwrap();
        assert!((spread.median - 3.0).abs() < 1e-9);
        assert!((spread.low - 1.0).abs() < 1e-9 && (spread.high - 9.0).abs() < 1e-9);
        assert!((Spread::of(vec![5.0]).unwrap().median - 5.0).abs() < 1e-9);
        assert!(Spread::of(Vec::new()).is_none());
    }
}
