//! A reader of JSON (RFC 8259, nothing looser) in one pass over borrowed bytes. It finds where values begin and
//! end and what kind they are; it builds nothing and allocates nothing. What the values mean is for its callers.

use std::fmt;

use super::strings;

/// How deep arrays and objects may nest in a message, the message's own braces included. Python's and
/// JavaScript's readers give up at some depth too; nothing that is one event needs more.
pub const MAX_DEPTH: u32 = 128;

/// Bytes `start..end` of the text that is read. Messages are far below 4 GiB; `decode` sees to it.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Span {
    pub start: u32,
    pub end: u32,
}

impl Span {
    /// What it covers of `text`; nothing if it is another text's span.
    #[inline]
    pub fn of(self, text: &str) -> &str {
        text.get(self.start as usize..self.end as usize).unwrap_or_default()
    }

    /// Without the first and the last byte: a string without its quotes.
    #[inline]
    pub fn inner(self) -> Self {
        Self { start: self.start + 1, end: self.end - 1 }
    }
}

/// What a value is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Null,
    Bool,
    Number,
    String,
    Array,
    Object,
}

impl Kind {
    /// For error texts.
    pub const fn described(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool => "a boolean",
            Self::Number => "a number",
            Self::String => "a string",
            Self::Array => "an array",
            Self::Object => "an object",
        }
    }
}

/// A value of the text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Value {
    pub span: Span,
    pub kind: Kind,
    /// It is a string with escapes in it.
    pub escaped: bool,
}

/// What was wrong with the text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Fault {
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

/// Why a text is no JSON, and at which byte.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Syntax {
    pub fault: Fault,
    pub at: u32,
}

impl fmt::Display for Syntax {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.at;
        match self.fault {
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
            Fault::Size => write!(out, "the text is longer than {at} bytes"),
        }
    }
}

/// Reads one text from its beginning to its end.
pub(super) struct Scanner<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    /// How many objects and arrays the caller has entered.
    depth: u32,
}

impl<'a> Scanner<'a> {
    /// A scanner at the beginning of a text.
    pub fn new(text: &'a str) -> Result<Self, Syntax> {
        if u32::try_from(text.len()).is_err() {
            return Err(Syntax { fault: Fault::Size, at: u32::MAX });
        }
        Ok(Self { text, bytes: text.as_bytes(), at: 0, depth: 0 })
    }

    /// A scanner at the beginning of a value inside a text that is already known to be JSON.
    pub fn inside(text: &'a str, span: Span) -> Self {
        let end = text.len().min(span.end as usize);
        Self { text, bytes: &text.as_bytes()[..end], at: span.start as usize, depth: 0 }
    }

