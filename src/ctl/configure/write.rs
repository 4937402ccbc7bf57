//! The file, read at first and replaced in the end: whole, or not at all.

use std::fs::{self, DirBuilder, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use nix::unistd::{AccessFlags, access};
use tempfile::Builder;

use crate::config::{STANDARD_FILE, fetch};
use crate::ctl::failure::{DENIED, Failure, SYSTEM, UNAVAILABLE};
use crate::ctl::output::plain;

/// What a new file gets: everybody may read how the router is set.
const FILE_MODE: u32 = 0o644;
const DIRECTORY_MODE: u32 = 0o755;

/// A file that may be there already.
pub(super) struct Target {
    /// As it was named.
    pub path: PathBuf,
    /// Where a link leads.
    real: PathBuf,
    /// Its content; "" when it is not there.
    pub before: String,
    is_new: bool,
}

impl Target {
    /// Only the standard directory is made where it is missing: another is more likely a slip of the pen.
    pub fn read(path: &Path) -> Result<Self, Failure> {
        let target = Self::at(path)?;
        let folder = target.folder();
        if target.is_new && path != Path::new(STANDARD_FILE) && !folder.is_dir() {
            let (folder, shown) = (plain(&folder.display().to_string()), target.shown());
            let text = format!(
                "there is no directory {folder} for {shown}: correct the name, or make it (mkdir -p)"
            );
            return Err(Failure::new(UNAVAILABLE, "no_directory", text));
        }
        Ok(target)
    }

    fn at(path: &Path) -> Result<Self, Failure> {
        let failed = |error: &io::Error| cannot("read", path, error);
        let mut target =
            Self { path: path.to_owned(), real: path.to_owned(), before: String::new(), is_new: true };
        match path.canonicalize() {
            Ok(real) => {
                target.before = text(&real).map_err(|error| failed(&error))?;
                (target.real, target.is_new) = (real, false);
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound && path.symlink_metadata().is_err() => {}
            Err(error) => return Err(failed(&error)),
        }
        Ok(target)
    }

    /// For people.
    pub fn shown(&self) -> String {
        plain(&self.path.display().to_string())
    }

    /// Whether it has yet to be made.
    pub fn is_new(&self) -> bool {
        self.is_new
    }

    /// Whether it could be written; better known before the questions than after them.
    pub fn check_permission(&self) -> Result<(), Failure> {
        let there = self.folder().ancestors().find(|folder| folder.exists()).unwrap_or(Path::new("."));
        access(there, AccessFlags::W_OK).map_err(|error| self.unwritable(&error.into()))
    }

    fn folder(&self) -> &Path {
        let folder = self.real.parent().filter(|folder| !folder.as_os_str().is_empty());
        folder.unwrap_or(Path::new("."))
    }

    /// It is replaced by another file, so that it is the directory which has to be writable.
    fn unwritable(&self, error: &io::Error) -> Failure {
        let (folder, shown) = (plain(&self.folder().display().to_string()), self.shown());
        match error.kind() {
            io::ErrorKind::PermissionDenied => {
                let text = format!("no permission to write in {folder}, where {shown} is replaced: use sudo");
                Failure::new(DENIED, "not_permitted", text)
            }
            io::ErrorKind::ReadOnlyFilesystem => {
                let text = format!("{shown} cannot be written: {folder} is on a read-only file system");
                Failure::new(DENIED, "not_permitted", text)
            }
            _ => cannot("write", &self.path, error),
        }
    }

    /// Replaces it, unless somebody else has meanwhile.
    pub fn write(&self, text: &str) -> Result<(), Failure> {
        self.replace(text).map_err(|error| self.unwritable(&error))
    }

    fn replace(&self, content: &str) -> io::Result<()> {
        let folder = self.folder();
        DirBuilder::new().recursive(true).mode(DIRECTORY_MODE).create(folder)?;
        // In the same directory: else it would not be a matter of one moment.
        let mut file = Builder::new().prefix(".config.toml.").tempfile_in(folder)?;
        let mode = match self.real.metadata() {
            Ok(found) => {
                let own = file.as_file().metadata()?;
                if (own.uid(), own.gid()) != (found.uid(), found.gid()) {
                    fchown(file.as_file(), Some(found.uid()), Some(found.gid()))?;
                }
                found.mode() & 0o7777
            }
            Err(_) => FILE_MODE,
        };
        file.as_file().set_permissions(Permissions::from_mode(mode))?;
        file.write_all(content.as_bytes())?;
        file.as_file().sync_all()?;
        if self.has_changed() {
            return Err(io::Error::other("somebody has changed it meanwhile; look at it, and try again"));
        }
        if self.is_new {
            file.persist_noclobber(&self.real)?;
        } else {
            file.persist(&self.real)?;
        }
        File::open(folder)?.sync_all()
    }

    fn has_changed(&self) -> bool {
        if self.is_new { self.real.exists() } else { text(&self.real).ok().as_ref() != Some(&self.before) }
    }
}

fn text(path: &Path) -> io::Result<String> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is not a file"));
    }
    String::from_utf8(fetch(path)?).map_err(|_| io::Error::other("it is not UTF-8"))
}

fn cannot(what: &str, path: &Path, error: &io::Error) -> Failure {
    let shown = plain(&path.display().to_string());
    if error.kind() == io::ErrorKind::PermissionDenied {
        return Failure::new(DENIED, "not_permitted", format!("no permission to {what} {shown}: use sudo"));
    }
    Failure::new(SYSTEM, "system", format!("cannot {what} {shown}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(path: &Path, text: &str) -> Result<(), Failure> {
        Target::read(path)?.write(text)
    }

    #[test]
    fn a_file_keeps_its_permissions_and_a_link_stays_one() {
        let folder = tempfile::tempdir().unwrap();
        let (real, link) = (folder.path().join("real"), folder.path().join("link"));
        fs::write(&real, "old").unwrap();
        fs::set_permissions(&real, Permissions::from_mode(0o640)).unwrap();
        std::os::unix::fs::symlink("real", &link).unwrap();
        write(&link, "new").unwrap();
        assert!(link.symlink_metadata().unwrap().is_symlink());
        assert_eq!(fs::read_to_string(&real).unwrap(), "new");
        assert_eq!(real.metadata().unwrap().mode() & 0o7777, 0o640);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "nothing else is left");
    }

    #[test]
    fn what_is_not_there_is_made_with_its_directory() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b/c.toml");
        assert!(format!("{:?}", write(&path, "x")).contains("mkdir"), "it is not the standard one");
        assert!(!folder.path().join("a").exists());
        Target::at(&path).unwrap().write("x").unwrap();
        assert_eq!(path.metadata().unwrap().mode() & 0o7777, FILE_MODE);
        assert_eq!(path.parent().unwrap().metadata().unwrap().mode() & 0o7777 & !0o755, 0);
    }

    #[test]
    fn what_somebody_else_has_written_meanwhile_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c.toml");
        let new = Target::read(&path).unwrap();
        fs::write(&path, "theirs").unwrap();
        assert!(new.write("ours").is_err());
        let target = Target::read(&path).unwrap();
        fs::write(&path, "theirs again").unwrap();
        assert!(format!("{:?}", target.write("ours")).contains("meanwhile"));
        assert_eq!(fs::read_to_string(&path).unwrap(), "theirs again");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_link_to_nothing_and_what_is_no_file_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink("nothing", &link).unwrap();
        assert!(Target::read(&link).is_err() && Target::read(folder.path()).is_err());
    }
}
