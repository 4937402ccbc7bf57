//! The PID file: says which process the router is, and keeps a second one from the same place.
//!
//! The lock on it decides, never the number in it: that may be of a process long gone, or of somebody else's.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

use super::exit::{Exit, Failure};
use crate::holder::{is_same, number_in, open_flags};

/// Everybody may read who the router is.
const MODE: u32 = 0o644;
/// How often the file may be taken away by a router that ends between our opening and locking it.
const TRIES: usize = 100;
/// How often, and how long after, somebody who has the lock is asked again: the control program takes it for a moment when
/// it looks.
const GLANCES: usize = 3;
const GLANCE: Duration = Duration::from_millis(1);

/// A PID file that is ours: locked as long as this lives, then removed.
#[derive(Debug)]
pub(super) struct PidFile {
    path: PathBuf,
    file: Flock<File>,
}

/// Why a PID file could not be had.
#[derive(Debug, thiserror::Error)]
enum PidFileError {
    #[error("another router{} has the PID file {}: stop that one, or set another --pid-file", of(.pid), .path.display())]
    Taken { path: PathBuf, pid: Option<u32> },
    #[error("no PID file {}: {error}; set another --pid-file", .path.display())]
    Io { path: PathBuf, error: io::Error },
}

fn of(pid: &Option<u32>) -> String {
    pid.map(|pid| format!(" (PID {pid})")).unwrap_or_default()
}

impl From<PidFileError> for Failure {
    fn from(error: PidFileError) -> Self {
        Self::new(Exit::CannotCreate, error.to_string())
    }
}

impl PidFile {
    /// Makes and locks the file and writes this process's number into it. Locks do not follow into a child: to be
    /// called by the process that stays.
    ///
    /// # Errors
    /// Another process has the lock, or the file cannot be made or is something that should not be written to.
    pub fn take(path: &Path) -> Result<Self, Failure> {
        Ok(lock(path)?.signed()?)
    }

    /// Its path, for Landlock, which only Linux has.
    #[cfg(any(target_os = "linux", test))]
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn signed(mut self) -> Result<Self, PidFileError> {
        let pid = std::process::id();
        let written = self.file.set_len(0).and_then(|()| writeln!(*self.file, "{pid}"));
        match written {
            Ok(()) => Ok(self),
            Err(error) => Err(PidFileError::Io { path: self.path.clone(), error }),
        }
    }

    fn is_at_its_path(&self) -> bool {
        is_same(&self.file, &self.path).unwrap_or(false)
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        // Whatever else has that name by now is not ours. The lock is held until after this.
        if self.is_at_its_path() && fs::remove_file(&self.path).is_err() {
            // In a directory that we may not write to since we gave up being root. No number is better than a wrong one.
            self.file.set_len(0).ok();
        }
    }
}

fn lock(path: &Path) -> Result<PidFile, PidFileError> {
    let io = |error| PidFileError::Io { path: path.to_owned(), error };
    let mut glances = 0;
    for _ in 0..TRIES {
        let file = open(path).map_err(io)?;
        let file = match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(file) => file,
            Err((_, Errno::EWOULDBLOCK)) if glances < GLANCES => {
                glances += 1;
                thread::sleep(GLANCE);
                continue;
            }
            Err((mut file, Errno::EWOULDBLOCK)) => {
                return Err(PidFileError::Taken { path: path.to_owned(), pid: number_in(&mut file) });
            }
            Err((_, errno)) => return Err(io(errno.into())),
        };
        // The one who had it before may have removed it meanwhile: what we locked has no name then.
        if is_same(&file, path).map_err(io)? {
            return Ok(PidFile { path: path.to_owned(), file });
        }
    }
    Err(io(io::Error::other("somebody removes it again and again")))
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(MODE).custom_flags(open_flags());
    let opened = options.open(path);
    let file = opened.map_err(|error| match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::ELOOP) => io::Error::other("it is a symbolic link, which is not followed"),
        _ => error,
    })?;
    let found = file.metadata()?;
    // A hard link in a directory of somebody else's would have root overwrite a file of root's.
    if !found.is_file() || found.nlink() > 1 {
        return Err(io::Error::other("it is not a file of its own"));
    }
    file.set_permissions(Permissions::from_mode(MODE))?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(path: &Path) -> String {
        let failure = PidFile::take(path).unwrap_err();
        assert_eq!(failure.code, Exit::CannotCreate);
        failure.message
    }

    #[test]
    fn it_has_our_number_and_everybody_may_read_it_and_it_goes_with_us() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x.pid");
        let held = PidFile::take(&path).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), format!("{}\n", std::process::id()));
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, MODE);
        drop(held);
        assert!(!path.exists());
    }

    #[test]
    fn a_second_one_is_told_who_has_it_and_changes_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x.pid");
        let held = PidFile::take(&path).unwrap();
        let message = refusal(&path);
        assert!(message.contains(&format!("(PID {})", std::process::id())), "{message}");
        assert!(message.contains("--pid-file"), "{message}");
        assert_eq!(fs::read_to_string(held.path()).unwrap(), format!("{}\n", std::process::id()));
    }

    #[test]
    fn a_number_without_a_lock_blocks_nobody_even_if_such_a_process_runs() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x.pid");
        fs::write(&path, "1\nand something longer than any number").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        let held = PidFile::take(&path).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), format!("{}\n", std::process::id()));
        assert_eq!(fs::metadata(held.path()).unwrap().mode() & 0o7777, MODE);
    }

    #[test]
    fn links_and_things_that_are_no_files_are_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let target = directory.path().join("precious");
        fs::write(&target, "precious").unwrap();
        let link = directory.path().join("link");
        std::os::unix::fs::symlink(&target, &link).unwrap();
        assert!(refusal(&link).contains("symbolic link"));
        let hard = directory.path().join("hard");
        fs::hard_link(&target, &hard).unwrap();
        assert!(refusal(&hard).contains("not a file of its own"));
        assert_eq!(fs::read_to_string(&target).unwrap(), "precious");
        let fifo = directory.path().join("fifo");
        nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert!(refusal(&fifo).contains("not a file of its own"));
        assert!(refusal(directory.path()).contains("no PID file"));
        assert!(refusal(&directory.path().join("a/b")).contains("no PID file"));
    }

    #[test]
    fn what_has_taken_its_name_is_not_removed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x.pid");
        let held = PidFile::take(&path).unwrap();
        fs::remove_file(&path).unwrap();
        let next = PidFile::take(&path).unwrap();
        drop(held);
        assert!(path.exists() && next.is_at_its_path());
    }

    #[test]
    fn many_at_once_and_one_after_the_other_never_share_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x.pid");
        let inside = std::sync::atomic::AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..200 {
                        let Ok(held) = PidFile::take(&path) else { continue };
                        assert_eq!(inside.fetch_add(1, std::sync::atomic::Ordering::SeqCst), 0);
                        assert!(held.is_at_its_path());
                        inside.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
                    }
                });
            }
        });
        assert!(!path.exists());
    }
}
