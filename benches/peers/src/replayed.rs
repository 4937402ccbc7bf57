//! `replay`: how long it takes to read again what is stored, and how much memory the server takes for it.
//!
//! Everything is stored first, by one publisher. Then one reader asks for all of it, and gets it as fast as it comes.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use memchr::memmem::{self, Finder};

use crate::carried::Carried;
use crate::confirmed::{TARGETS, TOPIC, fill};
use crate::drivers::link::Link;
use crate::drivers::{self, Target, excerpt};
use crate::procstat::{cpu_of_tree, peak_kib_of_tree, reset_peak_of_tree, rss_kib_of_tree};
use crate::servers::{Commands, Server, available, turns};

/// What a reader of Redis asks for at a time: all at once the server would hold twice.
const PAGE: usize = 1_000;
/// An ordered reader of JetStream: everything, nothing acknowledged.
const CONSUMER: &str = r#"{"stream_name":"BENCH","config":{"deliver_subject":"_INBOX.replay","deliver_policy":"all","ack_policy":"none","replay_policy":"instant"}}"#;

#[derive(clap::Args)]
pub struct Options {
    #[command(flatten)]
    commands: Commands,
    /// Events that are stored and read again
    #[arg(long, default_value_t = 100_000)]
    events: usize,
    #[command(flatten)]
    carried: Carried,
    /// Rounds, the brokers one after the other in each
    #[arg(long, default_value_t = 3)]
    rounds: usize,
}

/// What one run gave.
struct Run {
    took: Duration,
    /// Server CPU in µs for each event.
    cpu: f64,
    /// KiB: before, and the most while it lasted.
    memory: (u64, u64),
}

pub fn replayed(options: &Options) -> Result<()> {
    let targets: Vec<_> = TARGETS.iter().map(|(target, _)| *target).collect();
    let (here, _) = available(&targets, &options.commands);
    let mut all: Vec<Vec<Run>> = here.iter().map(|_| Vec::new()).collect();
    for round in 0..options.rounds {
        for turn in turns(here.len(), round) {
            let target = here[turn].0;
            all[turn].push(measure(target, options).with_context(|| target.name())?);
        }
    }
    println!("- {}\n", options.carried.words());
    println!(
        "| {} events | seconds (range) | events a second | CPU for each | memory before | the most meanwhile |",
        options.events
    );
    println!("| --- | --: | --: | --: | --: | --: |");
    for (mut runs, (target, version)) in all.into_iter().zip(&here) {
        runs.sort_by_key(|run| run.took);
        let (Some(low), Some(high), Some(run)) = (runs.first(), runs.last(), runs.get(runs.len() / 2)) else {
            continue;
        };
        println!(
            "| {} ({version}) | {:.2} ({:.2} to {:.2}) | {:.0} | {:.1} µs | {:.1} MiB | {:.1} MiB |",
            target.name(),
            run.took.as_secs_f64(),
            low.took.as_secs_f64(),
            high.took.as_secs_f64(),
            options.events as f64 / run.took.as_secs_f64(),
            run.cpu,
            run.memory.0 as f64 / 1_024.0,
            run.memory.1 as f64 / 1_024.0,
        );
    }
    Ok(())
}

fn measure(target: Target, options: &Options) -> Result<Run> {
    let server = Server::start_storing(target, &options.commands)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(fill(target, server.address, options.events, &options.carried))?;
    let before = rss_kib_of_tree(server.pid())?;
    reset_peak_of_tree(server.pid())?;
    let cpu_before = cpu_of_tree(server.pid())?;
    let started = Instant::now();
    runtime.block_on(read(target, server.address, options))?;
    let took = started.elapsed();
    let (cpu, _) = cpu_of_tree(server.pid())?.since(cpu_before);
    let cpu = cpu as f64 / 1_000.0 / options.events as f64;
    Ok(Run { took, cpu, memory: (before, peak_kib_of_tree(server.pid())?) })
}

