//! `--daemon`: into the background, while the process that was started waits for word of how the start went.
//!
//! For systems without a service manager. The child tells through a pipe: that it is ready, or with which code and
//! for what reason it ends.

use std::io::{self, PipeReader, PipeWriter, Read, Write};

use daemonize::{Daemonize, Outcome};

use super::exit::{Exit, Failure};
use crate::config::place::{Environment, variable};

/// What the child writes when it is ready; a failure's code is another byte, and its message follows.
const READY: u8 = Exit::Fine as u8;

/// Refuses to go into the background when a service manager has started us: it would take that for our end.
///
/// # Errors
/// A [`Failure`] of usage that says by which variable it was noticed.
pub(super) fn refuse_if_supervised(environment: &Environment, pid: u32) -> Result<(), Failure> {
    let noticed = if cfg!(target_os = "macos") { launchd(environment) } else { systemd(environment, pid) };
    let Some((manager, name)) = noticed else { return Ok(()) };
    let advice =
        format!("start it without --daemon: {manager} keeps it in the background and sees its readiness");
    Err(Failure::new(Exit::Usage, format!("--daemon is not for {manager} ({name} is set); {advice}")))
}

fn systemd(environment: &Environment, pid: u32) -> Option<(&'static str, &'static str)> {
    let is_me = |name| variable(environment, name).is_some_and(|value| value == pid.to_string().as_str());
    // Shells in a desktop's terminal inherit INVOCATION_ID from it. Since version 248, systemd also says whom it has
    // started itself (systemd.exec(5)).
    let invoked = variable(environment, "INVOCATION_ID").is_some()
        && (variable(environment, "SYSTEMD_EXEC_PID").is_none() || is_me("SYSTEMD_EXEC_PID"));
    let noticed = if variable(environment, "NOTIFY_SOCKET").is_some() {
        "NOTIFY_SOCKET"
    } else if is_me("LISTEN_PID") && variable(environment, "LISTEN_FDS").is_some() {
        "LISTEN_FDS"
    } else if invoked {
        "INVOCATION_ID"
    } else {
        return None;
    };
    Some(("systemd", noticed))
}

fn launchd(environment: &Environment) -> Option<(&'static str, &'static str)> {
    // "0" in a shell by ssh, "application.…" in the shells of a terminal.
    let job = variable(environment, "XPC_SERVICE_NAME")
        .is_some_and(|value| value != "0" && !value.to_string_lossy().starts_with("application."));
    let socket = variable(environment, "LAUNCHD_SOCKET").is_some();
    let noticed = if job { Some("XPC_SERVICE_NAME") } else { socket.then_some("LAUNCHD_SOCKET") };
    noticed.map(|name| ("launchd", name))
}

/// Tells whoever waits for the start how it went.
#[derive(Debug)]
pub(super) struct Readiness {
    pipe: Option<PipeWriter>,
}

impl Readiness {
    /// In the foreground nobody does.
    pub fn nobody_waits() -> Self {
        Self { pipe: None }
    }

    /// Clients can connect. Whoever waits is let go; later calls do nothing.
    pub fn ready(&mut self) {
        self.tell(READY, "");
    }

    /// It goes no further. Nobody hears it after [`Self::ready`].
    pub fn failed(&mut self, failure: &Failure) {
        self.tell(failure.code as u8, &failure.message);
    }

    fn tell(&mut self, code: u8, message: &str) {
        if let Some(mut pipe) = self.pipe.take() {
            // If the parent was killed meanwhile, there is nobody to be told, and no reason to end.
            pipe.write_all(&[&[code], message.as_bytes()].concat()).ok();
        }
    }
}

/// Which process this is after [`detach`].
pub(super) enum Side {
    /// The one that was started: it waits.
    Parent(Waiting),
    /// The one that stays, without a terminal, in `/`.
    Child(Readiness),
}

/// Forks twice, with a session of its own in between, and leaves the terminal. To be called before there are threads.
///
/// # Errors
/// In either process: the system refuses.
pub(super) fn detach(umask: u32) -> Result<Side, Failure> {
    let system = |error: io::Error| Failure::new(Exit::System, format!("cannot make a pipe: {error}"));
    // Closed on exec, as all that the standard library opens.
    let (reader, writer) = io::pipe().map_err(system)?;
    // The crate's start(), user(), group() and pid_file() are wrong in ways that docs/decisions tells.
    match Daemonize::new().working_directory("/").umask(umask).execute() {
        Outcome::Parent(forked) => {
            // Else its own end would keep the pipe open for ever.
            drop(writer);
            Ok(Side::Parent(Waiting { reader, trouble: forked.err().map(|error| error.to_string()) }))
        }
        Outcome::Child(detached) => {
            drop(reader);
            let mut ready = Readiness { pipe: Some(writer) };
            match detached {
                Ok(_) => Ok(Side::Child(ready)),
                Err(error) => {
                    let message = format!("cannot go into the background: {error}");
                    let failure = Failure::new(Exit::System, message);
                    ready.failed(&failure);
                    Err(failure)
                }
            }
        }
    }
}

