//! Opening the file.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, OptionalExtension};

use super::{beside::beside, failure, schema, uint};
use crate::store::{Kind, Sequence, StoreError};

/// Events are for nobody else's eyes.
pub(super) const MODE: u32 = 0o600;
/// How long another program's lock is waited for. Publishers wait as long; then they are told.
const BUSY: Duration = Duration::from_secs(2);
/// Bytes in a page. A commit copies, checks and writes whole pages, and a larger one has more of what is committed together;
/// beyond this a commit of one event pays for it.
const PAGE: i64 = 8_192;
/// Pages of the log after which a commit also moves them into the file. Usually a lull does that earlier.
const CHECKPOINT_PAGES: i64 = 2_000;
/// A log that grew larger is cut back to this when it begins anew.
const LOG_BYTES: i64 = 64 << 20;
/// Kibibytes of pages that the writer, and a reader, keep in memory.
const WRITER_CACHE: i64 = 16 << 10;
const READER_CACHE: i64 = 4 << 10;
/// Statements that are kept prepared.
const STATEMENTS: usize = 64;

/// Which store a file is.
#[derive(Clone)]
pub(super) struct Identity {
    pub store: String,
    pub last: Sequence,
    file: (u64, u64),
}

impl Identity {
    /// It is the same store, and has lost nothing up to this number.
    pub fn continues(&self, earlier: &Self, last: Sequence) -> bool {
        self.store == earlier.store && self.last >= last
    }

    /// The file that has this name is still the one that was opened.
    pub fn is_at(&self, path: &Path) -> bool {
        file_at(path).is_ok_and(|file| file == self.file)
    }
}

fn file_at(path: &Path) -> io::Result<(u64, u64)> {
    fs::symlink_metadata(path).map(|found| (found.dev(), found.ino()))
}

/// Keeps other routers from the store. A lock of our own: SQLite's would also keep out who only wants to read.
pub(super) fn lock(path: &Path) -> Result<File, StoreError> {
    let name = beside(path, ".lock");
    let mut options = OpenOptions::new();
    let opened = options.read(true).write(true).create(true).truncate(false).mode(MODE).open(&name);
    let file = opened.map_err(|error| failure::io(&name, &error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::of(
            Kind::Taken,
            path,
            format!(
                "another router has the event store {}: stop that one, or set another store.path",
                path.display()
            ),
        )),
        Err(TryLockError::Error(error)) => Err(failure::io(&name, &error)),
    }
}

/// The connection that writes.
pub(super) fn writing(path: &Path) -> Result<Connection, StoreError> {
    let failed = failure::of(path);
    make(path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags).map_err(&failed)?;
    guard(&connection, WRITER_CACHE).map_err(&failed)?;
    let version = version(path, &connection)?;
    let version = match version {
        Some(version) => version,
        // Only an empty file can be told to give pages back.
        None => {
            connection.pragma_update(None, "page_size", PAGE).map_err(&failed)?;
            connection.pragma_update(None, "auto_vacuum", "INCREMENTAL").map(|()| 0).map_err(&failed)?
        }
    };
    let mode: String =
        connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0)).map_err(&failed)?;
    if mode != "wal" {
        let message = format!(
            "the event store {}: its file system cannot share memory, as network file systems; set another store.path",
            path.display()
        );
        return Err(StoreError::of(Kind::Unsupported, path, message));
    }
    for (name, value) in [
        ("synchronous", "FULL"),
        // Where `fsync` alone does not reach the disk.
        ("fullfsync", "ON"),
        ("checkpoint_fullfsync", "ON"),
    ] {
        connection.pragma_update(None, name, value).map_err(&failed)?;
    }
    for (name, value) in [("wal_autocheckpoint", CHECKPOINT_PAGES), ("journal_size_limit", LOG_BYTES)] {
        connection.pragma_update_and_check(None, name, value, |_| Ok(())).map_err(&failed)?;
    }
    if version < schema::SCHEMA {
        schema::migrate(&mut connection, version).map_err(&failed)?;
    }
    Ok(connection)
}

/// A connection that cannot write.
pub(super) fn reading(path: &Path) -> Result<Connection, StoreError> {
    let failed = failure::of(path);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(&failed)?;
    guard(&connection, READER_CACHE).map_err(&failed)?;
    version(path, &connection)?;
    Ok(connection)
}

/// The file, which is not somewhere else.
fn make(path: &Path) -> Result<(), StoreError> {
    let made = OpenOptions::new().write(true).create_new(true).mode(MODE).open(path);
    match made {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let found = fs::symlink_metadata(path).map_err(|error| failure::io(path, &error))?;
            let is_file = found.is_file();
            is_file.then_some(()).ok_or_else(|| failure::io(path, &io::Error::other("it is not a file")))
        }
        Err(error) => Err(failure::io(path, &error)),
    }
}

/// The file may have been changed by anybody: nothing in it is to be run.
fn guard(connection: &Connection, cache: i64) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    // A statement would be planned anew for each number that is bound to it, and the plan be the same.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.busy_timeout(BUSY)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.pragma_update(None, "cache_size", -cache)
}

/// The schema's version; `None` = the file is empty.
fn version(path: &Path, connection: &Connection) -> Result<Option<u32>, StoreError> {
    let failed = failure::of(path);
    let number =
        |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).map_err(&failed);
    let (application, version) = (number("application_id")?, number("user_version")?);
    let file = path.display();
    if application == schema::APPLICATION {
        let newer = || {
            let message = format!(
                "the event store {file} has schema {version} and this router knows {}: it was written by a later version; run that one, or set another store.path",
                schema::SCHEMA
            );
            StoreError::of(Kind::Newer, path, message)
        };
        let version = u32::try_from(version).map_err(|_| newer())?;
        return if version <= schema::SCHEMA { Ok(Some(version)) } else { Err(newer()) };
    }
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).map_err(&failed)?;
    if tables == 0 && application == 0 && version == 0 {
        return Ok(None);
    }
    let message = format!("{file} is a database, but no event store; set another store.path");
    Err(StoreError::of(Kind::Foreign, path, message))
}

/// Which store this is.
pub(super) fn identity(path: &Path, connection: &Connection) -> Result<Identity, StoreError> {
    let failed = failure::of(path);
    let file = file_at(path).map_err(|error| failure::io(path, &error))?;
    let store = connection
        .query_row("SELECT value FROM meta WHERE key = 'store'", [], |row| row.get(0))
        .optional()
        .map_err(&failed)?;
    let store = store.unwrap_or_default();
    Ok(Identity { store, last: last(connection).map_err(&failed)?, file })
}

/// The number that was given out last. What is there counts, too, should somebody have changed the file by hand.
pub(super) fn last(connection: &Connection) -> rusqlite::Result<Sequence> {
    let sql = "SELECT max(ifnull((SELECT value FROM meta WHERE key = 'last_sequence'), 0),
        ifnull((SELECT max(last) FROM block WHERE id >= (SELECT batch FROM block ORDER BY id DESC LIMIT 1)), 0))";
    connection.prepare_cached(sql)?.query_row([], |row| row.get(0)).map(uint)
}
