//! What SQLite's errors mean, and what to do about them.

use std::io;
use std::path::Path;

use rusqlite::{Error, ErrorCode, ffi};

use crate::store::{Kind, StoreError};

/// Says what an error of SQLite is, for this file.
pub(super) fn of(path: &Path) -> impl Fn(Error) -> StoreError {
    move |error| {
        let kind = kind(&error);
        let file = path.display();
        let advice = match kind {
            Kind::Full => "free some space on its file system, or lower the limits of [[store.rule]]",
            Kind::ReadOnly => {
                "let the router's user write the file, its directory and its -wal and -shm files"
            }
            Kind::Locked => "another program holds its lock: close the sqlite3 or backup that has it open",
            Kind::Corrupt => {
                "stop the router, keep a copy, and restore a backup or recover it with `sqlite3 FILE .recover`"
            }
            Kind::Replaced => return replaced(path),
            _ => "look at the system's log for this disk, and whether the directory is there",
        };
        StoreError::of(kind, path, format!("the event store {file}: {error}; {advice}"))
    }
}

fn kind(error: &Error) -> Kind {
    let Error::SqliteFailure(failure, _) = error else { return Kind::Io };
    if failure.extended_code == ffi::SQLITE_READONLY_DBMOVED {
        return Kind::Replaced;
    }
    match failure.code {
        ErrorCode::DiskFull => Kind::Full,
        ErrorCode::ReadOnly | ErrorCode::PermissionDenied => Kind::ReadOnly,
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => Kind::Locked,
        ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => Kind::Corrupt,
        _ => Kind::Io,
    }
}

/// The router had another file than this.
pub(super) fn replaced(path: &Path) -> StoreError {
    let message = format!(
        "the event store {} was removed or replaced while the router had it; put the file back, or restart the router to go on with what is there",
        path.display()
    );
    StoreError::of(Kind::Replaced, path, message)
}

/// Trouble with a file that SQLite has nothing to do with.
pub(super) fn io(path: &Path, error: &io::Error) -> StoreError {
    let (kind, advice) = match error.kind() {
        io::ErrorKind::NotFound => (Kind::Io, "make its directory, or set another store.path"),
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            (Kind::ReadOnly, "let the router's user write there, or set another store.path")
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            (Kind::Full, "free some space on its file system")
        }
        _ => (Kind::Io, "set another store.path"),
    };
    StoreError::of(kind, path, format!("the event store {}: {error}; {advice}", path.display()))
}
