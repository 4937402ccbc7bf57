//! Ctrl-C while the end of a router is watched: it ends the watching, and not what goes on.

use std::io::{self, IsTerminal, Write};
use std::process;
use std::thread;

use signal_hook::consts::SIGINT;
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

use super::failure::{Failure, INTERRUPTED, SYSTEM};

/// From now on, a Ctrl-C says this before it ends this program.
pub(super) fn say_what_goes_on(text: &'static str) -> Result<(), Failure> {
    let mut signals = Signals::new([SIGINT])
        .map_err(|error| Failure::new(SYSTEM, "system", format!("cannot watch for signals: {error}")))?;
    // Its own thread, for the other one waits for the router.
    thread::spawn(move || {
        if signals.forever().next().is_some() {
            let mut err = io::stderr();
            // There is a line of progress, or a ^C, on a terminal.
            let gap = if err.is_terminal() { "\n" } else { "" };
            drop(writeln!(err, "{gap}gadugi-routerctl: {text}"));
            // As a shell expects it of whoever was interrupted, so that a script ends as well.
            drop(emulate_default_handler(SIGINT));
            process::exit(INTERRUPTED.into());
        }
    });
    Ok(())
}
