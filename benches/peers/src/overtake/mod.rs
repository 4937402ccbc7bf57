//! `overtake`: how much an urgent event still waits behind, on its way to a subscriber that is slow.
//!
//! A subscriber of `jam.**` reads slowly while thousands of LOW events wait for it. Then a SYSTEM
//! event is published, and what the subscriber is given between the moment when its publisher has
//! the answer and its arrival is counted: that much it could not overtake.
//!
//! A router can put the event before what waits in the router, and no further. Out of reach is what it has
//! handed to the kernel already: the server's send buffer (bounded when the router asks for
//! `TCP_NOTSENT_LOWAT`, up to 4 MB when not), what is in flight, and the subscriber's receive buffer, which
//! is the subscriber's own choice. So every run is made twice, with a small one and with the kernel's
//! default; the bytes in the kernel at the moment of the answer are measured as well, and
//! what the event waited behind beyond them waited in the router or in the client's own last read.
//!
//! A router could also win here by handing the kernel too little at a time, and lose elsewhere;
//! hence the figure of a fast reader (`fanout`) beside it, from the same settings.

mod jam;

use anyhow::Result;
use clap::Args;

use crate::compare;
use crate::drivers::Target;
use crate::drivers::link::Receive;
use crate::figures::Spread;
use crate::outcome::Outcome;
use crate::servers::{self, Commands, Server};
use crate::workloads::{Settings, Workload};
use jam::{Jam, Jammed};

/// Bytes of one read of the slow subscriber: few events, so that little hides in the client.
const SMALL_READ: usize = 1024;

#[derive(Debug, Args)]
pub struct Options {
    #[command(flatten)]
    commands: Commands,
    /// Targets, comma-separated. Those without priorities show what waiting behind everything means
    #[arg(long, value_delimiter = ',', default_value = "gadugi,nats-tcp,mqtt-tcp")]
    targets: Vec<Target>,
    /// LOW events that wait when a SYSTEM event is published
    #[arg(long, default_value_t = 20_000)]
    jam: u64,
    /// Events a second that the slow subscriber takes
    #[arg(long, default_value_t = 2_000)]
    pace: u32,
    /// SYSTEM events, one after another
    #[arg(long, default_value_t = 20)]
    probes: usize,
    /// The same for targets without priorities, where each waits until the jam is over
    #[arg(long, default_value_t = 3)]
    peer_probes: usize,
    /// The small receive buffer (`SO_RCVBUF`) in bytes
    #[arg(long, default_value_t = 16 * 1024)]
    receive_buffer: u32,
    #[command(flatten)]
    settings: Settings,
}

/// The lines of the table that are about one target.
struct Measured {
    target: Target,
    /// With the small receive buffer, and with the kernel's default.
    slow: [Result<Jammed>; 2],
    fast: Result<Outcome>,
}

pub fn overtake(options: &Options) -> Result<()> {
    let commands = with_room(options);
    let (versions, missing) = servers::available(&options.targets, &commands);
    let mut all = Vec::new();
    for &(target, _) in &versions {
        let slow =
            [Some(options.receive_buffer), None].map(|buffer| slow(options, &commands, target, buffer));
        let fast = compare::measure(&commands, &options.settings, target, Workload::Fanout);
        all.push(Measured { target, slow, fast });
    }
    print(options, &all);
    for (target, why) in missing {
        println!("- **NOT MEASURED: {}**: {why}", target.name());
    }
    Ok(())
}

/// The jam must fit into a subscriber's outbox, or it would be shed instead of waiting. What the
/// caller says comes later and so wins.
fn with_room(options: &Options) -> Commands {
    let mut commands = options.commands.clone();
    let own = [
        format!("GADUGI_ROUTER_LIMITS__OUTBOX_EVENTS={}", options.jam * 2),
        format!(
            "GADUGI_ROUTER_LIMITS__OUTBOX_SIZE={}",
            options.jam * 2 * (2048 + options.settings.payload as u64)
        ),
    ];
    commands.gadugi_env.splice(0..0, own);
    commands
}

