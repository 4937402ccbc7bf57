//! Who starts and stops the router that is meant: systemd, launchd, or nobody but its PID file.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use nix::unistd::geteuid;

use super::failure::{DENIED, Failure, SYSTEM};
use super::find;
use super::launchd;
use super::systemd::Unit;
use crate::config::place::{PID_FILE, Place};
use crate::config::{self, Config, Inputs, Loaded, Mistakes, STANDARD_FILE};
use crate::holder::Holder;

/// Who takes care of the router.
pub(super) enum Keeper {
    /// systemd has a unit for it.
    Systemd(Unit),
    /// launchd has a job for it.
    Launchd,
    /// Nobody: it puts itself into the background.
    Itself,
}

impl Keeper {
    /// Its name, for programs.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Systemd(_) => "systemd",
            Self::Launchd => "launchd",
            Self::Itself => "daemon",
        }
    }
}

/// The router that is meant, as far as its files tell.
pub(super) struct Meant {
    /// Who takes care of it.
    pub keeper: Keeper,
    /// Its PID file, if it makes one by itself.
    pub pid_file: PathBuf,
    /// The process that holds that.
    pub holder: Option<Holder>,
}

impl Meant {
    /// A router for which a place was named is nobody's service. One of this user's that runs comes before the machine's,
    /// as it does for all commands.
    pub fn find(config: Option<&Config>, socket: Option<&Path>) -> Result<Self, Failure> {
        let environment: Vec<(OsString, OsString)> = std::env::vars_os().collect();
        let place = Place::choose(&environment, geteuid().as_raw());
        let set = config.and_then(|config| config.process.pid_file.clone());
        let pid_file = set.unwrap_or_else(|| place.path.join(PID_FILE));
        let holder = Holder::of(&pid_file).map_err(|error| {
            let text = format!("cannot look at the PID file {}: {error}", pid_file.display());
            match error.kind() {
                io::ErrorKind::PermissionDenied => Failure::new(DENIED, "not_permitted", text + "; use sudo"),
                _ => Failure::new(SYSTEM, "system", text),
            }
        })?;
        let keeper = if find::is_named(socket) { Keeper::Itself } else { keeper(holder.as_ref()) };
        Ok(Self { keeper, pid_file, holder })
    }
}

fn keeper(holder: Option<&Holder>) -> Keeper {
    match Unit::find() {
        Some(unit) if holder.is_none_or(|holder| holder.pid == unit.pid) => return Keeper::Systemd(unit),
        Some(_) => return Keeper::Itself,
        None => {}
    }
    if launchd::has_job() { Keeper::Launchd } else { Keeper::Itself }
}

/// What a router that is started now would read.
pub(super) fn load(file: Option<&Path>) -> Result<Loaded, Mistakes> {
    config::load(&Inputs {
        file: file.map(Path::to_owned),
        standard_file: Some(PathBuf::from(STANDARD_FILE)),
        environment: std::env::vars_os().collect(),
        ..Inputs::default()
    })
}
