//! Lines with a bound on their length and on the time that they take.

use std::io;
use std::time::Duration;

use serde::Serialize;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use super::messages::{Answer, LONGEST_REQUEST};

/// How long a peer may take for a request, and for reading an answer.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// The next line without its end; `None` at the end of the stream.
///
/// # Errors
/// It is too long, takes too long, is cut off, or the connection is broken.
pub(super) async fn read(from: &mut (impl AsyncBufRead + Unpin)) -> io::Result<Option<Vec<u8>>> {
    let reading = async {
        let mut line = Vec::new();
        loop {
            let found = from.fill_buf().await?;
            if found.is_empty() {
                return if line.is_empty() { Ok(None) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
            }
            let end = found.iter().position(|&byte| byte == b'\n');
            let part = &found[..end.unwrap_or(found.len())];
            if line.len() + part.len() > LONGEST_REQUEST {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "too long"));
            }
            line.extend_from_slice(part);
            let used = part.len() + usize::from(end.is_some());
            from.consume(used);
            if end.is_some() {
                return Ok(Some(line));
            }
        }
    };
    timeout(PATIENCE, reading).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

/// Writes something as a line.
///
/// # Errors
/// It takes too long, or the connection is broken.
pub(super) async fn write(to: &mut (impl AsyncWrite + Unpin), message: &impl Serialize) -> io::Result<()> {
    let mut text = serde_json::to_vec(message)?;
    text.push(b'\n');
    timeout(PATIENCE, to.write_all(&text)).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

/// Writes an answer.
///
/// # Errors
/// As [`write()`].
pub(super) async fn answer(to: &mut (impl AsyncWrite + Unpin), answer: &Answer) -> io::Result<()> {
    write(to, answer).await
}

#[cfg(test)]
mod tests {
    use tokio::io::BufReader;

    use super::*;

    #[tokio::test]
    async fn lines_come_one_by_one_and_then_the_end() {
        let mut from = BufReader::with_capacity(2, &b"one\n\nthree\n"[..]);
        for line in ["one", "", "three"] {
            assert_eq!(read(&mut from).await.unwrap().unwrap(), line.as_bytes());
        }
        assert_eq!(read(&mut from).await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_line_that_is_cut_off_or_too_long_is_an_error() {
        let mut from = BufReader::new(&b"half"[..]);
        assert_eq!(read(&mut from).await.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        for (length, is_taken) in [(LONGEST_REQUEST, true), (LONGEST_REQUEST + 1, false)] {
            let text = [vec![b'x'; length], vec![b'\n']].concat();
            assert_eq!(read(&mut BufReader::new(&text[..])).await.is_ok(), is_taken);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_is_waited_for_longer_than_ten_seconds() {
        let (silent, _other) = tokio::io::duplex(8);
        let error = read(&mut BufReader::new(silent)).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        let (mut full, _other) = tokio::io::duplex(8);
        let error = write(&mut full, &"more than eight bytes").await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }
}
