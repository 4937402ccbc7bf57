//! `stop`: has the router wind down, shows how far that is, and waits until it has ended.

use std::fs;
use std::path::Path;
use std::process::Child;
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, geteuid};
use serde_json::json;

use super::connection::Connection;
use super::drain::{self, last_line};
use super::failure::{DENIED, Failure, NO_ANSWER, NOT_RUNNING, SYSTEM};
use super::find;
use super::keeper::{Keeper, Meant};
use super::launchd;
use super::output::Output;
use super::patience::{self, PatienceArgs};
use super::progress::Shown;
use super::start::shown;
use super::systemd;
use crate::admin::messages::{Answer, Ended, Request};
use crate::holder::Holder;

const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// Milliseconds in truth; it must not be for ever where the system does not tell.
const LEAVING: Duration = Duration::from_secs(1);
const LEFT_AGAIN: Duration = Duration::from_millis(2);

pub(super) fn run(args: &PatienceArgs, socket: Option<&Path>, out: &mut Output) -> Result<(), Failure> {
    let meant = Meant::find(patience::settings().as_ref(), socket)?;
    let stopped = end(&meant, args, socket, "stop", out)?;
    tell(out, meant.keeper.name(), stopped.as_ref())
}

/// What was stopped.
#[derive(Default)]
pub(super) struct Stopped {
    /// Its process.
    pub pid: Option<u32>,
    /// What the router said in the end, if it was heard.
    pub ended: Option<Ended>,
}

/// Ends the router, if it runs; with systemd by this verb of `systemctl`.
pub(super) fn end(
    meant: &Meant,
    args: &PatienceArgs,
    socket: Option<&Path>,
    verb: &str,
    out: &mut Output,
) -> Result<Option<Stopped>, Failure> {
    let router = || find::socket(socket.map(Path::to_owned)).and_then(Connection::open);
    match &meant.keeper {
        Keeper::Systemd(unit) if !unit.is_up() => Ok(None),
        Keeper::Systemd(unit) => {
            let mut router = router().ok().filter(|_| unit.pid.is_some());
            let ending = Ending::new(args, router.as_mut(), unit.pid, out)?;
            ending.by_systemd(verb, router).map(Some)
        }
        Keeper::Launchd => {
            let mut router = router().ok();
            let ending = Ending::new(args, router.as_mut(), None, out)?;
            launchd::stop()?;
            ending.watched(router, meant.holder.as_ref()).map(Some)
        }
        Keeper::Itself => by_itself(meant.holder.as_ref(), router(), args, out),
    }
}

