//! Which configuration file the router that is meant reads: the running one says so, and where none can be asked, the
//! file of another router must not be taken for it.

use std::path::{Path, PathBuf};

use super::connection::Connection;
use super::failure::{Failure, NOT_RUNNING, USAGE};
use super::find;
use super::output::plain;
use crate::config::STANDARD_FILE;

/// What the running router reads.
pub(super) enum Reads {
    /// This file.
    File(PathBuf),
    /// A file whose name is no text, so that it cannot be told exactly.
    Unnameable(String),
    /// None: there is no standard file.
    Nothing,
}

/// The running router with what it reads.
pub(super) fn running(
    connect: impl FnOnce() -> Result<Connection, Failure>,
) -> Result<(Connection, Reads), Failure> {
    let mut router = connect()?;
    let reads = Reads::ask(&mut router)?;
    Ok((router, reads))
}

impl Reads {
    fn ask(router: &mut Connection) -> Result<Self, Failure> {
        let status = router.status()?;
        Ok(match (status.config_file, status.config_file_shown) {
            (Some(file), _) => Self::File(PathBuf::from(file)),
            (None, Some(shown)) => Self::Unnameable(shown),
            (None, None) => Self::Nothing,
        })
    }

    /// The file, to read or to change.
    pub fn file(&self) -> Result<Option<PathBuf>, Failure> {
        match self {
            Self::File(file) => Ok(Some(file.clone())),
            Self::Nothing => Ok(None),
            Self::Unnameable(shown) => {
                let why = format!("the running router has read {}, whose name is not UTF-8", plain(shown));
                Err(unknown(&why))
            }
        }
    }

    /// Whether it is this file that would be read again.
    pub fn is(&self, path: &Path) -> bool {
        match self {
            Self::File(file) => is_same(file, path),
            Self::Unnameable(shown) => path.canonicalize().is_ok_and(|path| path.to_string_lossy() == *shown),
            Self::Nothing => path == Path::new(STANDARD_FILE),
        }
    }

    /// For people.
    pub fn shown(&self) -> String {
        match self {
            Self::File(file) => plain(&file.display().to_string()),
            Self::Unnameable(shown) => plain(shown),
            Self::Nothing => "no file".to_owned(),
        }
    }
}

/// Without a file on the command line: that of the running router. None is the standard one, which a router without a
/// file looks for; no other may be taken for it.
pub(super) fn meant(
    running: Result<&Reads, &Failure>,
    socket: Option<&Path>,
) -> Result<Option<PathBuf>, Failure> {
    match running {
        Ok(reads) => reads.file(),
        Err(failure) if is_nobody(failure, socket) => Ok(None),
        Err(failure) => Err(unknown(&failure.to_string())),
    }
}

/// Whether there is no router, nothing that one has left, and no place where somebody expects one.
fn is_nobody(failure: &Failure, socket: Option<&Path>) -> bool {
    failure.is(NOT_RUNNING) && !find::is_named(socket) && find::socket(None).is_err()
}

/// Nobody says which file is meant.
pub(super) fn unknown(why: &str) -> Failure {
    let text =
        format!("it is not known which configuration file is meant ({why}): name it with --config FILE");
    Failure::new(USAGE, "unknown_file", text)
}

fn is_same(one: &Path, other: &Path) -> bool {
    one == other || one.canonicalize().is_ok_and(|one| other.canonicalize().is_ok_and(|other| one == other))
}
