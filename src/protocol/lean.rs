//! The lean form of an event: without the fields that hold what they hold by default. A client that asked for it
//! fills them in again.
//!
//! Reading an event finds out where its fields stand and which of them hold their defaults. What follows from that is
//! kept in a few bytes, so that to make the lean form is to copy what lies between the pieces it leaves out.

use super::{
    EventType,
    fields::Field,
    json::{Scanner, Span},
    raw_event::RawEvent,
    runs::{METADATA, bit},
};

/// How many pieces an event keeps in mind: one more than the usual five (type or priority, target, two in the
/// metadata, and what follows the timestamp).
const KEPT: usize = 6;

/// The pieces of an event's text that its lean form leaves out, in order: fields in a row, each with the comma in
/// front of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cuts {
    /// Of each, how many bytes stand between it and the one before, and how many it has.
    pieces: [(u16, u16); KEPT],
    count: u8,
}

impl Cuts {
    /// Those of an event that is unusual, or large, enough for them to be looked for when they are needed.
    pub const UNKNOWN: Self = Self { pieces: [(0, 0); KEPT], count: u8::MAX };

    /// Those of a text that begins at `start` and has its fields at these places, in the order of the protocol's
    /// table. `default` has the bits of those that hold their defaults.
    #[inline]
    pub fn new(spans: &[Span; Field::COUNT], default: u32, start: u32) -> Self {
        let mut cuts = Self { count: 0, ..Self::UNKNOWN };
        let mut at = start;
        for bits in in_order(default) {
            if cuts.add(spans, bits, &mut at).is_none() {
                return Self::UNKNOWN;
            }
        }
        cuts
    }

    /// Adds a piece for each row of bits, as far as they and what is between them can be counted.
    #[inline(always)]
    fn add(&mut self, spans: &[Span; Field::COUNT], mut bits: u32, at: &mut u32) -> Option<()> {
        while bits != 0 {
            let first = bits.trailing_zeros() as usize;
            let others = bits & (bits + (1 << first));
            let last = (bits ^ others).ilog2() as usize;
            let start = if first == Field::CreatedAt as usize {
                spans[Field::Metadata as usize].start + 1
            } else {
                spans.get(first.wrapping_sub(1))?.end
            };
            let end = spans[last].end;
            *self.pieces.get_mut(usize::from(self.count))? =
                (u16::try_from(start - *at).ok()?, u16::try_from(end - start).ok()?);
            self.count += 1;
            *at = end;
            bits = others;
        }
        Some(())
    }

    /// The lean form of an event of this kind with this text.
    pub fn lean(&self, full: &str, kind: EventType) -> Box<str> {
        match self.pieces.get(..usize::from(self.count)) {
            Some(pieces) => without(full, spans(pieces)),
            None => without(full, look(full, kind).into_iter()),
        }
    }
}

/// The bits of fields to leave out, in the order in which an event has them: those before the metadata's own, those,
/// and those after.
#[inline(always)]
fn in_order(default: u32) -> [u32; 3] {
    const BEHIND: u32 = bit(Field::CreatedAt) - bit(Field::Timestamp);
    let front = default & !(METADATA | BEHIND);
    let behind = default & BEHIND;
    if is_empty(default) {
        [front | bit(Field::Metadata), 0, behind]
    } else {
        [front, default & METADATA, behind]
    }
}

/// Nothing of the metadata is left: it is left out itself.
#[inline(always)]
fn is_empty(default: u32) -> bool {
    default & METADATA == METADATA
}

fn spans(pieces: &[(u16, u16)]) -> impl Iterator<Item = Span> + Clone {
    let mut at = 0;
    pieces.iter().map(move |(kept, cut)| {
        let start = at + u32::from(*kept);
        at = start + u32::from(*cut);
        Span { start, end: at }
    })
}

/// A text without some pieces of it.
#[inline]
fn without(full: &str, cuts: impl Iterator<Item = Span> + Clone) -> Box<str> {
    let cut: u32 = cuts.clone().map(|cut| cut.end - cut.start).sum();
    let mut out = String::with_capacity(full.len() - cut as usize);
    let mut at = 0;
    for cut in cuts {
        append(&mut out, Span { start: at, end: cut.start }.of(full));
        at = cut.end;
    }
    append(&mut out, full.get(at as usize..).unwrap_or_default());
    out.into_boxed_str()
}

/// Appends what stays between two pieces. An object's first member has no comma in front of it.
#[inline]
fn append(out: &mut String, piece: &str) {
    let first = if out.ends_with('{') { piece.trim_start().strip_prefix(',') } else { None };
    out.push_str(first.unwrap_or(piece));
}

/// Finds what to leave out, whatever the order of the fields.
#[cold]
fn look(full: &str, kind: EventType) -> Vec<Span> {
    let mut raw = RawEvent::default();
    let mut cuts = Vec::new();
    // It was read before and found right. If it were not, to send it as it is would still be right.
    if Scanner::new(full).and_then(|scanner| raw.scan(scanner, 0, 0)).is_ok() {
        let mut default = raw.defaults(full, kind);
        if is_empty(default) {
            default |= bit(Field::Metadata);
        }
        members(&raw, default, Field::OF_EVENT, 1, &mut cuts);
    }
    cuts
}

/// Those of an object's members, the first of which begins behind this place.
fn members<const N: usize>(
    raw: &RawEvent,
    default: u32,
    mut fields: [Field; N],
    mut at: u32,
    cuts: &mut Vec<Span>,
) {
    let span = |field: Field| raw.get(field).unwrap_or_default();
    fields.sort_unstable_by_key(|field| span(*field).start);
    for field in fields {
        let Span { start, end } = span(field);
        if default & bit(field) != 0 {
            cuts.push(Span { start: at, end });
        } else if field == Field::Metadata {
            members(raw, default, Field::OF_METADATA, start + 1, cuts);
        }
        at = end;
    }
}
