//! A simulation of the whole engine: publishers, subscribers, slow and stalled connections, floods, reloads and the end,
//! all of it from one seed and on a clock of its own, with a naive model beside it that says what has to come out.
//!
//! `cargo test --test simulation` runs the same seeds each time, and a few new ones. A failure names its seed;
//! `GADUGI_SIM_SEED=N` runs that seed alone, with `GADUGI_SIM_TRACE=1` every step is printed, and
//! `GADUGI_SIM_SEEDS=COUNT` runs more or fewer. `tests/planted` holds mistakes that the simulation has to find.

mod changes;
mod check;
mod finale;
mod matching;
mod messages;
mod model;
mod peer;
mod profile;
mod reading;
mod rng;
mod run;
mod state;
mod trace;
mod upkeep;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{SystemTime, UNIX_EPOCH};

use profile::Profile;
use run::Run;
use trace::Trace;
use uuid::Uuid;

/// Seeds that are run each time.
const SEEDS: u64 = 8_000;
/// New seeds that are run each time.
const NEW_SEEDS: u64 = 50;
/// Seeds that are run twice, to compare.
const TWINS: u64 = 150;

/// What each client got, by name.
type Logs = Vec<(usize, Vec<(String, Uuid)>)>;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| match text.parse() {
        Ok(number) => number,
        Err(problem) => panic!("{name}={text}: {problem}"),
    })
}

/// The one seed that is wanted, or all of these.
fn seeds(first: u64, count: u64) -> Vec<u64> {
    match number("GADUGI_SIM_SEED") {
        Some(seed) => vec![seed],
        None => (first..first + count).collect(),
    }
}

fn simulate(seed: u64, profile: Profile, mute: Option<usize>) -> Logs {
    let trace = Trace::new(number("GADUGI_SIM_TRACE") == Some(1));
    let run = catch_unwind(AssertUnwindSafe(|| Run::new(seed, profile, mute, trace.clone())));
    match run {
        Ok(run) => run.logs,
        Err(problem) => {
            let text = problem.downcast_ref::<String>().map(String::as_str);
            let text = text.or(problem.downcast_ref::<&str>().copied()).unwrap_or("a panic");
            panic!("seed {seed}: {text}\n{}the last steps:\n{}", replay(seed), trace.last());
        }
    }
}

fn replay(seed: u64) -> String {
    format!("GADUGI_SIM_SEED={seed} GADUGI_SIM_TRACE=1 cargo test --test simulation -- --nocapture\n")
}

#[test]
fn the_engine_does_what_the_model_says() {
    for seed in seeds(1, number("GADUGI_SIM_SEEDS").unwrap_or(SEEDS)) {
        simulate(seed, Profile::new(seed), None);
    }
}

#[test]
fn the_engine_does_what_the_model_says_for_seeds_never_tried_before() {
    if number("GADUGI_SIM_SEED").is_none() {
        let first = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros() as u64;
        println!("seeds {first} and the {NEW_SEEDS} after it");
        for seed in first..first + NEW_SEEDS {
            simulate(seed, Profile::new(seed), None);
        }
    }
}

#[test]
fn a_client_that_never_reads_changes_nothing_for_the_others() {
    for seed in seeds(1, TWINS) {
        let with = simulate(seed, Profile::twin(seed), None);
        let without = simulate(seed, Profile::twin(seed), Some(0));
        for name in 1..4 {
            let log = |logs: &Logs| logs.iter().find(|(other, _)| *other == name).map(|(_, log)| log.clone());
            assert!(
                log(&with) == log(&without),
                "seed {seed}: client {name} got something else because client 0 did not read\n{}",
                replay(seed)
            );
        }
    }
}

#[test]
fn a_seed_always_makes_the_same_run() {
    for seed in seeds(1, 20) {
        assert!(
            simulate(seed, Profile::new(seed), None) == simulate(seed, Profile::new(seed), None),
            "seed {seed} made two different runs\n{}",
            replay(seed)
        );
    }
}
