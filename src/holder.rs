//! Who holds a PID file, for the router that makes it and the control program that looks for the router.
//!
//! The lock on it decides, never the number in it: that may be of a process long gone, or of somebody else's.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;

/// More than any process number has.
const LONGEST_NUMBER: u64 = 32;

/// Neither follows a link nor waits for whoever is at the other end of a FIFO.
pub fn open_flags() -> i32 {
    (OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK).bits()
}

/// Whether this is the file that has this name now.
///
/// # Errors
/// The system refuses to tell.
pub fn is_same(file: &File, path: &Path) -> io::Result<bool> {
    let held = file.metadata()?;
    match fs::symlink_metadata(path) {
        Ok(named) => Ok((named.dev(), named.ino()) == (held.dev(), held.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// The number in the file, if there is one.
pub fn number_in(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.rewind().ok()?;
    file.take(LONGEST_NUMBER).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

/// A process that holds a PID file.
#[derive(Debug)]
pub struct Holder {
    path: PathBuf,
    file: File,
    owner: u32,
    /// Its number, unless it has not written that yet.
    pub pid: Option<u32>,
}

impl Holder {
    /// The process that holds this file.
    ///
    /// # Errors
    /// The file cannot be looked at.
    pub fn of(path: &Path) -> io::Result<Option<Self>> {
        let mut file = match OpenOptions::new().read(true).custom_flags(open_flags()).open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let found = file.metadata()?;
        if !found.is_file() || !is_locked(&file)? {
            return Ok(None);
        }
        let pid = number_in(&mut file);
        Ok(Some(Self { path: path.to_owned(), file, owner: found.uid(), pid }))
    }

    /// Whether it holds the file still.
    pub fn is_there(&self) -> bool {
        // The name first: who comes next makes a file of its own, and must not find that one locked by us.
        is_same(&self.file, &self.path).unwrap_or(false) && is_locked(&self.file).unwrap_or(false)
    }

    /// Whether its number may be relied on: only root and the user could have written it.
    pub fn is_of(&self, user: u32) -> bool {
        self.owner == user || self.owner == 0
    }
}

/// Shared and for a moment only, so that two that look do not take each other for a router.
fn is_locked(file: &File) -> io::Result<bool> {
    match file.try_lock_shared() {
        Ok(()) => file.unlock().map(|()| false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lock_and_not_the_number_says_who_holds_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.pid");
        assert!(Holder::of(&path).unwrap().is_none());
        fs::write(&path, "1\n").unwrap();
        assert!(Holder::of(&path).unwrap().is_none());
        let held = File::open(&path).unwrap();
        held.lock().unwrap();
        let holder = Holder::of(&path).unwrap().unwrap();
        assert!(holder.pid == Some(1) && holder.is_there());
        assert!(holder.is_of(nix::unistd::geteuid().as_raw()));
        drop(held);
        assert!(!holder.is_there());
    }

    #[test]
    fn who_has_taken_the_name_is_another_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.pid");
        let take = || {
            fs::write(&path, "7\n").unwrap();
            let file = File::open(&path).unwrap();
            file.lock().unwrap();
            file
        };
        let first = take();
        let holder = Holder::of(&path).unwrap().unwrap();
        fs::remove_file(&path).unwrap();
        let second = take();
        assert!(!holder.is_there() && Holder::of(&path).unwrap().is_some());
        drop((first, second));
    }

    #[test]
    fn links_and_things_that_are_no_files_are_held_by_nobody() {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink("/dev/zero", &link).unwrap();
        assert!(Holder::of(&link).is_err());
        assert!(Holder::of(folder.path()).unwrap().is_none());
    }
}
