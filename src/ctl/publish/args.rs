//! The command line of `publish`.

use std::path::PathBuf;

use super::super::pace;
use super::event::{EventArgs, topic};

/// What to publish.
#[derive(clap::Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub(in crate::ctl) struct PublishArgs {
    /// What the events are matched by
    #[arg(value_parser = topic)]
    pub topic: String,

    /// What the event says: JSON, or else a string; `-` reads stdin; left out = {}
    #[arg(allow_negative_numbers = true)]
    pub payload: Option<String>,

    /// A file that holds what the event says; `-` is stdin
    #[arg(short, long, value_name = "FILE", conflicts_with = "payload")]
    pub file: Option<PathBuf>,

    /// The payload is a string, whatever it looks like
    #[arg(long)]
    pub text: bool,

    /// Each line of the file, or of stdin, is an event of its own
    #[arg(long, conflicts_with = "count")]
    pub lines: bool,

    #[command(flatten)]
    pub event: EventArgs,

    /// Publish it so many times
    #[arg(short = 'n', long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    pub count: u64,

    /// So many a second at most
    #[arg(short, long, value_name = "N", value_parser = pace::rate)]
    pub rate: Option<f64>,

    /// If nobody subscribes to it, it becomes a dead letter (no_subscriber), unless it is stored
    #[arg(long)]
    pub mandatory: bool,

    /// Print what became of all together, not of each
    #[arg(short, long)]
    pub quiet: bool,
}

const AFTER_HELP: &str = "\
A payload that begins with { or [ or \" must be JSON. What else is JSON (numbers, true, false, \
null) is sent as that, and the rest as a string; --text sends everything as a string.

Exits with 69 if an event was not taken; stderr says why.

Examples:
  gadugi-routerctl publish task.created '{\"id\": 1}' --priority HIGH
  gadugi-routerctl publish note \"all is well\" --target planner
  gadugi-routerctl publish report --file report.json --metadata tags.team=blue
  tail -f events.jsonl | gadugi-routerctl publish audit - --lines --json
  gadugi-routerctl publish load.test --count 1000 --rate 100 --quiet";
