//! The log in a file: its last lines, found from its end.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use super::follow::Followed;
use super::lines::Lines;
use super::{LogsArgs, Wanted};
use crate::ctl::failure::{DENIED, Failure, SYSTEM, UNAVAILABLE};
use crate::ctl::output::Output;

/// What is read at once.
pub(super) const PIECE: usize = 64 << 10;

pub(super) fn print(path: &Path, args: &LogsArgs, wanted: &Wanted, out: &Output) -> Result<(), Failure> {
    let mut file = open(path).map_err(|error| unreadable(path, &error))?;
    let start = start_of_last(&mut file, args.lines).map_err(|error| unreadable(path, &error))?;
    file.seek(SeekFrom::Start(start)).map_err(|error| unreadable(path, &error))?;
    let mut lines = Lines::new(io::stdout().lock(), out.json);
    if args.follow {
        return Followed::new(path, file, start).run(&mut lines, wanted);
    }
    while let Some(piece) = next(&mut file).map_err(|error| unreadable(path, &error))? {
        lines.feed(&piece).map_err(Failure::output)?;
    }
    lines.end().map_err(Failure::output)
}

/// Only files: a FIFO would keep us waiting.
pub(super) fn open(path: &Path) -> io::Result<File> {
    if !path.metadata()?.is_file() {
        return Err(io::Error::other("it is not a file"));
    }
    File::open(path)
}

/// What comes next in the file, if there is more.
pub(super) fn next(file: &mut File) -> io::Result<Option<Vec<u8>>> {
    let mut piece = Vec::with_capacity(PIECE);
    let read = file.take(PIECE as u64).read_to_end(&mut piece)?;
    Ok((read > 0).then_some(piece))
}

pub(super) fn unreadable(path: &Path, error: &io::Error) -> Failure {
    let shown = path.display();
    match error.kind() {
        io::ErrorKind::PermissionDenied => {
            let text = format!("no permission to read the log {shown}: use sudo");
            Failure::new(DENIED, "not_permitted", text)
        }
        io::ErrorKind::NotFound => Failure::new(
            UNAVAILABLE,
            "no_log",
            format!("the log should be in {shown}, but there is no such file"),
        ),
        _ => Failure::new(SYSTEM, "system", format!("cannot read the log {shown}: {error}")),
    }
}

/// Where the last lines begin. Memory holds one piece of the file, whatever its size.
fn start_of_last(file: &mut File, lines: usize) -> io::Result<u64> {
    let size = file.seek(SeekFrom::End(0))?;
    if lines == 0 {
        return Ok(size);
    }
    let (mut start, mut left) = (size, lines);
    let mut piece = Vec::with_capacity(PIECE);
    while start > 0 {
        let length = start.min(PIECE as u64);
        start -= length;
        file.seek(SeekFrom::Start(start))?;
        piece.clear();
        file.take(length).read_to_end(&mut piece)?;
        for end in memchr::memrchr_iter(b'\n', &piece) {
            let behind = start + end as u64 + 1;
            // The end of the last line is not the start of another.
            if behind == size {
                continue;
            }
            left -= 1;
            if left == 0 {
                return Ok(behind);
            }
        }
    }
    Ok(0)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn last(text: &[u8], lines: usize) -> Vec<u8> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(text).unwrap();
        let start = start_of_last(&mut file, lines).unwrap();
        text[usize::try_from(start).unwrap()..].to_owned()
    }

    #[test]
    fn the_last_lines_are_found_from_the_end() {
        assert_eq!(last(b"a\nb\nc\n", 2), b"b\nc\n");
        assert_eq!(last(b"a\nb\nc", 2), b"b\nc");
        assert_eq!(last(b"a\n\n", 1), b"\n");
        assert_eq!(last(b"a\nb\n", 9), b"a\nb\n");
        assert_eq!(last(b"a\nb\n", 0), b"");
        assert_eq!(last(b"", 3), b"");
    }

    #[test]
    fn they_are_found_across_the_pieces_in_which_it_is_read() {
        for length in [PIECE - 2, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE] {
            let line = [vec![b'x'; length], b"\n".to_vec()].concat();
            let text = [line.clone(), line.clone(), line.clone()].concat();
            assert_eq!(last(&text, 2).len(), 2 * line.len(), "{length}");
        }
    }
}
