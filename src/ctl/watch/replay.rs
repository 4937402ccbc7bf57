//! `replay`: what the router has stored, in the order in which it was stored, and if wanted what comes after it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Serialize;

use super::super::failure::Failure;
use super::super::output::Output;
use super::super::pace::{self, Pace};
use super::super::wire::Place;
use super::args::WatchArgs;
use super::{Replay, line};
use crate::client::{Arrival, Event};
use crate::config::parse_duration;
use crate::protocol::{Pattern, Start, Time};

/// What to show, and from where on.
#[derive(clap::Args, Debug)]
#[command(after_help = HELP)]
pub(in crate::ctl) struct ReplayArgs {
    /// Only events on these topics: task.created, task.*, task.**; may be given several times
    #[arg(short, long = "topic", value_name = "PATTERN", value_parser = Pattern::parse)]
    topics: Vec<Pattern>,

    #[command(flatten)]
    start: StartArgs,

    /// Go on with what is live
    #[arg(short, long)]
    follow: bool,

    /// So many a second at most
    #[arg(short, long, value_name = "N", value_parser = pace::rate)]
    rate: Option<f64>,

    /// Publish the events to this other router instead of showing them: with their ids, sources and times
    #[arg(long, value_name = "URL")]
    to_url: Option<String>,

    #[command(flatten)]
    how: WatchArgs,
}

/// Where it begins; with nothing said, with the oldest event that is stored.
#[derive(clap::Args, Debug)]
#[group(multiple = false)]
struct StartArgs {
    /// Events that were stored since then: a time in UTC, or as long ago as 90s, 10m, 1h, 7d
    #[arg(long, value_name = "TIME", value_parser = since)]
    since: Option<Time>,

    /// From this number on
    #[arg(long, value_name = "N")]
    from_sequence: Option<u64>,

    /// The last so many
    #[arg(long, value_name = "N")]
    last: Option<u64>,
}

const HELP: &str = "\
Only what is stored can be replayed: [[store.rule]] in the router's configuration says what. A line is: number, time (UTC), \
priority, topic, type, source, payload. With --json it is an object with sequence and the whole event. A connection that is lost \
is made anew, and the replay goes on where it was. With --to-url it exits with 69 if the other router does not take an event, \
and says with which number to go on.

Examples:
  gadugi-routerctl replay --topic 'task.**' --since 1h
  gadugi-routerctl replay --last 20 --min-priority HIGH
  gadugi-routerctl replay --from-sequence 4711 --json | jq .event.payload
  gadugi-routerctl replay --topic audit --last 100 --follow
  gadugi-routerctl replay --topic 'task.**' --since 1d --to-url ws://standby:9090 --rate 500";

const SECONDS_OF_A_DAY: u64 = 86_400;

/// A moment, or a time before now.
pub(in crate::ctl) fn since(text: &str) -> Result<Time, String> {
    if let Some(time) = Time::parse(text) {
        return Ok(time);
    }
    let days = text.strip_suffix('d').and_then(|days| days.trim().parse::<u64>().ok());
    let ago = match days.and_then(|days| days.checked_mul(SECONDS_OF_A_DAY)) {
        Some(seconds) => Duration::from_secs(seconds),
        None => parse_duration(text)
            .map_err(|_| "write a time as 2026-01-31T12:00:00Z, or as long ago as 90s, 10m, 1h or 7d")?,
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Ok(Time::from_micros(now.saturating_sub(ago).as_micros() as i64))
}

impl StartArgs {
    fn start(&self) -> Start {
        match (self.since, self.last, self.from_sequence) {
            (Some(time), ..) => Start::Time(time),
            (_, Some(count), _) => Start::Last(count),
            (.., sequence) => Start::Sequence(sequence.unwrap_or(1)),
        }
    }
}

pub(in crate::ctl) fn replay(args: ReplayArgs, place: &Place, out: &mut Output) -> Result<(), Failure> {
    let topics = if args.topics.is_empty() { vec![Pattern::all()] } else { args.topics };
    let pace = Pace::new(args.rate, Duration::ZERO);
    let replay = Replay { from: args.start.start(), follow: args.follow, pace, to_url: args.to_url };
    super::run(topics, Some(replay), args.how, place, out)
}

/// What a line has as JSON.
#[derive(Serialize)]
struct Numbered<'a> {
    sequence: Option<u64>,
    event: &'a Event,
}

/// An event with its number.
pub(super) fn show(delivery: &Arrival, out: &mut Output) -> Result<(), Failure> {
    let Arrival { event, sequence, .. } = delivery;
    if out.json {
        return out.json_line(&Numbered { sequence: *sequence, event });
    }
    let number = sequence.map_or_else(|| "-".to_owned(), |sequence| sequence.to_string());
    let number = format!("{number:>8}  ");
    let width = out.width().map(|width| width.saturating_sub(number.len()));
    out.line(format_args!("{number}{}", line::line(event, out.colour, width)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_a_time_or_as_long_ago() {
        assert_eq!(since("1970-01-01T00:00:01Z"), Ok(Time::from_micros(1_000_000)));
        let (hour, day) = (since("1h").unwrap(), since("1d").unwrap());
        // Some time has passed between the two.
        let apart = 23 * 3_600_000_000 - (hour.micros() - day.micros());
        assert!((-60_000_000..=60_000_000).contains(&apart), "{apart}");
        assert!(since("yesterday").is_err());
    }
}
