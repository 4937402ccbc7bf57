//! A reader of JSON (RFC 8259, nothing looser) in one pass over borrowed bytes. It finds where values begin and
//! end; it builds nothing and allocates nothing. What the values mean is for its callers.
//!
//! A place in the text is passed in and comes back, instead of living in the scanner: kept in memory it would be
//! written and read again for each of the hundred small steps of an event, and each step would wait for it.

mod syntax;
#[cfg(test)]
mod tests;
mod value;

pub(super) use syntax::{Fault, Syntax};
pub(super) use value::{End, Key, Kind, Next, Span, Value};

use super::strings;

/// How deep arrays and objects may nest in a message, the message's own braces included. Python's and
/// JavaScript's readers give up at some depth too; nothing that is one event needs more.
pub const MAX_DEPTH: u32 = 128;

/// Reads one text.
#[derive(Clone, Copy)]
pub(super) struct Scanner<'a> {
    text: &'a str,
}

#[cold]
fn fault<T>(fault: Fault, at: usize) -> Result<T, Syntax> {
    Err(Syntax::new(fault, at))
}

impl<'a> Scanner<'a> {
    /// A scanner of a text that its spans can measure.
    pub fn new(text: &'a str) -> Result<Self, Syntax> {
        if u32::try_from(text.len()).is_err() { fault(Fault::Size, text.len()) } else { Ok(Self { text }) }
    }

