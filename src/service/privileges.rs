//! Giving up being root: who the router becomes, and no way back.
//!
//! After the sockets are bound and the files are open, and before there are threads.

use std::ffi::CString;

use nix::errno::Errno;
use nix::unistd::{Gid, Group, Uid, User, getegid, geteuid};

use super::exit::{Exit, Failure};
use crate::config::Process;

/// Whom to become.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Account {
    /// None: a number that has no name, and so no groups beside its own.
    name: Option<CString>,
    uid: Uid,
    gid: Gid,
}

impl Account {
    /// Looks up `process.user` and `process.group`. None: nothing is to change.
    ///
    /// # Errors
    /// There is no such account, or we are not root and somebody else.
    pub fn resolve(process: &Process) -> Result<Option<Self>, Failure> {
        let Process { user, group, .. } = process;
        if user.is_none() && group.is_none() {
            return Ok(None);
        }
        let account = match user {
            Some(user) => Self::of(user, group.as_deref())?,
            None => Self {
                gid: named_group(group.as_deref(), "process.group")?.unwrap_or(getegid()),
                ..Self::current()?
            },
        };
        if account.uid == geteuid() && account.gid == getegid() {
            return Ok(None);
        }
        if geteuid().is_root() {
            return Ok(Some(account));
        }
        let (is, wanted) = ((geteuid(), getegid()), (account.uid, account.gid));
        let advice = "start it as root, or as that user and without process.user and process.group";
        let message = format!(
            "user {} with group {} cannot become user {} with group {}",
            is.0, is.1, wanted.0, wanted.1
        );
        Err(Failure::new(Exit::System, format!("{message} ({advice})")))
    }

    fn of(user: &str, group: Option<&str>) -> Result<Self, Failure> {
        let number = user.parse().ok().map(Uid::from_raw);
        let found = match number {
            Some(uid) => User::from_uid(uid),
            None => User::from_name(user),
        };
        let group = named_group(group, "process.group")?;
        match (found, number) {
            (Ok(Some(found)), _) => {
                // A name from the system's own list has no NUL in it.
                let name = CString::new(found.name).ok();
                Ok(Self { name, uid: found.uid, gid: group.unwrap_or(found.gid) })
            }
            (Ok(None), Some(uid)) => match group {
                Some(gid) => Ok(Self { name: None, uid, gid }),
                None => Err(unknown("user", user, "set process.group as well, or create the user")),
            },
            (Ok(None), None) => Err(unknown("user", user, "create it, or set another process.user")),
            (Err(error), _) => Err(not_asked(user, error)),
        }
    }

    fn current() -> Result<Self, Failure> {
        Self::of(&geteuid().to_string(), Some(&getegid().to_string()))
    }

    /// Who it is.
    pub fn ids(&self) -> (Uid, Gid) {
        (self.uid, self.gid)
    }

    /// Becomes it, with its groups and no others, and makes sure that there is no way back.
    ///
    /// # Errors
    /// The system refuses, or something of root is left. The process must end then.
    #[cfg(not(target_vendor = "apple"))]
    pub fn assume(&self) -> Result<(), Failure> {
        use nix::unistd::{setgroups, setresgid, setresuid, setuid};
        let step = |name: &str, done: nix::Result<()>| {
            let advice = "does the container or the service manager withhold CAP_SETUID and CAP_SETGID?";
            done.map_err(|error| self.failure(&format!("{name}: {}; {advice}", error.desc())))
        };
        let groups = self.groups().map_err(|error| self.failure(&format!("its groups: {}", error.desc())))?;
        // Groups first: only root may change them.
        step("setgroups", setgroups(&groups))?;
        step("setresgid", setresgid(self.gid, self.gid, self.gid))?;
        step("setresuid", setresuid(self.uid, self.uid, self.uid))?;
        if !self.uid.is_root() && setuid(Uid::from_raw(0)).is_ok() {
            return Err(self.failure("it could become root again"));
        }
        self.verify(&groups)
    }

