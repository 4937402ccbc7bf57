//! The end of a router: watched, shown, and waited for, but not for ever.

use std::fs;
use std::process::Child;
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::kill;
use nix::unistd::Pid;

use super::connection::Connection;
use super::drain;
use super::failure::{Failure, NO_ANSWER};
use super::output::Output;
use super::patience::PatienceArgs;
use super::progress::Shown;
use super::start::shown;
use super::systemd;
use crate::admin::messages::{Ended, RUNNING};
use crate::holder::Holder;

const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// A router without much to do is at its end soon after the end has begun.
const BEGUN_AGAIN: Duration = Duration::from_millis(5);
/// Milliseconds in truth; it must not be for ever where the system does not tell.
const LEAVING: Duration = Duration::from_secs(1);
const LEFT_AGAIN: Duration = Duration::from_millis(2);

/// What was stopped.
#[derive(Default)]
pub(super) struct Stopped {
    /// Its process.
    pub pid: Option<u32>,
    /// What the router said in the end, if it was heard.
    pub ended: Option<Ended>,
}

/// A router that is to end, and how long that may take.
pub(super) struct Ending<'a> {
    pid: Option<u32>,
    patience: Duration,
    deadline: Instant,
    shown: Shown,
    out: &'a mut Output,
}

impl<'a> Ending<'a> {
    /// The time counts from when it began to be asked.
    pub fn new(
        args: &PatienceArgs,
        begun: Instant,
        router: Option<&mut Connection>,
        pid: Option<u32>,
        out: &'a mut Output,
    ) -> Result<Self, Failure> {
        let patience = args.find(router)?;
        Ok(Self { pid, patience, deadline: begun + patience, shown: Shown::new(out), out })
    }

    pub fn has_time(&self) -> bool {
        Instant::now() < self.deadline
    }

    pub fn follow(&mut self, router: &mut Connection) -> Result<Ended, Failure> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        drain::follow(router, left, |progress| {
            if Instant::now() >= self.deadline {
                return Err(timed_out(self.pid, self.patience));
            }
            self.shown.show(progress, self.out)
        })
    }

    /// Has systemd do it, and watches as far as the router lets us.
    pub fn by_systemd(mut self, verb: &str, router: Option<Connection>) -> Result<Stopped, Failure> {
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
    pub fn watched(
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
            match router.status() {
                Ok(status) if Some(status.pid) == self.pid || self.pid.is_none() => {
                    if status.phase != RUNNING {
                        return true;
                    }
                }
                _ => return false,
            }
            thread::sleep(BEGUN_AGAIN);
        }
        false
    }

    /// Waits until the process is gone.
    pub fn gone(
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
