//! The first half of reading an event: where its fields stand in the message, and whether each holds what it
//! may. The second half, `fill`, makes an [`Event`](super::Event) of it.

use super::{
    Priority, check,
    fields::{Field, Rule},
    json::{Kind, Next, Scanner, Span, Syntax},
    lead::Lead,
    runs::{Run, bit},
    time,
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
    /// A bit for each field that was found to hold its default without being looked at by itself.
    default: u32,
    /// The fields do not stand in the order of the protocol's table.
    shuffled: bool,
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

    /// Where the values of all fields stand.
    #[inline]
    pub fn spans(&self) -> &[Span; Field::COUNT] {
        &self.spans
    }

    /// The fields that hold their defaults, or are not there, by their bits. Others may hold theirs, too.
    #[inline]
    pub fn defaults(&self) -> u32 {
        self.default | !self.found
    }

    /// Whether the fields stand in another order than the protocol's table has.
    #[inline]
    pub fn is_shuffled(&self) -> bool {
        self.shuffled
    }

    /// Whether none of these fields, by their bits, is there.
    #[inline]
    pub fn has_none_of(&self, bits: u32) -> bool {
        self.found & bits == 0
    }

    /// Whether any string has escapes.
    #[inline]
    pub fn any_escaped(&self) -> bool {
        self.escaped != 0
    }

    /// Every field of the event and of its metadata is there.
    #[inline]
    pub fn is_complete(&self) -> bool {
        self.found == (1 << Field::COUNT) - 1
    }

    /// Reads the value that begins here, inside of `depth` objects and arrays. Comes back with its end.
    pub fn scan(&mut self, scanner: Scanner<'_>, at: usize, depth: u32) -> Result<usize, Syntax> {
        let end = if scanner.byte(at) == b'{' {
            self.members::<false>(scanner, at + 1, depth + 1)?
        } else {
            let value = scanner.whole(at, depth)?;
            self.note(|| check::not_an_object(value.kind));
            value.span.end as usize
        };
        self.span = Span::new(at, end);
        Ok(end)
    }

    /// The members of the event's object, or of its metadata's, from behind the `{` on. Comes back with the place
    /// behind the `}`.
    #[inline(always)]
    fn members<const METADATA: bool>(
        &mut self,
        scanner: Scanner<'_>,
        mut at: usize,
        depth: u32,
    ) -> Result<usize, Syntax> {
        let leads: &[Lead] = if METADATA { &Lead::OF_METADATA } else { &Lead::OF_EVENT };
        let (mut first, mut next) = (true, 0);
        loop {
            at = match scanner.member(at, first)? {
                Next::One(at) => at,
                Next::End(end) => return Ok(end),
            };
            first = false;
            // Most clients write all fields in one order; a guess that comes true saves looking for the key's end.
            let field = match leads.get(next) {
                Some(lead) if lead.begins(scanner.rest(at)) => {
                    at = scanner.skip(at + lead.length());
                    lead.field
                }
                _ => {
                    let key = scanner.name(at)?;
                    at = key.value;
                    match check::find(METADATA, scanner, key.name) {
                        Some(field) => {
                            self.shuffled |= field.place() < next;
                            field
                        }
                        None => {
                            self.note(|| check::unknown_key(METADATA, scanner, key.name));
                            at = scanner.value(at, depth)?.after();
                            continue;
                        }
                    }
                }
            };
            next = field.place() + 1;
            if self.has(field) {
                self.note(|| check::twice(field));
            }
            let start = at;
            at = if !METADATA && field == Field::Metadata && scanner.byte(at) == b'{' {
                self.metadata(scanner, at + 1, depth + 1)?
            } else {
                self.member(field, scanner, at, depth)?
            };
            self.found |= bit(field);
            self.spans[field as usize] = Span::new(start, at);
            if let Some(run) = Run::follows(field, scanner.rest(at))
                && self.found & run.bits == 0
            {
                self.found |= run.bits;
                self.default |= run.bits;
                run.place(at, &mut self.spans);
                at += run.text.len();
                next = leads.len();
            }
        }
    }

    #[inline(never)]
    fn metadata(&mut self, scanner: Scanner<'_>, at: usize, depth: u32) -> Result<usize, Syntax> {
        self.members::<true>(scanner, at, depth)
    }

    /// One field's value. What a client's library writes most often is known at a glance; the rest goes the long
    /// way.
    #[inline(always)]
    fn member(&mut self, field: Field, scanner: Scanner<'_>, at: usize, depth: u32) -> Result<usize, Syntax> {
        let rest = scanner.rest(at);
        match field.rule() {
            Rule::NameOrNull | Rule::TextOrNull | Rule::TimeOrNull if rest.starts_with(b"null") => Ok(at + 4),
            Rule::Name | Rule::Text | Rule::NameOrNull | Rule::TextOrNull if rest.starts_with(b"\"") => {
                let end = scanner.string(at)?;
                self.escaped |= u32::from(end.is_escaped()) << field as u32;
                Ok(end.after())
            }
            Rule::Priority if rest.get(1) == Some(&b',') && check::priority(&rest[..1]).is_some() => {
                self.priority = check::priority(&rest[..1]).unwrap_or_default();
                Ok(at + 1)
            }
            Rule::Anything => Ok(scanner.value(at, depth)?.after()),
            Rule::Time | Rule::TimeOrNull if time::is_usual(rest) => Ok(at + time::QUOTED),
            Rule::Status if rest.starts_with(b"\"pending\"") => Ok(at + 9),
            Rule::TextMap if rest.starts_with(b"{}") => Ok(at + 2),
            Rule::Count if rest.starts_with(b"0,") => Ok(at + 1),
            _ => self.long_way(field, scanner, at, depth),
        }
    }

    #[inline(never)]
    fn long_way(
        &mut self,
        field: Field,
        scanner: Scanner<'_>,
        at: usize,
        depth: u32,
    ) -> Result<usize, Syntax> {
        if field.rule() == Rule::TextMap && scanner.byte(at) == b'{' {
            return self.text_map(field, scanner, at + 1, depth + 1);
        }
        let value = scanner.whole(at, depth)?;
        self.escaped |= u32::from(value.escaped) << field as u32;
        if field == Field::Priority {
            match check::priority(scanner.str(value.span).as_bytes()) {
                Some(priority) => self.priority = priority,
                None => self.note(|| check::wrong(field, scanner, value)),
            }
        } else if !check::holds(field.rule(), scanner, value) {
            self.note(|| check::wrong(field, scanner, value));
        }
        Ok(value.span.end as usize)
    }

    /// An object of strings; the first member that is none is a problem.
    fn text_map(
        &mut self,
        field: Field,
        scanner: Scanner<'_>,
        at: usize,
        depth: u32,
    ) -> Result<usize, Syntax> {
        let (mut at, mut first) = (at, true);
        loop {
            let key = match scanner.key(at, first)? {
                Next::One(key) => key,
                Next::End(end) => return Ok(end),
            };
            first = false;
            let value = scanner.whole(key.value, depth)?;
            if value.kind != Kind::String {
                self.note(|| check::wrong_member(field, scanner, key.name, value));
            }
            at = value.span.end as usize;
        }
    }

    #[inline]
    fn note(&mut self, text: impl FnOnce() -> String) {
        if self.problem.is_none() {
            self.problem = Some(text());
        }
    }
}
