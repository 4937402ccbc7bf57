//! Landlock: this process gives up every file that the router does not need (landlock(7)).
//!
//! What is open stays usable. Sockets are not concerned, so neither is the journal nor the service manager.

use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, BitFlags, LandlockStatus, PathBeneath, PathFd, RestrictionStatus, Ruleset,
    RulesetAttr, RulesetCreatedAttr, RulesetError, RulesetStatus, make_bitflags,
};

/// What is given up. Later versions could also forbid to connect to Unix sockets, which the log and the notification of
/// the service manager need.
const GIVEN_UP: ABI = ABI::V5;

/// What is kept, of a directory and all below it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Right {
    /// To read files and to list them.
    Read,
    /// To make, read, write and remove files.
    Write,
    /// To remove files.
    RemoveFile,
    /// To remove directories.
    RemoveDir,
}

impl Right {
    fn access(self) -> BitFlags<AccessFs> {
        match self {
            Self::Read => make_bitflags!(AccessFs::{ReadFile | ReadDir}),
            Self::Write => {
                make_bitflags!(AccessFs::{ReadFile | ReadDir | WriteFile | Truncate | MakeReg | RemoveFile})
            }
            Self::RemoveFile => AccessFs::RemoveFile.into(),
            Self::RemoveDir => AccessFs::RemoveDir.into(),
        }
    }
}

/// The directories that are kept.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(super) struct Kept(Vec<(PathBuf, Right)>);

impl Kept {
    /// Keeps this directory.
    pub fn directory(&mut self, path: &Path, right: Right) {
        self.0.push((path.to_owned(), right));
    }

    /// Keeps the directory of this file, and, if that is a link, the one of the file behind it.
    pub fn around(&mut self, file: &Path, right: Right) {
        let behind = file.canonicalize().ok();
        for path in [Some(file), behind.as_deref()].into_iter().flatten() {
            if let Some(directory) = path.parent() {
                self.directory(directory, right);
            }
        }
    }

    /// Gives up everything else, as far as this kernel can, and logs how far that is. To be called while this is the
    /// process's only thread: others would keep all.
    pub fn and_nothing_else(&self) {
        match self.restrict() {
            Ok(status) => tell(&status),
            Err(error) => tracing::warn!(%error, "Landlock: files that are not needed could not be given up"),
        }
    }

    fn restrict(&self) -> Result<RestrictionStatus, RulesetError> {
        let mut ruleset = Ruleset::default().handle_access(AccessFs::from_all(GIVEN_UP))?.create()?;
        for (path, right) in &self.0 {
            match PathFd::new(path) {
                Ok(directory) => ruleset = ruleset.add_rule(PathBeneath::new(directory, right.access()))?,
                // What needs it will say so.
                Err(error) => tracing::debug!(path = %path.display(), %error, "not there to be kept"),
            }
        }
        ruleset.restrict_self()
    }
}

fn tell(status: &RestrictionStatus) {
    let version = match status.landlock {
        LandlockStatus::Available { effective_abi, kernel_abi } => {
            format!("version {}", kernel_abi.unwrap_or(effective_abi as i32))
        }
        LandlockStatus::NotEnabled => "it is turned off in this kernel".to_owned(),
        LandlockStatus::NotImplemented => "this kernel does not have it".to_owned(),
    };
    let level = match status.ruleset {
        RulesetStatus::FullyEnforced => "fully enforced",
        RulesetStatus::PartiallyEnforced => "partially enforced",
        RulesetStatus::NotEnforced => "not enforced",
    };
    tracing::info!("Landlock: {level} ({version})");
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_directory_of_a_file_is_kept_and_the_one_behind_a_link() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().canonicalize().unwrap();
        for name in ["a", "b"] {
            fs::create_dir(root.join(name)).unwrap();
        }
        fs::write(root.join("b/real"), "").unwrap();
        std::os::unix::fs::symlink("../b/real", root.join("a/link")).unwrap();
        let mut kept = Kept::default();
        kept.around(&root.join("a/link"), Right::Read);
        assert_eq!(kept.0, [(root.join("a"), Right::Read), (root.join("b"), Right::Read)]);
        let mut kept = Kept::default();
        kept.around(&root.join("absent/x"), Right::Write);
        assert_eq!(kept.0, [(root.join("absent"), Right::Write)]);
    }

    /// In a thread of its own: Landlock binds the thread that asks for it, and whatever that starts.
    #[test]
    fn what_is_kept_can_be_used_and_nothing_else() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().to_owned();
        for name in ["read", "write", "other"] {
            fs::create_dir(root.join(name)).unwrap();
            fs::write(root.join(name).join("x"), name).unwrap();
        }
        let mut kept = Kept::default();
        kept.directory(&root.join("read"), Right::Read);
        kept.directory(&root.join("write"), Right::Write);
        kept.directory(&root.join("absent"), Right::Write);
        std::thread::spawn(move || {
            let status = kept.restrict().unwrap();
            if status.ruleset == RulesetStatus::NotEnforced {
                return;
            }
            assert_eq!(fs::read(root.join("read/x")).unwrap(), b"read");
            assert!(fs::write(root.join("read/x"), "").is_err());
            fs::write(root.join("write/y"), "y").unwrap();
            fs::rename(root.join("write/y"), root.join("write/x")).unwrap();
            fs::remove_file(root.join("write/x")).unwrap();
            assert!(fs::read(root.join("other/x")).is_err() && fs::read("/etc/passwd").is_err());
        })
        .join()
        .unwrap();
    }
}
