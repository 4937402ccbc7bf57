//! The command line of `bench`.

use std::time::Duration;

use clap::builder::RangedU64ValueParser;

use super::super::{pace, publish};
use crate::config::{parse_duration, parse_size};
use crate::protocol::{Pattern, Priority};

/// How many events are published if nothing is said.
pub(in crate::ctl) const EVENTS: u64 = 10_000;
/// More connections than this are for a program that does not have to take them all itself.
const MOST_PEERS: u64 = 10_000;
/// A payload holds the time, and what is around it.
const SMALLEST: usize = 32;
/// More than this is beyond every router.
const LARGEST: usize = 64 << 20;

/// What load.
#[derive(clap::Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub(in crate::ctl) struct BenchArgs {
    /// Connections that publish
    #[arg(short, long, visible_alias = "clients", value_name = "N", default_value_t = 1, value_parser = peers(1))]
    pub publishers: u64,

    /// Connections that subscribe; each gets every event
    #[arg(short, long, value_name = "N", default_value_t = 1, value_parser = peers(0))]
    pub subscribers: u64,

    /// How many events all publishers together send [default: 10000]
    #[arg(short = 'n', long, value_name = "N", conflicts_with = "duration", value_parser = clap::value_parser!(u64).range(1..))]
    pub events: Option<u64>,

    /// How long they send, instead of a number of events
    #[arg(short, long, value_name = "DURATION", value_parser = parse_duration)]
    pub duration: Option<Duration>,

    /// Bytes of an event's payload
    #[arg(long, value_name = "BYTES", default_value = "256", value_parser = size)]
    pub size: usize,

    /// So many events a second of all publishers together; left out = as fast as the answers come
    #[arg(short, long, value_name = "N", value_parser = pace::rate)]
    pub rate: Option<f64>,

    /// The topic, instead of one that nobody else has
    #[arg(long, value_name = "TOPIC", value_parser = topic)]
    pub topic: Option<Pattern>,

    /// The events' priority, or `mixed`: all ten in turn
    #[arg(long, value_name = "P", default_value = "NORMAL", value_parser = level)]
    pub priority: Level,
}

const AFTER_HELP: &str = "\
An event carries the time when it was due; its latency is from then until this program has read it. Each answer is \
waited for, with at most 256 events of a publisher under way. Publishers and subscribers are in this one program, on \
one thread: with many of them it is this program that is measured, and it says how much of the time it worked.

Examples:
  gadugi-routerctl bench
  gadugi-routerctl bench --rate 2000 --duration 10s --priority mixed
  gadugi-routerctl bench --publishers 10 --subscribers 10 --size 1KiB --json";

/// Which priority an event has.
#[derive(Clone, Copy, Debug)]
pub(in crate::ctl) enum Level {
    Mixed,
    One(Priority),
}

fn peers(least: u64) -> RangedU64ValueParser {
    RangedU64ValueParser::new().range(least..=MOST_PEERS)
}

fn size(word: &str) -> Result<usize, &'static str> {
    let size = parse_size(word)?;
    if (SMALLEST..=LARGEST).contains(&size) { Ok(size) } else { Err("from 32 bytes to 64MiB") }
}

fn level(word: &str) -> Result<Level, &'static str> {
    if word.eq_ignore_ascii_case("mixed") {
        return Ok(Level::Mixed);
    }
    publish::priority(word).map(Level::One)
}

fn topic(word: &str) -> Result<Pattern, String> {
    let topic = Pattern::parse(word)?;
    if topic.is_exact() { Ok(topic) } else { Err("a topic is wanted, not a pattern".to_owned()) }
}
