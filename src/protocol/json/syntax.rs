//! Why a text is no JSON.

use std::fmt;

use super::MAX_DEPTH;

/// What was wrong with the text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::protocol) enum Fault {
    Value,
    NotANumber,
    Number,
    Key,
    Colon,
    CommaOrBrace,
    CommaOrBracket,
    Escape,
    Control,
    Unterminated,
    Depth,
    Trailing,
    Size,
}

/// What was wrong with the text, and at which byte. It fits into one register, as all that the scanner returns.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::protocol) struct Syntax(u64);

impl Syntax {
    const FAULTS: [Fault; 13] = [
        Fault::Value,
        Fault::NotANumber,
        Fault::Number,
        Fault::Key,
        Fault::Colon,
        Fault::CommaOrBrace,
        Fault::CommaOrBracket,
        Fault::Escape,
        Fault::Control,
        Fault::Unterminated,
        Fault::Depth,
        Fault::Trailing,
        Fault::Size,
    ];

    /// This fault at this byte.
    pub fn new(fault: Fault, at: usize) -> Self {
        Self((at as u64) << 8 | fault as u64)
    }

    fn fault(self) -> Fault {
        Self::FAULTS[(self.0 & 0xff) as usize % Self::FAULTS.len()]
    }
}

impl fmt::Display for Syntax {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.0 >> 8;
        match self.fault() {
            Fault::Value => write!(out, "expected a value at byte {at}"),
            Fault::NotANumber => write!(out, "NaN and Infinity are not JSON; expected a value at byte {at}"),
            Fault::Number => write!(out, "expected a digit of a number at byte {at}"),
            Fault::Key => write!(out, "expected a key in double quotes at byte {at}"),
            Fault::Colon => write!(out, "expected `:` at byte {at}"),
            Fault::CommaOrBrace => write!(out, "expected `,` or `}}` at byte {at}"),
            Fault::CommaOrBracket => write!(out, "expected `,` or `]` at byte {at}"),
            Fault::Escape => write!(out, "unknown escape in a string at byte {at}"),
            Fault::Control => write!(out, "control character in a string at byte {at}; it has to be escaped"),
            Fault::Unterminated => write!(out, "the string that begins at byte {at} has no end"),
            Fault::Depth => write!(out, "nested more than {MAX_DEPTH} levels deep at byte {at}"),
            Fault::Trailing => write!(out, "expected nothing more at byte {at}"),
            Fault::Size => write!(out, "the text is {at} bytes long; no message can be"),
        }
    }
}
