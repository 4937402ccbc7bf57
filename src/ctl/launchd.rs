//! launchd's job of the router, on macOS: whether it is there, and what is done through `launchctl`.

use std::io;
use std::process::{Command, Stdio};

use super::failure::{DENIED, Failure, SYSTEM};

/// The job, among those of the system.
const JOB: &str = "system/org.gadugi.router";

/// Whether launchd runs here and knows the job.
pub(super) fn has_job() -> bool {
    cfg!(target_os = "macos") && launchctl(&["print", JOB]).is_ok_and(|(success, _)| success)
}

/// Starts the job.
pub(super) fn start() -> Result<(), Failure> {
    tell(&["kickstart", JOB])
}

/// Has the job's process told to end: it ends with 0, and is not started anew.
pub(super) fn stop() -> Result<(), Failure> {
    tell(&["kill", "SIGTERM", JOB])
}

fn tell(words: &[&str]) -> Result<(), Failure> {
    let failed = |error: &io::Error| Failure::new(SYSTEM, "system", format!("cannot run launchctl: {error}"));
    let (success, said) = launchctl(words).map_err(|error| failed(&error))?;
    if success {
        return Ok(());
    }
    let line = said.lines().next().unwrap_or("no reason was given");
    if line.contains("not permitted") || line.contains("privilege") {
        return Err(Failure::new(DENIED, "not_permitted", format!("no permission for {JOB}: use sudo")));
    }
    Err(Failure::new(SYSTEM, "job_failed", format!("launchctl {} failed: {line}", words.join(" "))))
}

fn launchctl(words: &[&str]) -> io::Result<(bool, String)> {
    let done = Command::new("launchctl").args(words).stdin(Stdio::null()).output()?;
    Ok((done.status.success(), String::from_utf8_lossy(&done.stderr).into_owned()))
}