/// The parent's part.
pub(super) struct Waiting {
    reader: PipeReader,
    /// What the fork, or waiting for the process in between, said.
    trouble: Option<String>,
}

impl Waiting {
    /// Waits until the child is ready.
    ///
    /// # Errors
    /// The child's own failure; or it ended without a word, and `log` is where to look.
    pub fn wait(mut self, log: &str) -> Result<(), Failure> {
        let mut told = Vec::new();
        // What came before an error of the pipe counts.
        let ended = self.reader.read_to_end(&mut told);
        match told.split_first() {
            Some((&READY, _)) => Ok(()),
            Some((&code, message)) => {
                let known = Exit::ALL.iter().find(|(exit, _)| *exit as u8 == code);
                let code = known.map_or(Exit::System, |(exit, _)| *exit);
                Err(Failure::new(code, String::from_utf8_lossy(message)))
            }
            None => {
                let trouble = self.trouble.or_else(|| ended.err().map(|error| error.to_string()));
                let why = trouble.map(|trouble| format!(": {trouble}")).unwrap_or_default();
                let advice = format!("look into {log}, or start it without --daemon");
                let message = format!("the router ended before it was ready{why} ({advice})");
                Err(Failure::new(Exit::System, message))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;

    const PID: u32 = 4321;

    fn environment(variables: &[(&str, &str)]) -> Vec<(OsString, OsString)> {
        variables.iter().map(|(name, value)| (name.into(), value.into())).collect()
    }

    fn noticed(variables: &[(&str, &str)]) -> Option<&'static str> {
        systemd(&environment(variables), PID).map(|(_, name)| name)
    }

    #[test]
    fn systemd_is_noticed_by_what_it_tells_its_services() {
        assert_eq!(noticed(&[("NOTIFY_SOCKET", "/run/x")]), Some("NOTIFY_SOCKET"));
        assert_eq!(noticed(&[("LISTEN_PID", "4321"), ("LISTEN_FDS", "1")]), Some("LISTEN_FDS"));
        assert_eq!(noticed(&[("INVOCATION_ID", "abc")]), Some("INVOCATION_ID"));
        assert_eq!(noticed(&[("INVOCATION_ID", "abc"), ("SYSTEMD_EXEC_PID", "4321")]), Some("INVOCATION_ID"));
    }

    #[test]
    fn what_was_meant_for_another_process_is_no_sign() {
        assert_eq!(noticed(&[]), None);
        assert_eq!(noticed(&[("NOTIFY_SOCKET", "")]), None);
        assert_eq!(noticed(&[("LISTEN_PID", "1"), ("LISTEN_FDS", "1")]), None);
        assert_eq!(noticed(&[("INVOCATION_ID", "abc"), ("SYSTEMD_EXEC_PID", "1")]), None);
    }

    #[test]
    fn launchd_is_noticed_by_the_name_of_its_job() {
        let noticed = |value| launchd(&environment(&[("XPC_SERVICE_NAME", value)])).map(|(_, name)| name);
        assert_eq!(noticed("org.gadugi.router"), Some("XPC_SERVICE_NAME"));
        assert_eq!(noticed("0"), None);
        assert_eq!(noticed("application.com.apple.Terminal.1"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_refusal_says_why_and_what_to_do() {
        let failure = refuse_if_supervised(&environment(&[("NOTIFY_SOCKET", "/x")]), PID).unwrap_err();
        assert_eq!(failure.code, Exit::Usage);
        assert!(failure.message.contains("NOTIFY_SOCKET") && failure.message.contains("without --daemon"));
    }

    /// What the parent hears of what the child does.
    fn heard(child: impl FnOnce(Readiness)) -> Result<(), Failure> {
        let (reader, writer) = io::pipe().unwrap();
        child(Readiness { pipe: Some(writer) });
        Waiting { reader, trouble: None }.wait("the log")
    }

    #[test]
    fn the_parent_hears_of_readiness_and_not_of_what_comes_after() {
        let failure = Failure::new(Exit::Config, "too late");
        let outcome = heard(|mut ready| {
            ready.ready();
            ready.failed(&failure);
            ready.ready();
        });
        assert_eq!(outcome, Ok(()));
    }

    #[test]
    fn the_parent_hears_the_code_and_the_reason_of_a_failure() {
        let failure = Failure::new(Exit::Unavailable, "it rains");
        assert_eq!(heard(|mut ready| ready.failed(&failure)), Err(failure.clone()));
    }

    #[test]
    fn a_child_that_ends_without_a_word_is_an_error_of_the_system() {
        let failure = heard(drop).unwrap_err();
        assert_eq!(failure.code, Exit::System);
        assert!(failure.message.contains("the log"));
    }
}
