//! Where the router's admin socket is.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use nix::unistd::geteuid;

use super::failure::{Failure, NOT_RUNNING};
use crate::config::place::{Environment, Place, SOCKET};
use crate::config::{self, Inputs, STANDARD_FILE};

/// Names the socket in the environment.
const SOCKET_SETTING: &str = "GADUGI_ROUTER_ADMIN__SOCKET";

/// The socket that is named, else the first that is there of those where a router of this user's, or the machine's,
/// would have it.
pub(super) fn socket(named: Option<PathBuf>) -> Result<PathBuf, Failure> {
    if let Some(path) = named {
        return Ok(path);
    }
    let environment: Vec<(OsString, OsString)> = std::env::vars_os().collect();
    let candidates = candidates(&environment, geteuid().as_raw(), set(&environment));
    match candidates.iter().find(|path| is_there(path)) {
        Some(found) => Ok(found.clone()),
        None => {
            let shown: Vec<_> = candidates.iter().map(|path| path.display().to_string()).collect();
            Err(not_running(&format!("there is no {}", shown.join(" and no "))))
        }
    }
}

/// Whether a place was named where the router is to be: then it is not the machine's, and no other one will do.
pub(super) fn is_named(socket: Option<&Path>) -> bool {
    let environment: Vec<(OsString, OsString)> = std::env::vars_os().collect();
    socket.is_some() || Place::choose(&environment, geteuid().as_raw()).asked
}

/// Whether the environment says where the socket is.
pub(super) fn is_socket_set() -> bool {
    std::env::var_os(SOCKET_SETTING).is_some_and(|path| !path.is_empty())
}

/// What the settings say, if they can be read.
fn set(environment: &Environment) -> Option<PathBuf> {
    let inputs = Inputs {
        standard_file: Some(PathBuf::from(STANDARD_FILE)),
        environment: environment.to_vec(),
        ..Inputs::default()
    };
    config::load(&inputs).ok()?.config.admin.socket
}

fn candidates(environment: &Environment, user: u32, set: Option<PathBuf>) -> Vec<PathBuf> {
    if let Some(path) = set {
        return vec![path];
    }
    let own = Place::choose(environment, user);
    let mut candidates = vec![own.path.join(SOCKET)];
    if !own.asked && user != 0 {
        candidates.push(Place::choose(&[], 0).path.join(SOCKET));
    }
    candidates
}

/// True also where nobody may look: connecting will tell.
fn is_there(path: &Path) -> bool {
    path.symlink_metadata()
        .map_or_else(|error| error.kind() == std::io::ErrorKind::PermissionDenied, |_| true)
}

/// Nobody is there.
pub(super) fn not_running(why: &str) -> Failure {
    let text = format!("the router is not running ({why}): start it with gadugi-routerctl start");
    Failure::new(NOT_RUNNING, "not_running", text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(variables: &[(&str, &str)], user: u32, set: Option<&str>) -> Vec<String> {
        let environment: Vec<_> = variables.iter().map(|(name, value)| (name.into(), value.into())).collect();
        let found = candidates(&environment, user, set.map(PathBuf::from));
        found.into_iter().map(|path| path.to_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn it_looks_where_this_user_s_router_and_then_the_machine_s_would_be() {
        let machine = "/run/gadugi-router/admin.sock";
        assert_eq!(chosen(&[], 0, None), [machine]);
        assert_eq!(chosen(&[], 7, None), ["/tmp/gadugi-router-7/admin.sock", machine]);
        let asked = [("GADUGI_ROUTER_RUNTIME_DIR", "/a")];
        assert_eq!(chosen(&asked, 7, None), ["/a/admin.sock"]);
        assert_eq!(chosen(&asked, 7, Some("/s")), ["/s"]);
    }

    #[test]
    fn who_has_no_router_hears_how_to_start_one() {
        let text = format!("{:?}", not_running("there is no x"));
        assert!(text.contains("start it with"), "{text}");
    }
}
