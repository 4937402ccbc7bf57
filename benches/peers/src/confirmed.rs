//! `confirmed`: how many events a second are safe on disk, by publishers and by how many each has under way.
//!
//! A publisher sends so many messages, waits until all are confirmed, and goes on. Each broker is as durable as its version
//! can be told to be: what that means stands beside its name in the table.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use memchr::memmem;

use crate::carried::Carried;
use crate::drivers::link::{Link, text_frame};
use crate::drivers::{self, Target, excerpt, occurrences};
use crate::procstat::cpu_of_tree;
use crate::servers::{Commands, Server, available, turns};

/// Those that store, with what their confirmation promises.
pub const TARGETS: [(Target, &str); 3] = [
    (
        Target::Gadugi,
        "SQLite, synchronous=FULL, or the log before it, O_DSYNC: on the disk before the confirmation",
    ),
    (
        Target::NatsTcp,
        "JetStream, storage=file; sync_interval=always where the version has it (2.10), else written, not synced",
    ),
    (Target::Redis, "a stream, appendonly, appendfsync=always: fsync before the confirmation"),
];
/// What is published to, and stored.
pub const TOPIC: &str = "bench.stored";
/// Messages under way when a store is only filled.
const FILLING: usize = 500;
/// The stream of NATS.
const STREAM: &str =
    r#"{"name":"BENCH","subjects":["bench.stored"],"storage":"file","retention":"limits","discard":"old"}"#;
/// The subject that NATS confirms to.
const INBOX: &str = "_INBOX.bench";

#[derive(clap::Args)]
pub struct Options {
    #[command(flatten)]
    commands: Commands,
    /// Connections that publish at the same time
    #[arg(long, value_delimiter = ',', default_values_t = [1, 10, 100])]
    publishers: Vec<usize>,
    /// Messages that each has under way
    #[arg(long, value_delimiter = ',', default_values_t = [1, 10, 100])]
    batches: Vec<usize>,
    #[command(flatten)]
    carried: Carried,
    /// How long each is measured
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// Rounds, the brokers one after the other in each
    #[arg(long, default_value_t = 3)]
    rounds: usize,
}

/// What one run gave.
struct Run {
    rate: f64,
    /// Server CPU in µs for each event.
    cpu: f64,
}

pub fn confirmed(options: &Options) -> Result<()> {
    let targets: Vec<_> = TARGETS.iter().map(|(target, _)| *target).collect();
    let (here, _) = available(&targets, &options.commands);
    for (target, version) in &here {
        println!("- {}: {version}; {}", target.name(), promise(*target));
    }
    println!("- {}", options.carried.words());
    println!("\n| publishers | under way each | {} |", names(&here));
    println!("| --: | --: |{}", " --: |".repeat(here.len()));
    for &publishers in &options.publishers {
        for &batch in &options.batches {
            let mut cells: Vec<Vec<Run>> = here.iter().map(|_| Vec::new()).collect();
            for round in 0..options.rounds {
                for turn in turns(here.len(), round) {
                    let run = measure(here[turn].0, (publishers, batch), options);
                    cells[turn].push(run.with_context(|| here[turn].0.name())?);
                }
            }
            let cells: Vec<_> = cells.iter_mut().map(|runs| median(runs)).collect();
            println!("| {publishers} | {batch} | {} |", cells.join(" | "));
        }
    }
    Ok(())
}

fn promise(target: Target) -> &'static str {
    TARGETS.iter().find(|(known, _)| *known == target).map_or("", |(_, promise)| promise)
}

fn names(here: &[(Target, String)]) -> String {
    here.iter()
        .map(|(target, _)| format!("{}, a second (CPU)", target.name()))
        .collect::<Vec<_>>()
        .join(" | ")
}

/// The median, and the range.
fn median(runs: &mut [Run]) -> String {
    runs.sort_by(|one, other| one.rate.total_cmp(&other.rate));
    let (Some(low), Some(high), Some(middle)) = (runs.first(), runs.last(), runs.get(runs.len() / 2)) else {
        return "-".to_owned();
    };
    format!("{:.0} ({:.0} to {:.0}; {:.1} µs)", middle.rate, low.rate, high.rate, middle.cpu)
}

fn measure(target: Target, (publishers, batch): (usize, usize), options: &Options) -> Result<Run> {
    let server = Server::start_storing(target, &options.commands)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    // All are connected before the first one publishes: how fast that goes is not the question.
    let connected = runtime.block_on(async {
        if target == Target::NatsTcp {
            make_stream(server.address).await?;
        }
        let mut all = Vec::new();
        for _ in 0..publishers {
            all.push(publisher(target, server.address, &options.carried).await?);
        }
        anyhow::Ok(all)
    })?;
    let before = cpu_of_tree(server.pid())?;
    let started = Instant::now();
    let end = started + Duration::from_secs(options.seconds);
    let count: u64 = runtime.block_on(async {
        let publish = |(link, message)| tokio::spawn(publish(target, link, message, batch, end));
        let all: Vec<_> = connected.into_iter().map(publish).collect();
        let mut count = 0;
        for one in all {
            count += one.await??;
        }
        anyhow::Ok(count)
    })?;
    let took = started.elapsed().as_secs_f64();
    let (cpu, _) = cpu_of_tree(server.pid())?.since(before);
    Ok(Run { rate: count as f64 / took, cpu: cpu as f64 / 1_000.0 / count.max(1) as f64 })
}

