//! `footprint`: resident memory of a server that has just started, and with clients that only wait.

use anyhow::{Result, bail};
use clap::Args;

use crate::drivers::Target;
use crate::figures::Spread;
use crate::idle;
use crate::servers::{self, Commands, Server};

/// What is wanted of gadugi-router, in MB.
const BASE_AT_MOST: f64 = 8.0;
/// The same with [`LIMIT_CLIENTS`] clients.
const WITH_CLIENTS_AT_MOST: f64 = 25.0;
const LIMIT_CLIENTS: usize = 1000;

#[derive(Debug, Args)]
pub struct Options {
    #[command(flatten)]
    commands: Commands,
    /// Targets, comma-separated
    #[arg(long, value_delimiter = ',', default_value = "gadugi")]
    targets: Vec<Target>,
    /// Clients, with one subscription each
    #[arg(long, default_value_t = LIMIT_CLIENTS)]
    clients: usize,
    /// Starts of each server
    #[arg(long, default_value_t = 3)]
    rounds: usize,
}

/// MB without a client, and with all of them.
type Footprint = (f64, f64);

pub fn footprint(options: &Options) -> Result<()> {
    if options.rounds == 0 || options.clients == 0 {
        bail!("--rounds and --clients must be at least 1");
    }
    let (versions, missing) = servers::available(&options.targets, &options.commands);
    println!(
        "Resident memory in MB (10^6 bytes), median (max) over {} starts. The kernel's socket buffers are not in it.\n",
        options.rounds
    );
    println!("| target | no client | {} clients, a subscription each | KiB a client |", options.clients);
    println!("| --- | --: | --: | --: |");
    for (target, _) in versions {
        let runs: Result<Vec<_>> = (0..options.rounds).map(|_| measure(options, target)).collect();
        match runs {
            Ok(runs) => println!("| {} | {} |", target.name(), cells(options, target, &runs).join(" | ")),
            Err(error) => println!("| {} | **FAILED**: {error:#} | | |", target.name()),
        }
    }
    for (target, why) in missing {
        println!("| {} | **not measured**: {why} | | |", target.name());
    }
    Ok(())
}

/// The check that it listens was a connection too; the figure without a client is after that one.
fn measure(options: &Options, target: Target) -> Result<Footprint> {
    let server = Server::start(target, &options.commands)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (base, full) = runtime.block_on(async {
        let base = idle::settled(server.pid()).await?;
        let clients = idle::open(target, server.address, 0, options.clients).await?;
        let full = idle::settled(server.pid()).await?;
        drop(clients);
        anyhow::Ok((base, full))
    })?;
    let megabytes = |kib: u64| kib as f64 * 1024.0 / 1e6;
    Ok((megabytes(base), megabytes(full)))
}

fn cells(options: &Options, target: Target, runs: &[Footprint]) -> Vec<String> {
    let cell = |pick: fn(&Footprint) -> f64, limit: Option<f64>| {
        let Some(Spread { median, high, .. }) = Spread::of(runs.iter().map(pick).collect()) else {
            return "-".into();
        };
        let verdict = match limit {
            Some(limit) if high > limit => format!(", wanted ≤ {limit}: **missed**"),
            Some(limit) => format!(", wanted ≤ {limit}: met"),
            None => String::new(),
        };
        format!("{median:.2} ({high:.2}){verdict}")
    };
    let base = target.is_gadugi().then_some(BASE_AT_MOST);
    let full = (target.is_gadugi() && options.clients == LIMIT_CLIENTS).then_some(WITH_CLIENTS_AT_MOST);
    let growth = runs.iter().map(|(base, full)| (full - base) * 1e6 / 1024.0 / options.clients as f64);
    let growth = Spread::of(growth.collect()).map_or("-".into(), |spread| format!("{:.1}", spread.median));
    vec![cell(|run| run.0, base), cell(|run| run.1, full), growth]
}
