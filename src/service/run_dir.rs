//! The directories of a running router: for its PID file, and for logs.
//!
//! Choosing is a pure function of the environment and the user; opening makes the directory if it is missing, and
//! whoever made it takes it away again.

use std::ffi::{OsStr, OsString};
use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::unistd::Uid;

use super::exit::{Exit, Failure};

const NAME: &str = "gadugi-router";
/// Others may look for the PID file of root's router; what others have is private.
const PUBLIC: u32 = 0o755;
const PRIVATE: u32 = 0o700;

/// The environment's variables.
pub(super) type Environment = [(OsString, OsString)];

/// The value of a variable, unless it is empty.
pub(super) fn variable<'a>(environment: &'a Environment, name: &str) -> Option<&'a OsStr> {
    let found = environment.iter().find(|(other, _)| other == name);
    found.map(|(_, value)| value.as_os_str()).filter(|value| !value.is_empty())
}

/// A directory in which the XDG base directory specification lets us rely: it says that others are to be ignored.
fn absolute<'a>(environment: &'a Environment, name: &str) -> Option<&'a Path> {
    variable(environment, name).map(Path::new).filter(|path| path.is_absolute())
}

/// The first path of a list with colons, as systemd writes it when a unit has several.
fn first(list: &OsStr) -> PathBuf {
    let end = list.as_bytes().iter().position(|&byte| byte == b':').unwrap_or(list.len());
    PathBuf::from(OsStr::from_bytes(&list.as_bytes()[..end]))
}

/// Where the run-time directory should be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Place {
    /// Its path.
    pub path: PathBuf,
    /// Somebody asked for this one, so it has to be had.
    pub asked: bool,
    mode: u32,
    /// It lies where anybody may make it before us.
    exposed: bool,
}

impl Place {
    /// `$GADUGI_ROUTER_RUNTIME_DIR`, else systemd's `$RUNTIME_DIRECTORY`, else /run/gadugi-router for root, else
    /// `$XDG_RUNTIME_DIR/gadugi-router`, else /tmp/gadugi-router-UID.
    pub fn choose(environment: &Environment, uid: Uid) -> Self {
        let asked = |path| Self { path, asked: true, mode: PRIVATE, exposed: false };
        if let Some(path) = variable(environment, "GADUGI_ROUTER_RUNTIME_DIR") {
            return asked(PathBuf::from(path));
        }
        if let Some(list) = variable(environment, "RUNTIME_DIRECTORY") {
            return asked(first(list));
        }
        let (path, mode, exposed) = if uid.is_root() {
            (Path::new("/run").join(NAME), PUBLIC, false)
        } else if let Some(runtime) = absolute(environment, "XDG_RUNTIME_DIR") {
            (runtime.join(NAME), PRIVATE, false)
        } else {
            (PathBuf::from(format!("/tmp/{NAME}-{uid}")), PRIVATE, true)
        };
        Self { path, asked: false, mode, exposed }
    }

    /// Makes the directory, unless it is there.
    ///
    /// # Errors
    /// It cannot be made, is no directory, or lies in the open and is not ours alone.
    pub fn open(self, uid: Uid) -> Result<RunDir, Failure> {
        let made = self.make().and_then(|made| self.check(uid).map(|()| made));
        let made = made.map_err(|error| {
            let path = self.path.display();
            let advice = "set GADUGI_ROUTER_RUNTIME_DIR to a directory of this user's";
            Failure::new(Exit::CannotCreate, format!("no run-time directory {path}: {error} ({advice})"))
        })?;
        Ok(RunDir { path: self.path, made })
    }

