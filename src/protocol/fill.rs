//! The second half of reading an event: what its publisher left out is filled in, and routing's own view of it
//! is made.

use std::{
    borrow::Cow,
    sync::{Arc, OnceLock},
};

use super::{
    ErrorCode, Event, EventType, Time, WireError, check_topic,
    event::Decoded,
    fields::Field,
    json::Span,
    lean::Ends,
    raw_event::RawEvent,
    runs::Run,
    strings::{plain_until, unescape},
    write,
};

/// What fills in for what a publisher left out. The protocol has no clock and no randomness of its own.
pub trait Fill {
    /// The `client_id` of the publisher's connection: the `source` of events that name none.
    fn client_id(&self) -> &str;
    /// The present: the `timestamp` and `created_at` of events that name none.
    fn now(&mut self) -> Time;
    /// A new UUIDv4: the `id` of an event that names none.
    fn new_id(&mut self) -> uuid::Uuid;
}

/// Fills in the same for every event: for those that are complete, or that no client sees.
#[derive(Clone, Copy, Debug)]
pub struct Blank;

impl Fill for Blank {
    fn client_id(&self) -> &str {
        "gadugi-router"
    }

    fn now(&mut self) -> Time {
        Time::from_micros(0)
    }

    fn new_id(&mut self) -> uuid::Uuid {
        uuid::Uuid::nil()
    }
}

/// What the message of any refused event begins with.
pub(super) const PREFIX: &str = "Failed to publish event: ";

/// Makes an event of what was read. `text` is the message it was read from.
#[inline]
pub(super) fn event<F: Fill>(text: &str, raw: &RawEvent, fill: &mut F) -> Result<Arc<Event>, WireError> {
    if let Some(problem) = &raw.problem {
        return Err(invalid(problem));
    }
    let topic_field = if raw.has(Field::Topic) { Field::Topic } else { Field::Type };
    let Some(topic) = raw.get(topic_field) else {
        return Err(invalid("`topic` is missing, and there is no `type` to take its place"));
    };
    let decoded = decoded(text, raw, topic_field)?;
    let unquoted = topic.inner().of(text);
    let meant = decoded.as_ref().and_then(|texts| texts.topic.as_deref()).unwrap_or(unquoted);
    check_topic(meant).map_err(|problem| invalid(format!("`{}` {problem}", topic_field.name())))?;
    let kind = kind(text, raw)?;

    let mut made = Event {
        full: Box::default(),
        lean: OnceLock::new(),
        ends: Ends::default(),
        id: Span::default(),
        topic: Span::default(),
        source: Span::default(),
        target: Span::default(),
        decoded,
        kind: kind.unwrap_or(EventType::Custom),
        priority: raw.priority,
        sequence: 0.into(),
    };
    if raw.is_complete() && kind.is_some() {
        verbatim(&mut made, text, raw);
    } else {
        rebuilt(&mut made, text, raw, topic, fill);
    }
    Ok(Arc::new(made))
}

/// An error about an event.
#[cold]
pub(super) fn invalid(problem: impl AsRef<str>) -> WireError {
    WireError::new(ErrorCode::InvalidEvent, format!("{PREFIX}{}", problem.as_ref()))
}

/// The event's type; `None` if it is not there or one that the router does not know.
#[inline]
fn kind(text: &str, raw: &RawEvent) -> Result<Option<EventType>, WireError> {
    let Some(span) = raw.get(Field::Type) else { return Ok(None) };
    let inner = span.inner().of(text);
    if raw.is_escaped(Field::Type) {
        Ok(EventType::from_wire(&meant(Field::Type, inner)?))
    } else {
        Ok(EventType::from_wire(inner))
    }
}

/// A string that the router works with, without its escapes.
fn meant(field: Field, inner: &str) -> Result<Cow<'_, str>, WireError> {
    unescape(inner).map_err(|_| {
        invalid(format!(
            "`{}` holds half of a surrogate pair (\\ud800 to \\udfff), which is no character",
            field.name()
        ))
    })
}

#[inline]
fn decoded(text: &str, raw: &RawEvent, topic: Field) -> Result<Option<Box<Decoded>>, WireError> {
    if raw.any_escaped() { decode_all(text, raw, topic).map(Some) } else { Ok(None) }
}

#[cold]
fn decode_all(text: &str, raw: &RawEvent, topic: Field) -> Result<Box<Decoded>, WireError> {
    let one = |field: Field| -> Result<Option<Box<str>>, WireError> {
        match raw.get(field) {
            Some(span) if raw.is_escaped(field) => {
                meant(field, span.inner().of(text)).map(|text| Some(text.into_owned().into_boxed_str()))
            }
            _ => Ok(None),
        }
    };
    Ok(Box::new(Decoded {
        id: one(Field::Id)?,
        topic: one(topic)?,
        source: one(Field::Source)?,
        target: one(Field::Target)?,
    }))
}

