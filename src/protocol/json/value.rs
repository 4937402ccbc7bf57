//! What the scanner finds: places in the text, and what stands there.

/// Bytes `start..end` of the text that is read. Messages are far below 4 GiB; [`Scanner::new`](super::Scanner)
/// sees to it.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(in crate::protocol) struct Span {
    pub start: u32,
    pub end: u32,
}

impl Span {
    /// From one place in the text to another.
    #[inline]
    pub fn new(start: usize, end: usize) -> Self {
        Self { start: start as u32, end: end as u32 }
    }

    /// What it covers of `text`; nothing if it is another text's span.
    #[inline]
    pub fn of(self, text: &str) -> &str {
        text.get(self.start as usize..self.end as usize).unwrap_or_default()
    }

    /// Without the first and the last byte: a string without its quotes.
    #[inline]
    pub fn inner(self) -> Self {
        Self { start: self.start + 1, end: self.end.saturating_sub(1) }
    }
}

/// What a value is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::protocol) enum Kind {
    Null,
    Bool,
    Number,
    String,
    Array,
    Object,
}

impl Kind {
    /// What the value is that begins with this byte.
    #[inline]
    pub fn of(first: u8) -> Self {
        match first {
            b'n' => Self::Null,
            b't' | b'f' => Self::Bool,
            b'"' => Self::String,
            b'[' => Self::Array,
            b'{' => Self::Object,
            _ => Self::Number,
        }
    }

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
pub(in crate::protocol) struct Value {
    pub span: Span,
    pub kind: Kind,
    /// It is a string with escapes in it.
    pub escaped: bool,
}

/// Where a value ended, and whether it is a string with escapes. In one register: a struct in a `Result` comes
/// back through memory, and that alone made decoding a third slower.
#[derive(Clone, Copy, Debug)]
pub(in crate::protocol) struct End(u64);

impl End {
    const ESCAPED: u64 = 1 << 63;

    /// The end of a value that is no string with escapes.
    #[inline]
    pub fn at(at: usize) -> Self {
        Self(at as u64)
    }

    /// The end of a string.
    #[inline]
    pub fn of_string(at: usize, escaped: bool) -> Self {
        Self(at as u64 | u64::from(escaped) << 63)
    }

    /// The byte after the value.
    #[inline]
    pub fn after(self) -> usize {
        (self.0 & !Self::ESCAPED) as usize
    }

    /// The value is a string with escapes.
    #[inline]
    pub fn is_escaped(self) -> bool {
        self.0 & Self::ESCAPED != 0
    }
}

/// A key of an object and where its value begins.
#[derive(Clone, Copy, Debug)]
pub(in crate::protocol) struct Key {
    pub name: Value,
    pub value: usize,
}

/// What comes next in an object or an array.
#[derive(Clone, Copy, Debug)]
pub(in crate::protocol) enum Next<T> {
    /// One more of what is in it.
    One(T),
    /// Its end, with the place behind it.
    End(usize),
}
