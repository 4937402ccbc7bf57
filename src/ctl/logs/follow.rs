//! Follows a log file, also when it is moved away and begun anew, or cut.

use std::fs::{self, File};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::Path;

use super::Wanted;
use super::file::{next, open, unreadable};
use super::lines::Lines;
use crate::ctl::failure::Failure;
use crate::holder::is_same;

/// A file that grows.
pub(super) struct Followed<'a> {
    path: &'a Path,
    file: File,
    /// How far it is read.
    at: u64,
}

impl<'a> Followed<'a> {
    pub fn new(path: &'a Path, file: File, at: u64) -> Self {
        Self { path, file, at }
    }

    /// Passes on what comes, until nobody wants more.
    pub fn run(mut self, lines: &mut Lines<impl Write>, wanted: &Wanted) -> Result<(), Failure> {
        loop {
            self.read(lines)?;
            lines.flush().map_err(Failure::output)?;
            if !wanted.still() {
                return Ok(());
            }
            self.renew(lines)?;
        }
    }

    fn read(&mut self, lines: &mut Lines<impl Write>) -> Result<(), Failure> {
        while let Some(piece) = next(&mut self.file).map_err(|error| unreadable(self.path, &error))? {
            self.at += piece.len() as u64;
            lines.feed(&piece).map_err(Failure::output)?;
        }
        Ok(())
    }

    /// Goes over to the file that has the name now, or to the start of one that was cut.
    fn renew(&mut self, lines: &mut Lines<impl Write>) -> Result<(), Failure> {
        let failed = |error: io::Error| unreadable(self.path, &error);
        let target = fs::canonicalize(self.path).unwrap_or_else(|_| self.path.to_owned());
        // While there is no other, what still comes belongs to the old one.
        if fs::symlink_metadata(&target).is_ok() && !is_same(&self.file, &target).map_err(failed)? {
            let file = match open(self.path) {
                Ok(file) => file,
                // Gone again; the next one comes.
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
                Err(error) => return Err(failed(error)),
            };
            self.read(lines)?;
            lines.end().map_err(Failure::output)?;
            (self.file, self.at) = (file, 0);
        } else if self.file.metadata().map_err(failed)?.len() < self.at {
            lines.end().map_err(Failure::output)?;
            self.at = self.file.seek(SeekFrom::Start(0)).map_err(failed)?;
        }
        Ok(())
    }
}
