//! A store in one SQLite file, which the plain `sqlite3` program can read.
//!
//! Write-ahead log and `synchronous=FULL`: what was committed survives a power cut. Beside the file stands a log of its own
//! for what comes too fast for transactions: see `intake`. The schema is in docs/store.md.

mod backup;
mod beside;
mod block;
mod check;
mod connect;
mod failure;
mod figures;
mod file;
mod filler;
mod intake;
mod merging;
mod reading;
mod schema;
mod state;
mod tried;
mod trim;
mod writing;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

pub use schema::SCHEMA;

use super::{Backend, Reading, StoreError, Writing};
use connect::Identity;
use reading::Reader;
use writing::Writer;

/// A store in a file. While it lives, no other router can have the same one.
pub struct Sqlite {
    place: Arc<Place>,
}

/// Where the store is.
struct Place {
    path: PathBuf,
    /// Which store it is; known from the first opening on.
    identity: Mutex<Option<Identity>>,
    /// The last number that anybody was told.
    last: AtomicU64,
    /// Held for as long as somebody may write.
    _lock: File,
}

impl Sqlite {
    /// Takes the store at this path, which is made if there is none; its directory must be there.
    ///
    /// # Errors
    /// Another router has it, or the place cannot be written to.
    pub fn new(path: &Path) -> Result<Self, StoreError> {
        let lock = connect::lock(path)?;
        let path = path.to_owned();
        let place = Place { path, identity: Mutex::new(None), last: AtomicU64::new(0), _lock: lock };
        Ok(Self { place: Arc::new(place) })
    }
}

impl Backend for Sqlite {
    fn writer(&self) -> Result<Box<dyn Writing>, StoreError> {
        let mut known = self.place.identity.lock().unwrap_or_else(PoisonError::into_inner);
        let connection = connect::writing(&self.place.path)?;
        let identity = connect::identity(&self.place.path, &connection)?;
        // Numbers would be given out twice if the router went on with another file, or with an older copy.
        let last = self.place.last.load(Ordering::Relaxed);
        if known.as_ref().is_some_and(|known| !identity.continues(known, last)) {
            return Err(failure::replaced(&self.place.path));
        }
        let writer = Writer::new(Arc::clone(&self.place), connection, identity.clone())?;
        *known = Some(identity);
        Ok(Box::new(writer))
    }

    fn reader(&self) -> Result<Box<dyn Reading>, StoreError> {
        Ok(Box::new(Reader::new(Arc::clone(&self.place))?))
    }
}

/// SQLite's integers have a sign.
fn int(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Nothing that we store is below zero.
fn uint(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

#[cfg(test)]
mod tests;
