//! A value as some source gave it, before a rule has looked at it.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::ops::Range;

/// What a source gave for a setting.
pub(super) struct Given<'a> {
    pub value: Value<'a>,
    /// As it is written there, for messages.
    pub written: Cow<'a, str>,
    /// Where it stands in its file, in bytes; empty for the environment and flags.
    pub span: Range<usize>,
}

/// Its content. The environment and flags have words only; files have types.
pub(super) enum Value<'a> {
    Word(&'a str),
    Text(Cow<'a, str>),
    /// Wider than any setting, so that a rule can name its bounds instead of overflowing.
    Integer(i128),
    Bool(bool),
    List(Vec<Given<'a>>),
    Table(Vec<(Cow<'a, str>, Given<'a>)>),
    /// Nothing that a setting can be.
    Other,
}

impl<'a> Given<'a> {
    /// A word from the environment or a flag.
    pub fn word(word: &'a str) -> Self {
        Self { value: Value::Word(word), written: Cow::Owned(quoted(word)), span: 0..0 }
    }

    /// The text, if it is one.
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Word(text) => Some(text),
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The mistake of being something else than expected.
    pub fn not(&self, expected: &str) -> Wrong {
        Wrong { text: format!("must be {expected}, not {}", shown(&self.written)), span: self.span.clone() }
    }
}

/// What is wrong with a value, and where.
#[derive(Debug)]
pub(super) struct Wrong {
    pub text: String,
    pub span: Range<usize>,
}

impl Wrong {
    /// Adds a reason or an advice.
    pub fn because(mut self, reason: &str) -> Self {
        self.text.push_str(": ");
        self.text.push_str(reason);
        self
    }
}

/// In double quotes, so that spaces at the ends are seen.
pub(super) fn quoted(text: &str) -> String {
    format!("\"{text}\"")
}

/// Cut to a length that a line of a log bears, and free of anything that could break that line.
fn shown(text: &str) -> String {
    const LONGEST: usize = 60;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => plain(&text[..end]) + "…",
        None => plain(text),
    }
}

/// With control characters written as escapes: names and values come from outside, and a message is one line.
pub(super) fn plain(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut out, c| {
        if c.is_control() {
            // Writing into a String cannot fail.
            write!(out, "{}", c.escape_default()).ok();
        } else {
            out.push(c);
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shown_value_stays_on_one_short_line() {
        let given = Given::word("a\nb\u{1b}[31m");
        assert_eq!(given.not("x").text, r#"must be x, not "a\nb\u{1b}[31m""#);
        let long = "ä".repeat(1000);
        assert!(Given::word(&long).not("x").text.len() < 200);
    }
}