    /// True: it was not there before.
    fn make(&self) -> io::Result<bool> {
        match DirBuilder::new().mode(self.mode).create(&self.path) {
            // Once more, since the umask has cut it.
            Ok(()) => fs::set_permissions(&self.path, Permissions::from_mode(self.mode)).map(|()| true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn check(&self, uid: Uid) -> io::Result<()> {
        if !self.exposed {
            return if self.path.is_dir() { Ok(()) } else { Err(io::ErrorKind::NotADirectory.into()) };
        }
        let found = fs::symlink_metadata(&self.path)?;
        if !found.is_dir() {
            return Err(io::Error::other("something else has its name"));
        }
        if found.uid() != uid.as_raw() || found.mode() & 0o777 != PRIVATE {
            return Err(io::Error::other("it is not this user's alone, as mode 0700 would make it"));
        }
        Ok(())
    }
}

/// The run-time directory, taken away at the end if it was made here and is empty.
#[derive(Debug)]
pub(super) struct RunDir {
    path: PathBuf,
    made: bool,
}

impl RunDir {
    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it was made by [`Place::open`], and so is to be given to whom we become, and removed.
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

/// Where logs are when no other place is set: `$LOGS_DIRECTORY`, else /var/log/gadugi-router for root, else
/// `$XDG_STATE_HOME/gadugi-router`, else ~/.local/state/gadugi-router. None without a home.
pub(super) fn logs_directory(environment: &Environment, uid: Uid) -> Option<PathBuf> {
    if let Some(list) = variable(environment, "LOGS_DIRECTORY") {
        return Some(first(list));
    }
    if uid.is_root() {
        return Some(Path::new("/var/log").join(NAME));
    }
    let state = absolute(environment, "XDG_STATE_HOME").map(Path::to_owned);
    let state = state.or_else(|| absolute(environment, "HOME").map(|home| home.join(".local/state")));
    state.map(|state| state.join(NAME))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOMEBODY: Uid = Uid::from_raw(1234);
    const ROOT: Uid = Uid::from_raw(0);

    fn environment(variables: &[(&str, &str)]) -> Vec<(OsString, OsString)> {
        variables.iter().map(|(name, value)| (name.into(), value.into())).collect()
    }

    fn chosen(variables: &[(&str, &str)], uid: Uid) -> (String, bool) {
        let place = Place::choose(&environment(variables), uid);
        (place.path.to_str().unwrap().to_owned(), place.asked)
    }

    #[test]
    fn the_run_time_directory_is_the_first_that_the_environment_names() {
        let mut all = vec![
            ("GADUGI_ROUTER_RUNTIME_DIR", "/a"),
            ("RUNTIME_DIRECTORY", "/b:/c"),
            ("XDG_RUNTIME_DIR", "/run/user/1234"),
        ];
        assert_eq!(chosen(&all, ROOT), ("/a".to_owned(), true));
        all.remove(0);
        assert_eq!(chosen(&all, SOMEBODY), ("/b".to_owned(), true));
        all.remove(0);
        assert_eq!(chosen(&all, SOMEBODY), ("/run/user/1234/gadugi-router".to_owned(), false));
        assert_eq!(chosen(&all, ROOT), ("/run/gadugi-router".to_owned(), false));
        for nothing in [vec![], vec![("XDG_RUNTIME_DIR", "relative")], vec![("RUNTIME_DIRECTORY", "")]] {
            assert_eq!(chosen(&nothing, SOMEBODY), ("/tmp/gadugi-router-1234".to_owned(), false));
        }
    }

    #[test]
    fn logs_are_where_the_environment_or_the_user_s_home_says() {
        let chosen = |variables: &[(&str, &str)], uid| logs_directory(&environment(variables), uid);
        assert_eq!(chosen(&[("LOGS_DIRECTORY", "/l:/m")], ROOT), Some("/l".into()));
        assert_eq!(chosen(&[("HOME", "/h")], ROOT), Some("/var/log/gadugi-router".into()));
        let both = [("XDG_STATE_HOME", "/s"), ("HOME", "/h")];
        assert_eq!(chosen(&both, SOMEBODY), Some("/s/gadugi-router".into()));
        assert_eq!(chosen(&both[1..], SOMEBODY), Some("/h/.local/state/gadugi-router".into()));
        assert_eq!(chosen(&[], SOMEBODY), None);
    }

    fn place(path: PathBuf, exposed: bool) -> Place {
        Place { path, asked: false, mode: PRIVATE, exposed }
    }

    #[test]
    fn what_was_made_is_removed_and_what_was_there_stays() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("run");
        let made = place(path.clone(), true).open(Uid::effective()).unwrap();
        assert_eq!(fs::metadata(made.path()).unwrap().mode() & 0o7777, PRIVATE);
        let found = place(path.clone(), true).open(Uid::effective()).unwrap();
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
        let made = place(path.clone(), false).open(Uid::effective()).unwrap();
        fs::write(path.join("x"), "").unwrap();
        drop(made);
        assert!(path.join("x").exists());
    }

    #[test]
    fn in_the_open_neither_a_link_nor_another_s_nor_a_public_directory_will_do() {
        let directory = tempfile::tempdir().unwrap();
        let refused = |path: &Path, uid| {
            let failure = place(path.to_owned(), true).open(uid).unwrap_err();
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
