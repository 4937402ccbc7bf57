//! A configuration file: fetched, told apart by its name, and its places counted.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use super::super::mistake::{Cause, Mistake, Origin};
use super::{Reading, json, toml};

/// Whether a file may be missing.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::config) enum Missing {
    IsFine,
    IsAMistake,
}

/// A file's text and name.
pub(super) struct Document<'a> {
    pub file: &'a str,
    pub text: &'a str,
}

impl Document<'_> {
    /// The place of this byte, for people: line and column from 1, columns in characters.
    pub fn locate(&self, offset: usize) -> Origin {
        // Spans come from parsers and stand on character borders; a wrong one must not end the program.
        let end = (0..=offset.min(self.text.len())).rev().find(|end| self.text.is_char_boundary(*end));
        let before = &self.text[..end.unwrap_or(0)];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
        let column = before[line_start..].chars().count() + 1;
        Origin::File { file: self.file.to_owned(), at: Some((line, column)) }
    }
}

/// Reads a file into the settings; false when it is missing and may be.
pub(in crate::config) fn read_file(reading: &mut Reading, path: &Path, missing: Missing) -> bool {
    let file = path.display().to_string();
    let bytes = match fetch(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound && missing == Missing::IsFine => return false,
        Err(error) => {
            let text = format!("cannot read the configuration: {error}");
            let origin = Origin::File { file, at: None };
            reading.mistakes.push(Mistake { origin, key: None, text, cause: Cause::Unavailable });
            return true;
        }
    };
    match str::from_utf8(&bytes) {
        Ok(text) => read_text(reading, path, text),
        Err(error) => {
            let valid = &bytes[..error.valid_up_to()];
            let document = Document { file: &file, text: str::from_utf8(valid).unwrap_or_default() };
            reading.wrong(document.locate(valid.len()), None, "this is not UTF-8".to_owned());
        }
    }
    true
}

/// Reads the text of a file into the settings.
pub(in crate::config) fn read_text(reading: &mut Reading, path: &Path, text: &str) {
    let file = path.display().to_string();
    // Some editors put a byte order mark in front.
    let document = Document { file: &file, text: text.strip_prefix('\u{feff}').unwrap_or(text) };
    if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json")) {
        json::read(reading, &document);
    } else {
        toml::read(reading, &document);
    }
}

/// A configuration file's content, bounded: what is larger was named by mistake.
///
/// # Errors
/// It cannot be read, or is too large.
pub fn fetch(path: &Path) -> io::Result<Vec<u8>> {
    const LARGEST: u64 = 1024 * 1024;
    let mut bytes = Vec::new();
    File::open(path)?.take(LARGEST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it has more than 1 MiB"));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_from_one_in_characters() {
        let document = Document { file: "f", text: "ä = 1\r\nüb = 2\n" };
        let at = |offset| match document.locate(offset) {
            Origin::File { at: Some(at), .. } => at,
            other => panic!("{other:?}"),
        };
        assert_eq!(at(0), (1, 1));
        assert_eq!(at("ä = ".len()), (1, 5));
        assert_eq!(at("ä = 1\r\nüb".len()), (2, 3));
        assert_eq!(at(1), (1, 1));
        assert_eq!(at(1000), (3, 1));
    }
}
