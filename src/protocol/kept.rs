//! What is kept outside of the router's memory, in the store and in the spool: how an event is written there, and how it and a
//! subscription are read again.
//!
//! What goes out to clients is made in [`lean`].

use std::sync::Arc;

use super::{
    Blank, ErrorCode, Event, EventType, Priority, Request, Subscription, WireError, decode,
    fields::{Field, is_empty_object},
    fill,
    json::Scanner,
    lean,
    message::not_json,
    raw_event::RawEvent,
    runs::Run,
};

impl Event {
    /// Appends it to `out` as short as it can be kept: in its lean form if [`Event::read`] makes the same [`full`](Self::full)
    /// text of that, else in full. Events whose publisher left something out are short as long as their metadata have nothing
    /// but `created_at`; so are those that were written as the router writes.
    pub fn write_short(&self, out: &mut String) {
        if is_exact(self) { lean::write(self, out) } else { out.push_str(self.full()) }
    }

    /// The event that a text is which was kept, in full or short.
    ///
    /// # Errors
    /// It is no event, or not in order.
    pub fn read(text: &str) -> Result<Arc<Self>, WireError> {
        let mut raw = RawEvent::default();
        let scanned = Scanner::new(text).and_then(|scanner| {
            // As deep as an event may be in a message.
            let end = raw.scan(scanner, scanner.skip(0), 1)?;
            scanner.finish(end)
        });
        scanned.map_err(not_json)?;
        // Nothing is filled in but defaults: what is kept has an id, a source and its times.
        fill::event(text, &raw, &mut Blank)
    }
}

impl Subscription {
    /// The subscription that a text is which was kept.
    ///
    /// # Errors
    /// It is no subscription, or not in order.
    pub fn read(text: &str) -> Result<Self, WireError> {
        let message = [r#"{"type":"subscribe","subscription":"#, text, "}"].concat();
        match decode(&message, &mut Blank).map_err(|refused| refused.error)?.request {
            Request::Subscribe(wanted) => Ok(wanted),
            _ => Err(WireError::new(ErrorCode::InvalidSubscription, "it is no subscription")),
        }
    }
}

/// Whether the lean form, filled in again, has the bytes of the full one: no spaces, the usual order, and defaults written
/// as the router writes them.
fn is_exact(event: &Event) -> bool {
    let ends = event.ends;
    let mut text = Text { full: event.full(), at: 0 };
    ends.usual
        && text.passes(Field::Id, event.id.end, false)
        && text.passes(Field::Topic, event.topic.end, false)
        && text.passes(Field::Type, ends.kind, event.kind() == EventType::Custom)
        && text.passes(Field::Priority, ends.priority, event.priority() == Priority::NORMAL)
        && text.passes(Field::Source, event.source.end, false)
        && text.passes(Field::Target, event.target.end, event.target().is_none())
        && text.passes_payload(ends.payload)
        && text.reads(Field::Metadata.lead())
        && text.passes(Field::CreatedAt, ends.created_at, false)
        // One that is null is filled in with the present.
        && event.full().get(..text.at).is_some_and(|up_to_here| up_to_here.ends_with('"'))
        && text.reads_run(Field::CreatedAt)
        && text.reads("}")
        && text.passes(Field::Timestamp, ends.timestamp, false)
        && text.reads_run(Field::Timestamp)
        && text.reads("}")
}

/// An event's text, as far as it was looked at.
struct Text<'e> {
    full: &'e str,
    at: usize,
}

impl Text<'_> {
    /// Goes past this, if it stands here.
    fn reads(&mut self, what: &str) -> bool {
        let reads = self.full.get(self.at..).is_some_and(|rest| rest.starts_with(what));
        self.at += what.len();
        reads
    }

    fn reads_run(&mut self, behind: Field) -> bool {
        Run::after(behind).is_some_and(|run| self.reads(run.text))
    }

    /// Goes past a field that stands here in the router's own way, and has its default's very text if it is left out.
    fn passes(&mut self, field: Field, end: u32, is_left_out: bool) -> bool {
        if !self.reads(field.lead()) {
            return false;
        }
        let value = self.full.get(self.at..end as usize).unwrap_or_default();
        self.at = end as usize;
        let is_plain = !value.starts_with(|first: char| first.is_ascii_whitespace());
        is_plain && (!is_left_out || field.default() == Some(value))
    }

    fn passes_payload(&mut self, end: u32) -> bool {
        let up_to_here = self.full.get(..end as usize).unwrap_or_default();
        self.passes(Field::Payload, end, is_empty_object(up_to_here))
    }
}
