//! One file of the intake log: groups one behind the other, from the beginning on, over what was there before.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::store::sqlite::beside::{folder_of, sync_folder};
use crate::store::sqlite::connect::MODE;

/// A file of the intake log. It is made when something is to be written.
pub(super) struct Log {
    path: PathBuf,
    file: Option<File>,
    /// Where the next group goes.
    end: u64,
}

impl Log {
    pub fn new(path: PathBuf) -> Self {
        Self { path, file: None, end: 0 }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes that are written since it began anew.
    pub fn bytes(&self) -> u64 {
        self.end
    }

    /// Bytes that are free beside it, as far as anybody knows.
    #[allow(clippy::useless_conversion, reason = "the types differ from system to system")]
    pub fn free(&self) -> Option<u64> {
        let found = nix::sys::statvfs::statvfs(folder_of(&self.path)).ok()?;
        Some(u64::from(found.blocks_available()).saturating_mul(u64::from(found.fragment_size())))
    }

    /// Writes a group, which begins where a block may, and whose length is a whole number of them. It is on the disk when
    /// this returns.
    pub fn append(&mut self, group: &[u8]) -> io::Result<()> {
        if self.file.is_none() {
            self.file = Some(create(&self.path)?);
        }
        let Some(file) = &self.file else { return Ok(()) };
        if let Err(error) = file.write_all_at(group, self.end).and_then(|()| sync(file)) {
            // Whoever finds it must not take for stored what is refused now.
            file.set_len(self.end).ok();
            return Err(error);
        }
        self.end += group.len() as u64;
        Ok(())
    }

    /// Of what it holds nothing is needed any more.
    pub fn restart(&mut self) {
        self.end = 0;
    }

    /// What the file holds, old groups as well.
    pub fn read(&self) -> io::Result<Vec<u8>> {
        match fs::read(&self.path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
            read => read,
        }
    }

    /// Takes the file away.
    pub fn remove(&mut self) -> io::Result<()> {
        (self.file, self.end) = (None, 0);
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            removed => removed,
        }
    }

    /// Gives the file another name, which it has safely when this returns.
    pub fn set_aside(&mut self, name: &Path) -> io::Result<()> {
        (self.file, self.end) = (None, 0);
        fs::rename(&self.path, name)?;
        sync_folder(name)
    }
}

/// Opens the file, which is there safely when this returns. Each write waits for the disk, and goes past the page cache
/// where the file system can do that: it takes two thirds of the time then.
fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false).mode(MODE);
    let opened = match options.custom_flags(flags::PAST_THE_CACHE).open(path) {
        Err(error) if error.kind() == ErrorKind::InvalidInput => {
            options.custom_flags(flags::SYNCHRONOUS).open(path)
        }
        opened => opened,
    };
    let file = opened?;
    sync_folder(path)?;
    Ok(file)
}

#[cfg(target_os = "linux")]
mod flags {
    use nix::fcntl::OFlag;

    /// open(2): a write returns when its data, and what is needed to find them, are on the disk.
    pub const SYNCHRONOUS: i32 = OFlag::O_DSYNC.bits();
    pub const PAST_THE_CACHE: i32 = OFlag::O_DSYNC.union(OFlag::O_DIRECT).bits();
}

#[cfg(not(target_os = "linux"))]
mod flags {
    pub const SYNCHRONOUS: i32 = 0;
    pub const PAST_THE_CACHE: i32 = 0;
}

/// What the flags do not do.
fn sync(file: &File) -> io::Result<()> {
    if cfg!(target_os = "linux") { Ok(()) } else { file.sync_data() }
}
