//! The first half of reading an event: where its fields stand in the message, and whether each holds what it
//! may. The second half, `fill`, makes an [`Event`](super::Event) of it.

use super::{
    Priority, check,
    fields::{Field, Rule},
    json::{Kind, Scanner, Span, Syntax, Value},
};

/// An event's fields as spans of the message. It is filled by [`Self::scan`]; a problem in it only counts once
/// the message turns out to publish it.
#[derive(Default)]
pub(super) struct RawEvent {
    /// The whole object.
    pub span: Span,
    pub priority: Priority,
    /// The first thing that is wrong.
    pub problem: Option<String>,
    spans: [Span; Field::COUNT],
    /// A bit for each field that is there.
    found: u32,
    /// A bit for each field that is a string with escapes.
    escaped: u32,
}

impl RawEvent {
    /// Where a field's value stands, if it is there.
    #[inline]
    pub fn get(&self, field: Field) -> Option<Span> {
        self.has(field).then(|| self.spans[field as usize])
    }

    /// Whether a field is there.
    #[inline]
    pub fn has(&self, field: Field) -> bool {
        self.found & bit(field) != 0
    }

    /// Whether a field is a string with escapes.
    #[inline]
    pub fn is_escaped(&self, field: Field) -> bool {
        self.escaped & bit(field) != 0
    }

    /// Every field of the event and of its metadata is there.
    #[inline]
    pub fn is_complete(&self) -> bool {
        self.found == (1 << Field::COUNT) - 1
    }

    /// Reads the value that the scanner stands before.
    pub fn scan(&mut self, scanner: &mut Scanner<'_>) -> Result<(), Syntax> {
        self.span.start = scanner.here();
        if scanner.peek() == b'{' {
            self.members::<false>(scanner)?;
        } else {
            let value = scanner.value()?;
            self.object_to(|| check::not_an_object(value.kind));
        }
        self.span.end = scanner.ended();
        Ok(())
    }

    /// The members of the event's object, or of its metadata's.
    #[inline]
    fn members<const METADATA: bool>(&mut self, scanner: &mut Scanner<'_>) -> Result<(), Syntax> {
        scanner.enter()?;
        let mut first = true;
        while let Some(key) = scanner.key(&mut first)? {
            let name = scanner.inner(key);
            let known = if METADATA { Field::in_metadata(name) } else { Field::in_event(name) };
            match known.or_else(|| check::find_escaped(METADATA, scanner, key)) {
                Some(field) => self.member(field, scanner)?,
                None => {
                    scanner.value()?;
                    self.object_to(|| check::unknown_key(METADATA, scanner, key));
                }
            }
        }
        Ok(())
    }

    #[inline]
    fn member(&mut self, field: Field, scanner: &mut Scanner<'_>) -> Result<(), Syntax> {
        if self.has(field) {
            self.object_to(|| check::twice(field));
        }
        let value = match field.rule() {
            Rule::Metadata => self.metadata(scanner)?,
            Rule::TextMap => self.text_map(field, scanner)?,
            _ => scanner.value()?,
        };
        self.found |= bit(field);
        self.escaped |= u32::from(value.escaped) << field as u32;
        self.spans[field as usize] = value.span;
        if field == Field::Priority {
            match check::priority(scanner.str(value.span)) {
                Some(priority) => self.priority = priority,
                None => self.object_to(|| check::wrong(field, scanner, value)),
            }
        } else if !check::holds(field.rule(), scanner, value) {
            self.object_to(|| check::wrong(field, scanner, value));
        }
        Ok(())
    }

    fn metadata(&mut self, scanner: &mut Scanner<'_>) -> Result<Value, Syntax> {
        let start = scanner.here();
        if scanner.peek() != b'{' {
            return scanner.value();
        }
        self.members::<true>(scanner)?;
        Ok(Value { span: Span { start, end: scanner.ended() }, kind: Kind::Object, escaped: false })
    }

    /// An object of strings; the first member that is none is a problem.
    fn text_map(&mut self, field: Field, scanner: &mut Scanner<'_>) -> Result<Value, Syntax> {
        let start = scanner.here();
        if scanner.peek() != b'{' {
            return scanner.value();
        }
        scanner.enter()?;
        let mut first = true;
        while let Some(key) = scanner.key(&mut first)? {
            let value = scanner.value()?;
            if value.kind != Kind::String {
                self.object_to(|| check::wrong_member(field, scanner, key, value));
            }
        }
        Ok(Value { span: Span { start, end: scanner.ended() }, kind: Kind::Object, escaped: false })
    }

    #[inline]
    fn object_to(&mut self, text: impl FnOnce() -> String) {
        if self.problem.is_none() {
            self.problem = Some(text());
        }
    }
}

const fn bit(field: Field) -> u32 {
    1 << field as u32
}
