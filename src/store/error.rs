//! What can go wrong with a store.

use std::path::{Path, PathBuf};

/// What kind of trouble it is: what a program decides by.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Kind {
    /// More waits to be written than may: later there is room again.
    Busy,
    /// The disk, or the quota, is full.
    Full,
    /// The file or its file system may not be written to.
    ReadOnly,
    /// The disk failed, or the file cannot be reached.
    Io,
    /// Another program holds SQLite's lock on the file.
    Locked,
    /// Another router has this store.
    Taken,
    /// The file is damaged.
    Corrupt,
    /// A later version of the router wrote the file.
    Newer,
    /// The file is something else than an event store.
    Foreign,
    /// The file was removed or replaced while the router had it.
    Replaced,
    /// Nothing has this name or number.
    NotFound,
    /// There is a file of that name already.
    Exists,
    /// This kind of store cannot do that.
    Unsupported,
    /// The store has ended.
    Ended,
}

impl Kind {
    /// The name in logs, metrics and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Busy => "busy",
            Self::Full => "disk_full",
            Self::ReadOnly => "read_only",
            Self::Io => "io",
            Self::Locked => "locked",
            Self::Taken => "taken",
            Self::Corrupt => "corrupt",
            Self::Newer => "newer_schema",
            Self::Foreign => "foreign",
            Self::Replaced => "replaced",
            Self::NotFound => "not_found",
            Self::Exists => "exists",
            Self::Unsupported => "unsupported",
            Self::Ended => "ended",
        }
    }

    /// It does not go away by itself: somebody has to do what the message says, and then restart the router.
    pub const fn is_lasting(self) -> bool {
        matches!(self, Self::Corrupt | Self::Newer | Self::Foreign | Self::Replaced | Self::Taken)
    }
}

/// Why the store did not do something: one line that names the file and what to do.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{message}")]
pub struct StoreError {
    /// What kind of trouble.
    pub kind: Kind,
    /// What a person should know.
    pub message: Box<str>,
    /// The file it is about.
    pub path: Option<PathBuf>,
}

impl StoreError {
    /// Trouble that is not about a file.
    pub fn new(kind: Kind, message: impl Into<Box<str>>) -> Self {
        Self { kind, message: message.into(), path: None }
    }

    /// Trouble with a file.
    pub fn of(kind: Kind, path: &Path, message: impl Into<Box<str>>) -> Self {
        Self { kind, message: message.into(), path: Some(path.to_owned()) }
    }

    /// The store has ended.
    pub fn ended() -> Self {
        Self::new(Kind::Ended, "the event store has ended: the router is stopping")
    }
}
