//! A copy of the file, made while the router writes on.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};

use super::beside::{beside, sync_folder};
use super::connect::MODE;
use super::failure;
use crate::store::{Kind, StoreError};

/// Pages that are copied at a time.
const STEP: i32 = 1_024;

/// A file that is removed again unless it got its name.
struct Partial(PathBuf);

impl Drop for Partial {
    fn drop(&mut self) {
        // It is gone when all went well.
        fs::remove_file(&self.0).ok();
    }
}

/// Copies the store into `to`, which appears only when it is whole. Returns its size.
pub(super) fn backup(
    connection: &Connection,
    path: &Path,
    to: &Path,
    overwrite: bool,
) -> Result<u64, StoreError> {
    let exists = || {
        let message =
            format!("{} exists already; name another file, or allow it to be overwritten", to.display());
        StoreError::of(Kind::Exists, to, message)
    };
    if !overwrite && to.symlink_metadata().is_ok() {
        return Err(exists());
    }
    let io = |error: &io::Error| {
        let kind = failure::io(to, error).kind;
        StoreError::of(kind, to, format!("no copy of the event store in {}: {error}", to.display()))
    };
    let name = beside(to, ".partial");
    let made = OpenOptions::new().write(true).create_new(true).mode(MODE).open(&name);
    let made = made.map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => {
            let message =
                format!("{} is there: another backup runs, or one broke off; remove it then", name.display());
            StoreError::of(Kind::Exists, &name, message)
        }
        _ => io(&error),
    })?;
    drop(made);
    let partial = Partial(name);
    copy(connection, &partial.0).map_err(|error| {
        // Either file may be to blame; the kind and SQLite's own words say which.
        let kind = failure::of(path)(error);
        StoreError { message: format!("no copy in {}: {}", to.display(), kind.message).into(), ..kind }
    })?;
    let copied = File::open(&partial.0).and_then(|file| file.sync_all().and_then(|()| file.metadata()));
    let size = copied.map_err(|error| io(&error))?.len();
    if overwrite {
        fs::rename(&partial.0, to).map_err(|error| io(&error))?;
    } else {
        // Unlike renaming, this does not replace what somebody has put there meanwhile.
        fs::hard_link(&partial.0, to).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => exists(),
            _ => io(&error),
        })?;
    }
    // The name, too, is to survive a power cut.
    sync_folder(to).map_err(|error| io(&error))?;
    Ok(size)
}

fn copy(connection: &Connection, to: &Path) -> rusqlite::Result<()> {
    // One state for the whole copy: else it would begin anew with every commit, and never end under load.
    let snapshot = connection.unchecked_transaction()?;
    snapshot.query_row("SELECT count(*) FROM meta", [], |_| Ok(()))?;
    let mut target = Connection::open(to)?;
    {
        let backup = Backup::new(&snapshot, &mut target)?;
        while backup.step(STEP)? == StepResult::More {}
    }
    // One file that needs no log beside it.
    target.pragma_update_and_check(None, "journal_mode", "DELETE", |_| Ok(()))?;
    Ok(())
}
