//! Who may change something through the admin socket, besides root and the router's own user.

use nix::unistd::User;

use super::exit::Failure;
use super::os;
use super::privileges::{named_group, not_asked, unknown};
use crate::admin::Admins;

/// What the setting is called.
const SETTING: &str = "admin.admins";

/// Looks up the names. Before files are given up, which the lists of users and groups are among.
///
/// # Errors
/// There is no such user or group, or it cannot be looked up.
pub(super) fn resolve(named: &[String]) -> Result<Admins, Failure> {
    let mut admins = Admins { users: Vec::new(), groups: Vec::new(), peer_groups: os::peer_groups };
    for name in named {
        match name.strip_prefix('@') {
            Some(group) => admins.groups.extend(named_group(Some(group), SETTING)?.map(|gid| gid.as_raw())),
            None => admins.users.push(user(name)?),
        }
    }
    Ok(admins)
}

fn user(name: &str) -> Result<u32, Failure> {
    if let Ok(number) = name.parse() {
        return Ok(number);
    }
    match User::from_name(name) {
        Ok(Some(user)) => Ok(user.uid.as_raw()),
        Ok(None) => Err(unknown("user", name, &format!("create it, or set another {SETTING}"))),
        Err(error) => Err(not_asked(name, error)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::exit::Exit;
    use super::*;

    #[test]
    fn names_and_numbers_of_users_and_groups_are_looked_up() {
        let named = ["root", "4711", "@root", "@4712"].map(str::to_owned);
        let admins = resolve(&named).unwrap();
        assert_eq!((admins.users, admins.groups), (vec![0, 4711], vec![0, 4712]));
    }

    #[test]
    fn who_is_not_there_is_named() {
        for name in ["no-such-user", "@no-such-group"] {
            let failure = resolve(&[name.to_owned()]).unwrap_err();
            assert_eq!(failure.code, Exit::Config);
            assert!(failure.message.contains(SETTING) && failure.message.contains("no-such"), "{failure:?}");
        }
    }
}