/// Stores so many events.
pub async fn fill(target: Target, address: SocketAddr, events: usize, carried: &Carried) -> Result<()> {
    if target == Target::NatsTcp {
        make_stream(address).await?;
    }
    let (mut link, message) = publisher(target, address, carried).await?;
    let mut left = events;
    while left > 0 {
        let batch = left.min(FILLING);
        one_batch(&mut link, target, &message, batch).await?;
        left -= batch;
    }
    Ok(())
}

async fn publish(
    target: Target,
    mut link: Link,
    message: Vec<u8>,
    batch: usize,
    end: Instant,
) -> Result<u64> {
    let mut count = 0;
    while Instant::now() < end {
        one_batch(&mut link, target, &message, batch).await?;
        count += batch as u64;
    }
    Ok(count)
}

/// A connection that publishes, and what it says.
async fn publisher(target: Target, address: SocketAddr, carried: &Carried) -> Result<(Link, Vec<u8>)> {
    let mut link = drivers::open(target, address).await?;
    let message = match target {
        Target::Gadugi => {
            link = link.into_bare()?;
            text_frame(&carried.publish())?
        }
        Target::NatsTcp => {
            // Each publisher has an inbox of its own, else all would hear of all.
            let inbox = format!("{INBOX}.{}", link.local.port());
            link.tx.push(format!("SUB {inbox} 1\r\n").as_bytes()).await?;
            drivers::nats::ping(&mut link).await?;
            let body = carried.body();
            format!("PUB {TOPIC} {inbox} {}\r\n{body}\r\n", body.len()).into_bytes()
        }
        Target::Redis => drivers::redis::resp(&["XADD", TOPIC, "*", "p", &carried.body()]),
        other => bail!("{} does not store", other.name()),
    };
    Ok((link, message))
}

/// So many at once, and all their confirmations.
async fn one_batch(link: &mut Link, target: Target, message: &[u8], batch: usize) -> Result<()> {
    for _ in 0..batch {
        link.tx.push(message).await?;
    }
    link.tx.flush().await?;
    let mut seen = 0;
    while seen < batch {
        let Some(bytes) = link.rx.recv().await? else { bail!("the connection ended") };
        seen += confirmations(target, &bytes)?;
    }
    Ok(())
}

/// How many are in what came. What is looked for is one byte, since a read may end anywhere.
fn confirmations(target: Target, bytes: &[u8]) -> Result<usize> {
    let (found, refused) = match target {
        // A frame's header, and the object in it; neither the header's second byte, a length below 123, nor anything else is
        // such a brace.
        Target::Gadugi => (occurrences(bytes, b"{"), drivers::gadugi::refuses(bytes)),
        // `{"stream":"BENCH","seq":7}`
        Target::NatsTcp => (occurrences(bytes, b"}"), memmem::find(bytes, b"\"error\"").is_some()),
        // `$15\r\n1732530000000-0\r\n`
        _ => (occurrences(bytes, b"$"), bytes.starts_with(b"-ERR")),
    };
    if refused {
        bail!("refused: {}", excerpt(bytes));
    }
    Ok(found)
}

async fn make_stream(address: SocketAddr) -> Result<()> {
    let mut link = drivers::open(Target::NatsTcp, address).await?;
    let inbox = format!("{INBOX}.stream");
    let ask =
        format!("SUB {inbox} 1\r\nPUB $JS.API.STREAM.CREATE.BENCH {inbox} {}\r\n{STREAM}\r\n", STREAM.len());
    link.tx.push(ask.as_bytes()).await?;
    link.tx.flush().await?;
    drivers::read_until(&mut link, 1, |seen| {
        if memmem::find(seen, b"\"error\"").is_some() {
            bail!("no stream: {}", excerpt(seen));
        }
        Ok(occurrences(seen, b"\"created\""))
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn confirmations_are_counted_in_what_each_broker_says() {
        let told = b"\x81\x41{\"type\":\"published\",\"event_id\":\"x\",\"status\":\"queued\",\"sequence\":7}\x81\x41{\"ty";
        assert_eq!(confirmations(Target::Gadugi, told).unwrap(), 2);
        let told = b"MSG _INBOX.bench.7 2 27\r\n{\"stream\":\"BENCH\",\"seq\":7}\r\nMSG _INBOX.bench.7 2 27\r\n{\"str";
        assert_eq!(confirmations(Target::NatsTcp, told).unwrap(), 1);
        assert_eq!(confirmations(Target::Redis, b"$15\r\n1732530000000-0\r\n$15\r\n17325").unwrap(), 2);
        for status in ["rejected", "dropped"] {
            let told = format!(r#"{{"type":"published","status":"{status}"}}"#);
            assert!(confirmations(Target::Gadugi, told.as_bytes()).is_err());
        }
    }
}
