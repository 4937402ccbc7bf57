//! The file that keeps what was left at the end until the next start.
//!
//! A JSON object in a line: `event`, whole; `expires_at_ms` on the wall's clock, for events that expire; and for a
//! delivery the `subscription` that it is owed to, with a number that tells subscribers with equal wishes apart. A line
//! without a subscription is an event that was not matched yet. The order is that of delivery.

mod line;

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, BufWriter};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::exit::{Exit, Failure};
use crate::protocol::Subscription;
use crate::router::{Left, Leftover, Millis, Owed};
use line::Clock;

/// Nobody but the router is to read events.
const MODE: u32 = 0o600;
/// The longest line that is read: the largest message, and a subscription. Longer ones are damaged.
const LONGEST_LINE: usize = 2 << 30;

/// Now, on both clocks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Now {
    /// The engine's.
    pub engine: Millis,
    /// Milliseconds since 1970.
    pub wall: i64,
}

/// What a file gave back.
#[derive(Default, Debug)]
pub(super) struct Taken {
    pub left: Left,
    /// Numbers of the lines that could not be read, from 1, and why.
    pub damaged: Vec<(usize, String)>,
}

/// Writes all that is left: there is either the old file or the whole new one, whenever the power fails.
///
/// # Errors
/// What the system said.
pub(super) fn write(path: &Path, left: &Left, now: Now) -> io::Result<()> {
    let partial = beside(path, "partial");
    remove(&partial)?;
    let file = OpenOptions::new().write(true).create_new(true).mode(MODE).open(&partial)?;
    let mut out = BufWriter::new(file);
    let clock = Clock::new(now);
    for leftover in &left.queued {
        line::write(&mut out, leftover, None, &clock)?;
    }
    for (number, owed) in left.owed.iter().enumerate() {
        let owner = line::owner(&owed.wanted, number);
        for leftover in &owed.deliveries {
            line::write(&mut out, leftover, Some(&owner), &clock)?;
        }
    }
    out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
    fs::rename(&partial, path)?;
    sync_directory(path)
}

/// Reads the file. It stays until [`remove`] or the next [`write`]: if the router breaks down before somebody has
/// claimed what is in it, the next start finds it again. Of a damaged one a copy is kept for the operator.
/// `None`: there is none.
///
/// # Errors
/// It is there and cannot be read. It would be overwritten at the end, so the router must not start.
pub(super) fn take(path: &Path, now: Now) -> Result<Option<Taken>, Failure> {
    let failed = |error: io::Error| {
        let advice = "mend its permissions, or move it away to start without what the last run left";
        Failure::new(
            Exit::Unavailable,
            format!("cannot take in drain.spool {}: {error} ({advice})", path.display()),
        )
    };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let taken = read(file, now).map_err(failed)?;
    if !taken.damaged.is_empty() {
        fs::copy(path, damaged(path)).map_err(failed)?;
    }
    Ok(Some(taken))
}

/// Where the copy of a damaged file is.
pub(super) fn damaged(path: &Path) -> PathBuf {
    beside(path, "damaged")
}

/// Nothing is left: there is to be no file.
///
/// # Errors
/// What the system said.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn read(file: File, now: Now) -> io::Result<Taken> {
    let mut input = BufReader::new(file);
    let (mut taken, mut owed) = (Taken::default(), BTreeMap::<u64, (Subscription, Vec<Leftover>)>::new());
    let clock = Clock::new(now);
    let mut text = Vec::new();
    for number in 1.. {
        text.clear();
        if input.read_until(b'\n', &mut text)? == 0 {
            break;
        }
        let line = text.strip_suffix(b"\n").ok_or_else(|| "it is cut off".to_owned());
        let line = line
            .and_then(|line| if line.len() > LONGEST_LINE { Err("it is too long".into()) } else { Ok(line) });
        match line.and_then(|line| line::read(line, &clock)) {
            Ok((leftover, None)) => taken.left.queued.push(leftover),
            Ok((leftover, Some((subscriber, wanted)))) => {
                owed.entry(subscriber).or_insert_with(|| (wanted, Vec::new())).1.push(leftover);
            }
            Err(why) => taken.damaged.push((number, why)),
        }
    }
    taken.left.owed = owed.into_values().map(|(wanted, deliveries)| Owed::new(wanted, deliveries)).collect();
    Ok(taken)
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    name.into()
}

/// A new name is safe only when the directory is (fsync(2)).
fn sync_directory(path: &Path) -> io::Result<()> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    File::open(directory.unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(test)]
mod tests;
