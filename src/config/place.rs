//! Where a router's run-time files are: a pure function of the environment and the user, for the router that makes
//! them and the control program that looks for them.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// What the directories of the router are called.
pub const NAME: &str = "gadugi-router";
/// The socket for the control program in the run-time directory.
pub const SOCKET: &str = "admin.sock";
/// The log file in the directory for logs.
pub const LOG_FILE: &str = "router.log";
/// The PID file in the run-time directory.
pub const PID_FILE: &str = "gadugi-router.pid";

/// Others may look for the files of root's router; what others have is private.
const PUBLIC: u32 = 0o755;
/// The permissions of a private run-time directory.
pub const PRIVATE: u32 = 0o700;

/// The environment's variables.
pub type Environment = [(OsString, OsString)];

/// The value of a variable, unless it is empty.
pub fn variable<'a>(environment: &'a Environment, name: &str) -> Option<&'a OsStr> {
    let found = environment.iter().find(|(other, _)| other == name);
    found.map(|(_, value)| value.as_os_str()).filter(|value| !value.is_empty())
}

/// A directory in which the XDG base directory specification lets us rely: it says that others are to be ignored.
pub fn absolute<'a>(environment: &'a Environment, name: &str) -> Option<&'a Path> {
    variable(environment, name).map(Path::new).filter(|path| path.is_absolute())
}

/// The first path of a list with colons, as systemd writes it when a unit has several.
pub fn first(list: &OsStr) -> PathBuf {
    let end = list.as_bytes().iter().position(|&byte| byte == b':').unwrap_or(list.len());
    PathBuf::from(OsStr::from_bytes(&list.as_bytes()[..end]))
}

/// Where the run-time directory should be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Place {
    /// Its path.
    pub path: PathBuf,
    /// Somebody asked for this one, so it has to be had.
    pub asked: bool,
    /// The permissions that it is made with.
    pub mode: u32,
    /// It lies where anybody may make it before us.
    pub exposed: bool,
}

impl Place {
    /// `$GADUGI_ROUTER_RUNTIME_DIR`, else systemd's `$RUNTIME_DIRECTORY`, else /run/gadugi-router for root, else
    /// `$XDG_RUNTIME_DIR/gadugi-router`, else /tmp/gadugi-router-UID.
    pub fn choose(environment: &Environment, uid: u32) -> Self {
        let asked = |path| Self { path, asked: true, mode: PRIVATE, exposed: false };
        if let Some(path) = variable(environment, "GADUGI_ROUTER_RUNTIME_DIR") {
            return asked(PathBuf::from(path));
        }
        if let Some(list) = variable(environment, "RUNTIME_DIRECTORY") {
            return asked(first(list));
        }
        let (path, mode, exposed) = if uid == 0 {
            (Path::new("/run").join(NAME), PUBLIC, false)
        } else if let Some(runtime) = absolute(environment, "XDG_RUNTIME_DIR") {
            (runtime.join(NAME), PRIVATE, false)
        } else {
            (PathBuf::from(format!("/tmp/{NAME}-{uid}")), PRIVATE, true)
        };
        Self { path, asked: false, mode, exposed }
    }
}

/// The event store in the directory for state.
pub const STORE_FILE: &str = "events.db";

/// Where logs are when no other place is set: `$LOGS_DIRECTORY`, else /var/log/gadugi-router for root, else
/// `$XDG_STATE_HOME/gadugi-router`, else ~/.local/state/gadugi-router. None without a home.
pub fn logs_directory(environment: &Environment, uid: u32) -> Option<PathBuf> {
    if let Some(list) = variable(environment, "LOGS_DIRECTORY") {
        return Some(first(list));
    }
    if uid == 0 {
        return Some(Path::new("/var/log").join(NAME));
    }
    own_state(environment)
}

/// Where the event store is when no other place is set: `$STATE_DIRECTORY`, else /var/lib/gadugi-router for root, else
/// `$XDG_STATE_HOME/gadugi-router`, else ~/.local/state/gadugi-router. None without a home.
pub fn state_directory(environment: &Environment, uid: u32) -> Option<PathBuf> {
    if let Some(list) = variable(environment, "STATE_DIRECTORY") {
        return Some(first(list));
    }
    if uid == 0 {
        return Some(Path::new("/var/lib").join(NAME));
    }
    own_state(environment)
}

/// A user's own directory for state.
fn own_state(environment: &Environment) -> Option<PathBuf> {
    let state = absolute(environment, "XDG_STATE_HOME").map(Path::to_owned);
    let state = state.or_else(|| absolute(environment, "HOME").map(|home| home.join(".local/state")));
    state.map(|state| state.join(NAME))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOMEBODY: u32 = 1234;
    const ROOT: u32 = 0;

    fn environment(variables: &[(&str, &str)]) -> Vec<(OsString, OsString)> {
        variables.iter().map(|(name, value)| (name.into(), value.into())).collect()
    }

    fn chosen(variables: &[(&str, &str)], uid: u32) -> (String, bool) {
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
        let state = |variables: &[(&str, &str)], uid| state_directory(&environment(variables), uid);
        assert_eq!(state(&[("STATE_DIRECTORY", "/l:/m")], ROOT), Some("/l".into()));
        assert_eq!(state(&[("HOME", "/h")], ROOT), Some("/var/lib/gadugi-router".into()));
        assert_eq!(state(&both, SOMEBODY), Some("/s/gadugi-router".into()));
    }
}
