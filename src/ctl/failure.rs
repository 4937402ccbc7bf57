//! Why a command did not do what it should: a code for scripts, a name for programs, a line for people.

use std::fmt;
use std::io::{self, Write};
use std::process::ExitCode;

use serde_json::json;

use super::output::plain;
use crate::admin::messages::{Code, Refused};

/// The answer is no.
const NO: u8 = 1;
/// There is no running router; as LSB's and systemd's `status` say it.
pub(super) const NOT_RUNNING: u8 = 3;
/// The router does not answer.
pub(super) const NO_ANSWER: u8 = 4;
/// Wrong usage. This and the rest as in BSD's sysexits.
pub(super) const USAGE: u8 = 64;
/// What is meant is not there.
pub(super) const UNAVAILABLE: u8 = 69;
/// Operating system error.
pub(super) const SYSTEM: u8 = 71;
/// The other side does not understand.
pub(super) const PROTOCOL: u8 = 76;
/// No permission.
pub(super) const DENIED: u8 = 77;
/// A mistake in the configuration.
pub(super) const CONFIG: u8 = 78;
/// Ended by Ctrl-C, as a shell tells it.
pub(super) const INTERRUPTED: u8 = 130;

/// All of them with what they mean. `start` and `restart` also end with what the router ended with.
pub(super) const EXITS: &[(u8, &str)] = &[
    (0, "fine"),
    (1, "explain: it reaches nobody of those who are asked about; store check: the store is damaged"),
    (NOT_RUNNING, "there is no running router"),
    (NO_ANSWER, "the router does not answer, or has not ended in time"),
    (USAGE, "wrong usage"),
    (UNAVAILABLE, "there is no such client, event, dead letter, log or program, or an event was not taken"),
    (SYSTEM, "operating system error"),
    (PROTOCOL, "the router is of another version and does not understand this"),
    (DENIED, "no permission"),
    (CONFIG, "a mistake in the configuration"),
    (INTERRUPTED, "ended by Ctrl-C"),
];

/// Why it was not done.
#[derive(Debug)]
pub(super) struct Failure {
    code: u8,
    name: &'static str,
    message: String,
    mistakes: Vec<String>,
}

impl Failure {
    pub fn new(code: u8, name: &'static str, message: impl Into<String>) -> Self {
        Self { code, name, message: message.into(), mistakes: Vec::new() }
    }

    /// Mistakes in the settings, a line each.
    pub fn mistakes(mistakes: Vec<String>, message: impl Into<String>) -> Self {
        Self { mistakes, ..Self::new(CONFIG, "bad_settings", message) }
    }

    /// The router has said no.
    pub fn refused(refused: Refused) -> Self {
        // It is the router's text: it must not move the cursor, nor look like several lines.
        let Refused { code, message, mistakes } = refused;
        let message = plain(&message);
        let mistakes: Vec<_> = mistakes.iter().map(|mistake| plain(mistake)).collect();
        match code {
            Code::NotPermitted => Self::new(DENIED, "not_permitted", message + "; use sudo"),
            Code::NotFound => Self::new(UNAVAILABLE, "not_found", message),
            Code::InvalidValue => Self::new(USAGE, "invalid_value", message),
            Code::Ambiguous => Self::new(UNAVAILABLE, "ambiguous", message),
            Code::BadSettings => Self::mistakes(mistakes, message),
            Code::Stopping => Self::new(UNAVAILABLE, "stopping", message),
            Code::Busy => Self::new(NO_ANSWER, "busy", message),
            Code::UnknownRequest => Self::new(PROTOCOL, "unknown_request", message),
            Code::BadRequest | Code::Unknown => Self::new(PROTOCOL, "bad_request", message),
        }
    }

    /// Nothing can be printed. Whoever reads no more has enough, and that is no failure.
    pub fn output(error: io::Error) -> Self {
        let code = if error.kind() == io::ErrorKind::BrokenPipe { 0 } else { SYSTEM };
        Self::new(code, "output", format!("cannot write to stdout: {error}"))
    }

    /// It was answered on stdout, and the answer is no. That is for scripts; nobody needs to hear it again.
    pub fn answered_no() -> Self {
        Self::new(NO, "no", String::new())
    }

    pub fn code(&self) -> ExitCode {
        self.code.into()
    }

    /// Whether it is of this sort.
    pub fn is(&self, code: u8) -> bool {
        self.code == code
    }

    /// Says it on stderr, if that is there to hear it.
    pub fn tell(&self, json: bool) {
        if self.code == 0 || self.code == NO {
            return;
        }
        let mut err = io::stderr().lock();
        if json {
            let mut error = json!({"code": self.name, "message": self.message});
            if !self.mistakes.is_empty() {
                error["mistakes"] = json!(self.mistakes);
            }
            drop(writeln!(err, "{}", json!({ "error": error })));
            return;
        }
        for mistake in &self.mistakes {
            drop(writeln!(err, "{mistake}"));
        }
        drop(writeln!(err, "gadugi-routerctl: {}", self.message));
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}
