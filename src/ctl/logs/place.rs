//! Where the router's log is: a running one says so; of another, its settings tell.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use nix::unistd::geteuid;

use crate::admin::messages::Status;
use crate::config::place::{LOG_FILE, NAME, logs_directory};
use crate::config::{self, Inputs, Loaded, Log, LogTarget, Mistakes};
use crate::ctl::connection::Connection;
use crate::ctl::failure::{Failure, UNAVAILABLE};
use crate::ctl::find;
use crate::ctl::keeper::{Keeper, Meant};
use crate::ctl::patience::settings;
use crate::ctl::systemd::UNIT;

/// Where the log is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum LogPlace {
    /// In the journal: the words by which `journalctl` finds it.
    Journal([&'static str; 2]),
    /// In a file.
    File(PathBuf),
}

/// Of the unit, systemd's own word on it included.
const OF_THE_UNIT: LogPlace = LogPlace::Journal(["--unit", UNIT]);
/// Of any router.
const OF_THE_PROGRAM: LogPlace = LogPlace::Journal(["--identifier", NAME]);

pub(super) fn find(socket: Option<&Path>) -> Result<LogPlace, Failure> {
    let config = settings();
    let meant = Meant::find(config.as_ref(), socket)?;
    let status = running(socket);
    let unit = match &meant.keeper {
        Keeper::Systemd(unit) => Some(unit),
        _ => None,
    };
    if let Some(Status { pid, log: Some(log), .. }) = status {
        return told(&log, unit.is_some_and(|unit| unit.pid == Some(pid)));
    }
    if find::is_named(socket) {
        return of_a_named_place(config::load(&Inputs { environment: environment(), ..Inputs::default() }));
    }
    by_settings(&config.unwrap_or_default().log, unit.is_some())
}

/// No router answers there. The standard file and the standard place of logs are another router's: only the environment
/// is this one's.
fn of_a_named_place(loaded: Result<Loaded, Mistakes>) -> Result<LogPlace, Failure> {
    let log = loaded.map(|loaded| loaded.config.log).unwrap_or_default();
    match (log.target, log.file) {
        (LogTarget::File | LogTarget::Auto, Some(path)) => Ok(LogPlace::File(path)),
        (LogTarget::Journald, _) => Ok(OF_THE_PROGRAM),
        (LogTarget::Stderr, _) => Err(on_stderr()),
        (LogTarget::File | LogTarget::Auto, None) => {
            let text = "no router answers at the place that was named, and nothing tells where one that was there had its \
                        log: start it, or name the file by GADUGI_ROUTER_LOG__FILE";
            Err(Failure::new(UNAVAILABLE, "no_log", text))
        }
    }
}

fn environment() -> Vec<(OsString, OsString)> {
    std::env::vars_os().collect()
}

fn running(socket: Option<&Path>) -> Option<Status> {
    let mut router = find::socket(socket.map(Path::to_owned)).and_then(Connection::open).ok()?;
    router.status().ok().map(|status| *status)
}

/// What a running router says.
fn told(log: &str, is_unit: bool) -> Result<LogPlace, Failure> {
    match log {
        // systemd puts the stderr of a unit into the journal as well.
        "journald" | "stderr" if is_unit => Ok(OF_THE_UNIT),
        "journald" => Ok(OF_THE_PROGRAM),
        "stderr" => Err(on_stderr()),
        path => Ok(LogPlace::File(PathBuf::from(path))),
    }
}

/// What the settings say of a router that does not run.
fn by_settings(log: &Log, is_unit: bool) -> Result<LogPlace, Failure> {
    let standard = || logs_directory(&environment(), geteuid().as_raw()).map(|folder| folder.join(LOG_FILE));
    let file = || log.file.clone().or_else(standard);
    match (log.target, is_unit) {
        (LogTarget::File, _) => file().map(LogPlace::File).ok_or_else(nowhere),
        (_, true) => Ok(OF_THE_UNIT),
        (LogTarget::Journald, false) => Ok(OF_THE_PROGRAM),
        (LogTarget::Stderr, false) => Err(on_stderr()),
        // A daemon without a journal has left one.
        (LogTarget::Auto, false) => {
            file().filter(|path| path.exists()).map(LogPlace::File).ok_or_else(nowhere)
        }
    }
}

fn on_stderr() -> Failure {
    let text = "the router writes its log to stderr, which is where it was started: to have it kept, set log.target to \
                \"journald\" or \"file\" and restart it";
    Failure::new(UNAVAILABLE, "log_on_stderr", text)
}

fn nowhere() -> Failure {
    let text = "no router runs here, and none has left a log file: start one with gadugi-routerctl start";
    Failure::new(UNAVAILABLE, "no_log", text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_running_router_says_where_it_is() {
        assert_eq!(told("journald", true).unwrap(), OF_THE_UNIT);
        assert_eq!(told("stderr", true).unwrap(), OF_THE_UNIT);
        assert_eq!(told("journald", false).unwrap(), OF_THE_PROGRAM);
        assert_eq!(told("/a/b", true).unwrap(), LogPlace::File("/a/b".into()));
        assert!(format!("{:?}", told("stderr", false)).contains("log.target"));
    }

    #[test]
    fn of_one_that_does_not_run_the_settings_tell() {
        let log = |target, file: &str| Log {
            target,
            file: Some(PathBuf::from(file)),
            ..crate::config::Config::default().log
        };
        assert_eq!(by_settings(&log(LogTarget::Auto, "/nowhere"), true).unwrap(), OF_THE_UNIT);
        assert_eq!(by_settings(&log(LogTarget::File, "/x"), true).unwrap(), LogPlace::File("/x".into()));
        assert_eq!(by_settings(&log(LogTarget::Journald, "/x"), false).unwrap(), OF_THE_PROGRAM);
        assert!(by_settings(&log(LogTarget::Auto, "/nowhere/x"), false).is_err());
        assert!(by_settings(&log(LogTarget::Stderr, "/x"), false).is_err());
    }
}
