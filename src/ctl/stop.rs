//! `stop`: has the router wind down, shows how far that is, and waits until it has ended.

use std::path::Path;
use std::time::Instant;

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, geteuid};
use serde_json::json;

use super::connection::Connection;
use super::drain::{GOES_ON, last_line};
use super::ending::{Ending, Stopped};
use super::failure::{DENIED, Failure, NO_ANSWER, NOT_RUNNING, SYSTEM};
use super::interrupted;
use super::keeper::{Keeper, Meant};
use super::launchd;
use super::output::Output;
use super::patience::{self, PatienceArgs};
use super::start::shown;
use crate::admin::messages::Ended;
use crate::holder::Holder;

/// What Ctrl-C does in the middle of a restart. systemd goes on with its own.
const NOT_ANEW: &str = "interrupted: the router goes on with its end, and is started anew only where systemd does it; \
                        see gadugi-routerctl status";

pub(super) fn run(args: &PatienceArgs, socket: Option<&Path>, out: &mut Output) -> Result<(), Failure> {
    let meant = Meant::find(patience::settings().as_ref(), socket)?;
    let stopped = end(&meant, args, socket, "stop", out)?;
    tell(out, meant.keeper.name(), stopped.as_ref())
}

/// Ends the router, if it runs; with systemd by this verb of `systemctl`.
pub(super) fn end(
    meant: &Meant,
    args: &PatienceArgs,
    socket: Option<&Path>,
    verb: &str,
    out: &mut Output,
) -> Result<Option<Stopped>, Failure> {
    interrupted::say_what_goes_on(if verb == "restart" { NOT_ANEW } else { GOES_ON })?;
    // Asking whether it answers is part of the time that was given.
    let begun = Instant::now();
    let router = || args.connect(socket);
    match &meant.keeper {
        Keeper::Systemd(unit) if !unit.is_up() => Ok(None),
        Keeper::Systemd(unit) => {
            let mut router = router().ok().filter(|_| unit.pid.is_some());
            let ending = Ending::new(args, begun, router.as_mut(), unit.pid, out)?;
            ending.by_systemd(verb, router).map(Some)
        }
        Keeper::Launchd => {
            let mut router = router().ok();
            let ending = Ending::new(args, begun, router.as_mut(), None, out)?;
            launchd::stop()?;
            ending.watched(router, meant.holder.as_ref()).map(Some)
        }
        Keeper::Itself => by_itself(meant.holder.as_ref(), router(), args, begun, out),
    }
}

/// By the admin socket, and where nobody answers there, by a signal to whoever holds the PID file.
fn by_itself(
    holder: Option<&Holder>,
    router: Result<Connection, Failure>,
    args: &PatienceArgs,
    begun: Instant,
    out: &mut Output,
) -> Result<Option<Stopped>, Failure> {
    let pid = holder.and_then(|holder| holder.pid);
    match (router, holder) {
        (Ok(mut router), _) => {
            let pid = router.status().map_or(pid, |status| Some(status.pid));
            let mut ending = Ending::new(args, begun, Some(&mut router), pid, out)?;
            let followed = ending.follow(&mut router);
            match (followed, holder) {
                (Ok(ended), holder) => ending.gone(Some(ended), Some(&router), holder).map(Some),
                // It hangs, or has ended before its last word.
                (Err(failure), Some(holder)) if failure.is(NO_ANSWER) && ending.has_time() => {
                    terminate(holder)?;
                    ending.gone(None, None, Some(holder)).map(Some)
                }
                (Err(failure), _) => Err(failure),
            }
        }
        (Err(_), Some(holder)) => {
            let ending = Ending::new(args, begun, None, pid, out)?;
            terminate(holder)?;
            ending.gone(None, None, Some(holder)).map(Some)
        }
        (Err(failure), None) if failure.is(NOT_RUNNING) => Ok(None),
        (Err(failure), None) => Err(failure),
    }
}

/// SIGTERM, to a process that holds a PID file which only its user can have written.
fn terminate(holder: &Holder) -> Result<(), Failure> {
    let user = geteuid().as_raw();
    let Some(pid) = holder.pid.filter(|_| holder.is_of(user)) else {
        let text =
            "the PID file is of another user, or has no number: stop the router as the user that started it";
        return Err(Failure::new(DENIED, "not_permitted", text));
    };
    let number =
        i32::try_from(pid).map_err(|_| Failure::new(SYSTEM, "system", "the PID file has no process"))?;
    match kill(Pid::from_raw(number), Signal::SIGTERM) {
        // It ended just now.
        Ok(()) | Err(Errno::ESRCH) => Ok(()),
        Err(Errno::EPERM) => {
            let text = format!("no permission to end process {pid}: use sudo");
            Err(Failure::new(DENIED, "not_permitted", text))
        }
        Err(error) => Err(Failure::new(SYSTEM, "system", format!("cannot end process {pid}: {error}"))),
    }
}

fn tell(out: &mut Output, by: &str, stopped: Option<&Stopped>) -> Result<(), Failure> {
    let pid = stopped.and_then(|stopped| stopped.pid);
    let ended = stopped.and_then(|stopped| stopped.ended.as_ref());
    if out.json {
        let done = if stopped.is_some() { "stopped" } else { "not_running" };
        let mut line = json!({ "action": "stop", "done": done, "by": by, "pid": pid });
        if let Some(Ended { left, kept }) = ended {
            line["left"] = json!(left);
            line["kept"] = json!(kept);
        }
        return out.json_line(&line);
    }
    match (stopped, ended) {
        (None, _) => out.line("the router is not running"),
        (Some(_), Some(ended)) => out.line(format_args!("stopped{}: {}", shown(pid), last_line(ended))),
        (Some(_), None) => out.line(format_args!("stopped{}", shown(pid))),
    }
}