    /// On macOS the system keeps the groups of an account to itself (`opendirectoryd`), and launchd does this better.
    #[cfg(target_vendor = "apple")]
    pub fn assume(&self) -> Result<(), Failure> {
        Err(self.failure("on macOS launchd does this: set UserName in the property list, not process.user"))
    }

    /// As initgroups(3) would set them, but known, to be compared.
    #[cfg(not(target_vendor = "apple"))]
    fn groups(&self) -> nix::Result<Vec<Gid>> {
        match &self.name {
            Some(name) => nix::unistd::getgrouplist(name, self.gid),
            None => Ok(vec![self.gid]),
        }
    }

    #[cfg(not(target_vendor = "apple"))]
    fn verify(&self, groups: &[Gid]) -> Result<(), Failure> {
        use nix::unistd::{getgid, getgroups, getuid};
        let held = getgroups().map_err(|error| self.failure(error.desc()))?;
        let ids = (getuid(), geteuid(), getgid(), getegid());
        if ids != (self.uid, self.uid, self.gid, self.gid) || held.iter().any(|gid| !groups.contains(gid)) {
            return Err(self.failure("the system says yes, and has not done it"));
        }
        Ok(())
    }

    fn failure(&self, why: &str) -> Failure {
        let message = format!("cannot become user {} with group {}: {why}", self.uid, self.gid);
        Failure::new(Exit::System, message)
    }
}

/// The group of this name or number.
///
/// # Errors
/// There is none, or the system cannot say.
pub(super) fn named_group(group: Option<&str>, setting: &str) -> Result<Option<Gid>, Failure> {
    let Some(group) = group else { return Ok(None) };
    if let Ok(number) = group.parse() {
        return Ok(Some(Gid::from_raw(number)));
    }
    match Group::from_name(group) {
        Ok(Some(found)) => Ok(Some(found.gid)),
        Ok(None) => Err(unknown("group", group, &format!("create it, or set another {setting}"))),
        Err(error) => Err(not_asked(group, error)),
    }
}

pub(super) fn unknown(kind: &str, name: &str, advice: &str) -> Failure {
    Failure::new(Exit::Config, format!("this machine has no {kind} {name:?} ({advice})"))
}

pub(super) fn not_asked(name: &str, error: Errno) -> Failure {
    Failure::new(Exit::System, format!("cannot look up {name:?}: {} (try its number)", error.desc()))
}

/// No program that this process might start gets rights by itself, as set-user-id programs do.
#[cfg(target_os = "linux")]
pub(super) fn forgo_new_ones() {
    if let Err(error) = nix::sys::prctl::set_no_new_privs() {
        tracing::warn!(%error, "no_new_privs could not be set");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(user: Option<&str>, group: Option<&str>) -> Process {
        Process { user: user.map(str::to_owned), group: group.map(str::to_owned), ..Process::default() }
    }

    #[test]
    fn whoever_is_already_who_it_should_be_changes_nothing() {
        let (uid, gid) = (geteuid().to_string(), getegid().to_string());
        assert_eq!(Account::resolve(&process(None, None)), Ok(None));
        assert_eq!(Account::resolve(&process(Some(&uid), Some(&gid))), Ok(None));
        assert_eq!(Account::resolve(&process(None, Some(&gid))), Ok(None));
    }

    #[test]
    fn accounts_that_are_not_there_are_named() {
        for (user, group, advice) in [
            (Some("no-such-user"), None, "process.user"),
            (Some("root"), Some("no-such-group"), "process.group"),
            (Some("3999999999"), None, "process.group"),
        ] {
            let failure = Account::resolve(&process(user, group)).unwrap_err();
            assert_eq!(failure.code, Exit::Config);
            assert!(failure.message.contains(advice), "{}", failure.message);
        }
    }

    #[test]
    fn only_root_may_become_somebody_else() {
        let other = (geteuid().as_raw() + 1234).to_string();
        let resolved = Account::resolve(&process(Some(&other), Some("1234")));
        if geteuid().is_root() {
            assert_eq!(resolved.unwrap().unwrap().ids(), (Uid::from_raw(1234), Gid::from_raw(1234)));
        } else {
            assert_eq!(resolved.unwrap_err().code, Exit::System);
        }
    }
}