fn slow(options: &Options, commands: &Commands, target: Target, buffer: Option<u32>) -> Result<Jammed> {
    eprint!("{:11} {:16} ", target.name(), buffer_name(buffer));
    let server = Server::start(target, commands)?;
    let jam = Jam {
        target,
        address: server.address,
        receive: Receive { kernel_buffer: buffer, read: SMALL_READ },
        low: options.jam,
        pace: options.pace,
        probes: if target.is_gadugi() { options.probes } else { options.peer_probes },
        payload: options.settings.payload,
    };
    let result = jam::measure(&jam);
    match &result {
        Ok(jammed) => eprintln!("{} SYSTEM events", jammed.probes.len()),
        Err(error) => eprintln!("FAILED: {error:#}; the server's log ends with {}", server.log()),
    }
    result
}

fn buffer_name(buffer: Option<u32>) -> String {
    buffer.map_or("kernel's default".into(), |bytes| format!("{} KiB", bytes / 1024))
}

fn print(options: &Options, all: &[Measured]) {
    println!(
        "A subscriber that takes {} events a second, {} LOW events (payload {} B) waiting for it. Median / max over\n\
         the SYSTEM events: what each was behind when it arrived, counted from its publisher's answer on; and\n\
         of that, what lay in the kernel's buffers and could not be overtaken. Fast reader: `fanout`.\n",
        options.pace, options.jam, options.settings.payload
    );
    println!(
        "| target | receive buffer | SYSTEM events | fewest waiting | events before it | KiB before it | KiB in the kernel | ms | fast reader: deliveries/s | us CPU a delivery |"
    );
    println!("| --- | --- | --: | --: | --: | --: | --: | --: | --: | --: |");
    for measured in all {
        let fast = fast_cells(&measured.fast);
        for (buffer, slow) in [Some(options.receive_buffer), None].into_iter().zip(&measured.slow) {
            let start = format!("| {} | {}", measured.target.name(), buffer_name(buffer));
            match slow {
                Ok(jammed) => println!("{start} | {} | {fast} |", slow_cells(jammed)),
                Err(_) => println!("{start} | **FAILED** | | | | | | {fast} |"),
            }
        }
    }
    println!();
    for measured in all {
        notes(measured);
    }
}

fn slow_cells(jammed: &Jammed) -> String {
    let pair = |pick: fn(&jam::Probe) -> f64| {
        Spread::of(jammed.probes.iter().map(pick).collect())
            .map_or("-".into(), |spread| format!("{:.0} / {:.0}", spread.median, spread.high))
    };
    // What never arrived was shed, and did not wait.
    let missing = (jammed.sent - jammed.refused).saturating_sub(jammed.received);
    let fewest = jammed.probes.iter().map(|probe| probe.waiting.saturating_sub(missing)).min().unwrap_or(0);
    [
        jammed.probes.len().to_string(),
        fewest.to_string(),
        pair(|probe| probe.events as f64),
        pair(|probe| probe.bytes as f64 / 1024.0),
        pair(|probe| probe.kernel_bytes as f64 / 1024.0),
        pair(|probe| probe.seconds * 1e3),
    ]
    .join(" | ")
}

fn fast_cells(fast: &Result<Outcome>) -> String {
    match fast {
        Ok(outcome) => format!("{:.0} | {:.2}", outcome.deliveries_per_s, outcome.server_us_per_delivery),
        Err(_) => "**FAILED** | ".into(),
    }
}

fn notes(measured: &Measured) {
    let target = measured.target.name();
    for slow in &measured.slow {
        match slow {
            Ok(jammed) if jammed.refused > 0 || jammed.received != jammed.sent => println!(
                "- doubtful: {target}: {} LOW events published, {} refused, {} received",
                jammed.sent, jammed.refused, jammed.received
            ),
            Ok(_) => {}
            Err(error) => println!("- **FAILED: {target}, slow subscriber**: {error:#}"),
        }
    }
    match &measured.fast {
        Ok(outcome) => {
            outcome.doubts().iter().for_each(|doubt| println!("- doubtful: {target}, fanout: {doubt}"))
        }
        Err(error) => println!("- **FAILED: {target}, fanout**: {error:#}"),
    }
}
