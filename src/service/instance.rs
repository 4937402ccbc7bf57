//! One router to a place: the run-time directory and the PID file, as far as this start can have them.

use std::path::PathBuf;

use nix::unistd::{Uid, chown};

use super::exit::{Exit, Failure};
use super::pid_file::PidFile;
use super::privileges::Account;
use super::run_dir::RunDir;
use super::source::Source;
use crate::admin::Placed;
use crate::config::Process;
use crate::config::place::{PID_FILE, Place};

/// What marks this process as the router of its place. The fields' order is that of taking them away.
#[derive(Debug)]
pub(super) struct Instance {
    /// The admin socket's file, once it is made.
    pub socket: Option<Placed>,
    /// None: somebody else is the router of the default place, or there is no such place.
    pub pid_file: Option<PidFile>,
    /// None: the PID file is elsewhere and nothing else was put there, or somebody else is the router of the place.
    pub run_dir: Option<RunDir>,
}

impl Instance {
    /// Takes the place that is set. Who has asked for one, or goes into the background, relies on it, and does not start
    /// without. A router in the foreground with nothing set about it may be a second one on another port: it is warned.
    ///
    /// # Errors
    /// The place is needed and cannot be had.
    pub fn claim(process: &Process, source: &Source, daemon: bool, uid: Uid) -> Result<Self, Failure> {
        let mut place = Place::choose(&source.inputs.environment, uid.as_raw());
        place.path = source.absolute(&place.path);
        let needed = daemon || place.asked || process.pid_file.is_some();
        match Self::take(process.pid_file.clone(), place, uid) {
            Err(failure) if !needed => {
                tracing::warn!("{}; running without a PID file", failure.message);
                Ok(Self { socket: None, pid_file: None, run_dir: None })
            }
            done => done,
        }
    }

    fn take(pid_file: Option<PathBuf>, place: Place, uid: Uid) -> Result<Self, Failure> {
        if let Some(path) = pid_file {
            return Ok(Self { socket: None, pid_file: Some(PidFile::take(&path)?), run_dir: None });
        }
        let run_dir = RunDir::open(place, uid)?;
        let pid_file = PidFile::take(&run_dir.path().join(PID_FILE))?;
        Ok(Self { socket: None, pid_file: Some(pid_file), run_dir: Some(run_dir) })
    }

    /// Opens the directory, where the PID file alone did not need it.
    ///
    /// # Errors
    /// It cannot be had, or is another router's.
    pub fn take_run_dir(&mut self, place: Place) -> Result<(), Failure> {
        if self.pid_file.is_none() {
            return Err(Failure::new(
                Exit::CannotCreate,
                "its place is another router's, or is not to be had",
            ));
        }
        self.run_dir = Some(RunDir::open(place, Uid::effective())?);
        Ok(())
    }

    /// Lets this account remove at the end what root has made. A directory that was there before stays whose it is.
    ///
    /// # Errors
    /// The system refuses.
    pub fn hand_to(&self, account: &Account) -> Result<(), Failure> {
        let Some(run_dir) = self.run_dir.as_ref().filter(|run_dir| run_dir.is_made_here()) else {
            return Ok(());
        };
        let (uid, gid) = account.ids();
        chown(run_dir.path(), Some(uid), Some(gid)).map_err(|error| {
            let path = run_dir.path().display();
            Failure::new(Exit::System, format!("cannot give {path} to user {uid}: {}", error.desc()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Inputs;

    fn source(variables: &[(&str, &std::path::Path)]) -> Source {
        let environment = variables.iter().map(|(name, value)| (name.into(), value.into())).collect();
        Source::new(Inputs { environment, ..Inputs::default() })
    }

    const SOMEBODY: Uid = Uid::from_raw(1234);

    #[test]
    fn a_place_that_was_asked_for_has_to_be_had() {
        let directory = tempfile::tempdir().unwrap();
        let source = source(&[("GADUGI_ROUTER_RUNTIME_DIR", directory.path())]);
        let claim = || Instance::claim(&Process::default(), &source, false, SOMEBODY);
        let first = claim().unwrap();
        assert_eq!(first.pid_file.as_ref().unwrap().path(), directory.path().join(PID_FILE));
        assert_eq!(claim().unwrap_err().code, Exit::CannotCreate);
        drop(first);
        assert!(claim().is_ok());
    }

    #[test]
    fn a_second_router_at_the_default_place_runs_without_a_pid_file_unless_it_is_a_daemon() {
        let directory = tempfile::tempdir().unwrap();
        let source = source(&[("XDG_RUNTIME_DIR", directory.path())]);
        let claim = |daemon| Instance::claim(&Process::default(), &source, daemon, SOMEBODY);
        let first = claim(false).unwrap();
        assert!(first.pid_file.is_some() && claim(false).unwrap().pid_file.is_none());
        assert_eq!(claim(true).unwrap_err().code, Exit::CannotCreate);
        drop(first);
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_pid_file_elsewhere_needs_no_run_time_directory() {
        let directory = tempfile::tempdir().unwrap();
        let source = source(&[("XDG_RUNTIME_DIR", &directory.path().join("absent"))]);
        let process = Process { pid_file: Some(directory.path().join("x.pid")), ..Process::default() };
        let first = Instance::claim(&process, &source, false, SOMEBODY).unwrap();
        assert!(first.run_dir.is_none());
        assert_eq!(Instance::claim(&process, &source, false, SOMEBODY).unwrap_err().code, Exit::CannotCreate);
    }
}