    /// The bytes from a place on.
    #[inline]
    pub fn rest(self, at: usize) -> &'a [u8] {
        self.text.as_bytes().get(at..).unwrap_or_default()
    }

    /// The byte at a place; 0, which begins nothing, at the end.
    #[inline]
    pub fn byte(self, at: usize) -> u8 {
        self.text.as_bytes().get(at).copied().unwrap_or(0)
    }

    /// What a span covers.
    #[inline]
    pub fn str(self, span: Span) -> &'a str {
        span.of(self.text)
    }

    /// The bytes between a string's quotes.
    #[inline]
    pub fn inner(self, string: Span) -> &'a [u8] {
        self.text.as_bytes().get(string.start as usize + 1..string.end as usize - 1).unwrap_or_default()
    }

    /// The first place from this one on that is no whitespace.
    #[inline(always)]
    pub fn skip(self, mut at: usize) -> usize {
        while matches!(self.byte(at), b' ' | b'\t' | b'\n' | b'\r') {
            at += 1;
        }
        at
    }

    /// The next key of an object, from behind its `{` or a value on.
    #[inline(always)]
    pub fn key(self, at: usize, first: bool) -> Result<Next<Key>, Syntax> {
        match self.member(at, first)? {
            Next::One(at) => self.name(at).map(Next::One),
            Next::End(end) => Ok(Next::End(end)),
        }
    }

    /// Where the next key of an object has to begin, from behind its `{` or a value on.
    #[inline(always)]
    pub fn member(self, at: usize, first: bool) -> Result<Next<usize>, Syntax> {
        let at = self.skip(at);
        match self.byte(at) {
            b'}' => Ok(Next::End(at + 1)),
            _ if first => Ok(Next::One(at)),
            b',' => Ok(Next::One(self.skip(at + 1))),
            _ => fault(Fault::CommaOrBrace, at),
        }
    }

    /// A key and its colon.
    #[inline(always)]
    pub fn name(self, at: usize) -> Result<Key, Syntax> {
        if self.byte(at) != b'"' {
            return fault(Fault::Key, at);
        }
        let end = self.string(at)?;
        let name = Value { span: Span::new(at, end.after()), kind: Kind::String, escaped: end.is_escaped() };
        let colon = self.skip(end.after());
        if self.byte(colon) != b':' {
            return fault(Fault::Colon, colon);
        }
        Ok(Key { name, value: self.skip(colon + 1) })
    }

    /// Where the next element of an array has to begin, from behind its `[` or a value on.
    pub fn element(self, at: usize, first: bool) -> Result<Next<usize>, Syntax> {
        let at = self.skip(at);
        match self.byte(at) {
            b']' => Ok(Next::End(at + 1)),
            _ if first => Ok(Next::One(at)),
            b',' => Ok(Next::One(self.skip(at + 1))),
            _ => fault(Fault::CommaOrBracket, at),
        }
    }

    /// The value that begins here, inside of `depth` objects and arrays, with what its end tells.
    #[inline]
    pub fn whole(self, at: usize, depth: u32) -> Result<Value, Syntax> {
        let end = self.value(at, depth)?;
        let span = Span::new(at, end.after());
        Ok(Value { span, kind: Kind::of(self.byte(at)), escaped: end.is_escaped() })
    }

    /// The end of the value that begins here, inside of `depth` objects and arrays.
    #[inline]
    pub fn value(self, at: usize, depth: u32) -> Result<End, Syntax> {
        match self.byte(at) {
            b'"' => self.string(at),
            b'{' | b'[' => self.nested(at, depth),
            _ => self.scalar(at),
        }
    }

    /// After the last value: nothing but whitespace may follow.
    pub fn finish(self, at: usize) -> Result<(), Syntax> {
        let at = self.skip(at);
        if at < self.text.len() { fault(Fault::Trailing, at) } else { Ok(()) }
    }

    /// The end of the string that begins here.
    #[inline]
    pub fn string(self, at: usize) -> Result<End, Syntax> {
        let end = strings::plain_until(self.text.as_bytes(), at + 1);
        if self.byte(end) == b'"' {
            return Ok(End::of_string(end + 1, false));
        }
        self.unusual_string(at, end)
    }

    /// The end of a string that at `at` holds something else than a character as it is.
    #[cold]
    fn unusual_string(self, start: usize, mut at: usize) -> Result<End, Syntax> {
        let bytes = self.text.as_bytes();
        loop {
            match bytes.get(at) {
                Some(b'"') => return Ok(End::of_string(at + 1, true)),
                Some(b'\\') => at = self.escape(at)?,
                Some(_) => return fault(Fault::Control, at),
                None => return fault(Fault::Unterminated, start),
            }
            at = strings::plain_until(bytes, at);
        }
    }

    fn escape(self, at: usize) -> Result<usize, Syntax> {
        match self.byte(at + 1) {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Ok(at + 2),
            b'u' => match self.rest(at + 2).first_chunk::<4>() {
                Some(digits) if digits.iter().all(u8::is_ascii_hexdigit) => Ok(at + 6),
                _ => fault(Fault::Escape, at),
            },
            _ => fault(Fault::Escape, at),
        }
    }

    /// The end of a number, `true`, `false` or `null`.
    fn scalar(self, at: usize) -> Result<End, Syntax> {
        match self.byte(at) {
            b'-' | b'0'..=b'9' => self.number(at).map(End::at),
            b'n' => self.word(at, b"null"),
            b't' => self.word(at, b"true"),
            b'f' => self.word(at, b"false"),
            b'N' | b'I' => fault(Fault::NotANumber, at),
            _ => fault(Fault::Value, at),
        }
    }

    #[inline]
    fn word(self, at: usize, word: &[u8]) -> Result<End, Syntax> {
        if self.rest(at).starts_with(word) { Ok(End::at(at + word.len())) } else { fault(Fault::Value, at) }
    }

    fn number(self, mut at: usize) -> Result<usize, Syntax> {
        if self.byte(at) == b'-' {
            at += 1;
        }
        match self.byte(at) {
            b'0' => at += 1,
            b'I' => return fault(Fault::NotANumber, at),
            _ => at = self.digits(at)?,
        }
        if self.byte(at) == b'.' {
            at = self.digits(at + 1)?;
        }
        if let b'e' | b'E' = self.byte(at) {
            at += 1;
            if let b'+' | b'-' = self.byte(at) {
                at += 1;
            }
            at = self.digits(at)?;
        }
        Ok(at)
    }

    /// One digit or more.
    #[inline]
    fn digits(self, start: usize) -> Result<usize, Syntax> {
        let mut at = start;
        while self.byte(at).is_ascii_digit() {
            at += 1;
        }
        if at == start { fault(Fault::Number, at) } else { Ok(at) }
    }

    /// The end of an object or an array. It keeps the way back in the bits of a number, one for each level
    /// (1 = object), so that no depth can overflow the stack.
    fn nested(self, mut at: usize, depth: u32) -> Result<End, Syntax> {
        const { assert!(MAX_DEPTH <= u128::BITS) };
        let (mut levels, mut level) = (0_u128, depth);
        loop {
            // A value begins here.
            at = self.skip(at);
            match self.byte(at) {
                b'"' => at = self.string(at)?.after(),
                open @ (b'{' | b'[') => {
                    if level == MAX_DEPTH {
                        return fault(Fault::Depth, at);
                    }
                    let inside = self.skip(at + 1);
                    // The closing mark of either is two above the opening one.
                    if self.byte(inside) == open + 2 {
                        at = inside + 1;
                    } else {
                        let object = open == b'{';
                        at = if object { self.name(inside)?.value } else { inside };
                        level += 1;
                        levels = levels << 1 | u128::from(object);
                        continue;
                    }
                }
                _ => at = self.scalar(at)?.after(),
            }
            // A value has ended here, and with it perhaps those around it.
            loop {
                if level == depth {
                    return Ok(End::at(at));
                }
                at = self.skip(at);
                let object = levels & 1 == 1;
                match (self.byte(at), object) {
                    (b',', true) => {
                        at = self.name(self.skip(at + 1))?.value;
                        break;
                    }
                    (b',', false) => {
                        at += 1;
                        break;
                    }
                    (b'}', true) | (b']', false) => {
                        at += 1;
                        level -= 1;
                        levels >>= 1;
                    }
                    (_, true) => return fault(Fault::CommaOrBrace, at),
                    (_, false) => return fault(Fault::CommaOrBracket, at),
                }
            }
        }
    }
}
