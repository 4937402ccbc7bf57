//! What an event says: from an argument, a file or stdin.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::thread;

use serde_json::value::{RawValue, to_raw_value};
use tokio::sync::mpsc;

use super::super::failure::{Failure, USAGE};

/// The longest payload that is read. A router takes messages of 10 MB unless it is told otherwise.
const LONGEST: u64 = 64 << 20;
/// Lines that are read before they are sent: enough not to wait for each other.
const LINES_AHEAD: usize = 64;

/// A text as JSON. What looks like an object, a list or a string must be JSON; what else is JSON (numbers, true, false,
/// null) is that; the rest is a string.
pub(super) fn read(text: String, as_text: bool, place: &str) -> Result<Box<RawValue>, Failure> {
    if as_text {
        return quoted(&text);
    }
    let begins = text.trim_start().chars().next();
    match serde_json::from_str::<Box<RawValue>>(&text) {
        Ok(json) => Ok(json),
        Err(error) if matches!(begins, Some('{' | '[' | '"')) => {
            let why = format!("{place} is no JSON: {error}; correct it, or send it as a string with --text");
            Err(Failure::new(USAGE, "invalid_json", why))
        }
        Err(_) => quoted(&text),
    }
}

fn quoted(text: &str) -> Result<Box<RawValue>, Failure> {
    to_raw_value(text).map_err(|error| Failure::new(USAGE, "invalid_json", error.to_string()))
}

/// All of a file, or of stdin when its name is `-`, without the line feed at its end.
pub(super) fn whole(file: &Path) -> Result<String, Failure> {
    let mut text = String::new();
    let size =
        open(file)?.take(LONGEST + 1).read_to_string(&mut text).map_err(|error| cannot(file, &error))?;
    if size as u64 > LONGEST {
        return Err(too_long(&named(file)));
    }
    text.truncate(text.strip_suffix('\n').map_or(text.len(), |text| text.trim_end_matches('\r').len()));
    Ok(text)
}

/// What a line says.
pub(super) type Line = Result<Box<RawValue>, Failure>;

/// Each line of a file, or of stdin, that is not empty, as it comes. A thread reads them: stdin cannot be waited for
/// otherwise on every system.
pub(super) fn lines(file: &Path, as_text: bool) -> Result<mpsc::Receiver<Line>, Failure> {
    let (sender, receiver) = mpsc::channel(LINES_AHEAD);
    let mut from = BufReader::new(open(file)?);
    let file = file.to_owned();
    thread::spawn(move || {
        for number in 1_u64.. {
            let place = format!("line {number} of {}", named(&file));
            let line = match line(&mut from, &file, &place) {
                Ok(None) => return,
                Ok(Some(text)) if text.trim().is_empty() => continue,
                Ok(Some(text)) => read(text, as_text, &place),
                Err(failure) => Err(failure),
            };
            // Whoever no longer listens has ended.
            if sender.blocking_send(line).is_err() {
                return;
            }
        }
    });
    Ok(receiver)
}

fn line(from: &mut impl BufRead, file: &Path, place: &str) -> Result<Option<String>, Failure> {
    let mut text = String::new();
    let size = from.take(LONGEST + 1).read_line(&mut text).map_err(|error| cannot(file, &error))?;
    if size as u64 > LONGEST {
        return Err(too_long(place));
    }
    Ok((size > 0).then(|| text.trim_end_matches(['\n', '\r']).to_owned()))
}

fn open(file: &Path) -> Result<Box<dyn Read + Send>, Failure> {
    if file == Path::new("-") {
        return Ok(Box::new(io::stdin()));
    }
    match File::open(file) {
        Ok(file) => Ok(Box::new(file)),
        Err(error) => Err(cannot(file, &error)),
    }
}

fn named(file: &Path) -> String {
    if file == Path::new("-") { "stdin".to_owned() } else { file.display().to_string() }
}

fn cannot(file: &Path, error: &io::Error) -> Failure {
    Failure::new(USAGE, "unreadable", format!("cannot read {}: {error}", named(file)))
}

fn too_long(place: &str) -> Failure {
    Failure::new(USAGE, "too_large", format!("{place} is longer than {} MiB", LONGEST >> 20))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> String {
        read(text.to_owned(), false, "x").unwrap().get().to_owned()
    }

    #[test]
    fn json_stays_as_it_is_and_other_words_become_strings() {
        for text in [r#"{"b": 1.50, "a": 2}"#, "[1]", r#""x""#, "12.50", "true", "null", "1e400"] {
            assert_eq!(json(text), text);
        }
        for (text, string) in [("hello", r#""hello""#), ("", r#""""#), ("007", r#""007""#), ("a{", r#""a{""#)]
        {
            assert_eq!(json(text), string);
        }
        assert_eq!(read("{".to_owned(), true, "x").unwrap().get(), r#""{""#);
    }

    #[test]
    fn what_looks_like_json_and_is_none_is_no_string_by_accident() {
        for text in [r#"{"a":1"#, "{a:1}", " [1,]", r#""x"#] {
            assert!(read(text.to_owned(), false, "x").is_err(), "{text}");
        }
    }
}
