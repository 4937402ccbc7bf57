//! The measured ratios beside what is wanted of gadugi-router and what is wished for.
//!
//! The yardstick is nats-server over WebSocket in the same round, since a machine's speed differs
//! from day to day and the peers' figures with it. The limits are the project's own.

use std::fmt::Write;

use crate::compare::Results;
use crate::drivers::Target;
use crate::figures::{self, Series, Spread};
use crate::outcome::Outcome;
use crate::workloads::Workload;

const YARDSTICK: Target = Target::NatsWs;

type Pick = fn(&Outcome) -> Option<f64>;

/// What a figure is divided by.
#[derive(Clone, Copy)]
enum Base {
    Peer(Target),
    /// The target's own figure under another workload.
    Own(Workload),
    Nothing,
}

/// A figure, and the most that it may be.
struct Limit {
    base: Base,
    most: f64,
}

struct Measure {
    name: &'static str,
    workload: Workload,
    pick: Pick,
    wanted: Limit,
    wished: Limit,
}

const fn cost(name: &'static str, workload: Workload, base: Base, wanted: f64, wished: f64) -> Measure {
    Measure {
        name,
        workload,
        pick: figures::cost,
        wanted: Limit { base, most: wanted },
        wished: Limit { base, most: wished },
    }
}

const NATS: Base = Base::Peer(YARDSTICK);

const MEASURES: [Measure; 7] = [
    cost("pipe, × nats-ws", Workload::Pipe, NATS, 1.25, 0.9),
    cost("fanout, × nats-ws", Workload::Fanout, NATS, 1.0, 0.8),
    cost("mesh, × nats-ws", Workload::Mesh, NATS, 0.8, 0.5),
    cost("latency (CPU), × nats-ws", Workload::Latency, NATS, 0.7, 0.5),
    cost("subs, × own pipe", Workload::Subs, Base::Own(Workload::Pipe), 1.1, 1.0),
    Measure {
        name: "latency p99, × nats-ws (wished: × redis)",
        workload: Workload::Latency,
        pick: figures::p99,
        wanted: Limit { base: NATS, most: 1.0 },
        wished: Limit { base: Base::Peer(Target::Redis), most: 1.0 },
    },
    Measure {
        name: "KiB an idle connection",
        workload: Workload::Idle,
        pick: figures::idle_kib,
        wanted: Limit { base: Base::Nothing, most: 9.0 },
        wished: Limit { base: Base::Nothing, most: 6.0 },
    },
];

impl Measure {
    fn spread(&self, results: &Results, target: Target, limit: &Limit) -> Option<Spread> {
        let own: Series = (target, self.workload);
        Spread::of(match limit.base {
            Base::Peer(peer) => figures::ratios(results, own, (peer, self.workload), self.pick),
            Base::Own(workload) => figures::ratios(results, own, (target, workload), self.pick),
            Base::Nothing => figures::values(results, target, self.workload, self.pick),
        })
    }

    fn cell(&self, results: &Results, target: Target) -> String {
        let Some(spread) = self.spread(results, target, &self.wanted) else {
            return "not measured".into();
        };
        let wished = self.spread(results, target, &self.wished);
        let mark = if rounded(spread.median) > self.wanted.most {
            "**missed**"
        } else if wished.is_some_and(|wished| rounded(wished.median) <= self.wished.most) {
            "wished"
        } else {
            "wanted"
        };
        let range = format!("{:.2} ({:.2}-{:.2})", spread.median, spread.low, spread.high);
        match (self.wished.base, wished) {
            (Base::Peer(peer), Some(to)) if peer != YARDSTICK => {
                format!("{range}, × {} {:.2}: {mark}", peer.name(), to.median)
            }
            _ => format!("{range}: {mark}"),
        }
    }
}

/// As it is printed, so that a cell never contradicts its mark.
fn rounded(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

pub fn markdown(results: &Results) -> String {
    let mut out = String::new();
    let _ = write(results, &mut out);
    out
}

fn write(results: &Results, out: &mut String) -> std::fmt::Result {
    let targets: Vec<_> = results
        .versions
        .iter()
        .map(|(target, _)| *target)
        .filter(|target| target.is_gadugi() || target.is_ceiling())
        .collect();
    if targets.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "Verdict: median (min-max) over {} rounds, each ratio within its round; the best limit that holds.\n",
        results.rounds
    )?;
    let names: Vec<_> = targets.iter().map(|target| target.name()).collect();
    writeln!(out, "| figure | wanted | wished | {} |", names.join(" | "))?;
    writeln!(out, "| --- | --: | --: |{}", " --- |".repeat(names.len()))?;
    for measure in &MEASURES {
        let cells: Vec<_> = targets.iter().map(|target| measure.cell(results, *target)).collect();
        let (wanted, wished) = (measure.wanted.most, measure.wished.most);
        writeln!(out, "| {} | ≤ {wanted} | ≤ {wished} | {} |", measure.name, cells.join(" | "))?;
    }
    let cells: Vec<_> = targets.iter().map(|target| doubtful(results, *target)).collect();
    writeln!(out, "| runs with loss or other doubts, or failed | 0 | 0 | {} |", cells.join(" | "))
}

fn doubtful(results: &Results, target: Target) -> String {
    let doubtful = results.outcomes.iter().filter(|o| o.target == target && !o.doubts().is_empty()).count();
    let failed = results.failed.iter().filter(|failure| failure.target == target).count();
    match doubtful + failed {
        0 => "0".into(),
        some => format!("**{some}**"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_results::{outcome, results};

    fn pipe(target: Target, round: usize, us: f64) -> Outcome {
        let mut outcome = outcome(target, Workload::Pipe);
        outcome.round = round;
        outcome.server_us_per_delivery = us;
        outcome
    }

    #[test]
    fn a_ratio_is_taken_within_its_round() {
        // The machine is three times slower in the second round; the ratios do not notice.
        let results = results(vec![
            pipe(Target::NatsWs, 0, 1.0),
            pipe(Target::Gadugi, 0, 0.8),
            pipe(Target::NatsWs, 1, 3.0),
            pipe(Target::Gadugi, 1, 3.0),
        ]);
        assert_eq!(MEASURES[0].cell(&results, Target::Gadugi), "0.90 (0.80-1.00): wished");
        assert_eq!(MEASURES[1].cell(&results, Target::Gadugi), "not measured");
    }

    #[test]
    fn what_exceeds_the_wanted_limit_is_missed() {
        let results = results(vec![pipe(Target::NatsWs, 0, 1.0), pipe(Target::Gadugi, 0, 1.26)]);
        assert_eq!(MEASURES[0].cell(&results, Target::Gadugi), "1.26 (1.26-1.26): **missed**");
    }
}
