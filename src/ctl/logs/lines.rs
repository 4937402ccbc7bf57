//! Pieces of a file made into lines: whole ones only, until it is clear that no more comes.

use std::io::{self, Write};

use serde_json::json;
use serde_json::value::RawValue;

/// A line longer than this is passed on in pieces: whoever writes it must not have us hold all of it.
const LONGEST: usize = 1 << 20;

/// Lines on their way.
pub(super) struct Lines<W> {
    to: W,
    json: bool,
    begun: Vec<u8>,
}

impl<W: Write> Lines<W> {
    pub fn new(to: W, json: bool) -> Self {
        Self { to, json, begun: Vec::new() }
    }

    /// More of the file.
    pub fn feed(&mut self, mut piece: &[u8]) -> io::Result<()> {
        while let Some(end) = memchr::memchr(b'\n', piece) {
            self.begun.extend_from_slice(&piece[..end]);
            self.write()?;
            piece = &piece[end + 1..];
        }
        self.begun.extend_from_slice(piece);
        if self.begun.len() > LONGEST { self.write() } else { Ok(()) }
    }

    /// Nothing follows what is begun.
    pub fn end(&mut self) -> io::Result<()> {
        if self.begun.is_empty() { Ok(()) } else { self.write() }
    }

    /// Passes on what was written.
    pub fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }

    fn write(&mut self) -> io::Result<()> {
        let line = std::mem::take(&mut self.begun);
        if self.json && serde_json::from_slice::<&RawValue>(&line).is_err() {
            let text = String::from_utf8_lossy(&line);
            return writeln!(self.to, "{}", json!({ "line": text }));
        }
        self.to.write_all(&line)?;
        self.to.write_all(b"\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(json: bool, pieces: &[&[u8]]) -> String {
        let mut lines = Lines::new(Vec::new(), json);
        pieces.iter().for_each(|piece| lines.feed(piece).unwrap());
        lines.end().unwrap();
        String::from_utf8(lines.to).unwrap()
    }

    #[test]
    fn a_line_in_pieces_is_one_line() {
        assert_eq!(written(false, &[b"a\nb", b"", b"c", b"\n\nd"]), "a\nbc\n\nd\n");
        let mut lines = Lines::new(Vec::new(), false);
        lines.feed(b"a\nbegun").unwrap();
        assert_eq!(lines.to, b"a\n");
    }

    #[test]
    fn lines_of_json_stay_as_they_are_and_others_become_json() {
        assert_eq!(
            written(true, &[b"{\"a\": 1}\nx \"y\"\n\xff\n"]),
            "{\"a\": 1}\n{\"line\":\"x \\\"y\\\"\"}\n{\"line\":\"\u{fffd}\"}\n"
        );
    }

    #[test]
    fn a_line_without_end_is_not_held() {
        let mut lines = Lines::new(Vec::new(), false);
        for _ in 0..40 {
            lines.feed(&[b'x'; 1 << 16]).unwrap();
            assert!(lines.begun.len() <= LONGEST);
        }
    }
}
