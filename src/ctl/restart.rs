//! `restart`: stops the router and starts it anew, with the same configuration file unless another is told.

use std::path::Path;

use serde_json::json;

use super::config_command::mistakes;
use super::current_file;
use super::failure::{Failure, NOT_RUNNING};
use super::keeper::{Keeper, Meant, load};
use super::output::Output;
use super::patience::PatienceArgs;
use super::start::{self, StartArgs, shown};
use super::stop;
use super::systemd::Unit;

/// What a restart needs to know.
#[derive(clap::Args, Debug)]
pub(super) struct RestartArgs {
    #[command(flatten)]
    pub start: StartArgs,
    #[command(flatten)]
    pub patience: PatienceArgs,
}

pub(super) fn run(args: &RestartArgs, socket: Option<&Path>, out: &mut Output) -> Result<(), Failure> {
    let told = args.start.config.as_deref();
    let running = current_file::running(|| args.patience.connect(socket)).and_then(|(_, reads)| reads.file());
    let current = running.as_ref().ok().and_then(Option::as_deref);
    let file = told.or(current);
    // First of all: a router that runs is better than one that does not start.
    let loaded = load(file).map_err(|found| mistakes(&found));
    // What runs has its PID file where its own configuration says.
    let before = told.and_then(|_| load(current).ok());
    let settings = before.as_ref().or(loaded.as_ref().ok()).map(|loaded| &loaded.config);
    let meant = Meant::find(settings, socket)?;
    if !matches!(meant.keeper, Keeper::Itself) {
        start::has_its_own(told)?;
    } else if told.is_none()
        && let Err(failure) = &running
        && (meant.holder.is_some() || !failure.is(NOT_RUNNING))
    {
        // What runs would come back with the settings of another.
        return Err(current_file::unknown(&failure.to_string()));
    }
    let loaded = loaded?;
    let stopped = stop::end(&meant, &args.patience, socket, "restart", out)?;
    let pid = match &meant.keeper {
        Keeper::Systemd(_) if stopped.is_some() => Unit::find().and_then(|unit| unit.pid),
        _ => start::begin(&meant, file)?,
    };
    let before = stopped.and_then(|stopped| stopped.pid);
    let with = start::With::of(&meant, &loaded);
    if out.json {
        let by = meant.keeper.name();
        let done =
            json!({ "action": "restart", "done": "started", "by": by, "pid": pid, "pid_before": before });
        return out.json_line(&with.told(done));
    }
    match before {
        Some(before) => out.line(format_args!("restarted{}{with}, it was PID {before}", shown(pid))),
        None => out.line(format_args!("started{}{with}", shown(pid))),
    }
}
