//! `restart`: stops the router and starts it anew, with the same configuration file unless another is told.

use std::path::{Path, PathBuf};

use serde_json::json;

use super::config_command::mistakes;
use super::connection::Connection;
use super::failure::Failure;
use super::find;
use super::keeper::{Keeper, Meant, load};
use super::output::Output;
use super::patience::PatienceArgs;
use super::start::{self, StartArgs, shown};
use super::stop;
use super::systemd::Unit;
use crate::admin::messages::{Answer, Request};

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
    let current = current(socket);
    let file = told.or(current.as_deref());
    // First of all: a router that runs is better than one that does not start.
    let loaded = load(file).map_err(|found| mistakes(&found))?;
    // What runs has its PID file where its own configuration says.
    let running = told.and_then(|_| load(current.as_deref()).ok());
    let meant = Meant::find(Some(&running.unwrap_or(loaded).config), socket)?;
    let by_manager = !matches!(meant.keeper, Keeper::Itself);
    if by_manager {
        start::has_its_own(told)?;
    }
    let stopped = stop::end(&meant, &args.patience, socket, "restart", out)?;
    let pid = match &meant.keeper {
        Keeper::Systemd(_) if stopped.is_some() => Unit::find().and_then(|unit| unit.pid),
        _ => start::begin(&meant, file)?,
    };
    let before = stopped.and_then(|stopped| stopped.pid);
    if out.json {
        let by = meant.keeper.name();
        return out.json_line(
            &json!({ "action": "restart", "done": "started", "by": by, "pid": pid, "pid_before": before }),
        );
    }
    match before {
        Some(before) => out.line(format_args!("restarted{}, it was PID {before}", shown(pid))),
        None => out.line(format_args!("started{}", shown(pid))),
    }
}

/// The file that the running router has read.
fn current(socket: Option<&Path>) -> Option<PathBuf> {
    let mut router = find::socket(socket.map(Path::to_owned)).and_then(Connection::open).ok()?;
    match router.ask(&Request::Status) {
        Ok(Answer::Status(status)) => status.config_file.map(PathBuf::from),
        _ => None,
    }
}
