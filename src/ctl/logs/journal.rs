//! The log in systemd's journal: `journalctl` knows best how to show it.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Stdio};

use super::{LogsArgs, Wanted};
use crate::ctl::failure::{Failure, SYSTEM, UNAVAILABLE};
use crate::ctl::output::Output;

pub(super) fn print(
    matching: &[&str],
    args: &LogsArgs,
    wanted: &Wanted,
    out: &mut Output,
) -> Result<(), Failure> {
    let mut journal = Command::new("journalctl");
    journal.args(matching).args(["--no-pager", "--lines", &args.lines.to_string()]);
    journal.args(["--output", if out.json { "json" } else { "short-iso" }]).stdin(Stdio::null());
    if args.follow {
        journal.arg("--follow");
    }
    if out.json {
        // It says in words when there is nothing.
        journal.arg("--quiet");
    }
    if !out.colour {
        journal.env("SYSTEMD_COLORS", "0");
    }
    let child = journal.spawn().map_err(|error| no_journal(&error))?;
    let status = wait(child, wanted).map_err(|error| no_journal(&error))?;
    // By a signal: nobody wants more, which journalctl learns by itself or from us.
    if status.success() || status.signal().is_some() {
        return Ok(());
    }
    Err(Failure::new(SYSTEM, "journal", format!("journalctl could not show the log ({status})")))
}

fn wait(mut child: Child, wanted: &Wanted) -> io::Result<ExitStatus> {
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if !wanted.still() {
            // It may have ended by itself just now.
            drop(child.kill());
            return child.wait();
        }
    }
}

fn no_journal(error: &io::Error) -> Failure {
    let text = format!("the log is in the journal, but journalctl cannot be run: {error}");
    Failure::new(UNAVAILABLE, "no_journal", text)
}
