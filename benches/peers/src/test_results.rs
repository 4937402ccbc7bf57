//! Made-up results for the tests of what is drawn from them.

use crate::compare::{Machine, Results};
use crate::drivers::Target;
use crate::outcome::Outcome;
use crate::workloads::{Job, Settings, Workload};

fn settings() -> Settings {
    #[derive(clap::Parser)]
    struct Defaults {
        #[command(flatten)]
        settings: Settings,
    }
    <Defaults as clap::Parser>::parse_from(["test"]).settings
}

pub fn outcome(target: Target, workload: Workload) -> Outcome {
    let address = std::net::SocketAddr::from(([127, 0, 0, 1], 1));
    Outcome::new(Job { target, address, server_pid: 0, workload, settings: &settings() })
}

pub fn results(outcomes: Vec<Outcome>) -> Results {
    Results {
        started: String::new(),
        rounds: outcomes.iter().map(|outcome| outcome.round + 1).max().unwrap_or(0),
        settings: settings(),
        python_idle: 0,
        python_subs: 0,
        gadugi_env: Vec::new(),
        machine: Machine { cores: 0, cpu: String::new(), kernel: String::new() },
        versions: Vec::new(),
        not_measured: Vec::new(),
        failed: Vec::new(),
        outcomes,
    }
}
