//! The lean form of an event: without the fields that hold what they hold by default. A client that asked for it
//! fills them in again.
//!
//! It is made by leaving out pieces of the full text: fields in a row, each with the comma in front of it. For nearly
//! all events they are known from a few places that were noted while the event was read; for the rest the text is
//! walked through again.

use super::{
    Event, EventType, Priority, check,
    fields::{Field, is_empty_object},
    json::{Key, Next, Scanner, Span, Syntax},
    runs::RUNS,
};

/// Where some fields of an event end, in bytes of its full text.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Ends {
    pub(super) kind: u32,
    pub(super) priority: u32,
    pub(super) payload: u32,
    pub(super) created_at: u32,
    metadata: u32,
    pub(super) timestamp: u32,
    /// The fields stand in the order of the protocol's table, and those of the two runs hold their defaults.
    pub(super) usual: bool,
}

impl Ends {
    /// Those of a text that begins at `start` and has its values at these places. `default` has the bits of the
    /// fields that are known to hold their defaults; `ordered` says that they stand in the order of the table.
    #[inline(always)]
    pub fn new(spans: &[Span; Field::COUNT], start: u32, default: u32, ordered: bool) -> Self {
        let end = |field: Field| spans[field as usize].end - start;
        Self {
            kind: end(Field::Type),
            priority: end(Field::Priority),
            payload: end(Field::Payload),
            created_at: end(Field::CreatedAt),
            metadata: end(Field::Metadata),
            timestamp: end(Field::Timestamp),
            usual: ordered && default & RUNS == RUNS,
        }
    }
}

/// The lean form of an event.
pub(super) fn lean(event: &Event) -> Box<str> {
    let cuts = Cuts::of(event);
    let mut out = String::with_capacity(event.full.len() - cuts.length());
    cuts.write(&event.full, &mut out);
    out.into_boxed_str()
}

/// Appends the lean form of an event.
pub(super) fn write(event: &Event, out: &mut String) {
    Cuts::of(event).write(&event.full, out);
}

/// The most pieces that are left out: seven of an event's own fields, five of its metadata's.
const MOST: usize = 12;

/// What is left out of a text, in order.
#[derive(Default)]
struct Cuts {
    pieces: [Span; MOST],
    count: usize,
}

impl Cuts {
    /// What is left out of an event.
    fn of(event: &Event) -> Self {
        let mut cuts = Self::default();
        if event.ends.usual {
            cuts.usual(event);
        } else if Scanner::new(&event.full)
            .and_then(|scanner| cuts.members::<false>(scanner, 1, event.ends.payload))
            .is_err()
        {
            // It was read before and found right. If it were not, to send it as it is would still be right.
            cuts = Self::default();
        }
        cuts
    }

    /// Leaves out what stands between these places, too, in one piece with what is left out in front of it.
    fn add(&mut self, start: u32, end: u32) {
        match self.pieces[..self.count].last_mut() {
            Some(last) if last.end == start => last.end = end,
            _ => {
                if let Some(free) = self.pieces.get_mut(self.count) {
                    *free = Span { start, end };
                    self.count += 1;
                }
            }
        }
    }

    /// What is left out of an event whose ends tell.
    fn usual(&mut self, event: &Event) {
        let (full, ends) = (&event.full, event.ends);
        if event.kind == EventType::Custom {
            self.add(event.topic.end, ends.kind);
        }
        if event.priority == Priority::NORMAL {
            self.add(ends.kind, ends.priority);
        }
        if event.target().is_none() {
            self.add(event.source.end, event.target.end);
        }
        let payload = Span { start: event.target.end, end: ends.payload };
        if is_empty_object(payload.of(full)) {
            self.add(event.target.end, ends.payload);
        }
        // It is null or a string; what follows it in the metadata is left out, as is what follows the timestamp.
        let up_to_created_at = Span { start: ends.payload, end: ends.created_at };
        if up_to_created_at.of(full).ends_with("null") {
            self.add(ends.payload, ends.metadata);
        } else {
            self.add(ends.created_at, ends.metadata - 1);
        }
        self.add(ends.timestamp, full.len() as u32 - 1);
    }

    /// What is left out of the event's object, or of its metadata's, from behind the `{` on. Comes back with the
    /// place behind the `}`.
    fn members<const METADATA: bool>(
        &mut self,
        scanner: Scanner<'_>,
        inside: usize,
        payload: u32,
    ) -> Result<usize, Syntax> {
        let mut at = inside;
        loop {
            let before = at;
            let Key { name, value } = match scanner.key(at, at == inside)? {
                Next::One(key) => key,
                Next::End(end) => return Ok(end),
            };
            let field = check::find(METADATA, scanner, name);
            let outside = self.count;
            at = match field {
                Some(Field::Payload) => payload as usize,
                Some(Field::Metadata) => self.members::<true>(scanner, value + 1, payload)?,
                _ => scanner.value(value, 0)?.after(),
            };
            let default = match (field, &self.pieces[outside..self.count]) {
                // It is left out itself if that is all that is in it.
                (Some(Field::Metadata), [all]) => {
                    all.start as usize == value + 1 && scanner.skip(all.end as usize) + 1 == at
                }
                (Some(field), _) => field.holds_default(scanner.str(Span::new(value, at))),
                (None, _) => false,
            };
            if default {
                self.count = outside;
                self.add(before as u32, at as u32);
            }
        }
    }

    /// How many bytes they have together.
    fn length(&self) -> usize {
        self.pieces[..self.count].iter().map(|piece| (piece.end - piece.start) as usize).sum()
    }

    /// Appends the text without them.
    fn write(&self, full: &str, out: &mut String) {
        let mut at = 0;
        for piece in &self.pieces[..self.count] {
            append(out, Span { start: at, end: piece.start }.of(full));
            at = piece.end;
        }
        append(out, full.get(at as usize..).unwrap_or_default());
    }
}

/// Appends what stays between two pieces. An object's first member has no comma in front of it.
fn append(out: &mut String, stays: &str) {
    let first = if out.ends_with('{') { stays.trim_start().strip_prefix(',') } else { None };
    out.push_str(first.unwrap_or(stays));
}
