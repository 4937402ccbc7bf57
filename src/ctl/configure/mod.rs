//! `configure`: changes the configuration file, by questions on a terminal or by `--set`.
//!
//! The file is edited, not written anew: comments, order and what else it says stay. Nothing is written that the router
//! would not take.

mod document;
mod draft;
mod value;
mod wizard;
mod write;

use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};

use super::connection::Connection;
use super::current_file::{self, Reads};
use super::failure::{Failure, USAGE};
use super::output::{Output, plain};
use super::reload;
use crate::admin::messages::{Answer, Reloaded, Request};
use crate::config::STANDARD_FILE;
use draft::Draft;

/// What to change, and how.
#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct ConfigureArgs {
    /// The file, instead of the one that the running router has read, or /etc/gadugi-router/config.toml
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Give a setting this value, such as drain.timeout=30s; without questions
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Take a setting out of the file, so that it has its default
    #[arg(long, value_name = "KEY")]
    pub unset: Vec<String>,
    /// Only show the difference
    #[arg(long)]
    pub dry_run: bool,
    /// Have the running router read its settings again
    #[arg(long, conflicts_with = "dry_run")]
    pub reload: bool,
}

const EXAMPLES: &str = "\
Examples:
  gadugi-routerctl configure                                    asks
  gadugi-routerctl configure --set port=9191 --set drain.timeout=30s --reload
  gadugi-routerctl configure --set limits.allowed_origins='[\"https://a.example\"]' --dry-run
  gadugi-routerctl configure --config ./c.toml --unset log_level

A value is written as in the file, or without quotes.";

pub(super) fn run(
    args: &ConfigureArgs,
    connect: impl Fn() -> Result<Connection, Failure>,
    socket: Option<&Path>,
    out: &mut Output,
) -> Result<(), Failure> {
    let asked = args.set.is_empty() && args.unset.is_empty();
    if asked && (out.json || !io::stdin().is_terminal() || !io::stderr().is_terminal()) {
        let text = "questions need a terminal: give --set KEY=VALUE (see gadugi-routerctl configure --help)";
        return Err(Failure::new(USAGE, "usage", text));
    }
    // First of all: a reload that cannot be had is told before anything is written.
    let running = current_file::running(&connect);
    let running = if args.reload { Ok(running?) } else { running };
    let reads = running.as_ref().map(|(_, reads)| reads);
    let path = match &args.config {
        Some(path) => path.clone(),
        None => current_file::meant(reads, socket)?.unwrap_or_else(|| PathBuf::from(STANDARD_FILE)),
    };
    let is_read = reads.is_ok_and(|reads| reads.is(&path));
    if let Ok(reads) = reads
        && args.reload
        && !is_read
    {
        return Err(reads_another(&path, reads));
    }
    let mut draft = Draft::open(&path)?;
    // Only one that reads this file could read it again.
    let router = running.ok().filter(|_| is_read).map(|(router, _)| router);
    if asked {
        // Not this connection: the router does not wait for answers to questions.
        let connect = router.is_some().then_some(&connect as &dyn Fn() -> _);
        return wizard::run(draft, args, connect, out);
    }
    draft.edit(&args.set, &args.unset)?;
    let outcome = draft.finish()?;
    let write = !args.dry_run && outcome.is_change();
    if write {
        draft.target.write(&outcome.text)?;
    }
    let reloaded = match router {
        Some(mut router) if args.reload => Some(reloaded(&mut router)?),
        _ => None,
    };
    if out.json {
        return out.document(&outcome.told(&draft, write, reloaded.as_ref()));
    }
    outcome.show(&draft, out)?;
    if write {
        out.line(format_args!("written: {}", draft.target.shown()))?;
    }
    match reloaded {
        Some(reloaded) => reload::tell(&reloaded, out, "the running router has these settings already"),
        None => Ok(()),
    }
}

/// A reload would tell of another file than the one that was changed.
fn reads_another(path: &Path, reads: &Reads) -> Failure {
    let text = format!(
        "the running router reads {}, not {}, so that --reload would not bring the change into force: nothing is \
         written; leave --reload out, or restart it with gadugi-routerctl restart --config",
        reads.shown(),
        plain(&path.display().to_string())
    );
    Failure::new(USAGE, "reads_another", text)
}

fn reloaded(router: &mut Connection) -> Result<Reloaded, Failure> {
    match router.ask_patiently(&Request::Reload)? {
        Answer::Reloaded(reloaded) => Ok(reloaded),
        _ => Err(router.not_understood("it does not say what has changed")),
    }
}
