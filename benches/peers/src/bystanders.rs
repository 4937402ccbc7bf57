//! `bystanders`: whether a delivery costs more when thousands of clients are connected and do nothing.
//!
//! The peers and the ceiling stand beside it, since the ceiling does no work at all for a client that
//! is silent: growth there is not the server's program.

use anyhow::{Result, bail};
use clap::Args;

use crate::compare;
use crate::drivers::Target;
use crate::figures::Spread;
use crate::outcome::Outcome;
use crate::report;
use crate::servers::{self, Commands};
use crate::workloads::{Settings, Workload};

#[derive(Debug, Args)]
pub struct Options {
    #[command(flatten)]
    commands: Commands,
    /// Targets, comma-separated
    #[arg(long, value_delimiter = ',', default_value = "gadugi,ceiling,nats-ws")]
    targets: Vec<Target>,
    /// Clients that only wait, with one subscription each
    #[arg(long, default_value_t = 5000)]
    clients: usize,
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    #[command(flatten)]
    settings: Settings,
}

/// `pipe` alone and beside them, in one round.
struct Pair {
    target: Target,
    alone: Outcome,
    beside: Outcome,
}

pub fn bystanders(options: &Options) -> Result<()> {
    if options.rounds == 0 {
        bail!("--rounds must be at least 1");
    }
    let (versions, missing) = servers::available(&options.targets, &options.commands);
    let mut pairs = Vec::new();
    let mut failed = Vec::new();
    for round in 0..options.rounds {
        for &(target, _) in &versions {
            match pair(options, target, round) {
                Ok(pair) => pairs.push(pair),
                Err(error) => failed.push((target, format!("round {}: {error:#}", round + 1))),
            }
        }
    }
    println!(
        "`pipe` alone and beside {} clients with a subscription each that do nothing. Server CPU in us per delivery,\n\
         median (min-max) over {} rounds; the ratio is taken within each round.\n",
        options.clients, options.rounds
    );
    println!("| target | alone | beside them | beside / alone |\n| --- | --: | --: | --: |");
    for (target, _) in &versions {
        let of = |pick: fn(&Pair) -> f64| {
            Spread::of(pairs.iter().filter(|pair| pair.target == *target).map(pick).collect())
                .map_or("-".into(), |s| format!("{:.2} ({:.2}-{:.2})", s.median, s.low, s.high))
        };
        let alone = of(|pair| pair.alone.server_us_per_delivery);
        let beside = of(|pair| pair.beside.server_us_per_delivery);
        let ratio = of(|pair| pair.beside.server_us_per_delivery / pair.alone.server_us_per_delivery);
        println!("| {} | {alone} | {beside} | {ratio} |", target.name());
    }
    println!();
    for (target, why) in missing {
        println!("- **NOT MEASURED: {}**: {why}", target.name());
    }
    for (target, why) in failed {
        println!("- **FAILED: {}**: {why}", target.name());
    }
    for pair in &pairs {
        for doubt in pair.alone.doubts().into_iter().chain(pair.beside.doubts()) {
            println!("- doubtful: {}: {doubt}", pair.target.name());
        }
    }
    Ok(())
}

/// Which of the two comes first changes with the round.
fn pair(options: &Options, target: Target, round: usize) -> Result<Pair> {
    let run = |beside: usize| {
        let settings = Settings { beside, ..options.settings.clone() };
        let outcome = compare::measure(&options.commands, &settings, target, Workload::Pipe)?;
        eprintln!("round {} {:11} beside {beside:5}: {}", round + 1, target.name(), report::line(&outcome));
        anyhow::Ok(outcome)
    };
    if round.is_multiple_of(2) {
        let alone = run(0)?;
        Ok(Pair { target, alone, beside: run(options.clients)? })
    } else {
        let beside = run(options.clients)?;
        Ok(Pair { target, alone: run(0)?, beside })
    }
}
