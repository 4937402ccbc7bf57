//! `logs`: the end of the router's log, and what comes after it.

mod file;
mod follow;
mod journal;
mod lines;
mod place;

use std::io;
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use super::failure::{Failure, SYSTEM};
use super::output::Output;
use place::LogPlace;

/// How often what is followed is looked at: often enough for eyes.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// What of the log.
#[derive(clap::Args, Debug)]
pub(super) struct LogsArgs {
    /// Go on with what is written from now on, until Ctrl-C
    #[arg(short, long)]
    pub follow: bool,
    /// How many lines of what is there
    #[arg(short = 'n', long, value_name = "N", default_value_t = 50)]
    pub lines: usize,
}

pub(super) fn run(args: &LogsArgs, socket: Option<&Path>, out: &mut Output) -> Result<(), Failure> {
    let place = place::find(socket)?;
    let wanted = Wanted::until_a_signal()?;
    match place {
        LogPlace::Journal(matching) => journal::print(&matching, args, &wanted, out),
        LogPlace::File(path) => file::print(&path, args, &wanted, out),
    }
}

/// Whether anybody still wants to see more.
struct Wanted {
    stop: Arc<AtomicBool>,
}

impl Wanted {
    /// Ctrl-C is how following ends, and no failure.
    fn until_a_signal() -> Result<Self, Failure> {
        let stop = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            flag::register(signal, Arc::clone(&stop)).map_err(|error| {
                Failure::new(SYSTEM, "system", format!("cannot watch for signals: {error}"))
            })?;
        }
        Ok(Self { stop })
    }

    /// Waits a moment; false: nobody does.
    fn still(&self) -> bool {
        let out = io::stdout();
        // Nothing is asked for: that the other side has closed is told anyway.
        let mut watched = [PollFd::new(out.as_fd(), PollFlags::empty())];
        let pause = PollTimeout::try_from(LOOK_AGAIN).unwrap_or(PollTimeout::ZERO);
        // A signal ends the pause, and is found in the flag.
        let closed = poll(&mut watched, pause).is_ok_and(|found| found > 0);
        !closed && !self.stop.load(Relaxed)
    }
}