/// By the admin socket, and where nobody answers there, by a signal to whoever holds the PID file.
fn by_itself(
    holder: Option<&Holder>,
    router: Result<Connection, Failure>,
    args: &PatienceArgs,
    out: &mut Output,
) -> Result<Option<Stopped>, Failure> {
    let pid = holder.and_then(|holder| holder.pid);
    match (router, holder) {
        (Ok(mut router), _) => {
            let status = router.ask(&Request::Status);
            let pid = match status {
                Ok(Answer::Status(status)) => Some(status.pid),
                _ => pid,
            };
            let mut ending = Ending::new(args, Some(&mut router), pid, out)?;
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
            let ending = Ending::new(args, None, pid, out)?;
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

/// A router that is to end, and how long that may take.
struct Ending<'a> {
    pid: Option<u32>,
    patience: Duration,
    deadline: Instant,
    shown: Shown,
    out: &'a mut Output,
}

impl<'a> Ending<'a> {
    fn new(
        args: &PatienceArgs,
        router: Option<&mut Connection>,
        pid: Option<u32>,
        out: &'a mut Output,
    ) -> Result<Self, Failure> {
        let patience = args.find(router)?;
        Ok(Self { pid, patience, deadline: Instant::now() + patience, shown: Shown::new(out), out })
    }

    fn has_time(&self) -> bool {
        Instant::now() < self.deadline
    }

    fn follow(&mut self, router: &mut Connection) -> Result<Ended, Failure> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        drain::follow(router, left, |progress| {
            if Instant::now() >= self.deadline {
                return Err(timed_out(self.pid, self.patience));
            }
            self.shown.show(progress, self.out)
        })
    }

    /// Has systemd do it, and watches as far as the router lets us.
    fn by_systemd(mut self, verb: &str, router: Option<Connection>) -> Result<Stopped, Failure> {
        let mut child = systemd::begin(verb)?;
        let mut ended = None;
        if let Some(mut router) = router {
            // One that ends by a request before systemd tells it to would take systemd's signal for impatience.
            if self.is_ending(&mut router, Some(&mut child)) {
                ended = self.follow(&mut router).ok();
            }
        }
        while verb == "stop" && matches!(child.try_wait(), Ok(None)) {
            if !self.has_time() {
                return Err(timed_out(self.pid, self.patience));
            }
            thread::sleep(LOOK_AGAIN);
        }
        systemd::end(verb, child)?;
        Ok(Stopped { pid: self.pid, ended })
    }

    /// Watches the end of a router that somebody else has told to.
    fn watched(
        mut self,
        mut router: Option<Connection>,
        holder: Option<&Holder>,
    ) -> Result<Stopped, Failure> {
        let mut ended = None;
        if let Some(router) = &mut router
            && self.is_ending(router, None)
        {
            ended = self.follow(router).ok();
        }
        self.gone(ended, router.as_ref(), holder)
    }

    /// Waits until the router says that its end has begun. False: it cannot be asked, or has ended.
    fn is_ending(&self, router: &mut Connection, mut child: Option<&mut Child>) -> bool {
        while self.has_time() && child.as_mut().is_none_or(|child| matches!(child.try_wait(), Ok(None))) {
            match router.ask(&Request::Status) {
                Ok(Answer::Status(status)) if Some(status.pid) == self.pid || self.pid.is_none() => {
                    if status.phase != "running" {
                        return true;
                    }
                }
                _ => return false,
            }
            thread::sleep(LOOK_AGAIN);
        }
        false
    }

    /// Waits until the process is gone.
    fn gone(
        self,
        ended: Option<Ended>,
        router: Option<&Connection>,
        holder: Option<&Holder>,
    ) -> Result<Stopped, Failure> {
        if let Some(router) = router {
            drain::wait_for_the_end(router);
        }
        while holder.is_some_and(Holder::is_there) {
            if !self.has_time() {
                return Err(timed_out(self.pid, self.patience));
            }
            thread::sleep(LOOK_AGAIN);
        }
        wait_until_left(holder.and_then(|holder| holder.pid));
        Ok(Stopped { pid: self.pid, ended })
    }
}

/// Waits until the process that has given up its PID file has left as well: all that it does then is to return.
fn wait_until_left(pid: Option<u32>) {
    let begun = Instant::now();
    let Some(pid) = pid.and_then(|pid| i32::try_from(pid).ok()).map(Pid::from_raw) else { return };
    while begun.elapsed() < LEAVING && kill(pid, None) != Err(Errno::ESRCH) && !is_dead(pid) {
        thread::sleep(LEFT_AGAIN);
    }
}

/// Whether Linux shows the process as one that nobody has collected yet.
fn is_dead(pid: Pid) -> bool {
    // The state stands behind the name, which may hold anything.
    let found = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    found.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('Z'))
}

fn timed_out(pid: Option<u32>, patience: Duration) -> Failure {
    let kill = pid.map(|pid| format!(", or end it with kill -9 {pid}")).unwrap_or_default();
    let text = format!(
        "the router{} has not ended within {} s: gadugi-routerctl logs may tell why; wait longer with --timeout{kill}",
        shown(pid),
        patience.as_secs_f64()
    );
    Failure::new(NO_ANSWER, "timed_out", text)
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