    /// What a span covers.
    #[inline]
    pub fn str(&self, span: Span) -> &'a str {
        span.of(self.text)
    }

    /// The bytes between a string's quotes.
    #[inline]
    pub fn inner(&self, string: Value) -> &'a [u8] {
        self.bytes.get(string.span.start as usize + 1..string.span.end as usize - 1).unwrap_or_default()
    }

    /// The next byte that is no whitespace; 0, which begins nothing, at the end.
    #[inline]
    pub fn peek(&mut self) -> u8 {
        loop {
            match self.bytes.get(self.at) {
                Some(b' ' | b'\t' | b'\n' | b'\r') => self.at += 1,
                Some(&byte) => return byte,
                None => return 0,
            }
        }
    }

    #[cold]
    fn fault<T>(&self, fault: Fault) -> Result<T, Syntax> {
        self.fault_at(fault, self.at)
    }

    #[cold]
    fn fault_at<T>(&self, fault: Fault, at: usize) -> Result<T, Syntax> {
        Err(Syntax { fault, at: at as u32 })
    }

    /// Where the next value or mark begins, after whitespace.
    #[inline]
    pub fn here(&mut self) -> u32 {
        self.peek();
        self.at as u32
    }

    /// Where the last value or mark ended.
    #[inline]
    pub fn ended(&self) -> u32 {
        self.at as u32
    }

    /// Steps over the `{` or `[` that [`Self::peek`] saw.
    #[inline]
    pub fn enter(&mut self) -> Result<(), Syntax> {
        if self.depth == MAX_DEPTH {
            return self.fault(Fault::Depth);
        }
        self.depth += 1;
        self.at += 1;
        Ok(())
    }

    /// The next key of the object that was entered, with the scanner before its value; `None` after its end.
    /// `first` is true before the first call.
    #[inline]
    pub fn key(&mut self, first: &mut bool) -> Result<Option<Value>, Syntax> {
        let mut next = self.peek();
        if next == b'}' {
            self.at += 1;
            self.depth -= 1;
            return Ok(None);
        }
        if !*first {
            if next != b',' {
                return self.fault(Fault::CommaOrBrace);
            }
            self.at += 1;
            next = self.peek();
        }
        *first = false;
        self.name(next).map(Some)
    }

    /// Whether the array that was entered has one more element, with the scanner before it.
    pub fn element(&mut self, first: &mut bool) -> Result<bool, Syntax> {
        let next = self.peek();
        if next == b']' {
            self.at += 1;
            self.depth -= 1;
            return Ok(false);
        }
        if !*first {
            if next != b',' {
                return self.fault(Fault::CommaOrBracket);
            }
            self.at += 1;
        }
        *first = false;
        Ok(true)
    }

    /// A key and its colon.
    #[inline]
    fn name(&mut self, next: u8) -> Result<Value, Syntax> {
        if next != b'"' {
            return self.fault(Fault::Key);
        }
        let key = self.string()?;
        if self.peek() != b':' {
            return self.fault(Fault::Colon);
        }
        self.at += 1;
        Ok(key)
    }

    /// The next value, whole.
    #[inline]
    pub fn value(&mut self) -> Result<Value, Syntax> {
        match self.peek() {
            b'"' => self.string(),
            b'{' => self.nested(Kind::Object),
            b'[' => self.nested(Kind::Array),
            next => self.scalar(next),
        }
    }

    /// After the last value: nothing but whitespace may follow.
    pub fn finish(&mut self) -> Result<(), Syntax> {
        self.peek();
        if self.at < self.bytes.len() { self.fault(Fault::Trailing) } else { Ok(()) }
    }

    /// A string, at its opening quote.
    #[inline]
    fn string(&mut self) -> Result<Value, Syntax> {
        let start = self.at;
        let mut escaped = false;
        self.at += 1;
        loop {
            self.at = strings::plain_until(self.bytes, self.at);
            match self.bytes.get(self.at) {
                Some(b'"') => break,
                Some(b'\\') => {
                    escaped = true;
                    self.escape()?;
                }
                Some(_) => return self.fault(Fault::Control),
                None => return self.fault_at(Fault::Unterminated, start),
            }
        }
        self.at += 1;
        let span = Span { start: start as u32, end: self.at as u32 };
        Ok(Value { span, kind: Kind::String, escaped })
    }

    fn escape(&mut self) -> Result<(), Syntax> {
        let length = match self.bytes.get(self.at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => 2,
            Some(b'u') => {
                let digits = self.bytes.get(self.at + 2..self.at + 6);
                if !digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)) {
                    return self.fault(Fault::Escape);
                }
                6
            }
            _ => return self.fault(Fault::Escape),
        };
        self.at += length;
        Ok(())
    }

    /// A number, `true`, `false` or `null`.
    #[inline]
    fn scalar(&mut self, next: u8) -> Result<Value, Syntax> {
        let start = self.at;
        let kind = match next {
            b'-' | b'0'..=b'9' => {
                self.number()?;
                Kind::Number
            }
            b'n' => self.word(b"null", Kind::Null)?,
            b't' => self.word(b"true", Kind::Bool)?,
            b'f' => self.word(b"false", Kind::Bool)?,
            b'N' | b'I' => return self.fault(Fault::NotANumber),
            _ => return self.fault(Fault::Value),
        };
        let span = Span { start: start as u32, end: self.at as u32 };
        Ok(Value { span, kind, escaped: false })
    }

    #[inline]
    fn word(&mut self, word: &[u8], kind: Kind) -> Result<Kind, Syntax> {
        if !self.bytes[self.at..].starts_with(word) {
            return self.fault(Fault::Value);
        }
        self.at += word.len();
        Ok(kind)
    }

    fn number(&mut self) -> Result<(), Syntax> {
        if self.bytes[self.at] == b'-' {
            self.at += 1;
        }
        match self.bytes.get(self.at) {
            Some(b'0') => self.at += 1,
            Some(b'I') => return self.fault(Fault::NotANumber),
            _ => self.digits()?,
        }
        if self.bytes.get(self.at) == Some(&b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.bytes.get(self.at) {
            self.at += 1;
            if let Some(b'+' | b'-') = self.bytes.get(self.at) {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    /// One digit or more.
    fn digits(&mut self) -> Result<(), Syntax> {
        let start = self.at;
        while self.bytes.get(self.at).is_some_and(u8::is_ascii_digit) {
            self.at += 1;
        }
        if self.at == start { self.fault(Fault::Number) } else { Ok(()) }
    }

    /// An object or an array with all that is in it. It keeps the way back in the bits of a number, one for each
    /// level (1 = object), so that no depth can overflow the stack.
    fn nested(&mut self, kind: Kind) -> Result<Value, Syntax> {
        const { assert!(MAX_DEPTH <= u128::BITS) };
        let start = self.at;
        let mut levels: u128 = 0;
        let mut level = 0;
        loop {
            // A value begins here.
            let next = self.peek();
            if matches!(next, b'{' | b'[') {
                if self.depth + level == MAX_DEPTH {
                    return self.fault(Fault::Depth);
                }
                self.at += 1;
                let object = next == b'{';
                let inside = self.peek();
                if inside == if object { b'}' } else { b']' } {
                    self.at += 1;
                } else {
                    level += 1;
                    levels = levels << 1 | u128::from(object);
                    if object {
                        self.name(inside)?;
                    }
                    continue;
                }
            } else if next == b'"' {
                self.string()?;
            } else {
                self.scalar(next)?;
            }
            // A value has ended here.
            loop {
                if level == 0 {
                    let span = Span { start: start as u32, end: self.at as u32 };
                    return Ok(Value { span, kind, escaped: false });
                }
                let object = levels & 1 == 1;
                match self.peek() {
                    b',' => {
                        self.at += 1;
                        if object {
                            let next = self.peek();
                            self.name(next)?;
                        }
                        break;
                    }
                    b'}' if object => {}
                    b']' if !object => {}
                    _ if object => return self.fault(Fault::CommaOrBrace),
                    _ => return self.fault(Fault::CommaOrBracket),
                }
                self.at += 1;
                level -= 1;
                levels >>= 1;
            }
        }
    }
}

#[cfg(test)]
#[path = "json_tests.rs"]
mod tests;
