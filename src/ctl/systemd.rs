//! systemd's unit of the router: whether it is there, and what is done through `systemctl`.

use std::io;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use super::failure::{DENIED, Failure, SYSTEM};

/// The unit.
pub(super) const UNIT: &str = "gadugi-router.service";
/// What the router ends with by itself, as in BSD's sysexits.
pub(super) const EXITS: std::ops::RangeInclusive<u8> = 64..=78;
/// There when systemd has booted the machine (sd_booted(3)).
const BOOTED: &str = "/run/systemd/system";

/// What is known about the unit.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(super) struct Unit {
    /// active, activating, reloading, deactivating, inactive or failed.
    pub state: String,
    /// Its main process.
    pub pid: Option<u32>,
    /// How its last run ended: success, exit-code, signal, timeout, …
    pub result: String,
    /// The exit code of its last run.
    pub exit: u8,
}

impl Unit {
    /// The unit, if systemd runs here and knows it.
    pub fn find() -> Option<Self> {
        if !Path::new(BOOTED).exists() {
            return None;
        }
        let mut shown =
            systemctl(&["show", "-p", "LoadState,ActiveState,MainPID,Result,ExecMainStatus", UNIT]);
        Self::read(&String::from_utf8_lossy(&shown.output().ok()?.stdout))
    }

    fn read(shown: &str) -> Option<Self> {
        let property = |name: &str| {
            let line = shown.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
            line.unwrap_or_default()
        };
        (property("LoadState") == "loaded").then(|| Self {
            state: property("ActiveState").to_owned(),
            pid: property("MainPID").parse().ok().filter(|pid| *pid > 0),
            result: property("Result").to_owned(),
            exit: property("ExecMainStatus").parse().unwrap_or(0),
        })
    }

    /// Whether there is something to stop.
    pub fn is_up(&self) -> bool {
        !matches!(self.state.as_str(), "inactive" | "failed")
    }
}

/// Begins what `systemctl` is to do with the unit.
pub(super) fn begin(verb: &str) -> Result<Child, Failure> {
    let mut command = systemctl(&[verb, UNIT]);
    command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().map_err(|error| cannot_run(&error))
}

/// Waits for that.
pub(super) fn end(verb: &str, child: Child) -> Result<(), Failure> {
    let done = child.wait_with_output().map_err(|error| cannot_run(&error))?;
    if done.status.success() { Ok(()) } else { Err(refused(verb, &done)) }
}

fn systemctl(words: &[&str]) -> Command {
    let mut command = Command::new("systemctl");
    // A question would be lost between the lines that tell of progress; sudo asks it as well.
    command.arg("--no-ask-password").args(words).stdin(Stdio::null());
    command
}

fn cannot_run(error: &io::Error) -> Failure {
    Failure::new(SYSTEM, "system", format!("cannot run systemctl: {error}"))
}

fn refused(verb: &str, done: &Output) -> Failure {
    let said = String::from_utf8_lossy(&done.stderr);
    if ["authentication required", "Access denied"].iter().any(|words| said.contains(words)) {
        let text = format!("no permission to {verb} {UNIT}: use sudo, as in sudo gadugi-routerctl {verb}");
        return Failure::new(DENIED, "not_permitted", text);
    }
    let unit = Unit::find().unwrap_or_default();
    // The router's own reason is in the journal; its exit codes mean here what they mean there.
    let code = if unit.result == "exit-code" && EXITS.contains(&unit.exit) { unit.exit } else { SYSTEM };
    let how = if unit.result.is_empty() || unit.result == "success" {
        said.lines().next().unwrap_or("no reason was given").to_owned()
    } else {
        format!("{}, code {}", unit.result, unit.exit)
    };
    let text = format!("systemctl {verb} {UNIT} failed ({how}): gadugi-routerctl logs tells why");
    Failure::new(code, "unit_failed", text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_is_there_when_systemd_has_loaded_it() {
        let shown = "Result=exit-code\nMainPID=0\nExecMainStatus=78\nLoadState=loaded\nActiveState=failed\n";
        let unit = Unit::read(shown).unwrap();
        assert_eq!((unit.result.as_str(), unit.exit, unit.pid), ("exit-code", 78, None));
        assert!(!unit.is_up());
        assert!(Unit::read("LoadState=not-found\nActiveState=inactive\n").is_none());
        assert!(Unit::read("LoadState=loaded\nMainPID=7\nActiveState=deactivating\n").unwrap().is_up());
    }
}
