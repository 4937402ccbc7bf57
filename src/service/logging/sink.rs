//! Where lines go: stderr, or a file that can be moved away and opened anew. It counts what could not be written.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, fchown, lchown};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nix::fcntl::OFlag;

/// Of a log file: its group may read it, as on most systems.
const FILE_MODE: u32 = 0o640;
const DIRECTORY_MODE: u32 = 0o750;

/// Takes lines.
pub(super) struct Sink {
    to: Box<dyn Write + Send>,
    file: Option<LogFile>,
    /// Lines that could not be written since it was asked last, and why the first of them could not.
    lost: Option<(u64, io::Error)>,
    /// Nor could the last one.
    failing: bool,
    /// It ends in the middle of a line.
    torn: bool,
}

/// A path, and whose what is created there shall be.
pub(super) struct LogFile {
    pub(super) path: PathBuf,
    pub(super) owner: Option<(u32, u32)>,
}

impl Sink {
    pub(super) fn stderr() -> Self {
        Self::to(Box::new(io::stderr()))
    }

    /// # Errors
    /// The file can be neither opened nor created.
    pub(super) fn file(file: LogFile) -> io::Result<Self> {
        let opened = file.open()?;
        Ok(Self { file: Some(file), ..Self::to(Box::new(opened)) })
    }

    pub(super) fn to(to: Box<dyn Write + Send>) -> Self {
        Self { to, file: None, lost: None, failing: false, torn: false }
    }

    /// Opens the file at its path once more, if it is one.
    ///
    /// # Errors
    /// It cannot be opened: the old one goes on being used.
    pub(super) fn reopen(&mut self) -> io::Result<()> {
        if let Some(file) = &self.file {
            self.to = Box::new(file.open()?);
            self.torn = false;
        }
        Ok(())
    }

    /// How many lines were lost since it was asked last, and why; not before lines can be written again.
    pub(super) fn take_lost(&mut self) -> Option<(u64, io::Error)> {
        if self.failing { None } else { self.lost.take() }
    }

    /// Writes this line, or counts it.
    fn line(&mut self, line: &[u8]) {
        let done = self.try_line(line);
        self.failing = done.is_err();
        if let Err(error) = done {
            self.lost.get_or_insert((0, error)).0 += 1;
        }
    }

    fn try_line(&mut self, line: &[u8]) -> io::Result<()> {
        if self.torn {
            self.to.write_all(b"\n")?;
            self.torn = false;
        }
        let mut rest = line;
        while !rest.is_empty() {
            match self.to.write(rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => {
                    rest = &rest[written..];
                    self.torn = !rest.is_empty();
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

impl LogFile {
    fn open(&self) -> io::Result<File> {
        if let Some(directory) = self.path.parent() {
            self.create_directory(directory)?;
        }
        let mut options = OpenOptions::new();
        // Not through a link that somebody has laid, nor waiting for the reader of a pipe.
        let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
        options.append(true).mode(FILE_MODE).custom_flags(flags.bits());
        match options.clone().create_new(true).open(&self.path) {
            Ok(file) => {
                if let Some((user, group)) = self.owner {
                    fchown(&file, Some(user), Some(group))?;
                }
                Ok(file)
            }
            // Whosever it is, it stays so.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => options.open(&self.path),
            Err(error) => Err(error),
        }
    }

    /// The last directory of the path; those above it are the operator's.
    fn create_directory(&self, directory: &Path) -> io::Result<()> {
        if directory.as_os_str().is_empty() {
            return Ok(());
        }
        match DirBuilder::new().mode(DIRECTORY_MODE).create(directory) {
            Ok(()) => match self.owner {
                Some((user, group)) => lchown(directory, Some(user), Some(group)),
                None => Ok(()),
            },
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// A sink that its writer and its keeper share.
#[derive(Clone)]
pub(super) struct SharedSink(Arc<Mutex<Sink>>);

impl SharedSink {
    pub(super) fn new(sink: Sink) -> Self {
        Self(Arc::new(Mutex::new(sink)))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Sink> {
        // At worst a line is torn.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Each call is a line, and never fails: what cannot be written is counted.
impl Write for SharedSink {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.lock().line(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
