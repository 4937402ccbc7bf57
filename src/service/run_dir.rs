//! The run-time directory of a router, for its PID file and its admin socket.
//!
//! Choosing is a pure function of the environment and the user ([`crate::config::place`]); opening makes the directory if it is missing, and
//! whoever made it takes it away again.

use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::unistd::Uid;

use super::exit::{Exit, Failure};
use crate::config::place::{PRIVATE, Place};

/// The run-time directory, taken away at the end if it was made here and is empty.
#[derive(Debug)]
pub(super) struct RunDir {
    path: PathBuf,
    made: bool,
}

impl RunDir {
    /// Opens the directory, which is made unless it is there.
    ///
    /// # Errors
    /// It cannot be made, is no directory, or lies in the open and is not ours alone.
    pub fn open(place: Place, uid: Uid) -> Result<Self, Failure> {
        let made = make(&place).and_then(|made| check(&place, uid).map(|()| made));
        let made = made.map_err(|error| {
            let path = place.path.display();
            let advice = "set GADUGI_ROUTER_RUNTIME_DIR to a directory of this user's";
            Failure::new(Exit::CannotCreate, format!("no run-time directory {path}: {error} ({advice})"))
        })?;
        Ok(Self { path: place.path, made })
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it was made by [`RunDir::open`], and so is to be given to whom we become, and removed.
    pub fn is_made_here(&self) -> bool {
        self.made
    }
}

impl Drop for RunDir {
    fn drop(&mut self) {
        if self.made {
            // It may have got other files, or be in a directory of root's when that is who we no longer are.
            fs::remove_dir(&self.path).ok();
        }
    }
}

/// True: it was not there before.
fn make(place: &Place) -> io::Result<bool> {
    match DirBuilder::new().mode(place.mode).create(&place.path) {
        // Once more, since the umask has cut it.
        Ok(()) => fs::set_permissions(&place.path, Permissions::from_mode(place.mode)).map(|()| true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error),
    }
}

fn check(place: &Place, uid: Uid) -> io::Result<()> {
    if !place.exposed {
        return if place.path.is_dir() { Ok(()) } else { Err(io::ErrorKind::NotADirectory.into()) };
    }
    let found = fs::symlink_metadata(&place.path)?;
    if !found.is_dir() {
        return Err(io::Error::other("something else has its name"));
    }
    if found.uid() != uid.as_raw() || found.mode() & 0o777 != PRIVATE {
        return Err(io::Error::other("it is not this user's alone, as mode 0700 would make it"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(path: PathBuf, exposed: bool) -> Place {
        Place { path, asked: false, mode: PRIVATE, exposed }
    }

    #[test]
    fn what_was_made_is_removed_and_what_was_there_stays() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("run");
        let made = RunDir::open(place(path.clone(), true), Uid::effective()).unwrap();
        assert_eq!(fs::metadata(made.path()).unwrap().mode() & 0o7777, PRIVATE);
        let found = RunDir::open(place(path.clone(), true), Uid::effective()).unwrap();
        assert!(made.is_made_here() && !found.is_made_here());
        drop(found);
        assert!(path.is_dir());
        drop(made);
        assert!(!path.exists());
    }

    #[test]
    fn a_directory_with_something_in_it_stays() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("run");
        let made = RunDir::open(place(path.clone(), false), Uid::effective()).unwrap();
        fs::write(path.join("x"), "").unwrap();
        drop(made);
        assert!(path.join("x").exists());
    }

    #[test]
    fn in_the_open_neither_a_link_nor_another_s_nor_a_public_directory_will_do() {
        let directory = tempfile::tempdir().unwrap();
        let refused = |path: &Path, uid| {
            let failure = RunDir::open(place(path.to_owned(), true), uid).unwrap_err();
            assert_eq!(failure.code, Exit::CannotCreate);
            failure.message
        };
        let link = directory.path().join("link");
        std::os::unix::fs::symlink(directory.path(), &link).unwrap();
        assert!(refused(&link, Uid::effective()).contains("something else has its name"));
        let stranger = Uid::from_raw(Uid::effective().as_raw() + 1);
        assert!(refused(directory.path(), stranger).contains("not this user's alone"));
        fs::set_permissions(directory.path(), Permissions::from_mode(0o755)).unwrap();
        assert!(refused(directory.path(), Uid::effective()).contains("mode 0700"));
        assert!(
            refused(&directory.path().join("a/b"), Uid::effective()).contains("GADUGI_ROUTER_RUNTIME_DIR")
        );
    }
}