/// Nothing is missing: the event goes out as it came in.
#[inline]
fn verbatim(made: &mut Event, text: &str, raw: &RawEvent) {
    let moved = |field| {
        let span = raw.get(field).unwrap_or_default();
        Span { start: span.start - raw.span.start, end: span.end - raw.span.start }
    };
    made.full = raw.span.of(text).into();
    made.id = moved(Field::Id);
    made.topic = moved(Field::Topic);
    made.source = moved(Field::Source);
    made.target = moved(Field::Target);
    made.ends = Ends::new(raw.spans(), raw.span.start, raw.defaults(), !raw.is_shuffled());
}

/// Something is missing: the event is written anew, in the order of the protocol's table.
fn rebuilt<F: Fill>(made: &mut Event, text: &str, raw: &RawEvent, topic: Span, fill: &mut F) {
    let mut out = String::with_capacity(room(raw));
    let (mut now, mut spans) = (None, [Span::default(); Field::COUNT]);
    for field in Field::OF_EVENT {
        out.push_str(field.lead());
        let start = out.len();
        match (field, raw.get(field)) {
            (Field::Metadata, _) => metadata(&mut out, text, raw, &mut now, &mut spans, fill),
            (Field::Type, _) => quote_plain(&mut out, made.kind.as_str()),
            (_, Some(given)) => out.push_str(given.of(text)),
            (Field::Id, None) => {
                quote_plain(
                    &mut out,
                    fill.new_id().hyphenated().encode_lower(&mut uuid::Uuid::encode_buffer()),
                );
            }
            (Field::Topic, None) => out.push_str(topic.of(text)),
            (Field::Source, None) => quote(&mut out, fill.client_id()),
            (Field::Timestamp, None) => present(&mut out, &mut now, fill),
            (_, None) => out.push_str(field.default().unwrap_or("null")),
        }
        spans[field as usize] = Span::new(start, out.len());
        if defaults(&mut out, field, raw) {
            break;
        }
    }
    out.push('}');
    made.full = out.into_boxed_str();
    made.id = spans[Field::Id as usize];
    made.topic = spans[Field::Topic as usize];
    made.source = spans[Field::Source as usize];
    made.target = spans[Field::Target as usize];
    made.ends = Ends::new(&spans, 0, raw.defaults(), true);
}

/// Bytes that an event needs when it is filled in. Seldom fewer, which would move it; and not many more: it keeps them.
fn room(raw: &RawEvent) -> usize {
    // What is no constant: an id has 38, the present 34, and `created_at` gets it instead of its default.
    const VARIABLE: usize = 38;
    let fields = Field::OF_EVENT.into_iter().chain(Field::OF_METADATA);
    let missing = fields.filter(|&field| !raw.has(field));
    let filled_in = missing.map(|field| field.lead().len() + field.default().map_or(VARIABLE, str::len));
    (raw.span.end - raw.span.start) as usize + VARIABLE + filled_in.sum::<usize>()
}

fn metadata<F: Fill>(
    out: &mut String,
    text: &str,
    raw: &RawEvent,
    now: &mut Option<Present>,
    spans: &mut [Span; Field::COUNT],
    fill: &mut F,
) {
    for field in Field::OF_METADATA {
        out.push_str(field.lead());
        let start = out.len();
        match raw.get(field) {
            Some(given) => out.push_str(given.of(text)),
            None if field == Field::CreatedAt => present(out, now, fill),
            None => out.push_str(field.default().unwrap_or("null")),
        }
        spans[field as usize] = Span::new(start, out.len());
        if defaults(out, field, raw) {
            break;
        }
    }
    out.push('}');
}

/// Appends all fields that come after this one, if none of them was given.
fn defaults(out: &mut String, field: Field, raw: &RawEvent) -> bool {
    match Run::after(field) {
        Some(run) if raw.has_none_of(run.bits) => {
            out.push_str(run.text);
            true
        }
        _ => false,
    }
}

/// Where the present was written first; it is the same for all fields of one event.
type Present = std::ops::Range<usize>;

/// Appends the present as a JSON string.
fn present<F: Fill>(out: &mut String, now: &mut Option<Present>, fill: &mut F) {
    if let Some(now) = now {
        out.extend_from_within(now.clone());
        return;
    }
    let start = out.len();
    quote_plain(out, std::str::from_utf8(&fill.now().written()).unwrap_or_default());
    *now = Some(start..out.len());
}

/// Appends a text that holds nothing to escape as a JSON string.
fn quote_plain(out: &mut String, text: &str) {
    out.push('"');
    out.push_str(text);
    out.push('"');
}

/// Appends a text as a JSON string.
fn quote(out: &mut String, text: &str) {
    if plain_until(text.as_bytes(), 0) == text.len() {
        quote_plain(out, text);
    } else {
        let mut quoted = Vec::new();
        write::string(&mut quoted, text);
        out.push_str(&String::from_utf8_lossy(&quoted));
    }
}
