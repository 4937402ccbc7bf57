//! The command lines of `subscribe` and `monitor`.

use std::time::Duration;

use super::super::publish::{priority, types};
use crate::config::parse_duration;
use crate::protocol::{EventType, EventTypes, Pattern, Priority, Subscription};

/// What to show.
#[derive(clap::Args, Debug)]
#[command(after_help = SUBSCRIBE_HELP)]
pub(in crate::ctl) struct SubscribeArgs {
    /// Topics or patterns: task.created, task.*, task.**
    #[arg(required = true, value_name = "PATTERN", value_parser = Pattern::parse)]
    pub topics: Vec<Pattern>,

    #[command(flatten)]
    pub how: WatchArgs,
}

/// What to show; everything if nothing is said.
#[derive(clap::Args, Debug)]
#[command(after_help = MONITOR_HELP)]
pub(in crate::ctl) struct MonitorArgs {
    /// Topics or patterns, instead of everything
    #[arg(value_name = "PATTERN", value_parser = Pattern::parse)]
    pub topics: Vec<Pattern>,

    #[command(flatten)]
    pub how: WatchArgs,
}

/// Which events, and until when.
#[derive(clap::Args, Debug)]
pub(in crate::ctl) struct WatchArgs {
    /// Only events of this type; may be given several times
    #[arg(long = "type", value_name = "TYPE", hide_possible_values = true, value_parser = types())]
    types: Vec<String>,

    /// Only events that are at least so urgent: 1 to 10, or LOWEST, LOW, NORMAL, HIGH, CRITICAL, SYSTEM
    #[arg(long, visible_alias = "priority", value_name = "P", default_value = "LOWEST", value_parser = priority)]
    min_priority: Priority,

    /// Only events of this sender; may be given several times
    #[arg(long = "source", value_name = "NAME")]
    sources: Vec<Box<str>>,

    /// Only events that are meant for this one; may be given several times
    #[arg(long = "target", value_name = "NAME")]
    targets: Vec<Box<str>>,

    /// Share the events with all who name this group: each goes to one of them
    #[arg(long, value_name = "NAME")]
    group: Option<Box<str>>,

    /// End after so many events
    #[arg(short = 'n', long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub count: Option<u64>,

    /// End after this time; with --count it is a failure when fewer events came
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub timeout: Option<Duration>,

    /// Wait for the router if it does not run yet
    #[arg(long)]
    pub wait: bool,
}

const SUBSCRIBE_HELP: &str = "\
A line is: time (UTC), priority, topic, type, source, payload. With --json it is the whole event. What else there is to \
know (a lost connection, events that were missed) goes to stderr.

Examples:
  gadugi-routerctl subscribe 'task.*' --min-priority HIGH
  gadugi-routerctl subscribe task.done --count 1 --timeout 30s
  gadugi-routerctl subscribe 'task.**' --json | jq .payload";

const MONITOR_HELP: &str = "\
A line is: time (UTC), priority, topic, type, source, payload. With --json it is the whole event. What else there is to \
know (a lost connection, events that were missed) goes to stderr.

Examples:
  gadugi-routerctl monitor
  gadugi-routerctl monitor 'agent.*' --type agent.failed --wait
  gadugi-routerctl monitor --json | jq -c '[.topic, .priority]'";

impl WatchArgs {
    /// What is asked of the router.
    pub fn subscription(&self, topics: Vec<Pattern>) -> Subscription {
        let mut types = EventTypes::default();
        for kind in self.types.iter().filter_map(|name| EventType::from_wire(name)) {
            types.insert(kind);
        }
        Subscription {
            topics,
            types,
            min_priority: self.min_priority,
            sources: self.sources.clone(),
            targets: (!self.targets.is_empty()).then(|| self.targets.clone()),
            group: self.group.clone(),
            ack: None,
            durable: None,
            from: None,
        }
    }
}
