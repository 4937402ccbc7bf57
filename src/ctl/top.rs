//! `top`: a live screen of rates, queue, latency, topics and slow subscribers.
//!
//! `state` knows what is shown and in which order, `view` draws it, `screen` has the terminal and `watch` asks the router.

mod columns;
mod screen;
mod state;
mod view;
mod watch;

use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::Widget;

use super::failure::Failure;
use super::output::Output;
use crate::config::parse_duration;
use state::State;
use view::View;
use watch::{Router, Seen};

/// Faster would tell nobody more.
const SHORTEST: Duration = Duration::from_millis(100);
/// What is printed where there is no terminal.
const PAGE: Rect = Rect { x: 0, y: 0, width: 120, height: 40 };

/// How to look.
#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct TopArgs {
    /// How often to look, as 500ms
    #[arg(short, long, value_name = "DURATION", default_value = "1s", value_parser = interval)]
    pub interval: Duration,

    /// How often at most, where it is printed: with --json [default: without end], or without a terminal, or on a dumb one [default: 1]
    #[arg(long, value_name = "N")]
    pub count: Option<u64>,
}

const EXAMPLES: &str = "\
On a terminal: q ends it, p pauses, e b s sort the subscribers by events, bytes, seconds; t the topics by rate or name; ? helps.

Examples:
  gadugi-routerctl top --interval 500ms
  gadugi-routerctl top --json --count 3
  gadugi-routerctl top | head -40";

fn interval(word: &str) -> Result<Duration, &'static str> {
    parse_duration(word).and_then(|wanted| if wanted < SHORTEST { Err("at least 100ms") } else { Ok(wanted) })
}

pub(super) fn run(socket: Option<PathBuf>, out: &mut Output, args: TopArgs) -> Result<(), Failure> {
    // Whoever has no router, or may not look, hears of it as from any other command.
    let mut router = Router::find(socket)?;
    let first = router.look()?;
    if out.json {
        return print(router, first, &args, |seen| out.json_line(&seen.top));
    }
    // One that is dumb cannot move its cursor.
    if !io::stdout().is_terminal() || std::env::var_os("TERM").is_some_and(|kind| kind == "dumb") {
        let args = TopArgs { count: args.count.or(Some(1)), ..args };
        let mut state = State::new(args.interval);
        return print(router, first, &args, |seen| {
            state.saw(seen);
            text(&state).into_iter().try_for_each(|line| out.line(line))
        });
    }
    screen::run(router, first, args.interval, out.colour)
}

/// One after the other, until there were enough.
fn print(
    mut router: Router,
    first: Seen,
    args: &TopArgs,
    mut show: impl FnMut(Seen) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut left = args.count.unwrap_or(u64::MAX);
    let mut seen = Some(first);
    while left > 0 {
        show(match seen.take() {
            Some(seen) => seen,
            None => router.look()?,
        })?;
        left -= 1;
        if left > 0 {
            thread::sleep(args.interval);
        }
    }
    Ok(())
}

/// The screen as lines.
fn text(state: &State) -> Vec<String> {
    let mut page = Buffer::empty(PAGE);
    View { state, colour: false, keys: false }.render(PAGE, &mut page);
    let rows = page.content.chunks(usize::from(PAGE.width));
    let line = |row: &[ratatui::buffer::Cell]| row.iter().map(|cell| cell.symbol()).collect::<String>();
    let mut lines: Vec<_> = rows.map(|row| line(row).trim_end().to_owned()).collect();
    while lines.last().is_some_and(String::is_empty) {
        lines.pop();
    }
    lines
}