async fn read(target: Target, address: SocketAddr, options: &Options) -> Result<()> {
    let mut link = drivers::open(target, address).await?;
    match target {
        Target::Gadugi => {
            drivers::gadugi::hello(&mut link).await?;
            let subscription = format!(r#"{{"topics":["{TOPIC}"],"from":{{"sequence":1}}}}"#);
            let ask = format!(r#"{{"type":"subscribe","subscription":{subscription}}}"#);
            link.tx.push(ask.as_bytes()).await?;
            take(&mut link, br#"{"type":"event""#, options.events).await
        }
        Target::NatsTcp => {
            let ask = format!(
                "SUB _INBOX.replay 1\r\nPUB $JS.API.CONSUMER.CREATE.BENCH {}\r\n{CONSUMER}\r\n",
                CONSUMER.len()
            );
            link.tx.push(ask.as_bytes()).await?;
            take(&mut link, b"MSG bench.stored 1 $JS.ACK.BENCH.", options.events).await
        }
        Target::Redis => read_pages(&mut link, options).await,
        other => bail!("{} does not store", other.name()),
    }
}

/// Until so many have come.
async fn take(link: &mut Link, beginning: &'static [u8], events: usize) -> Result<()> {
    link.tx.flush().await?;
    let (mut count, mut pending) = (0, Vec::new());
    let finder = Finder::new(beginning);
    while count < events {
        let Some(bytes) = link.rx.recv().await? else { bail!("the connection ended after {count}") };
        pending.extend_from_slice(&bytes);
        let mut end = 0;
        for at in finder.find_iter(&pending) {
            (count, end) = (count + 1, at + beginning.len());
        }
        if count == 0 && memmem::find(&pending, b"\"error\"").is_some() {
            bail!("refused: {}", excerpt(&pending));
        }
        // One that was cut off is found with what comes next.
        let keep = end.max(pending.len().saturating_sub(beginning.len() - 1));
        pending.drain(..keep);
    }
    Ok(())
}

/// Page after page, each behind the last of the one before.
async fn read_pages(link: &mut Link, options: &Options) -> Result<()> {
    let (mut from, mut count) = ("-".to_owned(), 0);
    let length = options.carried.body().len();
    let value = format!("$1\r\np\r\n${length}\r\n");
    let finder = Finder::new(value.as_bytes());
    while count < options.events {
        let wanted = PAGE.min(options.events - count);
        let limit = wanted.to_string();
        link.tx.push(&drivers::redis::resp(&["XRANGE", TOPIC, &from, "+", "COUNT", &limit])).await?;
        link.tx.flush().await?;
        let (mut page, mut found, mut looked) = (Vec::new(), 0, 0);
        let mut last = 0;
        while found < wanted || page.len() < last + value.len() + length + 2 {
            let Some(bytes) = link.rx.recv().await? else { bail!("the connection ended after {count}") };
            page.extend_from_slice(&bytes);
            for at in finder.find_iter(page.get(looked..).unwrap_or_default()) {
                (found, last) = (found + 1, looked + at);
            }
            looked = page.len().saturating_sub(value.len() - 1).max(if found > 0 { last + 1 } else { 0 });
            if page.starts_with(b"-") {
                bail!("refused: {}", excerpt(&page));
            }
        }
        // `*2\r\n$15\r\nID\r\n*2\r\n` stands before the value.
        let before = String::from_utf8_lossy(&page[..last]).into_owned();
        let id = before.trim_end().rsplit("\r\n").nth(1).context("no id before an event")?.to_owned();
        from = format!("({id}");
        count += found;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_of_jetstream_asks_for_everything_and_acknowledges_nothing() {
        let asked: serde_json::Value = serde_json::from_str(CONSUMER).unwrap();
        assert_eq!(asked["config"]["deliver_policy"], "all");
        assert_eq!(asked["config"]["ack_policy"], "none");
    }
}
