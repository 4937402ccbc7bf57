//! `start`: has systemd or launchd start the router, or starts it in the background, and waits until it is ready.

use std::env;
use std::ffi::OsStr;
use std::fmt;
use std::io;
use std::path::{self, Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::config_command::mistakes;
use super::connection::Connection;
use super::current_file;
use super::failure::{Failure, NO_ANSWER, SYSTEM, UNAVAILABLE, USAGE};
use super::find;
use super::keeper::{Keeper, Meant, load};
use super::launchd;
use super::output::{Output, plain};
use super::systemd::{self, EXITS, UNIT, Unit};
use crate::config::place::NAME;
use crate::config::{Loaded, STANDARD_FILE};
use crate::holder::Holder;

/// How long launchd's job may take until it answers.
const READY: Duration = Duration::from_secs(30);
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// What a start needs to know.
#[derive(clap::Args, Debug)]
pub(super) struct StartArgs {
    /// The router's configuration file, where no service manager has one for it
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

pub(super) fn run(args: &StartArgs, socket: Option<&Path>, out: &mut Output) -> Result<(), Failure> {
    let file = args.config.as_deref();
    let loaded = load(file).map_err(|found| mistakes(&found))?;
    let meant = Meant::find(Some(&loaded.config), socket)?;
    let name = meant.keeper.name();
    match &meant.keeper {
        Keeper::Systemd(unit) => {
            has_its_own(file)?;
            if unit.state == "active" {
                return runs_already(out, name, unit.pid);
            }
        }
        Keeper::Launchd => has_its_own(file)?,
        Keeper::Itself => {}
    }
    if let Some(holder) = &meant.holder {
        reads_this(file, holder, socket)?;
        return runs_already(out, name, holder.pid);
    }
    let pid = begin(&meant, file)?;
    let with = With::of(&meant, &loaded);
    if out.json {
        return out.json_line(&with.told(told(name, pid, "started")));
    }
    out.line(format_args!("started{}{with}", shown(pid)))
}

/// What runs already must not pass for a router with the file that was named. One that does not answer may have it.
fn reads_this(file: Option<&Path>, holder: &Holder, socket: Option<&Path>) -> Result<(), Failure> {
    let running = || find::socket(socket.map(Path::to_owned)).and_then(Connection::open);
    let Some(file) = file else { return Ok(()) };
    match current_file::running(running) {
        Ok((_, reads)) if !reads.is(file) => {
            let text = format!(
                "the router is running already{} with {}, and {} was not used: gadugi-routerctl restart --config starts \
                 it anew with that",
                shown(holder.pid),
                reads.shown(),
                plain(&file.display().to_string())
            );
            Err(Failure::new(USAGE, "runs_with_another", text))
        }
        _ => Ok(()),
    }
}

/// The file that a router was started with by us: a service manager has one of its own.
pub(super) struct With(Option<Option<String>>);

impl With {
    pub fn of(meant: &Meant, loaded: &Loaded) -> Self {
        let whole = |file: &PathBuf| path::absolute(file).unwrap_or_else(|_| file.clone());
        let file = || loaded.file.as_ref().map(|file| plain(&whole(file).display().to_string()));
        Self(matches!(meant.keeper, Keeper::Itself).then(file))
    }

    /// For programs.
    pub fn told(&self, mut line: Value) -> Value {
        if let Some(file) = &self.0 {
            line["config_file"] = json!(file);
        }
        line
    }
}

impl fmt::Display for With {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(Some(file)) => write!(f, " with {file}"),
            Some(None) => f.write_str(" with defaults"),
            None => Ok(()),
        }
    }
}

/// Starts what does not run, and waits until it is ready.
pub(super) fn begin(meant: &Meant, file: Option<&Path>) -> Result<Option<u32>, Failure> {
    match meant.keeper {
        Keeper::Systemd(_) => {
            systemd::end("start", systemd::begin("start")?)?;
            Ok(Unit::find().and_then(|unit| unit.pid))
        }
        Keeper::Launchd => {
            launchd::start()?;
            wait_until_it_answers()?;
            Ok(holder(&meant.pid_file))
        }
        Keeper::Itself => {
            into_the_background(file)?;
            Ok(holder(&meant.pid_file))
        }
    }
}

fn holder(pid_file: &Path) -> Option<u32> {
    // It is ready, and that is what matters; its number is for people.
    Holder::of(pid_file).ok().flatten()?.pid
}

/// A service's file is not ours to choose.
pub(super) fn has_its_own(file: Option<&Path>) -> Result<(), Failure> {
    match file {
        Some(file) if file != Path::new(STANDARD_FILE) => {
            let text = format!(
                "the service has a configuration of its own, so {} would not be read: change the service \
                 (systemctl edit {UNIT}), or run another router with gadugi-router --daemon --config",
                file.display()
            );
            Err(Failure::new(USAGE, "has_its_own", text))
        }
        _ => Ok(()),
    }
}

fn runs_already(out: &mut Output, by: &str, pid: Option<u32>) -> Result<(), Failure> {
    if out.json {
        return out.json_line(&told(by, pid, "already_running"));
    }
    out.line(format_args!("the router is running already{}", shown(pid)))
}

fn told(by: &str, pid: Option<u32>, done: &str) -> Value {
    json!({ "action": "start", "done": done, "by": by, "pid": pid })
}

/// A process's number, as an addition to a line.
pub(super) fn shown(pid: Option<u32>) -> String {
    pid.map(|pid| format!(" (PID {pid})")).unwrap_or_default()
}

fn into_the_background(file: Option<&Path>) -> Result<(), Failure> {
    let mut router = Command::new(program());
    router.arg("--daemon").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    if let Some(file) = file {
        router.arg("--config").arg(file);
    }
    let done =
        router.spawn().and_then(std::process::Child::wait_with_output).map_err(|error| no_program(&error))?;
    if done.status.success() {
        return Ok(());
    }
    let code = done.status.code().and_then(|code| u8::try_from(code).ok());
    let said = String::from_utf8_lossy(&done.stderr);
    let lines: Vec<_> = said.lines().filter(|line| !line.starts_with("warning: ")).collect();
    let code = code.filter(|code| EXITS.contains(code)).unwrap_or(SYSTEM);
    Err(Failure::new(code, "not_started", format!("the router did not start: {}", lines.join("; "))))
}

/// The router's program beside this one, else the one in PATH.
fn program() -> PathBuf {
    let beside = env::current_exe().ok().map(|own| own.with_file_name(NAME));
    beside.filter(|path| path.is_file()).unwrap_or_else(|| PathBuf::from(OsStr::new(NAME)))
}

fn no_program(error: &io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::NotFound => {
            let text =
                format!("there is no {NAME} beside this program and none in PATH: install it, or set PATH");
            Failure::new(UNAVAILABLE, "no_program", text)
        }
        _ => Failure::new(SYSTEM, "system", format!("cannot run {NAME}: {error}")),
    }
}

fn wait_until_it_answers() -> Result<(), Failure> {
    let begun = Instant::now();
    while begun.elapsed() < READY {
        if find::socket(None).and_then(Connection::open).is_ok() {
            return Ok(());
        }
        thread::sleep(LOOK_AGAIN);
    }
    let text = format!("launchd has started the router, but it did not answer within {} s", READY.as_secs());
    Err(Failure::new(NO_ANSWER, "no_answer", text))
}
