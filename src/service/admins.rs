//! Who may change something through the admin socket, besides root and the router's own user.

use std::fs;

use nix::unistd::User;

use super::exit::Failure;
use super::os;
use super::privileges::{named_group, not_asked, unknown};
use crate::admin::Admins;

/// What the setting is called.
const SETTING: &str = "admin.admins";

/// Looks up the names. Before files are given up, which the lists of users and groups are among. Whom the kernel would not
/// show us as such is left out, with a warning.
///
/// # Errors
/// There is no such user or group, or it cannot be looked up.
pub(super) fn resolve(named: &[String]) -> Result<Admins, Failure> {
    let mut admins = look_up(named)?;
    if named.is_empty() {
        return Ok(admins);
    }
    let (users, groups) = (Map::read("/proc/self/uid_map"), Map::read("/proc/self/gid_map"));
    let all = admins.users.len() + admins.groups.len();
    admins.users.retain(|&user| users.has(user));
    admins.groups.retain(|&group| groups.has(group));
    let unseen = all - admins.users.len() - admins.groups.len();
    if unseen > 0 {
        tracing::warn!(
            "{unseen} of {all} {SETTING} have no effect: in this user namespace everybody but root and the router's own user looks like \"nobody\"; \
             for systemd, set PrivateUsers=no (the drop-in other-admins.conf)"
        );
    }
    Ok(admins)
}

fn look_up(named: &[String]) -> Result<Admins, Failure> {
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

/// The users, or groups, that the namespace of this process knows (user_namespaces(7)): a first number and how many, each. To
/// the rest the kernel gives one number, of which an administrator must not be made: it would be everybody.
struct Map(Vec<(u32, u32)>);

impl Map {
    /// Where no file tells, there are no such namespaces.
    fn read(path: &str) -> Self {
        fs::read_to_string(path).map_or_else(|_| Self(vec![(0, u32::MAX)]), |text| Self::parse(&text))
    }

    fn parse(text: &str) -> Self {
        let range = |line: &str| {
            let mut numbers = line.split_whitespace().map(str::parse);
            Some((numbers.next()?.ok()?, numbers.nth(1)?.ok()?))
        };
        Self(text.lines().filter_map(range).collect())
    }

    fn has(&self, id: u32) -> bool {
        self.0.iter().any(|(first, count)| id.checked_sub(*first).is_some_and(|offset| offset < *count))
    }
}

#[cfg(test)]
mod tests {
    use super::super::exit::Exit;
    use super::*;

    #[test]
    fn in_a_namespace_only_those_of_its_map_can_be_told_apart() {
        let whole = Map::parse("         0          0 4294967295\n");
        assert!([0, 1, 65_534, u32::MAX - 1].iter().all(|&id| whole.has(id)));
        let private = Map::parse("         0          0          1\n       999        999          1\n");
        let seen: Vec<_> = [0, 1, 998, 999, 1000, 65_534].into_iter().filter(|&id| private.has(id)).collect();
        assert_eq!(seen, [0, 999]);
        assert!(Map::read("/no/such/file").has(1000));
        assert!(!Map::parse("what is this\n").has(0));
    }

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
